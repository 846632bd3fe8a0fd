//! TCP without TLS, as a program for `wasi:tls` uses it.

use crate::Echo;
use crate::bindings::wasi::sockets0_3_0::ip_name_lookup::resolve_addresses;
use crate::bindings::wasi::sockets0_3_0::types::{
    IpAddress, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress, TcpSocket,
};

/// A connection to the echo server, which is on IPv4.
pub(crate) async fn connect(echo: &Echo) -> Result<TcpSocket, String> {
    let addresses = resolve_addresses(echo.host.clone()).await;
    for address in addresses.map_err(|code| format!("{code:?}"))? {
        if let IpAddress::Ipv4(address) = address {
            return connect_to(Ipv4SocketAddress {
                port: echo.port,
                address,
            })
            .await;
        }
    }
    Err("no IPv4 address".to_owned())
}

pub(crate) async fn connect_to(address: Ipv4SocketAddress) -> Result<TcpSocket, String> {
    let socket = TcpSocket::create(IpAddressFamily::Ipv4).map_err(|code| format!("{code:?}"))?;
    socket
        .connect(IpSocketAddress::Ipv4(address))
        .await
        .map_err(|code| format!("{code:?}"))?;
    Ok(socket)
}
