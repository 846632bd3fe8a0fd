//! Converts addresses between the types of the standard library and those of WASI, and makes
//! sockets.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use wasi::sockets::network::{
    ErrorCode, IpAddress, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress, Ipv6SocketAddress,
};
use wasi::sockets::tcp::TcpSocket;
use wasi::sockets::tcp_create_socket::create_tcp_socket;

use super::kept;

/// Makes a socket of the address's family. If sockets have run out, kept handles are dropped to
/// make room. `unknown` is taken for that limit: wasmtime 48 says so when descriptors have run out,
/// and all other failures here have names.
pub(super) fn new_socket(address: SocketAddr) -> Result<TcpSocket, ErrorCode> {
    loop {
        match create_tcp_socket(family(address)) {
            Err(ErrorCode::Unknown | ErrorCode::NewSocketLimit) if kept::give_way() => {}
            Err(ErrorCode::Unknown) => return Err(ErrorCode::NewSocketLimit),
            result => return result,
        }
    }
}

/// Whether no other socket can be made now.
pub(super) fn is_out_of_sockets(address: SocketAddr) -> bool {
    let limits = [ErrorCode::Unknown, ErrorCode::NewSocketLimit];
    create_tcp_socket(family(address)).is_err_and(|code| limits.contains(&code))
}

crate::addresses::conversions!();
