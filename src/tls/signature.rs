//! Signature schemes by name (RFC 8446 §4.2.3), and keys that keep to those that are permitted.

use std::sync::Arc;

use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::sign::{Signer, SigningKey};
use rustls::{Error as RustlsError, SignatureAlgorithm, SignatureScheme};

use super::iana;
use super::version::Version;
use super::witness;
use crate::error::{ConfigurationItem, Error};

/// All schemes, the preferred first: the order in which the provider offers them.
const ALL: [SignatureScheme; 10] = [
    SignatureScheme::ECDSA_NISTP384_SHA384,
    SignatureScheme::ECDSA_NISTP256_SHA256,
    SignatureScheme::ECDSA_NISTP521_SHA512,
    SignatureScheme::ED25519,
    SignatureScheme::RSA_PSS_SHA512,
    SignatureScheme::RSA_PSS_SHA384,
    SignatureScheme::RSA_PSS_SHA256,
    SignatureScheme::RSA_PKCS1_SHA512,
    SignatureScheme::RSA_PKCS1_SHA384,
    SignatureScheme::RSA_PKCS1_SHA256,
];

/// The schemes that are permitted until others are chosen.
pub(super) fn preferred() -> Arc<[SignatureScheme]> {
    Arc::from(ALL)
}

/// The name that IANA has for it; empty of a scheme that is none of ours.
pub(super) fn name(scheme: SignatureScheme) -> &'static str {
    match scheme {
        SignatureScheme::ECDSA_NISTP256_SHA256 => "ecdsa_secp256r1_sha256",
        SignatureScheme::ECDSA_NISTP384_SHA384 => "ecdsa_secp384r1_sha384",
        SignatureScheme::ECDSA_NISTP521_SHA512 => "ecdsa_secp521r1_sha512",
        SignatureScheme::ED25519 => "ed25519",
        SignatureScheme::RSA_PSS_SHA256 => "rsa_pss_rsae_sha256",
        SignatureScheme::RSA_PSS_SHA384 => "rsa_pss_rsae_sha384",
        SignatureScheme::RSA_PSS_SHA512 => "rsa_pss_rsae_sha512",
        SignatureScheme::RSA_PKCS1_SHA256 => "rsa_pkcs1_sha256",
        SignatureScheme::RSA_PKCS1_SHA384 => "rsa_pkcs1_sha384",
        SignatureScheme::RSA_PKCS1_SHA512 => "rsa_pkcs1_sha512",
        _ => "",
    }
}

/// The IANA names of all schemes, in the order of preference.
#[must_use]
pub fn supported_signature_schemes() -> [&'static str; 10] {
    ALL.map(name)
}

/// Reads a list of names.
pub(super) fn parse<Name: AsRef<str>>(names: &[Name]) -> Result<Arc<[SignatureScheme]>, Error> {
    iana::parse(ConfigurationItem::SignatureSchemes, names, &ALL, name).map(Arc::from)
}

/// Whether a handshake of this version may be signed so. In TLS 1.3 PKCS #1 v1.5 is for certificates
/// alone (RFC 8446 §4.2.3).
pub(super) fn is_for(scheme: SignatureScheme, version: Version) -> bool {
    let is_pkcs1 = matches!(
        scheme,
        SignatureScheme::RSA_PKCS1_SHA256
            | SignatureScheme::RSA_PKCS1_SHA384
            | SignatureScheme::RSA_PKCS1_SHA512
    );
    version == Version::Tls12 || !is_pkcs1
}

/// The type of key that signs so.
pub(super) fn algorithm(scheme: SignatureScheme) -> SignatureAlgorithm {
    match scheme {
        SignatureScheme::ED25519 => SignatureAlgorithm::ED25519,
        SignatureScheme::ECDSA_NISTP256_SHA256
        | SignatureScheme::ECDSA_NISTP384_SHA384
        | SignatureScheme::ECDSA_NISTP521_SHA512 => SignatureAlgorithm::ECDSA,
        _ => SignatureAlgorithm::RSA,
    }
}

/// A key that signs with permitted schemes alone, the preferred first, and tells the witness.
#[derive(Debug)]
pub(super) struct PermittedKey {
    pub(super) key: Arc<dyn SigningKey>,
    pub(super) schemes: Arc<[SignatureScheme]>,
}

impl SigningKey for PermittedKey {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let mut common = self.schemes.iter().filter(|one| offered.contains(one));
        let signer = common.find_map(|scheme| self.key.choose_scheme(&[*scheme]));
        witness::tell(|witness| witness.lacks_scheme = signer.is_none());
        Some(Box::new(WitnessedSigner(signer?)))
    }

    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        self.key.public_key()
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        self.key.algorithm()
    }
}

#[derive(Debug)]
struct WitnessedSigner(Box<dyn Signer>);

impl Signer for WitnessedSigner {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, RustlsError> {
        let signature = self.0.sign(message)?;
        witness::tell(|witness| witness.own_scheme = Some(self.0.scheme()));
        Ok(signature)
    }

    fn scheme(&self) -> SignatureScheme {
        self.0.scheme()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portcullis_provider::crypto_provider;

    #[test]
    fn they_are_those_of_the_provider_in_its_order_and_each_has_a_name() {
        let provider = crypto_provider();
        let theirs = provider.signature_verification_algorithms;
        assert_eq!(theirs.supported_schemes(), ALL);
        assert!(ALL.iter().all(|scheme| !name(*scheme).is_empty()));
    }
}
