//! The client.

use std::env;
use std::error::Error;
use std::io::{BufReader, Write as _};
use std::process::ExitCode;

use portcullis_client::TlsStream;
use redis::{Parser, Value, cmd, pipe};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The reply to a command.
fn ask(host: &str, port: u16, command: &str, arguments: &[String]) -> Result<Value> {
    let stream = TlsStream::connect(host, port)?;
    let mut commands = pipe();
    let password = env::var("REDISCLI_AUTH").ok();
    if let Some(password) = &password {
        commands.cmd("AUTH").arg(password);
    }
    commands.add_command({
        let mut asked = cmd(command);
        asked.arg(arguments);
        asked
    });
    // One write, and so one record, for both.
    (&stream).write_all(&commands.get_packed_pipeline())?;
    let mut replies = BufReader::new(&stream);
    let mut parser = Parser::new();
    if password.is_some() {
        parser.parse_value(&mut replies)?.extract_error()?;
    }
    let reply = parser.parse_value(&mut replies)?.extract_error()?;
    stream.close()?;
    Ok(reply)
}

pub(crate) fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [host, port, command, arguments @ ..] = arguments.as_slice() else {
        eprintln!("usage: redis-client HOST PORT COMMAND ARGUMENT...");
        return ExitCode::from(2);
    };
    let Ok(port) = port.parse() else {
        eprintln!("{port} is not a port; give one from 1 to 65535");
        return ExitCode::from(2);
    };
    match ask(host, port, command, arguments) {
        Ok(Value::BulkString(bytes)) => println!("{}", String::from_utf8_lossy(&bytes)),
        Ok(Value::Okay) => println!("OK"),
        Ok(reply) => println!("{reply:?}"),
        Err(failure) => {
            let why = failure.to_string().replace(char::is_control, "?");
            eprintln!("rediss://{host}:{port}: {why}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
