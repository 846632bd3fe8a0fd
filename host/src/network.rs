//! The network that an instance is granted: which addresses it may connect to and listen on.

use std::net::SocketAddr;

use wasmtime_wasi::sockets::SocketAddrUse;

use crate::addresses::Addresses;

/// What an instance may do on the network. Everything that is not granted is refused with
/// `access-denied`; UDP always is.
///
/// ```
/// use portcullis_host::{Addresses, Network};
///
/// // A client of two services, which finds them by name.
/// let network = Network::none()
///     .connect(Addresses::List(vec!["10.0.0.0/8:443".parse()?, "192.0.2.7:5432".parse()?]))
///     .lookup();
/// # let _ = network;
/// # Ok::<(), portcullis_host::InvalidBlock>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Network {
    connect: Addresses,
    listen: Addresses,
    lookup: bool,
}

impl Network {
    /// Nothing at all.
    pub fn none() -> Self {
        Self::default()
    }

    /// Connecting to and listening on this machine's loopback addresses, and name lookup, without which
    /// `localhost` is nothing: what `portcullis run --network loopback` grants. A lookup of another name
    /// may ask servers elsewhere, which tells them the name. Where that is too much, grant addresses
    /// alone, by [`connect`](Self::connect) and [`listen`](Self::listen).
    pub fn loopback() -> Self {
        Self {
            connect: Addresses::Loopback,
            listen: Addresses::Loopback,
            lookup: true,
        }
    }

    /// Everything: every address, and name lookup.
    pub fn all() -> Self {
        Self {
            connect: Addresses::All,
            listen: Addresses::All,
            lookup: true,
        }
    }

    /// Grant connecting to these addresses, in place of those granted before.
    pub fn connect(mut self, addresses: Addresses) -> Self {
        self.connect = addresses;
        self
    }

    /// Grant listening on these addresses, and accepting from anyone who reaches them, in place of
    /// those granted before.
    pub fn listen(mut self, addresses: Addresses) -> Self {
        self.listen = addresses;
        self
    }

    /// Grant name lookup.
    pub fn lookup(mut self) -> Self {
        self.lookup = true;
        self
    }

    pub(crate) fn allows_lookup(&self) -> bool {
        self.lookup
    }

    pub(crate) fn allows_tcp(&self) -> bool {
        !(self.connect.is_none() && self.listen.is_none())
    }

    pub(crate) fn allows(&self, address: SocketAddr, purpose: SocketAddrUse) -> bool {
        match purpose {
            SocketAddrUse::TcpConnect => self.connect.contains(address),
            SocketAddrUse::TcpListen => self.listen.contains(address),
            SocketAddrUse::TcpAccept => !self.listen.is_none(),
            // Binding to port 0 grants nothing by itself: connecting and listening are checked on
            // their own, with the actual address. A connecting socket is bound to the wildcard
            // address.
            SocketAddrUse::TcpBind if address.port() == 0 => {
                self.listen.contains_ip(address.ip())
                    || (address.ip().is_unspecified() && !self.connect.is_none())
            }
            SocketAddrUse::TcpBind => self.listen.contains(address),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn nothing_granted_allows_nothing() {
        for purpose in [
            SocketAddrUse::TcpBind,
            SocketAddrUse::TcpListen,
            SocketAddrUse::TcpAccept,
            SocketAddrUse::TcpConnect,
        ] {
            assert!(!Network::none().allows(address("127.0.0.1:1"), purpose));
            assert!(!Network::none().allows(address("0.0.0.0:0"), purpose));
        }
    }

    #[test]
    fn connecting_and_listening_are_granted_apart() {
        let client = Network::none().connect(Addresses::one(address("127.0.0.1:443")));
        assert!(client.allows(address("0.0.0.0:0"), SocketAddrUse::TcpBind));
        assert!(client.allows(address("127.0.0.1:443"), SocketAddrUse::TcpConnect));
        assert!(!client.allows(address("127.0.0.1:444"), SocketAddrUse::TcpConnect));
        assert!(!client.allows(address("127.0.0.1:443"), SocketAddrUse::TcpListen));

        let server = Network::none().listen(Addresses::one(address("127.0.0.1:0")));
        assert!(server.allows(address("127.0.0.1:0"), SocketAddrUse::TcpBind));
        assert!(server.allows(address("127.0.0.1:40000"), SocketAddrUse::TcpListen));
        assert!(server.allows(address("192.0.2.1:5"), SocketAddrUse::TcpAccept));
        assert!(!server.allows(address("0.0.0.0:0"), SocketAddrUse::TcpBind));
        assert!(!server.allows(address("127.0.0.1:40000"), SocketAddrUse::TcpConnect));
    }

    #[test]
    fn udp_is_never_allowed() {
        assert!(!Network::all().allows(address("127.0.0.1:53"), SocketAddrUse::UdpSend));
    }
}
