//! The trust roots of a sealed context, and the verification of a chain up to one of them.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, UnixTime};

use crate::tls::x509::{self, Anchor, Certificate, Purpose, Refusal, Revocation, Trust};
use portcullis_provider::hash::Fingerprint;

/// The certificates that are trusted to vouch for others and for themselves.
#[derive(Clone)]
pub(crate) struct Roots {
    pub(crate) anchors: Arc<Vec<Anchor>>,
    /// The trust roots as they were given. A peer that presents one of these as its own needs no
    /// authority, and may be one: `openssl req -x509` makes such certificates.
    pub(crate) whole: Arc<BTreeSet<Vec<u8>>>,
    /// The keys of which one has to be on the way to a root; if there are none, any way will do.
    pub(crate) pins: Vec<Fingerprint>,
    /// What revocation lists are asked; none if they are not.
    pub(crate) revocation: Option<Revocation>,
}

impl fmt::Debug for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Roots({})", self.anchors.len())
    }
}

impl Roots {
    /// Verifies everything but the names.
    pub(super) fn verify<'a>(
        &self,
        end_entity: &'a CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        purpose: Purpose,
        now: UnixTime,
        algorithms: &WebPkiSupportedAlgorithms,
    ) -> Result<Certificate<'a>, Refusal> {
        let own = Certificate::parse(end_entity)?;
        let is_root = self.whole.contains(end_entity.as_ref());
        let trust = Trust {
            anchors: &self.anchors,
            purpose,
            now,
            algorithms: algorithms.all,
            pins: &self.pins,
            revocation: self.revocation.as_ref(),
        };
        x509::verify(&own, intermediates, is_root, &trust)?;
        Ok(own)
    }
}
