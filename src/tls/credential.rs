//! PEM or DER to certificate chain and private key.

use pkcs8::EncryptedPrivateKeyInfoRef;
use rustls::pki_types::{
    CertificateDer, PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer,
};
use rustls::sign::SigningKey;
use rustls::{SignatureAlgorithm, crypto::CryptoProvider};
use std::sync::Arc;
use zeroize::Zeroizing;

use super::error::{ConfigurationItem, ConfigurationReason, Error};
use super::pem;

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
    /// The first RSA key.
    Rsa,
}

/// The certificates in PEM or DER, in order; other PEM blocks are skipped.
pub(crate) fn certificates(
    item: ConfigurationItem,
    input: &[u8],
) -> Result<Vec<CertificateDer<'static>>, Error> {
    let fail = |reason, detail: &str| Err(Error::refused(item, reason, detail));
    if input.is_empty() {
        return fail(ConfigurationReason::Empty, "0 bytes");
    }
    if !pem::is_pem(input) {
        return match der_length(input) {
            Some(length) if length == input.len() => Ok(vec![CertificateDer::from(input.to_vec())]),
            Some(_) => fail(
                ConfigurationReason::Malformed,
                "DER of another length than it says",
            ),
            None => fail(ConfigurationReason::Malformed, "neither PEM nor DER"),
        };
    }
    let Ok(blocks) = pem::blocks(input) else {
        return fail(
            ConfigurationReason::Malformed,
            "a PEM block without end or with bad base64",
        );
    };
    let certificates: Vec<_> = blocks
        .iter()
        .filter_map(|block| match block.label {
            "CERTIFICATE" | "X509 CERTIFICATE" => Some(block.contents.as_slice()),
            // What OpenSSL's own label adds after the certificate is cut off.
            "TRUSTED CERTIFICATE" => {
                der_length(&block.contents).and_then(|length| block.contents.get(..length))
            }
            _ => None,
        })
        .map(|der| CertificateDer::from(der.to_vec()))
        .collect();
    if certificates.is_empty() {
        return fail(
            ConfigurationReason::NoCertificate,
            "PEM without a CERTIFICATE block",
        );
    }
    Ok(certificates)
}

/// The first private key of the kind in PEM or DER, ready to sign.
pub(crate) fn private_key(
    provider: &CryptoProvider,
    input: &[u8],
    kind: KeyKind,
    passphrase: Option<&str>,
) -> Result<Arc<dyn SigningKey>, Error> {
    match kind {
        KeyKind::Dh => return Err(fail(ConfigurationReason::UnsupportedKeyType, "DH keys")),
        KeyKind::Dsa => return Err(fail(ConfigurationReason::UnsupportedKeyType, "DSA keys")),
        KeyKind::Any | KeyKind::Ec | KeyKind::Ed25519 | KeyKind::Rsa => {}
    }
    if input.is_empty() {
        return Err(fail(ConfigurationReason::Empty, "0 bytes"));
    }
    if !pem::is_pem(input) {
        let key = sign_with(provider, der_key(input, passphrase)?)?;
        return if is_kind(key.algorithm(), kind) {
            Ok(key)
        } else {
            Err(fail(
                ConfigurationReason::NoPrivateKey,
                "a key of another kind",
            ))
        };
    }
    let blocks = pem::blocks(input).map_err(|pem::Malformed| {
        fail(
            ConfigurationReason::Malformed,
            "a PEM block without end or with bad base64",
        )
    })?;
    // The first of a kind asked for counts; what stood in the way of others is told if none is.
    let mut obstacle = None;
    for block in &blocks {
        match pem_key(block, passphrase)
            .and_then(|key| key.map(|key| sign_with(provider, key)).transpose())
        {
            Ok(Some(key)) if is_kind(key.algorithm(), kind) => return Ok(key),
            Ok(_) => {}
            Err(error) => obstacle = obstacle.or(Some(error)),
        }
    }
    Err(obstacle.unwrap_or_else(|| {
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
        KeyKind::Dh | KeyKind::Dsa => false,
    }
}

fn sign_with(
    provider: &CryptoProvider,
    key: PrivateKeyDer<'static>,
) -> Result<Arc<dyn SigningKey>, Error> {
    provider
        .key_provider
        .load_private_key(key)
        .map_err(|cause| fail(ConfigurationReason::UnsupportedKeyType, &cause.to_string()))
}

/// The key of a PEM block, or none if it is a block of something else.
fn pem_key(
    block: &pem::Block<'_>,
    passphrase: Option<&str>,
) -> Result<Option<PrivateKeyDer<'static>>, Error> {
    let contents = block.contents.as_slice();
    if block.is_legacy_encrypted {
        return Err(fail(
            ConfigurationReason::Encrypted,
            "legacy PEM encryption (Proc-Type)",
        ));
    }
    let whole = || match der_length(contents) {
        Some(length) if length == contents.len() => Ok(contents.to_vec()),
        _ => Err(fail(ConfigurationReason::Malformed, block.label)),
    };
    Ok(Some(match block.label {
        "PRIVATE KEY" => PrivatePkcs8KeyDer::from(whole()?).into(),
        "RSA PRIVATE KEY" => PrivatePkcs1KeyDer::from(whole()?).into(),
        "EC PRIVATE KEY" => PrivateSec1KeyDer::from(whole()?).into(),
        "ENCRYPTED PRIVATE KEY" => decrypt(contents, passphrase)?,
        "DSA PRIVATE KEY" | "DH PRIVATE KEY" | "OPENSSH PRIVATE KEY" => {
            return Err(fail(ConfigurationReason::UnsupportedKeyType, block.label));
        }
        _ => return Ok(None),
    }))
}

fn der_key(input: &[u8], passphrase: Option<&str>) -> Result<PrivateKeyDer<'static>, Error> {
    match der_length(input) {
        Some(length) if length == input.len() => {}
        Some(_) => {
            return Err(fail(
                ConfigurationReason::Malformed,
                "DER of another length than it says",
            ));
        }
        None => return Err(fail(ConfigurationReason::Malformed, "neither PEM nor DER")),
    }
    if EncryptedPrivateKeyInfoRef::try_from(input).is_ok() {
        return decrypt(input, passphrase);
    }
    PrivateKeyDer::try_from(input.to_vec())
        .map_err(|why| fail(ConfigurationReason::NoPrivateKey, why))
}

/// Open an encrypted PKCS#8 key (RFC 5958 §3, PBES2 of RFC 8018).
fn decrypt(contents: &[u8], passphrase: Option<&str>) -> Result<PrivateKeyDer<'static>, Error> {
    let encrypted = EncryptedPrivateKeyInfoRef::try_from(contents)
        .map_err(|_| fail(ConfigurationReason::Malformed, "ENCRYPTED PRIVATE KEY"))?;
    if encrypted.encryption_algorithm.pbes2().is_none() {
        return Err(fail(ConfigurationReason::Encrypted, "PBES1"));
    }
    let Some(passphrase) = passphrase else {
        return Err(fail(
            ConfigurationReason::PassphraseMissing,
            "ENCRYPTED PRIVATE KEY",
        ));
    };
    let opened = encrypted.decrypt(passphrase).map_err(|_| {
        fail(
            ConfigurationReason::PassphraseWrong,
            "ENCRYPTED PRIVATE KEY",
        )
    })?;
    let opened = Zeroizing::new(opened.as_bytes().to_vec());
    Ok(PrivatePkcs8KeyDer::from(opened.to_vec()).into())
}

/// The length of the DER SEQUENCE at the start of the input, header included (X.690 §8.1.3).
fn der_length(input: &[u8]) -> Option<usize> {
    let (&0x30, rest) = input.split_first()? else {
        return None;
    };
    let (&first, rest) = rest.split_first()?;
    if first < 0x80 {
        return Some(2 + usize::from(first));
    }
    let count = usize::from(first & 0x7f);
    if count == 0 || count > 3 {
        return None;
    }
    let length = rest
        .get(..count)?
        .iter()
        .fold(0, |length, byte| (length << 8) | usize::from(*byte));
    Some(2 + count + length)
}

fn fail(reason: ConfigurationReason, detail: &str) -> Error {
    Error::refused(ConfigurationItem::PrivateKey, reason, detail)
}
