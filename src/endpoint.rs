//! Hosts as people write them. This module must not know sockets or WASI.

use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};

use crate::error::Error;

/// A host: an address, or a name that has addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// An address. An IPv4 address that is written as IPv6 (`::ffff:192.0.2.1`) counts as IPv4: the
    /// sockets of WASI keep the two families apart.
    Address {
        /// The address.
        ip: IpAddr,
        /// The zone of an IPv6 address (RFC 4007 §11); 0 is the default one.
        scope: u32,
    },
    /// A name, without the dot at its end that marks it as complete.
    Name(String),
}

impl Host {
    /// Reads a name or an address. An IPv6 address may be in brackets, and may have a zone, which
    /// is the number of an interface (`fe80::1%2`).
    ///
    /// # Errors
    /// `InvalidArgument`: a zone that is not a number, or that an IPv4 address has; brackets without an IPv6
    /// address in them.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let inner = text
            .strip_prefix('[')
            .and_then(|inner| inner.strip_suffix(']'))
            .filter(|inner| inner.contains(':'))
            .unwrap_or(text);
        let (address, zone) = match inner.split_once('%') {
            Some((address, zone)) => (address, Some(zone)),
            None => (inner, None),
        };
        // With a dot at its end an address is still one: as a name it would pass by the checks below,
        // and be resolved to itself.
        let complete = address.strip_suffix('.').unwrap_or(address);
        let Ok(ip) = complete.parse::<IpAddr>() else {
            if text.contains(['[', ']']) {
                return Err(Error::InvalidArgument(format!(
                    "the brackets of {text} hold no IPv6 address; write a name without, and an \
                     address as in [2001:db8::1]"
                )));
            }
            let name = text.strip_suffix('.').unwrap_or(text);
            return Ok(Self::Name(name.to_owned()));
        };
        let scope = match (ip, zone) {
            (_, None) => 0,
            (IpAddr::V6(_), Some(zone)) => zone.parse().map_err(|_| {
                Error::InvalidArgument(format!(
                    "the zone {zone:?} of {address} is no number; write the interface's, which \
                     `ip link` shows first, as in {address}%2"
                ))
            })?,
            (IpAddr::V4(_), Some(_)) => {
                return Err(Error::InvalidArgument(format!(
                    "{text} has a zone, which is for IPv6 addresses"
                )));
            }
        };
        let ip = ip.to_canonical();
        Ok(Self::Address { ip, scope })
    }

    /// The name of the peer that is verified and sent.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Address { ip, .. } => ip.to_string(),
            Self::Name(name) => name.clone(),
        }
    }

    /// The socket address to connect to; `None` for a name.
    ///
    /// # Errors
    /// `InvalidArgument`: an address that cannot be connected to.
    pub fn to_connect(&self, port: u16) -> Result<Option<SocketAddr>, Error> {
        let Self::Address { ip, scope } = *self else {
            return Ok(None);
        };
        match unreachable(ip) {
            Some(why) => Err(Error::InvalidArgument(format!("{ip} is {why}"))),
            None => Ok(Some(socket_address(ip, scope, port))),
        }
    }

    /// The socket address to listen on; `None` for a name.
    ///
    /// # Errors
    /// `InvalidArgument`: an address that no machine can have.
    pub fn to_listen(&self, port: u16) -> Result<Option<SocketAddr>, Error> {
        let Self::Address { ip, scope } = *self else {
            return Ok(None);
        };
        match unreachable(ip) {
            Some(why) if !ip.is_unspecified() => {
                Err(Error::InvalidArgument(format!("{ip} is {why}")))
            }
            _ => Ok(Some(socket_address(ip, scope, port))),
        }
    }
}

/// Checks the number of a port to connect to.
///
/// # Errors
/// `InvalidArgument`: 0.
pub fn check_port(port: u16) -> Result<(), Error> {
    match port {
        0 => Err(Error::InvalidArgument("port 0; use 1 to 65535".into())),
        _ => Ok(()),
    }
}

/// What a resolver refuses to look up.
#[must_use]
pub fn no_host(text: &str) -> Error {
    Error::InvalidArgument(format!("{text:?} is neither a DNS name nor an IP address"))
}

/// Why this address cannot be connected to, and the cure; `None` if it can.
#[must_use]
pub fn unreachable(ip: IpAddr) -> Option<&'static str> {
    match ip {
        IpAddr::V4(v4) if v4.is_unspecified() => {
            Some("for listening on all addresses; connect to 127.0.0.1 for this machine")
        }
        IpAddr::V6(v6) if v6.is_unspecified() => {
            Some("for listening on all addresses; connect to ::1 for this machine")
        }
        IpAddr::V4(v4) if v4.is_broadcast() => {
            Some("the address of a whole network; name one machine")
        }
        ip if ip.is_multicast() => Some("the address of a group; name one machine"),
        IpAddr::V6(v6) if is_compatible(v6) => Some(
            "an IPv4 address in a form that was given up (RFC 4291 §2.5.5.1); write it as IPv4",
        ),
        _ => None,
    }
}

fn is_compatible(ip: Ipv6Addr) -> bool {
    matches!(ip.segments(), [0, 0, 0, 0, 0, 0, _, _]) && !ip.is_unspecified() && !ip.is_loopback()
}

fn socket_address(ip: IpAddr, scope: u32, port: u16) -> SocketAddr {
    match ip {
        IpAddr::V4(_) => SocketAddr::new(ip, port),
        IpAddr::V6(v6) => SocketAddr::V6(SocketAddrV6::new(v6, port, 0, scope)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connect(text: &str) -> Result<Option<String>, Error> {
        let address = Host::parse(text)?.to_connect(7)?;
        Ok(address.map(|address| address.to_string()))
    }

    #[test]
    fn addresses_are_read_in_every_form_that_people_write() {
        for (text, address, name) in [
            ("192.0.2.1", "192.0.2.1:7", "192.0.2.1"),
            ("192.0.2.1.", "192.0.2.1:7", "192.0.2.1"),
            ("::1", "[::1]:7", "::1"),
            ("::1.", "[::1]:7", "::1"),
            ("[::1]", "[::1]:7", "::1"),
            ("2001:DB8:0::1", "[2001:db8::1]:7", "2001:db8::1"),
            ("::ffff:127.0.0.1", "127.0.0.1:7", "127.0.0.1"),
            ("[::ffff:7f00:1]", "127.0.0.1:7", "127.0.0.1"),
            ("fe80::1%3", "[fe80::1%3]:7", "fe80::1"),
            ("[fe80::1%3]", "[fe80::1%3]:7", "fe80::1"),
        ] {
            assert_eq!(connect(text), Ok(Some(address.to_owned())), "{text}");
            assert_eq!(Host::parse(text).unwrap().name(), name, "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_a_name() {
        for text in ["example.com", "example.com.", "127.1", "127.0.0.1..", ""] {
            assert_eq!(connect(text), Ok(None), "{text}");
        }
        assert_eq!(Host::parse("example.com.").unwrap().name(), "example.com");
    }

    #[test]
    fn brackets_are_for_ipv6_addresses() {
        for text in ["[example.com]", "[::1].", "[::1", "[127.0.0.1]", "[]"] {
            let Err(Error::InvalidArgument(told)) = Host::parse(text) else {
                panic!("{text} was taken");
            };
            assert!(told.contains("[2001:db8::1]"), "{told}");
        }
    }

    #[test]
    fn a_zone_is_a_number_and_for_ipv6() {
        for text in ["fe80::1%eth0", "fe80::1%", "fe80::1%-1", "192.0.2.1%2"] {
            let told = Host::parse(text).unwrap_err();
            assert!(
                matches!(told, Error::InvalidArgument(_)),
                "{text}: {told:?}"
            );
        }
    }

    #[test]
    fn addresses_that_are_nobodys_are_refused_with_the_cure() {
        for (text, cure) in [
            ("0.0.0.0", "127.0.0.1"),
            ("0.0.0.0.", "127.0.0.1"),
            ("::.", "::1"),
            ("::", "::1"),
            ("::ffff:0.0.0.0", "127.0.0.1"),
            ("255.255.255.255", "one machine"),
            ("224.0.0.1", "one machine"),
            ("ff02::1", "one machine"),
            ("::7f00:1", "as IPv4"),
        ] {
            let Err(Error::InvalidArgument(told)) = connect(text) else {
                panic!("{text} was taken");
            };
            assert!(told.contains(cure), "{told}");
        }
    }

    #[test]
    fn one_can_listen_on_all_addresses_and_on_nobodys_not() {
        let listen = |text: &str| Host::parse(text).unwrap().to_listen(7);
        for text in ["0.0.0.0", "::", "127.0.0.1", "::ffff:127.0.0.1"] {
            assert!(matches!(listen(text), Ok(Some(_))), "{text}");
        }
        for text in ["224.0.0.1", "::7f00:1"] {
            assert!(
                matches!(listen(text), Err(Error::InvalidArgument(_))),
                "{text}"
            );
        }
        assert_eq!(listen("localhost"), Ok(None));
    }
}
