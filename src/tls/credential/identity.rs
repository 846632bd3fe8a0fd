//! The certificates that this side may present, and the choice between several.

use std::sync::Arc;

use rustls::client::ResolvesClientCert;
use rustls::pki_types::ServerName;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{
    CipherSuite, DistinguishedName, SignatureAlgorithm, SignatureScheme, SupportedCipherSuite,
};

use crate::tls::witness;
use crate::tls::x509::Certificate;

/// The identities, the preferred first; none for a server whose clients others serve.
#[derive(Debug, Default)]
pub(crate) struct Identities {
    pub(crate) all: Vec<Arc<CertifiedKey>>,
    /// The suites that may be negotiated; those of TLS 1.2 are for one type of key each.
    pub(crate) suites: Vec<SupportedCipherSuite>,
}

impl ResolvesClientCert for Identities {
    fn resolve(
        &self,
        suggested: &[&[u8]],
        schemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        let usable = |identity: &&Arc<CertifiedKey>| identity.key.choose_scheme(schemes).is_some();
        let chosen = self
            .all
            .iter()
            .filter(usable)
            .find(|identity| is_issued_by_one_of(identity, suggested))
            // With nothing to choose by, the first usable identity is presented: the server's
            // refusal says more than an absent certificate would.
            .or_else(|| self.all.iter().find(usable))
            .map(Arc::clone);
        witness::tell(|witness| {
            witness.was_asked = true;
            witness.chosen.clone_from(&chosen);
        });
        chosen
    }

    fn has_certs(&self) -> bool {
        !self.all.is_empty()
    }
}

impl ResolvesServerCert for Identities {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let usable = |identity: &&Arc<CertifiedKey>| {
            identity
                .key
                .choose_scheme(hello.signature_schemes())
                .is_some()
                && self.has_suite(identity.key.algorithm(), hello.cipher_suites())
        };
        let chosen = self
            .all
            .iter()
            .filter(usable)
            .find(|identity| hello.server_name().is_some_and(|n| has_name(identity, n)))
            .or_else(|| self.all.iter().find(usable))
            // rustls finds out that this identity cannot be used, and says why.
            .or_else(|| self.all.first())
            .map(Arc::clone);
        witness::tell(|witness| witness.chosen.clone_from(&chosen));
        chosen
    }
}

impl Identities {
    /// Whether one of the offered suites is one of ours and can be used with a key of this type.
    fn has_suite(&self, algorithm: SignatureAlgorithm, offered: &[CipherSuite]) -> bool {
        self.suites.iter().any(|suite| {
            offered.contains(&suite.suite()) && suite.usable_for_signature_algorithm(algorithm)
        })
    }
}

/// Whether a certificate of the chain was issued by one of the authorities (RFC 8446 §4.2.4).
fn is_issued_by_one_of(identity: &CertifiedKey, authorities: &[&[u8]]) -> bool {
    identity.cert.iter().any(|der| {
        Certificate::parse(der).is_ok_and(|certificate| {
            let issuer = DistinguishedName::in_sequence(certificate.issuer());
            authorities.contains(&issuer.as_ref())
        })
    })
}

fn has_name(identity: &CertifiedKey, name: &str) -> bool {
    let Ok(name) = ServerName::try_from(name) else {
        return false;
    };
    identity
        .cert
        .first()
        .and_then(|der| Certificate::parse(der).ok())
        .is_some_and(|certificate| certificate.check_name(&name).is_ok())
}
