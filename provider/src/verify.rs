//! Signature verification for certificates and handshakes.
//!
//! Keys and signatures come from peers: every decoding here is strict DER, and every failure is
//! the same [`InvalidSignature`].

use p256::ecdsa::signature::hazmat::PrehashVerifier;
use rsa::BoxedUint;
use rsa::pkcs1::RsaPublicKeyRef;
use rsa::pkcs1::der::Decode;
use rustls::SignatureScheme;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{
    AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, alg_id,
};
use sha2::digest::FixedOutputReset;
use sha2::digest::const_oid::AssociatedOid;
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::ecdsa_p256;
use super::key::RSA_MODULUS_BITS;
use super::remembered::CachingVerifier;

/// The algorithms that may sign certificates (`all`) and handshakes (`mapping`).
///
/// The same certificates come again and again, so their signatures are remembered; no two
/// handshakes have the same signature.
///
/// In TLS 1.2 a scheme does not fix the curve, hence several entries; TLS 1.3 uses the first.
pub(super) static ALGORITHMS: WebPkiSupportedAlgorithms = WebPkiSupportedAlgorithms {
    all: &[
        &CachingVerifier(ECDSA_P256_SHA256),
        &CachingVerifier(ECDSA_P256_SHA384),
        &CachingVerifier(ECDSA_P256_SHA512),
        &CachingVerifier(ECDSA_P384_SHA256),
        &CachingVerifier(ECDSA_P384_SHA384),
        &CachingVerifier(ECDSA_P384_SHA512),
        &CachingVerifier(ECDSA_P521_SHA256),
        &CachingVerifier(ECDSA_P521_SHA384),
        &CachingVerifier(ECDSA_P521_SHA512),
        &CachingVerifier(ED25519),
        &CachingVerifier(RSA_PSS_SHA256),
        &CachingVerifier(RSA_PSS_SHA384),
        &CachingVerifier(RSA_PSS_SHA512),
        &CachingVerifier(RSA_PKCS1_SHA256),
        &CachingVerifier(RSA_PKCS1_SHA384),
        &CachingVerifier(RSA_PKCS1_SHA512),
        &CachingVerifier(RSA_PKCS1_SHA256_ABSENT_PARAMS),
        &CachingVerifier(RSA_PKCS1_SHA384_ABSENT_PARAMS),
        &CachingVerifier(RSA_PKCS1_SHA512_ABSENT_PARAMS),
    ],
    mapping: &[
        (
            SignatureScheme::ECDSA_NISTP384_SHA384,
            &[ECDSA_P384_SHA384, ECDSA_P256_SHA384, ECDSA_P521_SHA384],
        ),
        (
            SignatureScheme::ECDSA_NISTP256_SHA256,
            &[ECDSA_P256_SHA256, ECDSA_P384_SHA256, ECDSA_P521_SHA256],
        ),
        (
            SignatureScheme::ECDSA_NISTP521_SHA512,
            &[ECDSA_P521_SHA512, ECDSA_P384_SHA512, ECDSA_P256_SHA512],
        ),
        (SignatureScheme::ED25519, &[ED25519]),
        (SignatureScheme::RSA_PSS_SHA512, &[RSA_PSS_SHA512]),
        (SignatureScheme::RSA_PSS_SHA384, &[RSA_PSS_SHA384]),
        (SignatureScheme::RSA_PSS_SHA256, &[RSA_PSS_SHA256]),
        (SignatureScheme::RSA_PKCS1_SHA512, &[RSA_PKCS1_SHA512]),
        (SignatureScheme::RSA_PKCS1_SHA384, &[RSA_PKCS1_SHA384]),
        (SignatureScheme::RSA_PKCS1_SHA256, &[RSA_PKCS1_SHA256]),
    ],
};

type Verifier = &'static dyn SignatureVerificationAlgorithm;

const ECDSA_P256_SHA256: Verifier = &Algorithm {
    key: alg_id::ECDSA_P256,
    signature: alg_id::ECDSA_SHA256,
    check: ecdsa_p256::<Sha256>,
};

const ECDSA_P256_SHA384: Verifier = &Algorithm {
    key: alg_id::ECDSA_P256,
    signature: alg_id::ECDSA_SHA384,
    check: ecdsa_p256::<Sha384>,
};

const ECDSA_P256_SHA512: Verifier = &Algorithm {
    key: alg_id::ECDSA_P256,
    signature: alg_id::ECDSA_SHA512,
    check: ecdsa_p256::<Sha512>,
};

const ECDSA_P384_SHA256: Verifier = &Algorithm {
    key: alg_id::ECDSA_P384,
    signature: alg_id::ECDSA_SHA256,
    check: ecdsa_p384::<Sha256>,
};

const ECDSA_P384_SHA384: Verifier = &Algorithm {
    key: alg_id::ECDSA_P384,
    signature: alg_id::ECDSA_SHA384,
    check: ecdsa_p384::<Sha384>,
};

const ECDSA_P384_SHA512: Verifier = &Algorithm {
    key: alg_id::ECDSA_P384,
    signature: alg_id::ECDSA_SHA512,
    check: ecdsa_p384::<Sha512>,
};

const ECDSA_P521_SHA256: Verifier = &Algorithm {
    key: alg_id::ECDSA_P521,
    signature: alg_id::ECDSA_SHA256,
    check: ecdsa_p521::<Sha256>,
};

const ECDSA_P521_SHA384: Verifier = &Algorithm {
    key: alg_id::ECDSA_P521,
    signature: alg_id::ECDSA_SHA384,
    check: ecdsa_p521::<Sha384>,
};

const ECDSA_P521_SHA512: Verifier = &Algorithm {
    key: alg_id::ECDSA_P521,
    signature: alg_id::ECDSA_SHA512,
    check: ecdsa_p521::<Sha512>,
};

const ED25519: Verifier = &Algorithm {
    key: alg_id::ED25519,
    signature: alg_id::ED25519,
    check: ed25519,
};

const RSA_PSS_SHA256: Verifier = &rsa(alg_id::RSA_PSS_SHA256, rsa_pss::<Sha256>);
const RSA_PSS_SHA384: Verifier = &rsa(alg_id::RSA_PSS_SHA384, rsa_pss::<Sha384>);
const RSA_PSS_SHA512: Verifier = &rsa(alg_id::RSA_PSS_SHA512, rsa_pss::<Sha512>);
const RSA_PKCS1_SHA256: Verifier = &rsa(alg_id::RSA_PKCS1_SHA256, rsa_pkcs1::<Sha256>);
const RSA_PKCS1_SHA384: Verifier = &rsa(alg_id::RSA_PKCS1_SHA384, rsa_pkcs1::<Sha384>);
const RSA_PKCS1_SHA512: Verifier = &rsa(alg_id::RSA_PKCS1_SHA512, rsa_pkcs1::<Sha512>);

// RFC 4055 §5: the parameters must be NULL, and their absence must be accepted. These are the
// identifiers 1.2.840.113549.1.1.{11, 12, 13} without parameters.
const RSA_PKCS1_SHA256_ABSENT_PARAMS: Verifier = &rsa(
    AlgorithmIdentifier::from_slice(b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b"),
    rsa_pkcs1::<Sha256>,
);
const RSA_PKCS1_SHA384_ABSENT_PARAMS: Verifier = &rsa(
    AlgorithmIdentifier::from_slice(b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c"),
    rsa_pkcs1::<Sha384>,
);
const RSA_PKCS1_SHA512_ABSENT_PARAMS: Verifier = &rsa(
    AlgorithmIdentifier::from_slice(b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d"),
    rsa_pkcs1::<Sha512>,
);

/// PSS too takes a key declared as plain `rsaEncryption` (RFC 8446 §4.2.3, `rsa_pss_rsae_*`).
const fn rsa(signature: AlgorithmIdentifier, check: Check) -> Algorithm {
    Algorithm {
        key: alg_id::RSA_ENCRYPTION,
        signature,
        check,
    }
}

/// Takes a public key as in `subjectPublicKey`, a message and a signature.
type Check = fn(&[u8], &[u8], &[u8]) -> Result<(), InvalidSignature>;

#[derive(Debug)]
struct Algorithm {
    key: AlgorithmIdentifier,
    signature: AlgorithmIdentifier,
    check: Check,
}

impl SignatureVerificationAlgorithm for Algorithm {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        (self.check)(public_key, message, signature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.key
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.signature
    }
}

fn ecdsa_p256<D: Digest>(key: &[u8], message: &[u8], sig: &[u8]) -> Result<(), InvalidSignature> {
    let sig = p256::ecdsa::Signature::from_der(sig).map_err(invalid)?;
    let (r, s) = sig.split_bytes();
    ecdsa_p256::verify(key, &D::digest(message), &r.into(), &s.into()).map_err(invalid)
}

fn ecdsa_p384<D: Digest>(key: &[u8], message: &[u8], sig: &[u8]) -> Result<(), InvalidSignature> {
    let key = p384::ecdsa::VerifyingKey::from_sec1_bytes(uncompressed(key)?).map_err(invalid)?;
    let sig = p384::ecdsa::Signature::from_der(sig).map_err(invalid)?;
    key.verify_prehash(&D::digest(message), &sig)
        .map_err(invalid)
}

/// The crate refuses a digest of less than half the length of a coordinate, such as one of SHA-256
/// here. Zeros in front of the digest leave its number the same (FIPS 186-5 §6.4.2).
fn ecdsa_p521<D: Digest>(key: &[u8], message: &[u8], sig: &[u8]) -> Result<(), InvalidSignature> {
    const COORDINATE: usize = 66;
    let key = p521::ecdsa::VerifyingKey::from_sec1_bytes(uncompressed(key)?).map_err(invalid)?;
    let sig = p521::ecdsa::Signature::from_der(sig).map_err(invalid)?;
    let digest = D::digest(message);
    let mut padded = vec![0; COORDINATE.saturating_sub(digest.len())];
    padded.extend_from_slice(&digest);
    key.verify_prehash(&padded, &sig).map_err(invalid)
}

/// Refuses compressed points, as P-256 does and as rustls' own providers do.
fn uncompressed(point: &[u8]) -> Result<&[u8], InvalidSignature> {
    match point.first() {
        Some(4) => Ok(point),
        _ => Err(InvalidSignature),
    }
}

/// RFC 8032 §5.1.7 without the cofactor, refusing points of small order as well.
fn ed25519(key: &[u8], message: &[u8], sig: &[u8]) -> Result<(), InvalidSignature> {
    let key = <&[u8; 32]>::try_from(key).map_err(invalid)?;
    let key = ed25519_dalek::VerifyingKey::from_bytes(key).map_err(invalid)?;
    let sig = ed25519_dalek::Signature::from_slice(sig).map_err(invalid)?;
    key.verify_strict(message, &sig).map_err(invalid)
}

/// The salt is as long as the hash (RFC 8446 §4.2.3).
fn rsa_pss<D>(key: &[u8], message: &[u8], sig: &[u8]) -> Result<(), InvalidSignature>
where
    D: Digest + FixedOutputReset,
{
    rsa_public_key(key)?
        .pss_verify::<D>(message, sig)
        .map_err(invalid)
}

fn rsa_pkcs1<D>(key: &[u8], message: &[u8], sig: &[u8]) -> Result<(), InvalidSignature>
where
    D: Digest + AssociatedOid,
{
    rsa_public_key(key)?
        .pkcs1v15_verify::<D>(message, sig)
        .map_err(invalid)
}

/// Decodes an `RSAPublicKey` with a modulus of acceptable size and an odd exponent from 3 to
/// 2^33 - 1. A key that could not be used, or that would take long to use, is refused here.
fn rsa_public_key(der: &[u8]) -> Result<rsa::PublicKey, InvalidSignature> {
    let key = RsaPublicKeyRef::from_der(der).map_err(invalid)?;
    if key.modulus.as_bytes().len() > RSA_MODULUS_BITS.end().div_ceil(8) {
        return Err(InvalidSignature);
    }
    let n = BoxedUint::from_be_slice_vartime(key.modulus.as_bytes());
    let e = BoxedUint::from_be_slice_vartime(key.public_exponent.as_bytes());
    rsa::PublicKey::new_with_size_limits(n, e, RSA_MODULUS_BITS).map_err(invalid)
}

/// The size in bits of an RSA key that every signature check refuses for its size; `None` for other
/// keys. Takes the contents of the AlgorithmIdentifier, and the key.
pub fn refused_rsa_size(algorithm: &[u8], key: &[u8]) -> Option<usize> {
    if *algorithm != *alg_id::RSA_ENCRYPTION {
        return None;
    }
    let key = RsaPublicKeyRef::from_der(key).ok()?;
    let modulus = key.modulus.as_bytes();
    let zeros = usize::try_from(modulus.first()?.leading_zeros()).ok()?;
    let bits = modulus.len() * 8 - zeros;
    (!RSA_MODULUS_BITS.contains(&bits)).then_some(bits)
}

fn invalid<E>(_: E) -> InvalidSignature {
    InvalidSignature
}
