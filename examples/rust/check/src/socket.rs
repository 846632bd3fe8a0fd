//! A TCP connection in the clear, as STARTTLS has one before it begins.

use std::io::{Error, Result};
use std::net::{IpAddr, SocketAddr};

use portcullis_client::PlainTransport;
use wasip2::sockets::instance_network::instance_network;
use wasip2::sockets::network::{ErrorCode, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress};
use wasip2::sockets::tcp::TcpSocket;
use wasip2::sockets::tcp_create_socket::create_tcp_socket;

/// Connect to an IPv4 address. The socket must outlive the transport.
pub(crate) fn connect(address: SocketAddr) -> Result<(TcpSocket, PlainTransport)> {
    let IpAddr::V4(ip) = address.ip() else {
        return Err(Error::other("not an IPv4 address"));
    };
    let [a, b, c, d] = ip.octets();
    let address = IpSocketAddress::Ipv4(Ipv4SocketAddress {
        port: address.port(),
        address: (a, b, c, d),
    });
    let socket = create_tcp_socket(IpAddressFamily::Ipv4).map_err(Error::other)?;
    socket
        .start_connect(&instance_network(), address)
        .map_err(Error::other)?;
    socket.subscribe().block();
    let (input, output) = match socket.finish_connect() {
        Err(ErrorCode::WouldBlock) => return Err(Error::other("ready, and not connected")),
        result => result.map_err(Error::other)?,
    };
    let transport = PlainTransport {
        input,
        output,
        already_read: Vec::new(),
    };
    Ok((socket, transport))
}
