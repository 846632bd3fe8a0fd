//! Addresses in three forms: `std::net`, `wasi:sockets`, and the text of the component.

use std::io::{Error, ErrorKind, Result};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use wasip2::sockets::network::{
    IpAddress, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress, Ipv6SocketAddress,
};
use wasip2::sockets::tcp::TcpSocket;

use crate::types::Address;

/// The host as an address, if it is one. An IPv6 address may be in brackets and have a zone, an
/// interface's number; an IPv4-mapped one becomes the IPv4 address.
pub(crate) fn literal(host: &str, port: u16) -> Option<SocketAddr> {
    if let Ok(ip) = host.parse::<Ipv4Addr>() {
        return Some(SocketAddr::from((ip, port)));
    }
    let inside = host.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    let ip = inside.unwrap_or(host);
    // `Ipv6Addr` has no zone.
    let address: SocketAddrV6 = format!("[{ip}]:{port}").parse().ok()?;
    Some(match address.ip().to_ipv4_mapped() {
        Some(ip) => SocketAddr::from((ip, port)),
        None => address.into(),
    })
}

/// An address that the component returned.
pub(crate) fn parsed(address: &Address) -> Result<SocketAddr> {
    let strange = || Error::other(format!("{} is not an IP address", address.ip));
    literal(&address.ip, address.port).ok_or_else(strange)
}

/// The IP address as the component takes it, with its zone.
pub(crate) fn text(address: SocketAddr) -> String {
    match address {
        SocketAddr::V6(address) if address.scope_id() != 0 => {
            format!("{}%{}", address.ip(), address.scope_id())
        }
        _ => address.ip().to_string(),
    }
}

pub(crate) fn family(address: SocketAddr) -> IpAddressFamily {
    match address {
        SocketAddr::V4(_) => IpAddressFamily::Ipv4,
        SocketAddr::V6(_) => IpAddressFamily::Ipv6,
    }
}

pub(crate) fn to_wasi(address: SocketAddr) -> IpSocketAddress {
    match address {
        SocketAddr::V4(address) => IpSocketAddress::Ipv4(Ipv4SocketAddress {
            port: address.port(),
            address: address.ip().octets().into(),
        }),
        SocketAddr::V6(address) => IpSocketAddress::Ipv6(Ipv6SocketAddress {
            port: address.port(),
            flow_info: address.flowinfo(),
            address: address.ip().segments().into(),
            scope_id: address.scope_id(),
        }),
    }
}

fn from_wasi(address: IpSocketAddress) -> SocketAddr {
    match address {
        IpSocketAddress::Ipv4(it) => SocketAddr::new(ip(IpAddress::Ipv4(it.address)), it.port),
        IpSocketAddress::Ipv6(it) => match ip(IpAddress::Ipv6(it.address)) {
            IpAddr::V6(ip) => SocketAddrV6::new(ip, it.port, it.flow_info, it.scope_id).into(),
            ip @ IpAddr::V4(_) => SocketAddr::new(ip, it.port),
        },
    }
}

/// An address of `wasi:sockets`; an IPv4-mapped IPv6 address becomes the IPv4 address.
pub(crate) fn ip(address: IpAddress) -> IpAddr {
    match address {
        IpAddress::Ipv4((a, b, c, d)) => IpAddr::V4(Ipv4Addr::new(a, b, c, d)),
        IpAddress::Ipv6((a, b, c, d, e, f, g, h)) => {
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, e, f, g, h)).to_canonical()
        }
    }
}

/// The address of the other side of a connected socket.
pub(crate) fn of_peer(socket: &TcpSocket) -> Result<SocketAddr> {
    let address = socket.remote_address();
    Ok(from_wasi(address.map_err(|_| ErrorKind::NotConnected)?))
}

/// The address of this side of a socket.
pub(crate) fn own(socket: &TcpSocket) -> Result<SocketAddr> {
    let address = socket.local_address();
    Ok(from_wasi(address.map_err(|_| ErrorKind::NotConnected)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_goes_through_wasi_unchanged() {
        for text in ["127.0.0.1:80", "[2001:db8::1]:443", "[fe80::1%2]:443"] {
            let address: SocketAddr = text.parse().unwrap();
            assert_eq!(from_wasi(to_wasi(address)), address);
        }
    }

    #[test]
    fn an_address_goes_through_the_component_unchanged() {
        for ip in ["127.0.0.1", "::1", "2001:db8::1", "fe80::1%2"] {
            let told = Address {
                ip: ip.to_owned(),
                port: 443,
            };
            assert_eq!(text(parsed(&told).unwrap()), ip);
        }
        let strange = Address {
            ip: "localhost".to_owned(),
            port: 443,
        };
        assert_eq!(parsed(&strange).unwrap_err().kind(), ErrorKind::Other);
    }

    #[test]
    fn a_host_is_an_address_or_a_name() {
        let zoned = SocketAddrV6::new("fe80::1".parse().unwrap(), 25, 0, 2).into();
        assert_eq!(literal("fe80::1%2", 25), Some(zoned));
        assert_eq!(literal("[fe80::1%2]", 25), Some(zoned));
        let mapped = Some(SocketAddr::from(([192, 0, 2, 1], 25)));
        assert_eq!(literal("::ffff:192.0.2.1", 25), mapped);
        assert_eq!(literal("192.0.2.1", 25), mapped);
        for name in [
            "",
            "example.com",
            "fe80::1%eth0",
            "[192.0.2.1]",
            "[::1]:80",
            "192.0.2.1%2",
        ] {
            assert_eq!(literal(name, 25), None, "{name}");
        }
    }
}
