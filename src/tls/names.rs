//! Names: which is sent, which is verified, and how people write them.

use rustls::pki_types::ServerName;

use crate::error::{ConfigurationItem, ConfigurationReason, Error};

/// The name sent in SNI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendName {
    /// The verified name.
    Automatic,
    /// No name.
    Off,
    /// This name.
    Name(String),
}

/// The name that the peer's certificate must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VerifyName {
    /// The host that the connection is made to.
    Host,
    /// This name.
    Name(String),
    /// Any name.
    Unverified,
}

/// Reads a host as a name. A trailing dot, which DNS allows and certificates never have, is
/// removed.
pub(super) fn parse_host(host: &str) -> Result<ServerName<'static>, Error> {
    parse_name(host).ok_or_else(|| {
        let cure = if host.is_ascii() {
            ""
        } else {
            "; write it in its ASCII form (xn--…)"
        };
        Error::InvalidArgument(format!(
            "{host:?} is neither a DNS name nor an IP address{cure}"
        ))
    })
}

pub(super) fn parse_name(name: &str) -> Option<ServerName<'static>> {
    let name = name.strip_suffix('.').unwrap_or(name);
    ServerName::try_from(name.to_owned()).ok()
}

pub(super) fn bad_name(name: &str, why: &str) -> Error {
    Error::refused(
        ConfigurationItem::ServerName,
        ConfigurationReason::Malformed,
        format!("{name:?} is {why}"),
    )
}
