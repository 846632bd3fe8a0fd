//! Reads private keys in PKCS #8 (RFC 5958), PKCS #1 (RFC 8017 §A.1.2) and SEC 1 (RFC 5915).
//!
//! A failure names the type of the key; the key itself never reaches a message.

use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;

use p256::elliptic_curve::sec1::ToSec1Point;
use pkcs8::der::asn1::IntRef;
use pkcs8::der::{Decode, Reader, SliceReader};
use pkcs8::{ObjectIdentifier, PrivateKeyInfoRef};
use rsa::pkcs1::{EncodeRsaPublicKey, RsaPrivateKeyRef};
use rustls::crypto::KeyProvider;
use rustls::pki_types::{PrivateKeyDer, alg_id};
use rustls::sign::{SigningKey, public_key_to_spki};
use rustls::{Error, SignatureAlgorithm};
use sec1::{EcParameters, EcPrivateKey};
use zeroize::Zeroizing;

use super::ecdsa_p256;
use super::rsa_private::RsaKey;
use super::sign::{Key, Secret};

/// Sizes of RSA keys, our own and those of peers, that are neither weak nor large enough to keep us
/// busy.
pub(super) const RSA_MODULUS_BITS: RangeInclusive<usize> = 2048..=8192;

/// Keys held in memory.
#[derive(Debug)]
pub(super) struct Software;

impl KeyProvider for Software {
    /// Fails with [`Error::General`] if the encoding is broken or the type is not supported.
    fn load_private_key(
        &self,
        key_der: PrivateKeyDer<'static>,
    ) -> Result<Arc<dyn SigningKey>, Error> {
        signing_key(key_der).map_err(|cause| Error::General(cause.to_string()))
    }
}

/// Why a private key cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub struct KeyError {
    /// The algorithm that it signs with, as far as its encoding tells.
    pub algorithm: Option<SignatureAlgorithm>,
    /// What is wrong with it.
    pub cause: KeyFault,
}

/// What is wrong with a private key. The text names the kind of key.
#[derive(Debug, PartialEq, Eq)]
pub enum KeyFault {
    /// Its encoding is broken.
    Malformed(&'static str),
    /// It is a key of a kind or size that is not used here.
    Unsupported(String),
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            KeyFault::Malformed(what) => write!(f, "malformed {what}"),
            KeyFault::Unsupported(what) => write!(f, "{what} are not supported"),
        }
    }
}

/// Makes the key ready to sign, and wipes its encoding.
///
/// # Errors
/// When the encoding is broken, or the key is of a kind or size that is not supported.
pub fn signing_key(key_der: PrivateKeyDer<'static>) -> Result<Arc<dyn SigningKey>, KeyError> {
    let der = Zeroizing::new(key_der);
    let key = match &*der {
        PrivateKeyDer::Pkcs8(der) => pkcs8_key(der.secret_pkcs8_der()),
        PrivateKeyDer::Pkcs1(der) => rsa_key(der.secret_pkcs1_der()),
        PrivateKeyDer::Sec1(der) => ec_key(der.secret_sec1_der(), None),
        _ => Err(unsupported(None, "keys in this encoding")),
    }?;
    Ok(Arc::new(key))
}

/// Whether this is a PKCS #8 private key, supported or not.
pub fn is_pkcs8(der: &[u8]) -> bool {
    PrivateKeyInfoRef::from_der(der).is_ok()
}

fn pkcs8_key(der: &[u8]) -> Result<Key, KeyError> {
    let info =
        PrivateKeyInfoRef::from_der(der).map_err(|_| malformed(None, "PKCS #8 private key"))?;
    let inner = info.private_key.as_bytes();
    match info.algorithm.oid {
        RSA_ENCRYPTION => rsa_key(inner),
        EC_PUBLIC_KEY => {
            let curve = info.algorithm.parameters_oid();
            ec_key(
                inner,
                Some(curve.map_err(|_| unsupported(EC, UNNAMED_CURVE))?),
            )
        }
        ED25519 => ed25519_key(info),
        RSASSA_PSS => Err(unsupported(RSA, "RSA keys restricted to PSS")),
        ED448 => Err(unsupported(Some(SignatureAlgorithm::ED448), "Ed448 keys")),
        X25519 | X448 => Err(unsupported(
            CANNOT_SIGN,
            "X25519 and X448 keys, which cannot sign,",
        )),
        DH | X942_DH => Err(unsupported(CANNOT_SIGN, "DH keys, which cannot sign,")),
        DSA => Err(dsa()),
        other => Err(unsupported(CANNOT_SIGN, &format!("keys of type {other}"))),
    }
}

fn rsa_key(pkcs1: &[u8]) -> Result<Key, KeyError> {
    let broken = || malformed(RSA, "RSA private key");
    let parts = RsaPrivateKeyRef::from_der(pkcs1).map_err(|_| {
        if is_traditional_dsa(pkcs1) {
            dsa()
        } else {
            broken()
        }
    })?;
    // The size is checked before the arithmetic, whose time grows with the size.
    let modulus = parts.modulus.as_bytes();
    let zeros = modulus.first().map_or(0, |byte| byte.leading_zeros());
    let bits = modulus.len() * 8 - usize::try_from(zeros).unwrap_or_default();
    if !RSA_MODULUS_BITS.contains(&bits) {
        return Err(unsupported(RSA, &format!("RSA keys of {bits} bits")));
    }
    if parts.other_prime_infos.is_some() {
        return Err(unsupported(RSA, "RSA keys of more than two primes"));
    }
    let key = rsa::PrivateKey::try_from(parts).map_err(|_| broken())?;
    let public = key.as_public_key().to_pkcs1_der().map_err(|_| broken())?;
    let spki = public_key_to_spki(&alg_id::RSA_ENCRYPTION, public.as_bytes());
    let key = RsaKey::new(&key).ok_or_else(broken)?;
    Ok(Key::new(Secret::Rsa(key), spki))
}

/// Whether this is a DSA key as OpenSSL writes it without PKCS #8: six numbers, where an RSA key
/// has nine.
fn is_traditional_dsa(der: &[u8]) -> bool {
    let numbers = SliceReader::new(der).and_then(|mut reader| {
        reader.sequence(|reader| {
            let mut numbers = 0_u8;
            while !reader.is_finished() {
                reader.decode::<IntRef<'_>>()?;
                numbers = numbers.saturating_add(1);
            }
            Ok::<_, pkcs8::der::Error>(numbers)
        })
    });
    numbers == Ok(6)
}

/// Decodes an `ECPrivateKey`. Its curve is given outside by PKCS #8, inside by its parameters, or
/// not at all: then the length of the key tells.
fn ec_key(sec1: &[u8], outer_curve: Option<ObjectIdentifier>) -> Result<Key, KeyError> {
    let key = EcPrivateKey::from_der(sec1).map_err(|_| malformed(EC, "EC private key"))?;
    let inner_curve = key.parameters.and_then(EcParameters::named_curve);
    let curve = match (outer_curve, inner_curve, key.private_key.len()) {
        (Some(outer), Some(inner), _) if outer != inner => {
            return Err(malformed(EC, "EC private key"));
        }
        (Some(curve), _, _) | (None, Some(curve), _) => curve,
        (None, None, 32) => SECP256R1,
        (None, None, 48) => SECP384R1,
        (None, None, _) => return Err(unsupported(EC, UNNAMED_CURVE)),
    };
    let length = match curve {
        SECP256R1 => 32,
        SECP384R1 => 48,
        _ => 0,
    };
    let scalar = padded(key.private_key, length);
    let key = EcPrivateKey {
        private_key: &scalar,
        ..key
    };
    match curve {
        SECP256R1 => {
            let key =
                p256::SecretKey::try_from(key).map_err(|_| malformed(EC, "P-256 private key"))?;
            let secret = Zeroizing::new(key.to_bytes().into());
            let (Some(key), Some(point)) = (
                ecdsa_p256::SigningKey::new(&secret),
                ecdsa_p256::public_key(&secret),
            ) else {
                return Err(malformed(EC, "P-256 private key"));
            };
            let spki = public_key_to_spki(&alg_id::ECDSA_P256, point);
            Ok(Key::new(Secret::EcdsaP256(key), spki))
        }
        SECP384R1 => {
            let key =
                p384::SecretKey::try_from(key).map_err(|_| malformed(EC, "P-384 private key"))?;
            let point = key.public_key().to_sec1_point(false);
            let spki = public_key_to_spki(&alg_id::ECDSA_P384, point.as_bytes());
            Ok(Key::new(Secret::EcdsaP384(key.into()), spki))
        }
        SECP521R1 => Err(unsupported(EC, "P-521 keys")),
        SECP256K1 => Err(unsupported(EC, "secp256k1 keys")),
        other => Err(unsupported(EC, &format!("EC keys on curve {other}"))),
    }
}

/// Brings a scalar to the length that its curve asks for (RFC 5915 §3): some encoders leave out
/// leading zeros or write too many, and OpenSSL and Go read both. A scalar that is too long for the
/// curve even so is not cut, and is refused later.
fn padded(scalar: &[u8], length: usize) -> Zeroizing<Vec<u8>> {
    let surplus = scalar.len().saturating_sub(length);
    let zeros = scalar.iter().take(surplus).take_while(|byte| **byte == 0);
    let rest = scalar.get(zeros.count()..).unwrap_or_default();
    let missing = length.saturating_sub(rest.len());
    let mut padded = Zeroizing::new(Vec::with_capacity(missing.saturating_add(rest.len())));
    padded.resize(missing, 0);
    padded.extend_from_slice(rest);
    padded
}

/// Takes both versions of PKCS #8; in the second the public key must belong to the private one.
fn ed25519_key(info: PrivateKeyInfoRef<'_>) -> Result<Key, KeyError> {
    let key = ed25519_dalek::SigningKey::try_from(info)
        .map_err(|_| malformed(ED, "Ed25519 private key"))?;
    let spki = public_key_to_spki(&alg_id::ED25519, key.verifying_key().as_bytes());
    Ok(Key::new(Secret::Ed25519(key), spki))
}

fn dsa() -> KeyError {
    unsupported(Some(SignatureAlgorithm::DSA), "DSA keys")
}

fn malformed(algorithm: Option<SignatureAlgorithm>, what: &'static str) -> KeyError {
    KeyError {
        algorithm,
        cause: KeyFault::Malformed(what),
    }
}

fn unsupported(algorithm: Option<SignatureAlgorithm>, what: &str) -> KeyError {
    KeyError {
        algorithm,
        cause: KeyFault::Unsupported(what.to_owned()),
    }
}

const EC: Option<SignatureAlgorithm> = Some(SignatureAlgorithm::ECDSA);
const ED: Option<SignatureAlgorithm> = Some(SignatureAlgorithm::ED25519);
const RSA: Option<SignatureAlgorithm> = Some(SignatureAlgorithm::RSA);
/// For types of keys that have no signature algorithm in TLS.
const CANNOT_SIGN: Option<SignatureAlgorithm> = Some(SignatureAlgorithm::Anonymous);

const UNNAMED_CURVE: &str = "EC keys without a named curve";

const DH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.3.1");
const DSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10040.4.1");
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const ED448: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.113");
pub(super) const RSA_ENCRYPTION: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const RSASSA_PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");
const SECP256K1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.10");
const SECP256R1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const SECP384R1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const SECP521R1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");
const X942_DH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10046.2.1");
const X25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.110");
const X448: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.111");
