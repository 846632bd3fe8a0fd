//! The same client by tokio-rustls, with our cryptography linked into it.
#![cfg(target_family = "wasm")]

use std::cell::RefCell;
use std::error::Error;
use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Instant;

use portcullis_bench_link::{Link, Request, What as LinkWhat};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use bindings::exports::portcullis::bench::client::{Guest, What};

#[expect(unsafe_code, reason = "written by wit_bindgen::generate!")]
mod bindings {
    use super::Component;

    wit_bindgen::generate!({
        path: ["../link/client.wit", "wit"],
        world: "portcullis:bench-tokio-rustls/tokio-rustls",
        generate_all,
    });

    export!(Component);
}

struct Component;

thread_local! {
    static CONNECTION: RefCell<Option<Connection>> = const { RefCell::new(None) };
}

struct Connection {
    runtime: Runtime,
    stream: TlsStream<TcpStream>,
    buffer: Vec<u8>,
}

impl Connection {
    fn open(port: u16, name: String, roots: &[u8]) -> Result<Self, Box<dyn Error>> {
        let mut store = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(roots) {
            store.add(certificate?)?;
        }
        let provider = portcullis_provider::crypto_provider();
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(store)
            .with_no_client_auth();
        let connector = TlsConnector::from(Arc::new(config));
        let name = ServerName::try_from(name)?;
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let stream = runtime.block_on(async {
            let socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
            socket.set_nodelay(true)?;
            connector.connect(name, socket).await
        })?;
        Ok(Self {
            runtime,
            stream,
            buffer: Vec::new(),
        })
    }
}

impl Link for Connection {
    fn write_all(&mut self, message: &[u8]) -> Result<(), String> {
        let stream = &mut self.stream;
        let written = self.runtime.block_on(async {
            stream.write_all(message).await?;
            stream.flush().await
        });
        written.map_err(|error| error.to_string())
    }

    fn read(&mut self, limit: usize) -> Result<usize, String> {
        self.buffer.resize(limit, 0);
        let reading = self.stream.read(&mut self.buffer);
        match self.runtime.block_on(reading) {
            Ok(0) => Err(io::Error::from(io::ErrorKind::UnexpectedEof).to_string()),
            read => read.map_err(|error| error.to_string()),
        }
    }
}

impl Guest for Component {
    fn connect(port: u16, name: String, roots: Vec<u8>) -> Result<(), String> {
        let connection = Connection::open(port, name, &roots);
        CONNECTION.set(Some(connection.map_err(|error| error.to_string())?));
        Ok(())
    }

    fn run(what: What, length: u32, count: u32) -> Result<Vec<u64>, String> {
        let what = match what {
            What::Exchange => LinkWhat::Exchange,
            What::Send => LinkWhat::Send,
            What::Receive => LinkWhat::Receive,
        };
        let start = Instant::now();
        let clock = || u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        CONNECTION.with_borrow_mut(|connection| {
            let connection = connection.as_mut().ok_or("not connected")?;
            Request {
                what,
                length,
                count,
            }
            .run(connection, clock)
        })
    }

    fn close() -> Result<(), String> {
        let Connection {
            runtime,
            mut stream,
            ..
        } = CONNECTION.take().ok_or("not connected")?;
        runtime
            .block_on(stream.shutdown())
            .map_err(|error| error.to_string())
    }
}
