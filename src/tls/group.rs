//! Key exchange groups by name. It knows nothing of connections.

use rustls::crypto::SupportedKxGroup;

use super::iana;
use super::version::Version;
use crate::error::{ConfigurationItem, Error};
use portcullis_provider::kx;

/// A key exchange group (RFC 8446 §4.2.7), in the order of preference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NamedGroup {
    /// X25519 together with ML-KEM-768, for TLS 1.3 alone.
    X25519Mlkem768,
    /// P-256 together with ML-KEM-768, for TLS 1.3 alone.
    Secp256r1Mlkem768,
    /// X25519.
    X25519,
    /// P-256.
    Secp256r1,
    /// P-384.
    Secp384r1,
}

impl NamedGroup {
    /// The groups that are permitted until others are chosen.
    pub(super) const PREFERRED: [Self; 5] = [
        Self::X25519Mlkem768,
        Self::Secp256r1Mlkem768,
        Self::X25519,
        Self::Secp256r1,
        Self::Secp384r1,
    ];

    /// The group of an implementation of the provider's.
    pub(super) fn of(supported: &dyn SupportedKxGroup) -> Option<Self> {
        let is_it = |group: &Self| group.supported().name() == supported.name();
        Self::PREFERRED.into_iter().find(is_it)
    }

    /// The provider's implementation.
    pub(super) fn supported(self) -> &'static dyn SupportedKxGroup {
        match self {
            Self::X25519Mlkem768 => kx::X25519MLKEM768,
            Self::Secp256r1Mlkem768 => kx::SECP256R1MLKEM768,
            Self::X25519 => kx::X25519,
            Self::Secp256r1 => kx::SECP256R1,
            Self::Secp384r1 => kx::SECP384R1,
        }
    }

    /// Whether a connection of this version can use it.
    pub(super) fn is_usable_in(self, version: Version) -> bool {
        self.supported().usable_for_version(version.into())
    }

    /// The name that IANA has for it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::X25519Mlkem768 => "X25519MLKEM768",
            Self::Secp256r1Mlkem768 => "SecP256r1MLKEM768",
            Self::X25519 => "x25519",
            Self::Secp256r1 => "secp256r1",
            Self::Secp384r1 => "secp384r1",
        }
    }
}

/// The IANA names of all groups, in the order of preference.
#[must_use]
pub fn supported_groups() -> [&'static str; 5] {
    NamedGroup::PREFERRED.map(NamedGroup::name)
}

/// Reads a list of names.
pub(super) fn parse<Name: AsRef<str>>(names: &[Name]) -> Result<Vec<NamedGroup>, Error> {
    let item = ConfigurationItem::Groups;
    iana::parse(item, names, &NamedGroup::PREFERRED, NamedGroup::name)
}
