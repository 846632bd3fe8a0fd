//! The store's own sockets: its network policy holds here as for the guest.

mod acceptor;
mod connector;
mod failure;
mod release;
mod streams;

use std::net::SocketAddr;
use std::sync::atomic::Ordering;

use portcullis::error::{NetworkError, NetworkOperation};
use wasmtime::component::Resource;
use wasmtime_wasi::p2::bindings::sockets::network::{ErrorCode, IpAddressFamily, Network};
use wasmtime_wasi::p2::bindings::sockets::{instance_network, tcp_create_socket};
use wasmtime_wasi::p2::{SocketError, TcpSocket};
use wasmtime_wasi::sockets::WasiSocketsView as _;

pub(super) use acceptor::Acceptor;
pub(super) use connector::Connector;
pub(super) use streams::{Slots, Streams};

use super::view::View;

/// How many connections may wait for peers that read nothing, as in the component.
const ROOM: usize = 1024;

impl View<'_> {
    /// Fails if too many connections wait for peers that read nothing.
    fn require_room(&mut self, operation: NetworkOperation) -> Result<(), NetworkError> {
        self.reap();
        match self.own().lingering.load(Ordering::Relaxed) {
            lingering if lingering < ROOM => Ok(()),
            _ => Err(NetworkError::no_room(operation, ROOM)),
        }
    }

    /// Makes a socket of the address's family. `unknown` is taken for the limit of sockets: wasmtime 48
    /// says so when descriptors have run out, and all other failures here have names.
    fn new_socket(&mut self, address: SocketAddr) -> Result<Resource<TcpSocket>, ErrorCode> {
        let family = match address {
            SocketAddr::V4(_) => IpAddressFamily::Ipv4,
            SocketAddr::V6(_) => IpAddressFamily::Ipv6,
        };
        let made = tcp_create_socket::Host::create_tcp_socket(&mut self.sockets(), family);
        match made.map_err(code) {
            Err(ErrorCode::Unknown) => Err(ErrorCode::NewSocketLimit),
            result => result,
        }
    }

    /// Runs what needs the right to the network.
    fn on_network<T>(
        &mut self,
        run: impl FnOnce(&mut Self, Resource<Network>) -> Result<T, ErrorCode>,
    ) -> Result<T, ErrorCode> {
        let network = instance_network::Host::instance_network(&mut self.sockets());
        let network = network.map_err(|_| ErrorCode::Unknown)?;
        let result = run(self, Resource::new_borrow(network.rep()));
        let _ = self.table().delete(network);
        result
    }
}

/// The code of an error; the host's own failures have none.
fn code(error: SocketError) -> ErrorCode {
    error.downcast().unwrap_or(ErrorCode::Unknown)
}
