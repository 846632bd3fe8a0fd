//! Frees handles, and takes sockets out of the table.

use std::mem;

use wasmtime::component::{Resource, ResourceTableError};
use wasmtime_wasi::p2::TcpSocket;
use wasmtime_wasi::p2::bindings::sockets::network::IpAddressFamily;
use wasmtime_wasi::p2::bindings::sockets::tcp_create_socket;
use wasmtime_wasi::sockets::WasiSocketsView as _;

use super::super::leftover::Leftover;
use super::super::view::View;

/// How many handles one call looks at, so that the call stays short however many there are.
const LOOK: usize = 16;

impl View<'_> {
    /// Frees a handle, now or once that is possible.
    pub(in crate::native) fn release(&mut self, leftover: Leftover) {
        if !leftover.is_freed(self.table()) {
            self.own().leftovers.push(leftover);
        }
        self.reap();
    }

    /// Frees handles whose pollables are gone by now.
    pub(super) fn reap(&mut self) {
        let waiting = self.own().leftovers.len();
        let oldest = waiting.min(LOOK);
        let looked: Vec<_> = self.own().leftovers.drain(..oldest).collect();
        for leftover in looked {
            if !leftover.is_freed(self.table()) {
                self.own().leftovers.push(leftover);
            }
        }
    }

    /// Takes a socket out of the table. Where pollables of it are left, a socket that never was
    /// connected takes its place, and they are ready from now on.
    pub(super) fn take_socket(&mut self, socket: Resource<TcpSocket>) -> Option<TcpSocket> {
        let rep = socket.rep();
        match self.table().delete(socket) {
            Ok(socket) => return Some(socket),
            Err(ResourceTableError::HasChildren) => {}
            Err(_) => return None,
        }
        let family = IpAddressFamily::Ipv4;
        let other = tcp_create_socket::Host::create_tcp_socket(&mut self.sockets(), family);
        let other = other.ok().and_then(|other| self.table().delete(other).ok());
        let placed = self.table().get_mut(&Resource::<TcpSocket>::new_own(rep));
        let taken = match (placed, other) {
            (Ok(placed), Some(other)) => Some(mem::replace(placed, other)),
            _ => None,
        };
        self.own().leftovers.push(Leftover::Socket(rep));
        taken
    }
}
