//! Reads a private key from PEM or DER, and makes it ready to sign.

use std::sync::Arc;

use pkcs8::spki::AlgorithmIdentifierRef;
use rustls::SignatureAlgorithm;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::SigningKey;

use super::certificates::{definite, der_length, is_pem, not_der};
use super::{pem, pfx};
use crate::error::{ConfigurationError, ConfigurationItem, ConfigurationReason, Error};
use crate::tls::cryptography::Cryptography;
use portcullis_provider::key::{KeyError, KeyFault, is_pkcs8};
use portcullis_provider::password::{Budget, Encrypted, Locked};

/// Which private key to take from several (seed K3 to K5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// The first of a supported type.
    Any,
    /// Diffie-Hellman: refused.
    Dh,
    /// DSA: refused.
    Dsa,
    /// The first P-256 or P-384 key.
    Ec,
    /// The first Ed25519 key.
    Ed25519,
    /// Ed448: refused.
    Ed448,
    /// ML-DSA: refused.
    MlDsa,
    /// The first RSA key.
    Rsa,
}

/// The first private key of the kind in PEM or DER, ready to sign. PEM may hold other keys, which
/// are skipped, and other blocks; DER is one key.
pub(crate) fn private_key(
    input: &[u8],
    kind: KeyKind,
    passphrase: Option<&str>,
    cryptography: &Cryptography,
) -> Result<Arc<dyn SigningKey>, Error> {
    let refused = match kind {
        KeyKind::Any | KeyKind::Ec | KeyKind::Ed25519 | KeyKind::Rsa => None,
        KeyKind::Dh => Some("DH keys"),
        KeyKind::Dsa => Some("DSA keys"),
        KeyKind::Ed448 => Some("Ed448 keys"),
        KeyKind::MlDsa => Some("ML-DSA keys"),
    };
    if let Some(refused) = refused {
        return Err(fail(ConfigurationReason::UnsupportedKeyType, refused));
    }
    if input.is_empty() {
        return Err(fail(ConfigurationReason::Empty, "0 bytes"));
    }
    let mut reader = Reader {
        passphrase,
        budget: Budget::default(),
        cryptography,
    };
    if !is_pem(input) {
        return match reader.der_key(input) {
            Ok(key) if is_kind(key.algorithm(), kind) => Ok(key),
            Err(obstacle) if obstacle.is_of(kind) => Err(obstacle.error),
            _ => Err(fail(
                ConfigurationReason::NoPrivateKey,
                "a key of another kind",
            )),
        };
    }
    let blocks = pem::blocks(input)
        .map_err(|pem::Malformed(what)| fail(ConfigurationReason::Malformed, &what))?;
    // The first usable key of the kind is returned. If there is none, the first obstacle is.
    let mut first = None;
    for block in &blocks {
        match reader.pem_key(block) {
            Ok(Some(key)) if is_kind(key.algorithm(), kind) => return Ok(key),
            Ok(_) => {}
            Err(obstacle) if obstacle.is_of(kind) => {
                first.get_or_insert(obstacle.error);
            }
            Err(_) => {}
        }
    }
    Err(first.unwrap_or_else(|| {
        fail(
            ConfigurationReason::NoPrivateKey,
            "PEM without a matching PRIVATE KEY block",
        )
    }))
}

fn is_kind(algorithm: SignatureAlgorithm, kind: KeyKind) -> bool {
    match kind {
        KeyKind::Any => true,
        KeyKind::Ec => algorithm == SignatureAlgorithm::ECDSA,
        KeyKind::Ed25519 => algorithm == SignatureAlgorithm::ED25519,
        KeyKind::Rsa => algorithm == SignatureAlgorithm::RSA,
        KeyKind::Dh | KeyKind::Dsa | KeyKind::Ed448 | KeyKind::MlDsa => false,
    }
}

/// Why a key is not taken.
struct Obstacle {
    /// The algorithm of the key, as far as it can be told without taking the key.
    algorithm: Option<SignatureAlgorithm>,
    error: Error,
}

impl Obstacle {
    /// Whether the key that it concerns may be of this kind; other obstacles are not reported.
    fn is_of(&self, kind: KeyKind) -> bool {
        self.algorithm
            .is_none_or(|algorithm| is_kind(algorithm, kind))
    }
}

impl From<Error> for Obstacle {
    fn from(error: Error) -> Self {
        Self {
            algorithm: None,
            error,
        }
    }
}

type Key = Arc<dyn SigningKey>;

impl From<KeyError> for Obstacle {
    fn from(error: KeyError) -> Self {
        Self {
            algorithm: error.algorithm,
            error: key_refused(ConfigurationItem::PrivateKey, &error),
        }
    }
}

/// A key that cannot be used, as an error of the item that it was found in.
pub(super) fn key_refused(item: ConfigurationItem, error: &KeyError) -> Error {
    let reason = match error.cause {
        KeyFault::Malformed(_) => ConfigurationReason::Malformed,
        KeyFault::Unsupported(_) => ConfigurationReason::UnsupportedKeyType,
    };
    Error::refused(item, reason, error.to_string())
}

/// Data that cannot be opened, as an error of the item that it was found in.
pub(super) fn locked(item: ConfigurationItem, locked: Locked) -> Error {
    let (reason, detail) = match locked {
        Locked::Malformed(what) => (ConfigurationReason::Malformed, what.to_owned()),
        Locked::TooCostly(what) => (ConfigurationReason::TooCostly, what),
        Locked::Unsupported(what) => (ConfigurationReason::Encrypted, what),
        Locked::WrongPassphrase => (ConfigurationReason::PassphraseWrong, String::new()),
    };
    Error::Configuration(ConfigurationError {
        item,
        reason,
        detail: Some(detail).filter(|detail| !detail.is_empty()),
    })
}

/// Reads the keys of one input.
struct Reader<'a> {
    passphrase: Option<&'a str>,
    /// All keys share one budget, so that many keys are not many times the work.
    budget: Budget,
    cryptography: &'a Cryptography,
}

impl Reader<'_> {
    /// The key of a PEM block, or `None` if the block is of something else. The contents count, and not
    /// the label: keys are often found under the label of another encoding, and OpenSSL and Go read
    /// them.
    fn pem_key(&mut self, block: &pem::Block<'_>) -> Result<Option<Key>, Obstacle> {
        let contents = block.contents.as_slice();
        let Some(label) = block.label.strip_suffix("PRIVATE KEY") else {
            return Ok(None);
        };
        let labelled = match label.trim_end() {
            "RSA" => Some(SignatureAlgorithm::RSA),
            "EC" => Some(SignatureAlgorithm::ECDSA),
            "ED25519" => Some(SignatureAlgorithm::ED25519),
            "DSA" => Some(SignatureAlgorithm::DSA),
            "DH" => Some(SignatureAlgorithm::Anonymous),
            "OPENSSH" => {
                let cure = "an OPENSSH PRIVATE KEY, which `ssh-keygen -p -m PKCS8 -f KEY` converts";
                return Err(fail(ConfigurationReason::UnsupportedKeyType, cure).into());
            }
            _ => None,
        };
        let refuse = |reason, detail: &str| {
            let detail = format!("{}, {}: {detail}", block.label, block.place);
            let error = fail(reason, &detail);
            Err(Obstacle {
                algorithm: labelled,
                error,
            })
        };
        if block.is_legacy_encrypted {
            let detail = "legacy PEM encryption (Proc-Type)";
            return refuse(ConfigurationReason::Encrypted, detail);
        }
        let encrypted = Encrypted::parts(contents);
        let plain = PrivateKeyDer::try_from(contents).ok();
        match (encrypted, plain) {
            _ if der_length(contents) != Some(contents.len()) => {
                refuse(ConfigurationReason::Malformed, "it is cut short, or no key")
            }
            (Some(parts), _) => {
                let key = self.decrypt(parts)?;
                Ok(Some(self.cryptography.signing_key(key)?))
            }
            (None, Some(key)) => Ok(Some(self.cryptography.signing_key(key.clone_key())?)),
            (None, None) if matches!(label, "DSA " | "DH ") => {
                refuse(ConfigurationReason::UnsupportedKeyType, "it cannot be used")
            }
            (None, None) => refuse(ConfigurationReason::Malformed, "it is no key"),
        }
    }

    fn der_key(&mut self, input: &[u8]) -> Result<Key, Obstacle> {
        if pfx::is_pkcs12(&definite(input)) {
            return Err(fail(ConfigurationReason::NoPrivateKey, pfx::HINT).into());
        }
        let length = der_length(input);
        if length != Some(input.len()) {
            let detail = not_der(input, length);
            return Err(fail(ConfigurationReason::Malformed, &detail).into());
        }
        if let Some(parts) = Encrypted::parts(input) {
            let key = self.decrypt(parts)?;
            return Ok(self.cryptography.signing_key(key)?);
        }
        let key = PrivateKeyDer::try_from(input.to_vec())
            .map_err(|_| fail(ConfigurationReason::NoPrivateKey, "DER of something else"))?;
        Ok(self.cryptography.signing_key(key)?)
    }

    /// Opens an encrypted PKCS#8 key (RFC 5958 §3, PBES2 of RFC 8018).
    fn decrypt(
        &mut self,
        (algorithm, ciphertext): (AlgorithmIdentifierRef<'_>, &[u8]),
    ) -> Result<PrivateKeyDer<'static>, Error> {
        let locked = |reason| locked(ConfigurationItem::PrivateKey, reason);
        // Encryption that is not supported is refused first, because no passphrase helps against it.
        let encrypted = Encrypted::new(algorithm, ciphertext).map_err(locked)?;
        let Some(passphrase) = self.passphrase else {
            return Err(fail(
                ConfigurationReason::PassphraseMissing,
                "ENCRYPTED PRIVATE KEY",
            ));
        };
        let opened = encrypted
            .open(passphrase, &mut self.budget)
            .map_err(locked)?;
        // Under a wrong passphrase the padding can look right by chance, but the rest is never a key.
        if !is_pkcs8(&opened) {
            return Err(locked(Locked::WrongPassphrase));
        }
        Ok(PrivatePkcs8KeyDer::from(opened.to_vec()).into())
    }
}

fn fail(reason: ConfigurationReason, detail: &str) -> Error {
    Error::refused(ConfigurationItem::PrivateKey, reason, detail)
}
