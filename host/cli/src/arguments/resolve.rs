//! `--resolve`: addresses for a name, in place of those that DNS has, as curl takes them.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use super::target::{Target, name};

/// Addresses for a host and port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Resolution {
    /// None is every host.
    host: Option<String>,
    port: u16,
    addresses: Vec<IpAddr>,
}

impl Resolution {
    /// The addresses that were given for a target; none if none were. What is given later replaces
    /// what was given earlier, and the host itself goes before `*`, as in curl.
    pub(crate) fn find(all: &[Self], target: &Target) -> Option<Vec<SocketAddr>> {
        let wanted = bare(&target.host);
        let of_port = || all.iter().rev().filter(|given| given.port == target.port);
        let named =
            of_port().find(|given| given.host.as_deref().is_some_and(|host| host == wanted));
        let found = named.or_else(|| of_port().find(|given| given.host.is_none()))?;
        let addresses = found.addresses.iter();
        Some(
            addresses
                .map(|ip| SocketAddr::new(*ip, target.port))
                .collect(),
        )
    }
}

/// `HOST:PORT:ADDRESS`, with more addresses by commas; `*` is every host, and IPv6 may be in brackets.
impl FromStr for Resolution {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let malformed = || "give HOST:PORT:ADDRESS, and more addresses by commas".to_owned();
        if text.starts_with(['+', '-']) {
            return Err("a + or - before the host means nothing here; leave it out".to_owned());
        }
        let (host, rest) = match text.strip_prefix('[') {
            Some(rest) => rest.split_once("]:").ok_or_else(malformed)?,
            None => text.split_once(':').ok_or_else(malformed)?,
        };
        let (port, addresses) = rest.split_once(':').ok_or_else(malformed)?;
        if host.is_empty() {
            return Err(malformed());
        }
        let port = port.parse().ok().filter(|port| *port != 0);
        Ok(Self {
            host: match host {
                "*" => None,
                host => Some(bare(&name(host)?)),
            },
            port: port.ok_or("the port is not a number from 1 to 65535")?,
            addresses: addresses
                .split(',')
                .map(address)
                .collect::<Result<_, _>>()?,
        })
    }
}

fn address(text: &str) -> Result<IpAddr, String> {
    let inside = text.strip_prefix('[').and_then(|t| t.strip_suffix(']'));
    let ip = inside.unwrap_or(text).parse::<IpAddr>();
    ip.map(|ip| ip.to_canonical())
        .map_err(|_| format!("{text:?} is not an IP address"))
}

/// A name as names are compared.
fn bare(host: &str) -> String {
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(host: &str, port: u16) -> Target {
        Target {
            host: host.to_owned(),
            zone: None,
            port,
        }
    }

    #[test]
    fn addresses_are_found_for_host_and_port_as_curl_finds_them() {
        let all = [
            "*:443:192.0.2.9",
            "Example.com.:443:192.0.2.1",
            "example.com:443:[2001:db8::1],192.0.2.2,2001:db8::2",
            "bücher.example:1:192.0.2.3",
        ];
        let all = all.map(|text| text.parse::<Resolution>().unwrap());
        let find = |host, port| Resolution::find(&all, &target(host, port));
        let expected = ["[2001:db8::1]:443", "192.0.2.2:443", "[2001:db8::2]:443"];
        let expected = expected.map(|text| text.parse().unwrap()).to_vec();
        assert_eq!(find("example.COM", 443), Some(expected));
        let any = vec!["192.0.2.9:443".parse().unwrap()];
        assert_eq!(find("other.example", 443), Some(any));
        assert_eq!(find("example.com", 444), None);
        assert!(find("xn--bcher-kva.example", 1).is_some());
    }

    #[test]
    fn malformed_resolutions_are_refused() {
        for text in [
            "",
            "a",
            "a:1",
            "a:1:",
            "a:x:127.0.0.1",
            "a:0:127.0.0.1",
            ":1:127.0.0.1",
            "a:1:localhost",
            "a:1:127.0.0.1,",
            "+a:1:127.0.0.1",
            "-a:1",
        ] {
            assert!(text.parse::<Resolution>().is_err(), "{text}");
        }
    }
}
