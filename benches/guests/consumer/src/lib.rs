//! A client that talks TLS through the component: to be composed with it.

use std::cell::RefCell;

use portcullis_bench_link::{Link, Request, What as LinkWhat};
use wasi::clocks::monotonic_clock;

use bindings::exports::portcullis::bench::client::{Guest, What};
use bindings::portcullis::tls::context::{Context, Source, VerifyName};
use bindings::portcullis::tls::errors::explain;
use bindings::portcullis::tls::port::Port;
use bindings::portcullis::tls::types::{Error, Role};

#[expect(unsafe_code, reason = "written by wit_bindgen::generate!")]
mod bindings {
    use super::Component;

    wit_bindgen::generate!({
        path: ["../../../wit", "../link/client.wit", "wit"],
        world: "portcullis:bench-consumer/consumer",
        with: {
            "wasi:io/poll@0.2.12": wasi::io::poll,
            "wasi:io/error@0.2.12": wasi::io::error,
            "wasi:io/streams@0.2.12": wasi::io::streams,
        },
        generate_all,
    });

    export!(Component);
}

struct Component;

thread_local! {
    static PORT: RefCell<Option<Connection>> = const { RefCell::new(None) };
}

struct Connection {
    port: Port,
    /// From so many bytes on, messages go in words.
    many: usize,
}

/// As programs over the wrappers of Rust and C have it.
const MANY: usize = 1024;

/// Has messages go in bytes, however long they are.
const BYTES: &str = "PORTCULLIS_BENCH_BYTES";

impl Link for Connection {
    fn write_all(&mut self, message: &[u8]) -> Result<(), String> {
        if message.len() < self.many {
            return self.port.blocking_write_all(message).map_err(text);
        }
        let (whole, rest) = message.as_chunks();
        let mut words: Vec<_> = whole.iter().copied().map(u64::from_le_bytes).collect();
        let last = rest.iter().rev();
        words.extend(
            last.copied()
                .map(u64::from)
                .reduce(|word, byte| word << 8 | byte),
        );
        let length = u64::try_from(message.len()).unwrap_or(u64::MAX);
        self.port
            .blocking_write_all_words(&words, length)
            .map_err(text)
    }

    fn read(&mut self, limit: usize) -> Result<usize, String> {
        let is_short = limit < self.many;
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        if !is_short {
            let plaintext = self.port.blocking_read_words(limit).map_err(text)?;
            return plaintext
                .and_then(|plaintext| usize::try_from(plaintext.length).ok())
                .ok_or_else(|| "the server closed".to_owned());
        }
        let plaintext = self.port.blocking_read(limit).map_err(text)?;
        plaintext
            .map(|plaintext| plaintext.len())
            .ok_or_else(|| "the server closed".to_owned())
    }
}

impl Guest for Component {
    fn connect(port: u16, name: String, roots: Vec<u8>) -> Result<(), String> {
        let context = Context::secure(Role::Client);
        context
            .add_trust_roots(&Source::Bytes(roots))
            .map_err(text)?;
        context
            .set_verify_name(&VerifyName::Name(name))
            .map_err(text)?;
        let port = Port::blocking_connect(&context, "127.0.0.1", port).map_err(text)?;
        port.blocking_handshake().map_err(text)?;
        let many = match std::env::var_os(BYTES) {
            Some(_) => usize::MAX,
            None => MANY,
        };
        PORT.set(Some(Connection { port, many }));
        Ok(())
    }

    fn run(what: What, length: u32, count: u32) -> Result<Vec<u64>, String> {
        let what = match what {
            What::Exchange => LinkWhat::Exchange,
            What::Send => LinkWhat::Send,
            What::Receive => LinkWhat::Receive,
        };
        PORT.with_borrow_mut(|port| {
            let port = port.as_mut().ok_or("not connected")?;
            Request {
                what,
                length,
                count,
            }
            .run(port, monotonic_clock::now)
        })
    }

    fn close() -> Result<(), String> {
        let connection = PORT.take().ok_or("not connected")?;
        connection.port.close().map_err(text)
    }
}

fn text(error: Error) -> String {
    explain(&error)
}
