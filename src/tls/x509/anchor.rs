//! The authorities that are trusted (RFC 5280 §6.1.1).

use std::borrow::Cow;

use rustls::pki_types::TrustAnchor;

use super::certificate::{Certificate, NameConstraints};
use super::der::Malformed;
use super::public_key::PublicKey;
use super::refusal::{Refusal, dotted};

/// An authority that is trusted: its name and key, and what it may do with them.
#[derive(Clone, Debug)]
pub(crate) struct Anchor {
    subject: Cow<'static, [u8]>,
    pub(super) key: PublicKey<'static>,
    permitted: Option<Cow<'static, [u8]>>,
    excluded: Option<Cow<'static, [u8]>>,
    /// The purposes that it may issue for. They bind a root as they bind other authorities, as in
    /// OpenSSL and Go.
    pub(super) extended_key_usage: Option<Vec<u8>>,
    pub(super) may_sign_lists: bool,
    /// First and last second.
    pub(super) validity: Option<(i64, i64)>,
    /// How many authorities may follow, or why it may not issue anything.
    pub(super) path_length: Result<Option<u32>, Refusal>,
}

impl Anchor {
    /// A built-in root, of which no more is known than its name, key and name constraints.
    pub(crate) fn built_in(anchor: &'static TrustAnchor<'static>) -> Result<Self, Malformed> {
        let constraints = match &anchor.name_constraints {
            Some(contents) => NameConstraints::parse(contents)?,
            None => NameConstraints::default(),
        };
        Ok(Self {
            subject: Cow::Borrowed(&anchor.subject),
            key: PublicKey::parse(&anchor.subject_public_key_info)?,
            permitted: constraints.permitted.map(Cow::Borrowed),
            excluded: constraints.excluded.map(Cow::Borrowed),
            extended_key_usage: None,
            may_sign_lists: true,
            validity: None,
            path_length: Ok(None),
        })
    }

    /// A certificate that the caller trusts. What it says of itself binds it, its validity too, as in
    /// OpenSSL, GnuTLS and Go: RFC 5280 §6.1.1 (d) leaves it open. One that is not an authority's is
    /// trusted for itself and vouches for no other.
    pub(crate) fn of_certificate(der: &[u8]) -> Result<Self, Malformed> {
        let certificate = Certificate::parse(der)?;
        let constraints = certificate.extensions.name_constraints.unwrap_or_default();
        let owned = |list: Option<&[u8]>| list.map(|list| Cow::Owned(list.to_vec()));
        Ok(Self {
            permitted: owned(constraints.permitted),
            excluded: owned(constraints.excluded),
            extended_key_usage: certificate
                .extensions
                .extended_key_usage
                .map(<[u8]>::to_vec),
            may_sign_lists: certificate.may_sign_lists(),
            validity: Some(certificate.validity),
            path_length: certificate.path_length_as_root(),
            subject: Cow::Owned(certificate.subject().to_vec()),
            key: certificate.key.into_owned(),
        })
    }

    /// The contents of its Name.
    pub(crate) fn subject(&self) -> &[u8] {
        &self.subject
    }

    pub(super) fn constraints(&self) -> NameConstraints<'_> {
        NameConstraints {
            permitted: self.permitted.as_deref(),
            excluded: self.excluded.as_deref(),
        }
    }
}

impl Certificate<'_> {
    /// The path length of a root, or why it may not issue anything. A root may be of version 1 or
    /// 2, which cannot say that it is an authority's: that it is its own issuer, and is trusted,
    /// says so.
    fn path_length_as_root(&self) -> Result<Option<u32>, Refusal> {
        if let Some(oid) = self.extensions.strange {
            return Err(Refusal::Extension(dotted(oid)));
        }
        if self.version < 3 {
            return match self.is_self_issued() {
                true => Ok(None),
                false => Err(Refusal::NoAuthority),
            };
        }
        let limits = self.extensions.basic_constraints;
        let limits = limits.filter(|limits| limits.is_ca);
        self.check_may_sign()?;
        Ok(limits.ok_or(Refusal::NoAuthority)?.path_length)
    }
}
