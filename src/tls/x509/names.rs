//! The names that a certificate is for, and whether the one that was asked for is among them.

use rustls::pki_types::{IpAddr, Ipv4Addr, Ipv6Addr, ServerName};

use super::certificate::Certificate;
use super::der::{Malformed, Reader, constructed, context};
use super::refusal::Refusal;
use super::text::escaped;

/// A GeneralName (RFC 5280 §4.2.1.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name<'a> {
    Email(&'a [u8]),
    Dns(&'a [u8]),
    /// The contents of a Name.
    Directory(&'a [u8]),
    Uri(&'a [u8]),
    /// An address of 4 or 16 bytes; in a constraint, twice as many.
    Address(&'a [u8]),
    /// A name of a form that is not understood: its tag without the bit of constructed values.
    Other(u8),
}

impl<'a> Name<'a> {
    /// How many bytes it has.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Email(bytes)
            | Self::Dns(bytes)
            | Self::Directory(bytes)
            | Self::Uri(bytes)
            | Self::Address(bytes) => bytes.len(),
            Self::Other(_) => 0,
        }
    }

    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        let (tag, contents) = reader.any()?;
        Self::of(tag, contents)
    }

    fn of(tag: u8, contents: &'a [u8]) -> Result<Self, Malformed> {
        const EMAIL: u8 = context(1);
        const DNS: u8 = context(2);
        const DIRECTORY: u8 = constructed(4);
        const URI: u8 = context(6);
        const ADDRESS: u8 = context(7);
        const REGISTERED: u8 = context(8);
        const OTHER: u8 = constructed(0);
        const X400: u8 = constructed(3);
        const EDI: u8 = constructed(5);
        Ok(match tag {
            EMAIL => Self::Email(contents),
            DNS => Self::Dns(contents),
            DIRECTORY => Self::Directory(super::der::only(contents, super::der::SEQUENCE)?),
            URI => Self::Uri(contents),
            ADDRESS => Self::Address(contents),
            OTHER | X400 | EDI | REGISTERED => Self::Other(tag & 0x1f),
            _ => return Err(Malformed),
        })
    }
}

impl Certificate<'_> {
    /// The names in the subjectAltName.
    pub(super) fn names(&self) -> Result<Vec<Name<'_>>, Malformed> {
        let mut names = Vec::new();
        let mut list = Reader::new(self.extensions.alternative_names.unwrap_or_default());
        while !list.is_empty() {
            names.push(Name::read(&mut list)?);
        }
        Ok(names)
    }

    /// Those of the names that can be read, for whoever asks what they are: nothing is decided by them.
    pub(super) fn readable_names(&self) -> Vec<Name<'_>> {
        let mut names = Vec::new();
        let mut list = Reader::new(self.extensions.alternative_names.unwrap_or_default());
        while let Ok((tag, contents)) = list.any() {
            names.extend(Name::of(tag, contents));
        }
        names
    }

    /// Whether the subjectAltName has this name. The common name is not looked at (RFC 9525 §2).
    pub(crate) fn check_name(&self, expected: &ServerName<'_>) -> Result<(), Refusal> {
        let names = self.names().map_err(|Malformed| Refusal::Malformed)?;
        let is_there = match expected {
            ServerName::DnsName(expected) => {
                let expected = expected.as_ref().as_bytes();
                let expected = expected.strip_suffix(b".").unwrap_or(expected);
                names.iter().any(|name| match name {
                    Name::Dns(presented) => has_dns_name(presented, expected),
                    _ => false,
                })
            }
            ServerName::IpAddress(expected) => names.iter().any(|name| match name {
                Name::Address(presented) => ip_address(presented) == Some(*expected),
                _ => false,
            }),
            _ => false,
        };
        if is_there {
            return Ok(());
        }
        Err(Refusal::Name {
            expected: expected.to_owned(),
            presented: names.iter().filter_map(shown).collect(),
        })
    }
}

/// Whether the name of a certificate stands for the one that was asked for: by itself, or by a
/// wildcard that is its whole first label (RFC 9525 §6.3).
fn has_dns_name(presented: &[u8], expected: &[u8]) -> bool {
    if !is_dns_name(presented) {
        return false;
    }
    match presented.strip_prefix(b"*.") {
        None => presented.eq_ignore_ascii_case(expected),
        Some(parent) => {
            let mut labels = expected.splitn(2, |byte| *byte == b'.');
            let first = labels.next().unwrap_or_default();
            let rest = labels.next().unwrap_or_default();
            // No wildcard stands for all names of a top-level domain.
            parent.contains(&b'.') && !first.is_empty() && rest.eq_ignore_ascii_case(parent)
        }
    }
}

/// Whether it has the form of a host's name, whose first label may be `*`. Underscores are allowed,
/// because they occur.
pub(super) fn is_dns_name(name: &[u8]) -> bool {
    let labels = name.strip_prefix(b"*.").unwrap_or(name);
    name.len() <= 253
        && labels.split(|byte| *byte == b'.').all(|label| {
            (1..=63).contains(&label.len())
                && label
                    .iter()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        })
}

pub(super) fn ip_address(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(bytes) = <[u8; 4]>::try_from(bytes) {
        return Some(IpAddr::V4(Ipv4Addr::from(bytes)));
    }
    let mut groups = [0; 8];
    let (pairs, rest) = bytes.as_chunks::<2>();
    if pairs.len() != groups.len() || !rest.is_empty() {
        return None;
    }
    for (group, pair) in groups.iter_mut().zip(pairs) {
        *group = u16::from_be_bytes(*pair);
    }
    Some(IpAddr::V6(Ipv6Addr::from(groups)))
}

/// The name as it is shown to people; `None` for forms that people do not know.
pub(super) fn shown(name: &Name<'_>) -> Option<String> {
    match name {
        Name::Dns(text) | Name::Email(text) | Name::Uri(text) => Some(escaped(text)),
        Name::Address(bytes) => Some(match ip_address(bytes) {
            Some(address) => ServerName::IpAddress(address).to_str().into_owned(),
            None => "an address of a wrong length".to_owned(),
        }),
        Name::Directory(_) | Name::Other(_) => None,
    }
}
