//! The client.

use std::env;
use std::error::Error;
use std::process::ExitCode;

use portcullis_client::{AsyncPlainStream, client_context};
use tokio_postgres::config::{ChannelBinding, SslMode};
use tokio_postgres::{Config, SimpleQueryMessage};
use wstd::runtime::{block_on, spawn};

use crate::bound::Connector;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const QUERY: &str = "select version() as server, ssl, version, cipher \
                     from pg_stat_ssl where pid = pg_backend_pid()";

async fn ask(host: &str, port: u16, user: &str, database: &str) -> Result<()> {
    let mut config = Config::new();
    config
        .user(user)
        .dbname(database)
        .password(env::var("PGPASSWORD").unwrap_or_default())
        .ssl_mode(SslMode::Require)
        .channel_binding(ChannelBinding::Require);
    let connector = Connector {
        context: client_context()?,
        host: host.to_owned(),
    };
    let plain = AsyncPlainStream::connect(host, port).await?;
    let (client, connection) = config.connect_raw(plain, connector).await?;
    let connection = spawn(connection);
    for message in client.simple_query(QUERY).await? {
        if let SimpleQueryMessage::Row(row) = message {
            for (number, column) in row.columns().iter().enumerate() {
                println!("{}: {}", column.name(), row.get(number).unwrap_or("NULL"));
            }
        }
    }
    // It says goodbye when nobody can ask any more.
    drop(client);
    Ok(connection.await?)
}

/// The failure and what it came from, without the control characters that could work on a terminal.
fn explain(failure: &dyn Error) -> String {
    let mut text = failure.to_string();
    let mut cause = failure.source();
    while let Some(failure) = cause {
        text.push_str(": ");
        text.push_str(&failure.to_string());
        cause = failure.source();
    }
    text.replace(char::is_control, "?")
}

pub(crate) fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [host, port, user, database] = arguments.as_slice() else {
        eprintln!("usage: postgres-client HOST PORT USER DATABASE, and PGPASSWORD");
        return ExitCode::from(2);
    };
    let Ok(port) = port.parse() else {
        eprintln!("{port} is not a port; give one from 1 to 65535");
        return ExitCode::from(2);
    };
    match block_on(ask(host, port, user, database)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("postgresql://{host}:{port}: {}", explain(&*failure));
            ExitCode::FAILURE
        }
    }
}
