//! The same client by `wasi:tls` over `wasi:sockets`.

use std::cell::RefCell;

use portcullis_bench_link::{Link, Request, What as LinkWhat};
use wasi::clocks::monotonic_clock;
use wasi::io::streams::{InputStream, OutputStream, StreamError};
use wasi::sockets::instance_network::instance_network;
use wasi::sockets::network::{ErrorCode, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress};
use wasi::sockets::tcp::TcpSocket;
use wasi::sockets::tcp_create_socket::create_tcp_socket;

use bindings::exports::portcullis::bench::client::{Guest, What};
use bindings::wasi::tls::types::{ClientConnection, ClientHandshake};

#[expect(unsafe_code, reason = "written by wit_bindgen::generate!")]
mod bindings {
    use super::Component;

    wit_bindgen::generate!({
        path: [
            "../../../wit/deps/io.wit",
            "../../../wit/deps/clocks.wit",
            "../../../wit/deps/sockets.wit",
            "../link/client.wit",
            "wit",
        ],
        world: "portcullis:bench-wasi-tls/wasi-tls",
        features: ["tls"],
        with: {
            "wasi:io/poll@0.2.12": ::wasi::io::poll,
            "wasi:io/error@0.2.12": ::wasi::io::error,
            "wasi:io/streams@0.2.12": ::wasi::io::streams,
            "wasi:clocks/monotonic-clock@0.2.12": ::wasi::clocks::monotonic_clock,
            "wasi:sockets/network@0.2.12": ::wasi::sockets::network,
            "wasi:sockets/instance-network@0.2.12": ::wasi::sockets::instance_network,
            "wasi:sockets/tcp@0.2.12": ::wasi::sockets::tcp,
            "wasi:sockets/tcp-create-socket@0.2.12": ::wasi::sockets::tcp_create_socket,
        },
        generate_all,
    });

    export!(Component);
}

struct Component;

thread_local! {
    static CONNECTION: RefCell<Option<Connection>> = const { RefCell::new(None) };
}

struct Connection {
    // Dropped in this order: streams are children of the connection.
    input: InputStream,
    output: OutputStream,
    tls: ClientConnection,
    _socket: TcpSocket,
}

impl Connection {
    fn room(&self) -> Result<usize, String> {
        loop {
            match self.output.check_write().map_err(text)? {
                0 => self.output.subscribe().block(),
                room => return Ok(usize::try_from(room).unwrap_or(usize::MAX)),
            }
        }
    }
}

impl Link for Connection {
    fn write_all(&mut self, message: &[u8]) -> Result<(), String> {
        let mut rest = message;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(self.room()?.min(rest.len()));
            self.output.write(now).map_err(text)?;
            rest = later;
        }
        // The next check-write says when it is done; nobody has to wait for that here.
        self.output.flush().map_err(text)
    }

    fn read(&mut self, limit: usize) -> Result<usize, String> {
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        Ok(self.input.blocking_read(limit).map_err(text)?.len())
    }
}

impl Guest for Component {
    fn connect(port: u16, name: String, _roots: Vec<u8>) -> Result<(), String> {
        let network = instance_network();
        let code = |error: ErrorCode| error.to_string();
        let socket = create_tcp_socket(IpAddressFamily::Ipv4).map_err(code)?;
        let address = IpSocketAddress::Ipv4(Ipv4SocketAddress {
            port,
            address: (127, 0, 0, 1),
        });
        socket.start_connect(&network, address).map_err(code)?;
        socket.subscribe().block();
        let (input, output) = socket.finish_connect().map_err(code)?;
        let future = ClientHandshake::finish(ClientHandshake::new(&name, input, output));
        let (tls, input, output) = loop {
            match future.get() {
                None => future.subscribe().block(),
                Some(Ok(Ok(streams))) => break streams,
                Some(Ok(Err(error))) => return Err(error.to_debug_string()),
                Some(Err(())) => return Err("the handshake has been taken".to_owned()),
            }
        };
        CONNECTION.set(Some(Connection {
            input,
            output,
            tls,
            _socket: socket,
        }));
        Ok(())
    }

    fn run(what: What, length: u32, count: u32) -> Result<Vec<u64>, String> {
        let what = match what {
            What::Exchange => LinkWhat::Exchange,
            What::Send => LinkWhat::Send,
            What::Receive => LinkWhat::Receive,
        };
        CONNECTION.with_borrow_mut(|connection| {
            let connection = connection.as_mut().ok_or("not connected")?;
            Request {
                what,
                length,
                count,
            }
            .run(connection, monotonic_clock::now)
        })
    }

    fn close() -> Result<(), String> {
        let connection = CONNECTION.take().ok_or("not connected")?;
        connection.room()?;
        connection.tls.close_output();
        Ok(())
    }
}

fn text(error: StreamError) -> String {
    error.to_string()
}
