//! A listening socket.

use std::net::SocketAddr;

use wasi::io::poll::Pollable;
use wasi::sockets::instance_network::instance_network;
use wasi::sockets::network::ErrorCode;
use wasi::sockets::tcp::TcpSocket;

use super::address::{from_wasi, is_out_of_sockets, new_socket, to_wasi};
use super::failure::failure;
use super::streams::Streams;
use super::{kept, park};
use crate::error::{NetworkError, NetworkOperation};

/// A listening socket.
pub(crate) struct Acceptor {
    socket: TcpSocket,
}

impl Acceptor {
    /// Binds and listens, and waits until the host has done both.
    pub(crate) fn listen(address: SocketAddr, backlog: Option<u64>) -> Result<Self, NetworkError> {
        let (bind, listen) = (NetworkOperation::Bind, NetworkOperation::Listen);
        let fail = |operation| move |code| failure(operation, code, &address.to_string());
        let socket = new_socket(address).map_err(fail(bind))?;
        socket
            .start_bind(&instance_network(), to_wasi(address))
            .map_err(fail(bind))?;
        wait_while_blocked(&socket, || socket.finish_bind()).map_err(fail(bind))?;
        if let Some(backlog) = backlog {
            socket
                .set_listen_backlog_size(backlog.max(1))
                .map_err(fail(listen))?;
        }
        socket.start_listen().map_err(fail(listen))?;
        wait_while_blocked(&socket, || socket.finish_listen()).map_err(fail(listen))?;
        Ok(Self { socket })
    }

    /// Accepts a waiting connection, if there is one.
    pub(crate) fn accept(&self) -> Result<Option<Streams>, NetworkError> {
        if park::is_full() {
            return Err(NetworkError::no_room(NetworkOperation::Accept, park::ROOM));
        }
        loop {
            let code = match self.socket.accept() {
                Ok((socket, input, output)) => {
                    return Ok(Some(Streams::new(input, output, Some(socket))));
                }
                Err(ErrorCode::WouldBlock) => return Ok(None),
                Err(code) => self.named(code),
            };
            if code != ErrorCode::NewSocketLimit || !kept::give_way() {
                return Err(failure(NetworkOperation::Accept, code, ""));
            }
        }
    }

    /// Names a failure that the host calls `unknown`: wasmtime 48 calls it that when descriptors
    /// have run out. In that case no other socket can be made either.
    fn named(&self, code: ErrorCode) -> ErrorCode {
        match (code, self.socket.local_address()) {
            (ErrorCode::Unknown, Ok(address)) if is_out_of_sockets(from_wasi(address)) => {
                ErrorCode::NewSocketLimit
            }
            _ => code,
        }
    }

    /// The pollable is a child of the socket, and must be dropped before it.
    pub(crate) fn pollable(&self) -> Pollable {
        self.socket.subscribe()
    }

    pub(crate) fn local_address(&self) -> Result<SocketAddr, NetworkError> {
        self.socket
            .local_address()
            .map(from_wasi)
            .map_err(|code| failure(NetworkOperation::Listen, code, ""))
    }
}

fn wait_while_blocked(
    socket: &TcpSocket,
    mut finish: impl FnMut() -> Result<(), ErrorCode>,
) -> Result<(), ErrorCode> {
    loop {
        match finish() {
            Err(ErrorCode::WouldBlock) => socket.subscribe().block(),
            result => return result,
        }
    }
}
