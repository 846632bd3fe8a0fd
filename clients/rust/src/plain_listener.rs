//! Accepting connections in the clear that may become TLS.

use std::io::Result;
use std::net::SocketAddr;

use wasip2::io::poll::Pollable;
use wasip2::sockets::instance_network::instance_network;
use wasip2::sockets::network::ErrorCode;
use wasip2::sockets::tcp::TcpSocket;
use wasip2::sockets::tcp_create_socket::create_tcp_socket;

use crate::connector::{Connected, failure};
use crate::types::NetworkOperation;
use crate::{PlainStream, address};

/// A listening TCP socket whose connections begin in the clear: a server of mail or of a database.
/// Each becomes TLS by [`PlainStream::start_tls`] with a server's context and no host. Dropping it
/// frees the socket and leaves accepted streams alone.
#[derive(Debug)]
pub struct PlainListener {
    socket: TcpSocket,
}

impl PlainListener {
    /// Listen on a local address; port 0 picks a free one. Blocks for bind and listen only.
    ///
    /// # Errors
    /// `AddrInUse`, `AddrNotAvailable`, `PermissionDenied` and others of the network.
    pub fn listen(address: SocketAddr) -> Result<Self> {
        let told = address.to_string();
        let bind = |code| failure(NetworkOperation::Bind, code, &told);
        let listen = |code| failure(NetworkOperation::Listen, code, &told);
        let socket = create_tcp_socket(address::family(address)).map_err(bind)?;
        let network = instance_network();
        let to_bind = address::to_wasi(address);
        socket.start_bind(&network, to_bind).map_err(bind)?;
        finish(&socket, TcpSocket::finish_bind).map_err(bind)?;
        socket.start_listen().map_err(listen)?;
        finish(&socket, TcpSocket::finish_listen).map_err(listen)?;
        Ok(Self { socket })
    }

    /// The address that it listens on. Never blocks.
    ///
    /// # Errors
    /// None that is known.
    pub fn local_addr(&self) -> Result<SocketAddr> {
        address::own(&self.socket)
    }

    /// Take the next connection. Blocks without limit for one to come.
    ///
    /// # Errors
    /// Those of the network; trying again may help.
    pub fn accept(&self) -> Result<PlainStream> {
        loop {
            if let Some(connected) = self.take()? {
                return Ok(connected.into());
            }
            self.subscribe().block();
        }
    }

    /// The next connection, if one waits.
    pub(crate) fn take(&self) -> Result<Option<Connected>> {
        match self.socket.accept() {
            Ok((socket, input, output)) => Ok(Some(Connected {
                input,
                output,
                socket,
            })),
            Err(ErrorCode::WouldBlock) => Ok(None),
            Err(code) => Err(failure(NetworkOperation::Accept, code, "plain").into()),
        }
    }

    pub(crate) fn subscribe(&self) -> Pollable {
        self.socket.subscribe()
    }
}

fn finish(
    socket: &TcpSocket,
    step: impl Fn(&TcpSocket) -> std::result::Result<(), ErrorCode>,
) -> std::result::Result<(), ErrorCode> {
    loop {
        match step(socket) {
            Err(ErrorCode::WouldBlock) => socket.subscribe().block(),
            result => return result,
        }
    }
}
