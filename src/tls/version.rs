//! Protocol versions.

use rustls::ProtocolVersion;

/// A protocol version, older below newer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// RFC 5246.
    Tls12,
    /// RFC 8446.
    Tls13,
}

impl From<Version> for ProtocolVersion {
    fn from(version: Version) -> Self {
        match version {
            Version::Tls12 => Self::TLSv1_2,
            Version::Tls13 => Self::TLSv1_3,
        }
    }
}
