//! A listening socket.

use std::net::SocketAddr;
use std::pin::pin;

use portcullis::error::{NetworkError, NetworkOperation};
use wasmtime::component::Resource;
use wasmtime_wasi::p2::bindings::sockets::network::ErrorCode;
use wasmtime_wasi::p2::bindings::sockets::tcp::HostTcpSocket;
use wasmtime_wasi::p2::{DynPollable, Pollable as _, TcpSocket};
use wasmtime_wasi::runtime::{poll_noop, with_ambient_tokio_runtime};
use wasmtime_wasi::sockets::WasiSocketsView as _;

use super::super::view::{View, same};
use super::code;
use super::failure::failure;
use super::streams::Streams;

/// A listening socket. It is to be closed before it is dropped.
pub(in crate::native) struct Acceptor {
    socket: Resource<TcpSocket>,
    address: SocketAddr,
}

impl Acceptor {
    /// Binds and listens.
    pub(in crate::native) async fn listen(
        view: &mut View<'_>,
        address: SocketAddr,
        backlog: Option<u64>,
    ) -> Result<Self, NetworkError> {
        let (bind, listen) = (NetworkOperation::Bind, NetworkOperation::Listen);
        let fail = |operation| move |code| failure(operation, code, &address.to_string());
        let socket = view.new_socket(address).map_err(fail(bind))?;
        let begun = async {
            begin_bind(view, &socket, address)
                .await
                .map_err(fail(bind))?;
            if let Some(backlog) = backlog {
                let (this, backlog) = (same(&socket), backlog.max(1));
                HostTcpSocket::set_listen_backlog_size(&mut view.sockets(), this, backlog)
                    .map_err(code)
                    .map_err(fail(listen))?;
            }
            begin_listen(view, &socket).await.map_err(fail(listen))?;
            Ok(())
        };
        match begun.await {
            Ok(()) => Ok(Self { socket, address }),
            Err(error) => {
                view.take_socket(socket);
                Err(error)
            }
        }
    }

    /// Accepts a waiting connection, if there is one.
    pub(in crate::native) fn accept(
        &self,
        view: &mut View<'_>,
    ) -> Result<Option<Streams>, NetworkError> {
        view.require_room(NetworkOperation::Accept)?;
        let accepted = HostTcpSocket::accept(&mut view.sockets(), same(&self.socket));
        let code = match accepted.map_err(code) {
            Ok((socket, input, output)) => match view.streams(socket, input, output) {
                Some(streams) => return Ok(Some(streams)),
                None => ErrorCode::Unknown,
            },
            Err(ErrorCode::WouldBlock) => return Ok(None),
            Err(code) => self.named(view, code),
        };
        Err(failure(NetworkOperation::Accept, code, ""))
    }

    /// Names a failure that is called `unknown`, as wasmtime 48 does when descriptors have run out. In
    /// that case no other socket can be made either.
    fn named(&self, view: &mut View<'_>, code: ErrorCode) -> ErrorCode {
        if code != ErrorCode::Unknown {
            return code;
        }
        match view.new_socket(self.address) {
            Ok(socket) => {
                view.take_socket(socket);
                code
            }
            Err(limit) => limit,
        }
    }

    /// Whether a connection waits.
    pub(in crate::native) fn is_ready(&self, view: &mut View<'_>) -> bool {
        let Ok(socket) = view.table().get_mut(&self.socket) else {
            return true;
        };
        with_ambient_tokio_runtime(|| poll_noop(pin!(socket.ready())).is_some())
    }

    /// A pollable, which may outlive the listener.
    pub(in crate::native) fn pollable(
        &self,
        view: &mut View<'_>,
    ) -> wasmtime::Result<Resource<DynPollable>> {
        HostTcpSocket::subscribe(&mut view.sockets(), same(&self.socket))
    }

    /// Waits until a connection waits.
    pub(in crate::native) async fn ready(&self, view: &mut View<'_>) -> wasmtime::Result<()> {
        view.table().get_mut(&self.socket)?.ready().await;
        Ok(())
    }

    pub(in crate::native) fn local_address(
        &self,
        view: &mut View<'_>,
    ) -> Result<SocketAddr, NetworkError> {
        HostTcpSocket::local_address(&mut view.sockets(), same(&self.socket))
            .map(SocketAddr::from)
            .map_err(|error| failure(NetworkOperation::Listen, code(error), ""))
    }

    pub(in crate::native) fn close(self, view: &mut View<'_>) {
        view.take_socket(self.socket);
    }
}

async fn begin_bind(
    view: &mut View<'_>,
    socket: &Resource<TcpSocket>,
    address: SocketAddr,
) -> Result<(), ErrorCode> {
    use wasmtime_wasi::p2::bindings::sockets::instance_network;
    let network = instance_network::Host::instance_network(&mut view.sockets());
    let network = network.map_err(|_| ErrorCode::Unknown)?;
    let (this, right) = (same(socket), same(&network));
    let begun = HostTcpSocket::start_bind(&mut view.sockets(), this, right, address.into()).await;
    let _ = view.table().delete(network);
    begun.map_err(code)?;
    HostTcpSocket::finish_bind(&mut view.sockets(), same(socket)).map_err(code)
}

async fn begin_listen(view: &mut View<'_>, socket: &Resource<TcpSocket>) -> Result<(), ErrorCode> {
    let begun = HostTcpSocket::start_listen(&mut view.sockets(), same(socket)).await;
    begun.map_err(code)?;
    HostTcpSocket::finish_listen(&mut view.sockets(), same(socket)).map_err(code)
}
