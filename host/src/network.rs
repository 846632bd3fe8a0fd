//! The network that an instance is granted: which addresses it may connect to and listen on.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use wasmtime_wasi::sockets::SocketAddrUse;

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

    /// Connecting to and listening on this machine's loopback addresses; no name lookup.
    pub fn loopback() -> Self {
        Self {
            connect: Addresses::Loopback,
            listen: Addresses::Loopback,
            lookup: false,
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
            // Binding to port 0 grants nothing by itself: connecting and listening are asked for
            // with the address that they get. A connecting socket is bound to the wildcard address.
            SocketAddrUse::TcpBind if address.port() == 0 => {
                self.listen.contains_ip(address.ip())
                    || (address.ip().is_unspecified() && !self.connect.is_none())
            }
            SocketAddrUse::TcpBind => self.listen.contains(address),
            _ => false,
        }
    }
}

/// A set of addresses.
#[derive(Clone, Debug, Default)]
pub enum Addresses {
    /// No address.
    #[default]
    None,
    /// `127.0.0.0/8` and `::1`, any port.
    Loopback,
    /// The addresses in any of these blocks.
    List(Vec<Block>),
    /// Every address.
    All,
}

impl Addresses {
    /// One address and port; port 0 stands for any.
    pub fn one(address: SocketAddr) -> Self {
        Self::List(vec![Block {
            ip: address.ip().to_canonical(),
            prefix: width(address.ip().to_canonical()),
            port: Some(address.port()).filter(|port| *port != 0),
        }])
    }

    /// Every address, this port only.
    pub fn any_on_port(port: u16) -> Self {
        let block = |ip: IpAddr| Block {
            ip,
            prefix: 0,
            port: Some(port),
        };
        Self::List(vec![
            block(std::net::Ipv4Addr::UNSPECIFIED.into()),
            block(std::net::Ipv6Addr::UNSPECIFIED.into()),
        ])
    }

    fn is_none(&self) -> bool {
        match self {
            Self::None => true,
            Self::List(blocks) => blocks.is_empty(),
            Self::Loopback | Self::All => false,
        }
    }

    fn contains(&self, address: SocketAddr) -> bool {
        match self {
            Self::List(blocks) => blocks.iter().any(|block| {
                block.contains_ip(address.ip()) && block.port.is_none_or(|p| p == address.port())
            }),
            Self::None | Self::Loopback | Self::All => self.contains_ip(address.ip()),
        }
    }

    fn contains_ip(&self, ip: IpAddr) -> bool {
        match self {
            Self::None => false,
            Self::Loopback => ip.to_canonical().is_loopback(),
            Self::List(blocks) => blocks.iter().any(|block| block.contains_ip(ip)),
            Self::All => true,
        }
    }
}

/// A block of addresses on one port or all: `192.0.2.7`, `10.0.0.0/8:443`, `[2001:db8::]/32:443`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    ip: IpAddr,
    prefix: u32,
    port: Option<u16>,
}

impl Block {
    /// An IPv4 address that arrives mapped into IPv6 is the IPv4 address.
    fn contains_ip(&self, ip: IpAddr) -> bool {
        match (self.ip, ip.to_canonical()) {
            (IpAddr::V4(block), IpAddr::V4(ip)) => {
                let mask = u32::MAX.checked_shl(32 - self.prefix).unwrap_or(0);
                block.to_bits() & mask == ip.to_bits() & mask
            }
            (IpAddr::V6(block), IpAddr::V6(ip)) => {
                let mask = u128::MAX.checked_shl(128 - self.prefix).unwrap_or(0);
                block.to_bits() & mask == ip.to_bits() & mask
            }
            _ => false,
        }
    }
}

impl FromStr for Block {
    type Err = InvalidBlock;

    fn from_str(text: &str) -> Result<Self, InvalidBlock> {
        let invalid = || InvalidBlock(text.to_owned());
        if let Ok(ip) = text.parse::<IpAddr>() {
            return Ok(Self {
                ip,
                prefix: width(ip),
                port: None,
            });
        }
        let (ip, rest) = match text.strip_prefix('[') {
            Some(rest) => rest.split_once(']').ok_or_else(invalid)?,
            None => text.split_at(text.find(['/', ':']).unwrap_or(text.len())),
        };
        let ip: IpAddr = ip.parse().map_err(|_| invalid())?;
        let (prefix, port) = rest
            .split_once(':')
            .map_or((rest, None), |(a, b)| (a, Some(b)));
        let prefix = match prefix.strip_prefix('/') {
            Some(prefix) => prefix.parse().map_err(|_| invalid())?,
            None if prefix.is_empty() => width(ip),
            None => return Err(invalid()),
        };
        let port = port.map(str::parse).transpose().map_err(|_| invalid())?;
        if prefix > width(ip) {
            return Err(invalid());
        }
        Ok(Self { ip, prefix, port })
    }
}

/// A text that is no [`Block`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidBlock(String);

impl fmt::Display for InvalidBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is not IP, IP:PORT, IP/PREFIX or IP/PREFIX:PORT",
            self.0
        )
    }
}

impl std::error::Error for InvalidBlock {}

fn width(ip: IpAddr) -> u32 {
    if ip.is_ipv4() { 32 } else { 128 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn block_takes_the_addresses_of_its_prefix_and_port() {
        let block = |text: &str| Addresses::List(vec![text.parse().unwrap()]);
        assert!(block("10.0.0.0/8:443").contains(address("10.9.8.7:443")));
        assert!(!block("10.0.0.0/8:443").contains(address("10.9.8.7:444")));
        assert!(!block("10.0.0.0/8:443").contains(address("11.0.0.1:443")));
        assert!(block("0.0.0.0/0").contains(address("203.0.113.1:1")));
        assert!(!block("0.0.0.0/0").contains(address("[2001:db8::1]:1")));
        assert!(block("2001:db8::1").contains(address("[2001:db8::1]:9")));
        assert!(block("[2001:db8::]/32:9").contains(address("[2001:db8:1::1]:9")));
        assert!(block("127.0.0.1").contains(address("[::ffff:127.0.0.1]:5")));
    }

    #[test]
    fn malformed_blocks_are_refused() {
        for text in [
            "",
            "localhost",
            "10.0.0.0/33",
            "10.0.0.0/8:99999",
            "[::1",
            "[::1]x",
            "1.2.3.4/",
        ] {
            assert_eq!(
                text.parse::<Block>(),
                Err(InvalidBlock(text.to_owned())),
                "{text}"
            );
        }
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
