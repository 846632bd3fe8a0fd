//! `HOST:PORT` on the command line, and names, which are converted from Unicode to the form that
//! DNS and certificates have.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};

/// A target as it is given on the command line: `HOST`, `HOST:PORT`, `[IPV6]:PORT`,
/// `[IPV6%ZONE]:PORT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    host: String,
    zone: Option<String>,
    port: Option<u16>,
}

/// Where to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// A name in ASCII, or an address.
    pub(crate) host: String,
    /// The interface through which a link-local address is reached.
    pub(crate) zone: Option<String>,
    pub(crate) port: u16,
}

impl Wanted {
    /// The target, at this port if none was given.
    pub(crate) fn or_port(&self, port: u16) -> Target {
        Target {
            host: self.host.clone(),
            zone: self.zone.clone(),
            port: self.port.unwrap_or(port),
        }
    }
}

impl Target {
    /// The host if it is an IP address, which has no place in SNI.
    pub(crate) fn ip(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// The host as the system's resolver takes it.
    pub(crate) fn node(&self) -> String {
        match &self.zone {
            Some(zone) => format!("{}%{zone}", self.host),
            None => self.host.clone(),
        }
    }
}

impl FromStr for Wanted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.contains("://") {
            return Err("it is a URL: give HOST:PORT".to_owned());
        }
        let (host, port) = split(text)?;
        if host.is_empty() {
            return Err("the host is missing: give HOST:PORT".to_owned());
        }
        if port == Some(0) {
            return Err("port 0 cannot be connected to".to_owned());
        }
        let (host, zone) = match host.split_once('%') {
            Some((address, zone)) => (address, Some(zone)),
            None => (host, None),
        };
        let is_zone = |zone: &str| {
            !zone.is_empty() && !zone.contains(|c: char| c.is_whitespace() || c.is_control())
        };
        if zone.is_some_and(|zone| host.parse::<Ipv6Addr>().is_err() || !is_zone(zone)) {
            return Err("% is for the zone of an IPv6 address: [fe80::1%eth0]:443".to_owned());
        }
        Ok(Self {
            host: match host.parse::<IpAddr>() {
                // An IPv4-mapped IPv6 address is the IPv4 address.
                Ok(ip) => ip.to_canonical().to_string(),
                Err(_) => name(host)?,
            },
            zone: zone.map(str::to_owned),
            port,
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", authority(&self.node(), self.port))
    }
}

/// A name as DNS and certificates have it: a name in Unicode is converted (IDNA), others stay as
/// they are.
pub(crate) fn name(text: &str) -> Result<String, String> {
    if text.is_ascii() {
        return Ok(text.to_owned());
    }
    Uts46::new()
        .to_ascii(
            text.as_bytes(),
            AsciiDenyList::URL,
            Hyphens::Allow,
            DnsLength::VerifyAllowRootDot,
        )
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| format!("{text:?} is no name that DNS could have (IDNA)"))
}

/// Where to listen: `IP:PORT`, or `localhost:PORT`; port 0 picks a free one.
pub(crate) fn listen_address(text: &str) -> Result<SocketAddr, String> {
    let (host, port) = split(text)?;
    let port = port.ok_or("the port is missing: give ADDR:PORT, port 0 for a free one")?;
    if host.contains('%') {
        return Err(
            "an address with a zone cannot be listened on: give [::], which has all zones"
                .to_owned(),
        );
    }
    let ip = match host {
        "localhost" => Ipv4Addr::LOCALHOST.into(),
        host => host.parse::<IpAddr>().map_err(|_| {
            format!("{host:?} is not an IP address of this machine: give one, or localhost")
        })?,
    };
    Ok(SocketAddr::new(ip.to_canonical(), port))
}

/// Where a server's connections come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// An address to listen on.
    Address(SocketAddr),
    /// The sockets that systemd has made, or who does as it does (`sd_listen_fds(3)`).
    Systemd,
}

/// An address to listen on, or `systemd`.
pub(crate) fn listen_place(text: &str) -> Result<Place, String> {
    match text {
        "systemd" => Ok(Place::Systemd),
        address => listen_address(address).map(Place::Address),
    }
}

/// `HOST:PORT`, with brackets around an IPv6 address.
pub(crate) fn authority(host: &str, port: u16) -> String {
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

fn split(text: &str) -> Result<(&str, Option<u16>), String> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or("the bracket is not closed")?;
        if !is_ipv6(host) {
            return Err(format!("{host:?} is not an IPv6 address"));
        }
        return match rest.strip_prefix(':') {
            Some(port) => Ok((host, Some(number(port)?))),
            None if rest.is_empty() => Ok((host, None)),
            None => Err(format!("{rest:?} after the bracket is not :PORT")),
        };
    }
    if is_ipv6(text) {
        return Ok((text, None));
    }
    match text.rsplit_once(':') {
        Some((host, _)) if host.contains(':') => {
            Err("an IPv6 address with a port needs brackets: [::1]:443".to_owned())
        }
        Some((host, port)) => Ok((host, Some(number(port)?))),
        None => Ok((text, None)),
    }
}

/// Whether it is an address of IPv6, with a zone or without.
fn is_ipv6(text: &str) -> bool {
    let address = text.split_once('%').map_or(text, |(address, _)| address);
    address.parse::<Ipv6Addr>().is_ok()
}

fn number(port: &str) -> Result<u16, String> {
    port.parse()
        .map_err(|_| format!("port {port:?} is not a number from 0 to 65535"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_and_port_are_told_apart() {
        for (text, host, port) in [
            ("example.com", "example.com", 443),
            ("example.com:8443", "example.com", 8443),
            ("127.0.0.1:1", "127.0.0.1", 1),
            ("[::1]:65535", "::1", 65535),
            ("[::1]", "::1", 443),
            ("::1", "::1", 443),
            ("[::ffff:127.0.0.1]:7", "127.0.0.1", 7),
            ("::ffff:7f00:1", "127.0.0.1", 443),
            ("bücher.example:8443", "xn--bcher-kva.example", 8443),
            ("straße.example", "xn--strae-oqa.example", 443),
            ("例え。テスト:1", "xn--r8jz45g.xn--zckzah", 1),
            ("BÜCHER.example.", "xn--bcher-kva.example.", 443),
            ("xn--bcher-kva.example", "xn--bcher-kva.example", 443),
            ("_a.Example", "_a.Example", 443),
            ("１２７.0.0.1", "127.0.0.1", 443),
        ] {
            let target = Target {
                host: host.to_owned(),
                zone: None,
                port,
            };
            let wanted = text.parse::<Wanted>();
            assert_eq!(
                wanted.map(|wanted| wanted.or_port(443)),
                Ok(target),
                "{text}"
            );
        }
    }

    #[test]
    fn malformed_targets_are_refused() {
        for text in [
            "",
            ":443",
            "a:",
            "a:0",
            "a:65536",
            "a:-1",
            "a:b",
            "::1:99999",
            "[::1",
            "[::1]443",
            "[a]:1",
            "https://a/",
            "a%eth0:1",
            "127.0.0.1%eth0:1",
            "[fe80::1%]:1",
            "[fe80::1%a b]:1",
            "a\u{fffd}b:1",
            "bü cher:1",
            "bü：1",
            "ü..example:1",
        ] {
            assert!(text.parse::<Wanted>().is_err(), "{text}");
        }
    }

    #[test]
    fn zone_is_for_the_resolver_and_not_part_of_the_address() {
        for (text, shown) in [
            ("[fe80::1%eth0]:8443", "[fe80::1%eth0]:8443"),
            ("fe80::1%2", "[fe80::1%2]:443"),
            ("[fe80::1%wlan0]", "[fe80::1%wlan0]:443"),
        ] {
            let target = text.parse::<Wanted>().unwrap().or_port(443);
            assert_eq!(target.ip(), Some("fe80::1".parse().unwrap()), "{text}");
            assert_eq!(target.to_string(), shown);
        }
    }

    #[test]
    fn listen_addresses_are_addresses() {
        assert_eq!(
            listen_address("localhost:0"),
            Ok(SocketAddr::from(([127, 0, 0, 1], 0)))
        );
        assert_eq!(listen_address("[::]:443").unwrap().to_string(), "[::]:443");
        assert_eq!(
            listen_address("[::ffff:127.0.0.1]:1"),
            Ok(SocketAddr::from(([127, 0, 0, 1], 1)))
        );
        for text in [
            "127.0.0.1",
            "example.com:443",
            "127.0.0.1:70000",
            ":443",
            "[fe80::1%lo]:1",
        ] {
            assert!(listen_address(text).is_err(), "{text}");
        }
    }
}
