//! Sends back what it receives, to many clients at once: `async-echo-server CERTIFICATE KEY [PORT]`.
#![cfg(target_os = "wasi")]

use bindings::portcullis::tls::context::{Context, Source};
use bindings::portcullis::tls::errors::explain;
use bindings::portcullis::tls::types::{Error, Role};
use bindings::portcullis::tls_async::listener::Listener;
use bindings::portcullis::tls_async::port::Port;
use bindings::wit_stream;
use wit_bindgen::{StreamReader, StreamResult, StreamWriter, spawn_local};

mod bindings {
    #![allow(unsafe_code, reason = "written by wit_bindgen::generate!")]

    wit_bindgen::generate!({
        world: "portcullis:tls-async/command",
        path: ["../../../wit", "../../../wit/p3"],
        generate_all,
    });

    export!(EchoServer);

    pub(crate) struct EchoServer;
}

impl bindings::exports::wasi::cli0_3_0::run::Guest for bindings::EchoServer {
    async fn run() -> Result<(), ()> {
        let arguments: Vec<_> = std::env::args().skip(1).collect();
        let (certificate, key, port) = match arguments.as_slice() {
            [certificate, key] => (certificate, key, "0"),
            [certificate, key, port] => (certificate, key, port.as_str()),
            _ => {
                eprintln!("usage: async-echo-server CERTIFICATE KEY [PORT]");
                return Err(());
            }
        };
        serve(certificate, key, port).await.map_err(|error| {
            eprintln!("async-echo-server: {}", explain(&error));
        })
    }
}

async fn serve(certificate: &str, key: &str, port: &str) -> Result<(), Error> {
    let context = Context::secure(Role::Server);
    let source = |path: &str| Source::Path(path.to_owned());
    context.load_identity(&source(certificate), &source(key), None)?;
    let port = port
        .parse()
        .map_err(|_| Error::InvalidArgument(format!("{port} is not a port")))?;
    let listener = Listener::listen(&context, "127.0.0.1".to_owned(), port).await?;
    let address = listener.local_address()?;
    println!("listening on {}:{}", address.ip, address.port);
    loop {
        match listener.accept().await {
            Ok(port) => spawn_local(async move {
                if let Err(error) = echo(&port).await {
                    eprintln!("a client: {}", explain(&error));
                }
            }),
            Err(error) => eprintln!("accepting: {}", explain(&error)),
        }
    }
}

async fn echo(port: &Port) -> Result<(), Error> {
    let (answer, plaintext) = wit_stream::new();
    let (question, ended) = port.handshake(plaintext).await?;
    send_back(question, answer).await;
    ended.await
}

/// What comes is sent, until it ends or nobody takes it.
async fn send_back(mut question: StreamReader<u8>, mut answer: StreamWriter<u8>) {
    let mut buffer = Vec::with_capacity(64 * 1024);
    loop {
        let (status, filled) = question.read(buffer).await;
        buffer = answer.write_all(filled).await;
        if !buffer.is_empty() || !matches!(status, StreamResult::Complete(_)) {
            return;
        }
    }
}
