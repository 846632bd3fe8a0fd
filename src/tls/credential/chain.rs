//! The order of a certificate chain: the own certificate first, its issuer second, and so on.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::sign::SigningKey;

use crate::tls::x509;
use crate::tls::x509::{Certificate, PublicKey};

/// How many certificates are compared with each other; no peer takes a chain as long.
const MAX_ORDERED: usize = 256;

/// Puts certificates in order: the certificate of the key first, then each followed by its issuer,
/// each once. Certificates that lead nowhere come last, in their order. `None` if no certificate is
/// that of the key.
pub(in crate::tls) fn ordered(
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

/// Whether the certificate holds the public key. A key that does not tell its public half is taken
/// for a match; the handshake shows whether it is.
fn is_pair(certificate: &CertificateDer<'static>, key: &Arc<dyn SigningKey>) -> bool {
    let of_key = key.public_key();
    match of_key.as_deref().map(PublicKey::of_info) {
        None => true,
        Some(Ok(of_key)) => x509::public_key_of(certificate) == Ok(of_key),
        Some(Err(_)) => false,
    }
}

/// A certificate with its names, as far as it can be read.
struct Named<'a> {
    der: &'a CertificateDer<'static>,
    names: Option<Certificate<'a>>,
}

impl<'a> Named<'a> {
    fn new(der: &'a CertificateDer<'static>) -> Self {
        Self {
            der,
            names: Certificate::parse(der).ok(),
        }
    }

    fn is_issuer(&self, of: &Self) -> bool {
        match (&self.names, &of.names) {
            (Some(issuer), Some(issued)) => issuer.subject() == issued.issuer(),
            _ => false,
        }
    }
}
