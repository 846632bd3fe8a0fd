//! `--proxy`: the HTTP proxy that a connection goes through, and who asks it.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use base64ct::{Base64, Encoding as _};
use zeroize::Zeroizing;

use super::target::{Target, Wanted};
use crate::exit::{Exit, Result};

/// The flag's text. It may hold a password, so nothing prints it, not even the message that it is
/// malformed.
#[derive(Clone)]
pub(crate) struct Given(Zeroizing<String>);

/// A proxy.
pub(crate) struct Proxy {
    pub(crate) target: Target,
    /// What follows `Proxy-Authorization: Basic`.
    pub(crate) credentials: Option<Zeroizing<String>>,
}

impl FromStr for Given {
    type Err = Infallible;

    fn from_str(text: &str) -> std::result::Result<Self, Infallible> {
        Ok(Self(Zeroizing::new(text.to_owned())))
    }
}

impl fmt::Debug for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Given").finish_non_exhaustive()
    }
}

impl Given {
    /// The proxy that the text names: `http://[USER:PASSWORD@]HOST:PORT`, where USER and PASSWORD may
    /// have `%` and two digits for any byte.
    pub(crate) fn read(&self) -> Result<Proxy> {
        let rest = match self.0.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => rest,
            Some(_) => {
                return Err(refused("only proxies of http:// are known (HTTP CONNECT)"));
            }
            None => &self.0,
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (user, place) = match rest.rsplit_once('@') {
            Some((user, place)) => (Some(user), place),
            None => (None, rest),
        };
        let wanted: Wanted = place
            .parse()
            .map_err(|_| refused("give http://HOST:PORT, or http://USER:PASSWORD@HOST:PORT"))?;
        let target = wanted.or_port(0);
        if target.port == 0 {
            return Err(refused("the port is missing: give http://HOST:PORT"));
        }
        Ok(Proxy {
            target,
            credentials: user.map(basic),
        })
    }
}

fn refused(why: &str) -> Exit {
    Exit::usage(why).context("--proxy")
}

/// The credentials of the scheme `Basic` (RFC 7617).
fn basic(user: &str) -> Zeroizing<String> {
    let (user, password) = user.split_once(':').unwrap_or((user, ""));
    let mut both = Zeroizing::new(decode(user));
    both.push(b':');
    both.extend_from_slice(&Zeroizing::new(decode(password)));
    Zeroizing::new(Base64::encode_string(&both))
}

/// The bytes of a text in which `%` and two hexadecimal digits stand for one. Another `%` stands for
/// itself.
fn decode(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let byte = after.split_at_checked(2).and_then(|(digits, after)| {
            let digits = std::str::from_utf8(digits).ok()?;
            let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
            let byte = u8::from_str_radix(digits, 16).ok()?;
            (*first == b'%' && is_hex).then_some((byte, after))
        });
        let (byte, after) = byte.unwrap_or((*first, after));
        bytes.push(byte);
        rest = after;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Proxy> {
        let Ok(given) = text.parse::<Given>();
        given.read()
    }

    #[test]
    fn proxies_are_read_with_their_credentials() {
        for (text, place, credentials) in [
            ("http://proxy:3128", "proxy:3128", None),
            ("HTTP://127.0.0.1:1/", "127.0.0.1:1", None),
            ("proxy:3128", "proxy:3128", None),
            ("http://[::1]:3128", "[::1]:3128", None),
            ("http://user:pass@p:1", "p:1", Some("user:pass")),
            ("http://user@p:1", "p:1", Some("user:")),
            ("http://a%40b:c%3a%zz%@p:1", "p:1", Some("a@b:c:%zz%")),
            ("http://a:b@c@p:1", "p:1", Some("a:b@c")),
        ] {
            let proxy = read(text).unwrap();
            assert_eq!(proxy.target.to_string(), place, "{text}");
            let found = proxy
                .credentials
                .map(|text| Base64::decode_vec(&text).unwrap());
            assert_eq!(found, credentials.map(|text| text.as_bytes().to_vec()));
        }
    }

    #[test]
    fn what_is_no_proxy_is_refused_without_its_password() {
        for text in [
            "",
            "http://",
            "https://u:secret@p:1",
            "socks5://u:secret@p:1",
            "http://u:secret@p",
            "http://u:secret@:1",
            "http://u:secret@p:0",
            "http://u:secret@p:1/path",
        ] {
            let told = read(text).map(|_| ()).unwrap_err().to_string();
            assert!(
                told.contains("http://") && !told.contains("secret"),
                "{told}"
            );
        }
        assert!(!format!("{:?}", "u:secret@p:1".parse::<Given>()).contains("secret"));
    }
}
