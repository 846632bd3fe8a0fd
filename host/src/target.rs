//! `HOST:PORT` on the command line.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// What is asked for on the command line: `HOST`, `HOST:PORT`, `[IPV6]:PORT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    host: String,
    port: Option<u16>,
}

/// Where to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Wanted {
    /// The target, at this port if none was given.
    pub(crate) fn or_port(&self, port: u16) -> Target {
        Target {
            host: self.host.clone(),
            port: self.port.unwrap_or(port),
        }
    }
}

impl Target {
    /// The host if it is an IP address, which has no place in SNI.
    pub(crate) fn ip(&self) -> Option<IpAddr> {
        self.host.parse().ok()
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
        match port {
            Some(0) => Err("port 0 cannot be connected to".to_owned()),
            port => Ok(Self {
                host: host.to_owned(),
                port,
            }),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", authority(&self.host, self.port))
    }
}

/// Where to listen: `IP:PORT`, or `localhost:PORT`; port 0 picks a free one.
pub(crate) fn listen_address(text: &str) -> Result<SocketAddr, String> {
    let (host, port) = split(text)?;
    let port = port.ok_or("the port is missing: give ADDR:PORT, port 0 for a free one")?;
    let ip = match host {
        "localhost" => Ipv4Addr::LOCALHOST.into(),
        host => host.parse().map_err(|_| {
            format!("{host:?} is not an IP address of this machine: give one, or localhost")
        })?,
    };
    Ok(SocketAddr::new(ip, port))
}

/// `IP:PORT`, with brackets where they belong.
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
        if host.parse::<Ipv6Addr>().is_err() {
            return Err(format!("{host:?} is not an IPv6 address"));
        }
        return match rest.strip_prefix(':') {
            Some(port) => Ok((host, Some(number(port)?))),
            None if rest.is_empty() => Ok((host, None)),
            None => Err(format!("{rest:?} after the bracket is not :PORT")),
        };
    }
    if text.parse::<Ipv6Addr>().is_ok() {
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
        ] {
            let target = Target {
                host: host.to_owned(),
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
        ] {
            assert!(text.parse::<Wanted>().is_err(), "{text}");
        }
    }

    #[test]
    fn listen_addresses_are_addresses() {
        assert_eq!(
            listen_address("localhost:0"),
            Ok(SocketAddr::from(([127, 0, 0, 1], 0)))
        );
        assert_eq!(listen_address("[::]:443").unwrap().to_string(), "[::]:443");
        for text in ["127.0.0.1", "example.com:443", "127.0.0.1:70000", ":443"] {
            assert!(listen_address(text).is_err(), "{text}");
        }
    }
}
