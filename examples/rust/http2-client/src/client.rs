//! The client.

use std::error::Error;
use std::future::Future;
use std::io::Write as _;
use std::process::ExitCode;

use http_body_util::{BodyExt as _, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper::rt::Executor;
use hyper::{Request, Version};
use portcullis_client::{AsyncTlsStream, client_context};
use wstd::runtime::{block_on, spawn};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Runs hyper's tasks on wstd's reactor.
#[derive(Clone)]
struct Reactor;

impl<F: Future + 'static> Executor<F> for Reactor {
    fn execute(&self, task: F) {
        spawn(async {
            task.await;
        })
        .detach();
    }
}

/// A connection on which the server has agreed to speak HTTP/2.
async fn connect(host: &str, port: u16) -> Result<AsyncTlsStream> {
    let context = client_context()?;
    context.set_alpn(&["h2".to_owned()])?;
    let stream = AsyncTlsStream::connect_with(&context, host, port).await?;
    match stream.session().alpn().as_deref() {
        Some("h2") => Ok(stream),
        _ => Err("the server speaks no HTTP/2".into()),
    }
}

/// The answer, as HTTP/1 would write it.
async fn fetch(mut sender: SendRequest<Empty<Bytes>>, url: String) -> Result<Vec<u8>> {
    let request = Request::get(url).version(Version::HTTP_2);
    let response = sender.send_request(request.body(Empty::new())?).await?;
    let mut answer = format!("{:?} {}\r\n", response.version(), response.status()).into_bytes();
    for (name, value) in response.headers() {
        write!(answer, "{name}: ")?;
        answer.extend_from_slice(value.as_bytes());
        answer.extend_from_slice(b"\r\n");
    }
    answer.extend_from_slice(b"\r\n");
    answer.extend(response.into_body().collect().await?.to_bytes());
    Ok(answer)
}

async fn fetch_all(host: &str, port: u16, paths: &[String]) -> Result<()> {
    let stream = connect(host, port).await?;
    let (sender, connection) = handshake(Reactor, stream).await?;
    let connection = spawn(connection);
    // All are under way before the first is waited for.
    let fetches: Vec<_> = paths
        .iter()
        .map(|path| {
            spawn(fetch(
                sender.clone(),
                format!("https://{host}:{port}{path}"),
            ))
        })
        .collect();
    drop(sender);
    for fetch in fetches {
        // A reader that closes our output early has seen enough.
        let _ = std::io::stdout().write_all(&fetch.await?);
    }
    // It says goodbye when nobody can send any more.
    Ok(connection.await?)
}

/// The failure and what it came from.
fn explain(failure: &dyn Error) -> String {
    let mut text = failure.to_string();
    let mut cause = failure.source();
    while let Some(failure) = cause {
        text.push_str(": ");
        text.push_str(&failure.to_string());
        cause = failure.source();
    }
    text
}

pub(crate) fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [host, port, paths @ ..] = arguments.as_slice() else {
        eprintln!("usage: http2-client HOST PORT PATH...");
        return ExitCode::from(2);
    };
    let Ok(port) = port.parse() else {
        eprintln!("{port} is not a port; give one from 1 to 65535");
        return ExitCode::from(2);
    };
    match block_on(fetch_all(host, port, paths)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("https://{host}:{port}: {}", explain(&*failure));
            ExitCode::FAILURE
        }
    }
}
