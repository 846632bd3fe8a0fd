//! The certificates that this side may present, and the choice between several.

use std::sync::Arc;

use rustls::client::ResolvesClientCert;
use rustls::pki_types::ServerName;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{CipherSuite, DistinguishedName, SignatureAlgorithm, SignatureScheme};

/// At least one identity, the preferred first.
#[derive(Debug)]
pub(crate) struct Identities {
    pub(crate) all: Vec<Arc<CertifiedKey>>,
    /// Whether TLS 1.3, whose suites do not name the type of the key, may be negotiated.
    pub(crate) tls13: bool,
}

impl ResolvesClientCert for Identities {
    fn resolve(
        &self,
        suggested: &[&[u8]],
        schemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        let usable = |identity: &&Arc<CertifiedKey>| identity.key.choose_scheme(schemes).is_some();
        self.all
            .iter()
            .filter(usable)
            .find(|identity| is_issued_by_one_of(identity, suggested))
            // The server's refusal says more than no certificate at all.
            .or_else(|| self.all.iter().find(usable))
            .map(Arc::clone)
    }

    fn has_certs(&self) -> bool {
        true
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
        self.all
            .iter()
            .filter(usable)
            .find(|identity| hello.server_name().is_some_and(|n| has_name(identity, n)))
            .or_else(|| self.all.iter().find(usable))
            // rustls finds out that it cannot be used, and says why.
            .or_else(|| self.all.first())
            .map(Arc::clone)
    }
}

impl Identities {
    /// Whether one of the offered suites can be used with a key of this type.
    fn has_suite(&self, algorithm: SignatureAlgorithm, offered: &[CipherSuite]) -> bool {
        use CipherSuite as Suite;
        offered.iter().any(|suite| match suite {
            Suite::TLS13_AES_128_GCM_SHA256
            | Suite::TLS13_AES_256_GCM_SHA384
            | Suite::TLS13_CHACHA20_POLY1305_SHA256 => self.tls13,
            Suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
            | Suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384
            | Suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 => {
                algorithm == SignatureAlgorithm::RSA
            }
            // RFC 8422 §5.10: EdDSA keys use the suites of ECDSA.
            Suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
            | Suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384
            | Suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 => {
                algorithm != SignatureAlgorithm::RSA
            }
            _ => false,
        })
    }
}

/// Whether a certificate of the chain was issued by one of the authorities (RFC 8446 §4.2.4).
fn is_issued_by_one_of(identity: &CertifiedKey, authorities: &[&[u8]]) -> bool {
    identity.cert.iter().any(|der| {
        webpki::EndEntityCert::try_from(der).is_ok_and(|certificate| {
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
        .and_then(|der| webpki::EndEntityCert::try_from(der).ok())
        .is_some_and(|certificate| certificate.verify_is_valid_for_subject_name(&name).is_ok())
}
