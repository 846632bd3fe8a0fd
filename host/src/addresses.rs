//! Sets of addresses.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

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
            block(Ipv4Addr::UNSPECIFIED.into()),
            block(Ipv6Addr::UNSPECIFIED.into()),
        ])
    }

    pub(crate) fn is_none(&self) -> bool {
        match self {
            Self::None => true,
            Self::List(blocks) => blocks.is_empty(),
            Self::Loopback | Self::All => false,
        }
    }

    pub(crate) fn contains(&self, address: SocketAddr) -> bool {
        match self {
            Self::List(blocks) => blocks.iter().any(|block| {
                block.contains_ip(address.ip()) && block.port.is_none_or(|p| p == address.port())
            }),
            Self::None | Self::Loopback | Self::All => self.contains_ip(address.ip()),
        }
    }

    pub(crate) fn contains_ip(&self, ip: IpAddr) -> bool {
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
}
