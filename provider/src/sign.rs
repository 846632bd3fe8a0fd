//! Signing with a private key that lives in this process.
//!
//! How a key was stored is not known here: [`super::key`] reads it.

use std::fmt;
use std::sync::Arc;

use p256::ecdsa::signature::Signer as _;
use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::sign::{Signer, SigningKey};
use rustls::{Error, SignatureAlgorithm, SignatureScheme};
use sha2::{Sha256, Sha384, Sha512};

use super::ecdsa_p256;
use super::rsa_private::RsaKey;

/// Schemes that an RSA key signs with, the preferred first: PSS before PKCS #1 v1.5.
pub(super) const RSA_SCHEMES: &[SignatureScheme] = &[
    SignatureScheme::RSA_PSS_SHA512,
    SignatureScheme::RSA_PSS_SHA384,
    SignatureScheme::RSA_PSS_SHA256,
    SignatureScheme::RSA_PKCS1_SHA512,
    SignatureScheme::RSA_PKCS1_SHA384,
    SignatureScheme::RSA_PKCS1_SHA256,
];

/// Schemes that may sign in the `ECDHE_ECDSA` suites of TLS 1.2 (RFC 8422 §5.10 adds EdDSA).
pub(super) const ECDSA_AND_EDDSA_SCHEMES: &[SignatureScheme] = &[
    SignatureScheme::ED25519,
    SignatureScheme::ECDSA_NISTP384_SHA384,
    SignatureScheme::ECDSA_NISTP256_SHA256,
];

/// A private key, shared by the signers made from it. Its parts zeroize themselves when the last
/// of these is dropped.
pub(super) enum Secret {
    EcdsaP256(ecdsa_p256::SigningKey),
    EcdsaP384(p384::ecdsa::SigningKey),
    Ed25519(ed25519_dalek::SigningKey),
    Rsa(RsaKey),
}

impl Secret {
    /// Schemes that the key may sign with, the preferred first. TLS 1.3 ties an ECDSA curve to one
    /// hash, so an ECDSA key has one scheme.
    fn schemes(&self) -> &'static [SignatureScheme] {
        match self {
            Self::EcdsaP256(_) => &[SignatureScheme::ECDSA_NISTP256_SHA256],
            Self::EcdsaP384(_) => &[SignatureScheme::ECDSA_NISTP384_SHA384],
            Self::Ed25519(_) => &[SignatureScheme::ED25519],
            Self::Rsa(_) => RSA_SCHEMES,
        }
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        match self {
            Self::EcdsaP256(_) | Self::EcdsaP384(_) => SignatureAlgorithm::ECDSA,
            Self::Ed25519(_) => SignatureAlgorithm::ED25519,
            Self::Rsa(_) => SignatureAlgorithm::RSA,
        }
    }

    /// Signs with one of [`Self::schemes`]. ECDSA is deterministic (RFC 6979); RSA draws the salt
    /// and the blinding from the system.
    fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, Error> {
        match self {
            Self::EcdsaP256(key) => {
                let (r, s) = key.sign(message);
                let signature = p256::ecdsa::Signature::from_scalars(r, s).map_err(failed)?;
                Ok(signature.to_der().as_bytes().to_vec())
            }
            Self::EcdsaP384(key) => {
                let signature: Result<p384::ecdsa::DerSignature, _> = key.try_sign(message);
                Ok(signature.map_err(failed)?.as_bytes().to_vec())
            }
            Self::Ed25519(key) => {
                let signature = key.try_sign(message).map_err(failed)?;
                Ok(signature.to_bytes().to_vec())
            }
            Self::Rsa(key) => sign_rsa(key, scheme, message),
        }
    }
}

fn sign_rsa(key: &RsaKey, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, Error> {
    match scheme {
        SignatureScheme::RSA_PSS_SHA512 => key.sign_pss::<Sha512>(message),
        SignatureScheme::RSA_PSS_SHA384 => key.sign_pss::<Sha384>(message),
        SignatureScheme::RSA_PSS_SHA256 => key.sign_pss::<Sha256>(message),
        SignatureScheme::RSA_PKCS1_SHA512 => key.sign_pkcs1::<Sha512>(message),
        SignatureScheme::RSA_PKCS1_SHA384 => key.sign_pkcs1::<Sha384>(message),
        SignatureScheme::RSA_PKCS1_SHA256 => key.sign_pkcs1::<Sha256>(message),
        _ => return Err(failed("not an RSA scheme")),
    }
    .map_err(failed)
}

fn failed(cause: impl fmt::Display) -> Error {
    Error::General(format!("signing failed: {cause}"))
}

/// A private key and its public half, as rustls wants them.
pub(super) struct Key {
    secret: Arc<Secret>,
    public: SubjectPublicKeyInfoDer<'static>,
}

impl Key {
    /// `public` is the public key as a certificate carries it.
    pub(super) fn new(secret: Secret, public: SubjectPublicKeyInfoDer<'static>) -> Self {
        Self {
            secret: Arc::new(secret),
            public,
        }
    }
}

impl SigningKey for Key {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let mut schemes = self.secret.schemes().iter().copied();
        let scheme = schemes.find(|scheme| offered.contains(scheme))?;
        Some(Box::new(SchemeSigner {
            secret: self.secret.clone(),
            scheme,
        }))
    }

    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        Some(SubjectPublicKeyInfoDer::from(self.public.as_ref()))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        self.secret.algorithm()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("algorithm", &self.algorithm())
            .finish_non_exhaustive()
    }
}

struct SchemeSigner {
    secret: Arc<Secret>,
    scheme: SignatureScheme,
}

impl Signer for SchemeSigner {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        self.secret.sign(self.scheme, message)
    }

    fn scheme(&self) -> SignatureScheme {
        self.scheme
    }
}

impl fmt::Debug for SchemeSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SchemeSigner")
            .field("scheme", &self.scheme)
            .finish_non_exhaustive()
    }
}
