//! Addresses between the types of the standard library and those of WASI. Each version of WASI has
//! types of its own for them, of the same names and fields.

/// Defines the conversions for the types of WASI that are in scope.
macro_rules! conversions {
    () => {
        pub(super) fn family(address: SocketAddr) -> IpAddressFamily {
            match address {
                SocketAddr::V4(_) => IpAddressFamily::Ipv4,
                SocketAddr::V6(_) => IpAddressFamily::Ipv6,
            }
        }

        pub(super) fn to_wasi(address: SocketAddr) -> IpSocketAddress {
            match address {
                SocketAddr::V4(address) => {
                    let [a, b, c, d] = address.ip().octets();
                    IpSocketAddress::Ipv4(Ipv4SocketAddress {
                        port: address.port(),
                        address: (a, b, c, d),
                    })
                }
                SocketAddr::V6(address) => {
                    let [a, b, c, d, e, f, g, h] = address.ip().segments();
                    IpSocketAddress::Ipv6(Ipv6SocketAddress {
                        port: address.port(),
                        flow_info: 0,
                        address: (a, b, c, d, e, f, g, h),
                        scope_id: address.scope_id(),
                    })
                }
            }
        }

        pub(super) fn from_wasi(address: IpSocketAddress) -> SocketAddr {
            match address {
                IpSocketAddress::Ipv4(v4) => {
                    SocketAddr::new(ip_from_wasi(IpAddress::Ipv4(v4.address)), v4.port)
                }
                IpSocketAddress::Ipv6(v6) => {
                    let (a, b, c, d, e, f, g, h) = v6.address;
                    let ip = Ipv6Addr::new(a, b, c, d, e, f, g, h);
                    SocketAddr::V6(SocketAddrV6::new(ip, v6.port, v6.flow_info, v6.scope_id))
                }
            }
        }

        pub(super) fn ip_from_wasi(address: IpAddress) -> IpAddr {
            match address {
                IpAddress::Ipv4((a, b, c, d)) => IpAddr::V4(Ipv4Addr::new(a, b, c, d)),
                IpAddress::Ipv6((a, b, c, d, e, f, g, h)) => {
                    IpAddr::V6(Ipv6Addr::new(a, b, c, d, e, f, g, h))
                }
            }
        }
    };
}

pub(crate) use conversions;
