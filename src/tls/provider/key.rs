//! Private keys out of PKCS #8 (RFC 5958), PKCS #1 (RFC 8017 §A.1.2) and SEC 1 (RFC 5915).
//!
//! A failure names the type of the key; the key itself never reaches a message.

use std::ops::RangeInclusive;
use std::sync::Arc;

use p256::elliptic_curve::sec1::ToSec1Point;
use pkcs8::der::Decode;
use pkcs8::{ObjectIdentifier, PrivateKeyInfoRef};
use rsa::pkcs1::{DecodeRsaPrivateKey, EncodeRsaPublicKey};
use rsa::traits::PublicKeyParts;
use rustls::Error;
use rustls::crypto::KeyProvider;
use rustls::pki_types::{PrivateKeyDer, alg_id};
use rustls::sign::{SigningKey, public_key_to_spki};
use sec1::{EcParameters, EcPrivateKey};
use zeroize::Zeroizing;

use super::sign::{Key, Secret};

/// Sizes of RSA keys, of ours and of peers, that are neither weak nor a way to keep us busy.
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
        let der = Zeroizing::new(key_der);
        let key = match &*der {
            PrivateKeyDer::Pkcs8(der) => pkcs8_key(der.secret_pkcs8_der()),
            PrivateKeyDer::Pkcs1(der) => rsa_key(der.secret_pkcs1_der()),
            PrivateKeyDer::Sec1(der) => ec_key(der.secret_sec1_der(), None),
            _ => Err(unsupported("keys in this encoding")),
        }?;
        Ok(Arc::new(key))
    }
}

fn pkcs8_key(der: &[u8]) -> Result<Key, Error> {
    let info = PrivateKeyInfoRef::from_der(der).map_err(|_| malformed("PKCS #8 private key"))?;
    let inner = info.private_key.as_bytes();
    match info.algorithm.oid {
        RSA_ENCRYPTION => rsa_key(inner),
        EC_PUBLIC_KEY => {
            let curve = info.algorithm.parameters_oid();
            ec_key(inner, Some(curve.map_err(|_| unsupported(UNNAMED_CURVE))?))
        }
        ED25519 => ed25519_key(info),
        RSASSA_PSS => Err(unsupported("RSA keys restricted to PSS")),
        ED448 => Err(unsupported("Ed448 keys")),
        X25519 | X448 => Err(unsupported("X25519 and X448 keys, which cannot sign,")),
        DSA => Err(unsupported("DSA keys")),
        other => Err(unsupported(&format!("keys of type {other}"))),
    }
}

fn rsa_key(pkcs1: &[u8]) -> Result<Key, Error> {
    let key = rsa::PrivateKey::from_pkcs1_der(pkcs1).map_err(|_| malformed("RSA private key"))?;
    let bits = usize::try_from(key.n().bit_width()).unwrap_or(usize::MAX);
    if !RSA_MODULUS_BITS.contains(&bits) {
        return Err(unsupported(&format!("RSA keys of {bits} bits")));
    }
    let public = key
        .as_public_key()
        .to_pkcs1_der()
        .map_err(|_| malformed("RSA private key"))?;
    let spki = public_key_to_spki(&alg_id::RSA_ENCRYPTION, public.as_bytes());
    Ok(Key::new(Secret::Rsa(key), spki))
}

/// Decodes an `ECPrivateKey`. Its curve is given outside by PKCS #8, inside by its parameters, or
/// not at all: then the length of the key tells.
fn ec_key(sec1: &[u8], outer_curve: Option<ObjectIdentifier>) -> Result<Key, Error> {
    let key = EcPrivateKey::from_der(sec1).map_err(|_| malformed("EC private key"))?;
    let inner_curve = key.parameters.and_then(EcParameters::named_curve);
    let curve = match (outer_curve, inner_curve, key.private_key.len()) {
        (Some(outer), Some(inner), _) if outer != inner => {
            return Err(malformed("EC private key"));
        }
        (Some(curve), _, _) | (None, Some(curve), _) => curve,
        (None, None, 32) => SECP256R1,
        (None, None, 48) => SECP384R1,
        (None, None, _) => return Err(unsupported(UNNAMED_CURVE)),
    };
    match curve {
        SECP256R1 => {
            let key = p256::SecretKey::try_from(key).map_err(|_| malformed("P-256 private key"))?;
            let point = key.public_key().to_sec1_point(false);
            let spki = public_key_to_spki(&alg_id::ECDSA_P256, point.as_bytes());
            Ok(Key::new(Secret::EcdsaP256(key.into()), spki))
        }
        SECP384R1 => {
            let key = p384::SecretKey::try_from(key).map_err(|_| malformed("P-384 private key"))?;
            let point = key.public_key().to_sec1_point(false);
            let spki = public_key_to_spki(&alg_id::ECDSA_P384, point.as_bytes());
            Ok(Key::new(Secret::EcdsaP384(key.into()), spki))
        }
        SECP521R1 => Err(unsupported("P-521 keys")),
        SECP256K1 => Err(unsupported("secp256k1 keys")),
        other => Err(unsupported(&format!("EC keys on curve {other}"))),
    }
}

/// Takes both versions of PKCS #8; in the second the public key must belong to the private one.
fn ed25519_key(info: PrivateKeyInfoRef<'_>) -> Result<Key, Error> {
    let key =
        ed25519_dalek::SigningKey::try_from(info).map_err(|_| malformed("Ed25519 private key"))?;
    let spki = public_key_to_spki(&alg_id::ED25519, key.verifying_key().as_bytes());
    Ok(Key::new(Secret::Ed25519(key), spki))
}

fn malformed(what: &str) -> Error {
    Error::General(format!("malformed {what}"))
}

fn unsupported(what: &str) -> Error {
    Error::General(format!("{what} are not supported"))
}

const UNNAMED_CURVE: &str = "EC keys without a named curve";

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
const X25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.110");
const X448: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.111");
