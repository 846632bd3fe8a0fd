//! The order of a certificate chain: the own certificate first, its issuer second, and so on.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::sign::{CertifiedKey, SigningKey};
use rustls::{Error as RustlsError, InconsistentKeys};

/// Certificates that are held against each other; no peer takes a chain as long.
const MAX_ORDERED: usize = 256;

/// The certificates with that of the key first and then each followed by its issuer, each once; those
/// that lead nowhere come last, in their order. None if none of them is that of the key.
pub(super) fn ordered(
    certificates: &[CertificateDer<'static>],
    key: &Arc<dyn SigningKey>,
) -> Option<Vec<CertificateDer<'static>>> {
    let own = certificates
        .iter()
        .take(MAX_ORDERED)
        .position(|certificate| is_pair(certificate, key))?;
    let mut named: Vec<_> = certificates
        .iter()
        .take(MAX_ORDERED)
        .map(Named::new)
        .collect();
    let mut next = Some(own);
    let mut chain: Vec<CertificateDer<'static>> = Vec::new();
    while let Some(certificate) = next.map(|index| named.remove(index)) {
        named.retain(|other| other.der != certificate.der);
        next = named.iter().position(|other| other.is_issuer(&certificate));
        chain.push(certificate.der.clone());
    }
    let strangers = named.into_iter().map(|certificate| certificate.der);
    chain.extend(
        strangers
            .chain(certificates.iter().skip(MAX_ORDERED))
            .cloned(),
    );
    Some(chain)
}

/// Whether the certificate holds the public key; of a key that cannot say, the handshake will.
fn is_pair(certificate: &CertificateDer<'static>, key: &Arc<dyn SigningKey>) -> bool {
    let pair = CertifiedKey::new(vec![certificate.clone()], Arc::clone(key));
    matches!(
        pair.keys_match(),
        Ok(()) | Err(RustlsError::InconsistentKeys(InconsistentKeys::Unknown))
    )
}

/// A certificate with its names, as far as they can be read: the issuer of one of version 1 cannot,
/// which is a root and needs none.
struct Named<'a> {
    der: &'a CertificateDer<'static>,
    subject: Option<Vec<u8>>,
    issuer: Option<Vec<u8>>,
}

impl<'a> Named<'a> {
    fn new(der: &'a CertificateDer<'static>) -> Self {
        let anchor = webpki::anchor_from_trusted_cert(der).ok();
        let certificate = webpki::EndEntityCert::try_from(der).ok();
        Self {
            der,
            subject: anchor.map(|anchor| anchor.subject.to_vec()),
            issuer: certificate.map(|certificate| certificate.issuer().to_vec()),
        }
    }

    fn is_issuer(&self, of: &Self) -> bool {
        self.subject.is_some() && self.subject == of.issuer
    }
}
