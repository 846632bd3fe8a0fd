//! The channel binding `tls-server-end-point` (RFC 5929 §4): a hash of the server's certificate.

use rustls::pki_types::{AlgorithmIdentifier, alg_id};
use sha2::{Digest, Sha256, Sha384, Sha512};

/// The hash of a certificate by the hash function of its signature, with SHA-256 in the place of MD5
/// and SHA-1 (RFC 5929 §4.1). None if the signature algorithm has no hash function of its own, as
/// Ed25519 has none: for these the binding is not defined. Takes the contents of the signature's
/// AlgorithmIdentifier, and the certificate's DER.
#[must_use]
pub fn end_point(signature_algorithm: &[u8], certificate: &[u8]) -> Option<Vec<u8>> {
    let is_one_of =
        |all: &[AlgorithmIdentifier]| all.iter().any(|one| one.as_ref() == signature_algorithm);
    if WEAK.iter().any(|oid| signature_algorithm.starts_with(oid)) || is_one_of(&OF_SHA256) {
        Some(Sha256::digest(certificate).to_vec())
    } else if is_one_of(&OF_SHA384) {
        Some(Sha384::digest(certificate).to_vec())
    } else if is_one_of(&OF_SHA512) {
        Some(Sha512::digest(certificate).to_vec())
    } else {
        None
    }
}

/// The signature algorithms of each hash function.
const OF_SHA256: [AlgorithmIdentifier; 3] = [
    alg_id::RSA_PKCS1_SHA256,
    alg_id::RSA_PSS_SHA256,
    alg_id::ECDSA_SHA256,
];
const OF_SHA384: [AlgorithmIdentifier; 3] = [
    alg_id::RSA_PKCS1_SHA384,
    alg_id::RSA_PSS_SHA384,
    alg_id::ECDSA_SHA384,
];
const OF_SHA512: [AlgorithmIdentifier; 3] = [
    alg_id::RSA_PKCS1_SHA512,
    alg_id::RSA_PSS_SHA512,
    alg_id::ECDSA_SHA512,
];

/// The OIDs of md5WithRSAEncryption, sha1WithRSAEncryption (RFC 8017 §A.2.4) and ecdsa-with-SHA1 (RFC
/// 3279 §2.2.3), as DER.
const WEAK: [&[u8]; 3] = [
    b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x04",
    b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05",
    b"\x06\x07\x2a\x86\x48\xce\x3d\x04\x01",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_that_of_the_signature_and_at_least_sha_256() {
        let length = |algorithm: &[u8]| end_point(algorithm, b"certificate").map(|hash| hash.len());
        assert_eq!(length(&alg_id::ECDSA_SHA256), Some(32));
        assert_eq!(length(&alg_id::RSA_PSS_SHA384), Some(48));
        assert_eq!(length(&alg_id::RSA_PKCS1_SHA512), Some(64));
        let sha1_with_rsa = [WEAK[1], b"\x05\x00"].concat();
        assert_eq!(
            end_point(&sha1_with_rsa, b"certificate"),
            end_point(&alg_id::ECDSA_SHA256, b"certificate")
        );
        assert_eq!(length(&alg_id::ED25519), None);
    }
}
