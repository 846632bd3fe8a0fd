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

    /// Every address, this port only; port 0 stands for any.
    pub fn any_on_port(port: u16) -> Self {
        let block = |ip: IpAddr| Block {
            ip,
            prefix: 0,
            port: Some(port).filter(|port| *port != 0),
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
/// Port 0 stands for any. An IPv4-mapped IPv6 address or block (`::ffff:192.0.2.7`,
/// `[::ffff:10.0.0.0]/104`) is the IPv4 one.
///
/// The address before a prefix must be the first of its block: `10.0.0.1/8` is refused, because it
/// may be meant as one address, but would grant sixteen million.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    ip: IpAddr,
    prefix: u32,
    port: Option<u16>,
}

impl Block {
    /// An IPv4-mapped IPv6 address counts as the IPv4 address.
    fn contains_ip(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        ip.is_ipv4() == self.ip.is_ipv4() && first(ip, self.prefix) == self.ip
    }
}

impl FromStr for Block {
    type Err = InvalidBlock;

    fn from_str(text: &str) -> Result<Self, InvalidBlock> {
        let invalid = || InvalidBlock {
            text: text.to_owned(),
            first: None,
        };
        if let Ok(ip) = text.parse::<IpAddr>() {
            let ip = ip.to_canonical();
            return Ok(Self {
                ip,
                prefix: width(ip),
                port: None,
            });
        }
        let (ip, rest) = match text.strip_prefix('[') {
            Some(rest) => rest.split_once(']').ok_or_else(invalid)?,
            None if text.matches(':').count() > 1 => {
                text.split_at(text.find('/').ok_or_else(invalid)?)
            }
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
        let port: Option<u16> = port.map(str::parse).transpose().map_err(|_| invalid())?;
        if prefix > width(ip) {
            return Err(invalid());
        }
        let first = first(ip, prefix);
        if first != ip {
            return Err(InvalidBlock {
                first: Some(format!("{first}/{prefix}")),
                ..invalid()
            });
        }
        let canonical = ip.to_canonical();
        Ok(Self {
            ip: canonical,
            // The prefix of a mapped block includes the 96 bits before the IPv4 address.
            prefix: prefix.saturating_sub(width(ip) - width(canonical)),
            port: port.filter(|port| *port != 0),
        })
    }
}

/// The error for a text that is not a [`Block`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidBlock {
    text: String,
    /// The block that contains the address, if the address is not the first of the block.
    first: Option<String>,
}

impl fmt::Display for InvalidBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = &self.text;
        match &self.first {
            None => write!(
                f,
                "{text:?} is not IP, IP:PORT, IP/PREFIX or IP/PREFIX:PORT"
            ),
            Some(first) => write!(
                f,
                "{text:?} is an address inside of a block; write {first} for the block, or the \
                 address without its prefix"
            ),
        }
    }
}

impl std::error::Error for InvalidBlock {}

/// The first address of the block with this prefix that contains the address.
fn first(ip: IpAddr, prefix: u32) -> IpAddr {
    match ip {
        IpAddr::V4(ip) => {
            let mask = u32::MAX.checked_shl(32 - prefix).unwrap_or(0);
            Ipv4Addr::from_bits(ip.to_bits() & mask).into()
        }
        IpAddr::V6(ip) => {
            let mask = u128::MAX.checked_shl(128 - prefix).unwrap_or(0);
            Ipv6Addr::from_bits(ip.to_bits() & mask).into()
        }
    }
}

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
            let refused = text.parse::<Block>().unwrap_err();
            assert!(refused.to_string().contains("IP/PREFIX"), "{refused}");
        }
    }

    #[test]
    fn an_address_inside_of_its_block_is_refused_with_the_block() {
        for (text, first) in [
            ("10.0.0.1/8", "10.0.0.0/8"),
            ("10.1.0.0/8:443", "10.0.0.0/8"),
            ("192.0.2.1/0", "0.0.0.0/0"),
            ("[2001:db8::1]/32:9", "2001:db8::/32"),
            ("2001:db8::1/32", "2001:db8::/32"),
            ("::ffff:10.0.0.1/104", "::ffff:10.0.0.0/104"),
        ] {
            let refused = text.parse::<Block>().unwrap_err().to_string();
            assert!(refused.contains(&format!("write {first} ")), "{refused}");
        }
    }

    #[test]
    fn a_block_of_mapped_addresses_is_of_ipv4() {
        let block = |text: &str| Addresses::List(vec![text.parse().unwrap()]);
        for text in [
            "::ffff:127.0.0.1",
            "[::ffff:127.0.0.1]:80",
            "::ffff:127.0.0.1/128",
            "[::ffff:127.0.0.0]/104:80",
            "::ffff:0.0.0.0/96",
        ] {
            assert!(block(text).contains(address("127.0.0.1:80")), "{text}");
            assert!(
                block(text).contains(address("[::ffff:127.0.0.1]:80")),
                "{text}"
            );
            assert!(!block(text).contains(address("[::1]:80")), "{text}");
        }
        assert!(!block("::ffff:127.0.0.1").contains(address("127.0.0.2:80")));
        assert!(!block("[::ffff:127.0.0.0]/104").contains(address("128.0.0.1:80")));
    }

    #[test]
    fn port_0_stands_for_any() {
        let any = Addresses::List(vec!["127.0.0.1:0".parse().unwrap()]);
        assert!(any.contains(address("127.0.0.1:80")));
        assert!(Addresses::any_on_port(0).contains(address("127.0.0.1:80")));
    }
}
