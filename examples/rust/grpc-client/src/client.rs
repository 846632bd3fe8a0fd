//! The client.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::process::ExitCode;
use std::task::{Context, Poll};

use hyper::body::Incoming;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper::rt::Executor;
use hyper::{Request, Response, Uri};
use portcullis_client::{AsyncTlsStream, client_context};
use tonic::body::Body;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tower_service::Service;
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

/// A connection, as tonic's clients take it. tonic's own channel opens sockets by tokio, which has none
/// here.
struct Channel(SendRequest<Body>);

impl Service<Request<Body>> for Channel {
    type Response = Response<Incoming>;
    type Error = hyper::Error;
    type Future = Pin<Box<dyn Future<Output = hyper::Result<Self::Response>>>>;

    fn poll_ready(&mut self, task: &mut Context<'_>) -> Poll<hyper::Result<()>> {
        self.0.poll_ready(task)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.0.send_request(request))
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

async fn check(host: &str, port: u16, service: &str) -> Result<String> {
    let stream = connect(host, port).await?;
    let (sender, connection) = handshake(Reactor, stream).await?;
    let connection = spawn(connection);
    let origin: Uri = format!("https://{host}:{port}").parse()?;
    let mut health = HealthClient::with_origin(Channel(sender), origin);
    let service = service.to_owned();
    let response = health.check(HealthCheckRequest { service }).await?;
    let status = response.into_inner().status();
    // It says goodbye when nobody can ask any more.
    drop(health);
    connection.await?;
    Ok(status.as_str_name().to_owned())
}

pub(crate) fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [host, port, service] = arguments.as_slice() else {
        eprintln!("usage: grpc-client HOST PORT SERVICE");
        return ExitCode::from(2);
    };
    let Ok(number) = port.parse() else {
        eprintln!("{port} is not a port; give one from 1 to 65535");
        return ExitCode::from(2);
    };
    match block_on(check(host, number, service)) {
        Ok(status) => {
            println!("{service}: {status}");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            let why = failure.to_string().replace(char::is_control, "?");
            eprintln!("https://{host}:{port}: {why}");
            ExitCode::FAILURE
        }
    }
}
