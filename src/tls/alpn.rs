//! Application protocols by name (RFC 7301).

use crate::error::{ConfigurationItem, ConfigurationReason, Error};

/// The longest name (RFC 7301 §3.1).
const LONGEST_NAME: usize = 255;

/// The bytes that all names with their lengths may take in the extension (RFC 7301 §3.1).
const LONGEST_LIST: usize = 65_535 - 2;

/// What a server does where it and the client offer application protocols, and none is in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlpnMismatch {
    /// It refuses by the alert no_application_protocol (RFC 7301 §3.2).
    Refused,
    /// It goes on without one.
    Tolerated,
}

/// Check the names, the preferred first. An empty list offers nothing.
pub(super) fn parse<Name: AsRef<str>>(names: &[Name]) -> Result<Vec<Vec<u8>>, Error> {
    let refused = |reason, detail| Err(Error::refused(ConfigurationItem::Alpn, reason, detail));
    let mut protocols: Vec<Vec<u8>> = Vec::new();
    let mut length = 0;
    for name in names.iter().map(AsRef::as_ref) {
        if name.is_empty() {
            let detail = "a name has no bytes".to_owned();
            return refused(ConfigurationReason::Empty, detail);
        }
        if name.len() > LONGEST_NAME {
            let detail = format!("a name has {} bytes; 255 are the most", name.len());
            return refused(ConfigurationReason::Malformed, detail);
        }
        if protocols.iter().any(|other| other == name.as_bytes()) {
            let detail = format!("{name:?} is there twice");
            return refused(ConfigurationReason::Duplicate, detail);
        }
        length += 1 + name.len();
        if length > LONGEST_LIST {
            let detail = "all names together are longer than an extension".to_owned();
            return refused(ConfigurationReason::TooCostly, detail);
        }
        protocols.push(name.as_bytes().to_vec());
    }
    Ok(protocols)
}
