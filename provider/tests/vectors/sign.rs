//! Signing: RFC 6979, RFC 8032, and what a key says of itself.

use std::sync::{Arc, OnceLock};

use rsa::pkcs8::EncodePrivateKey;
use rustls::pki_types::{AlgorithmIdentifier, alg_id};
use rustls::sign::SigningKey;
use rustls::{SignatureAlgorithm, SignatureScheme};

use crate::verify::verifier;
use crate::{der, hex, load};

/// A fresh RSA key in PKCS #8, made once per run.
pub(crate) fn rsa_pkcs8() -> &'static [u8] {
    static KEY: OnceLock<Vec<u8>> = OnceLock::new();
    KEY.get_or_init(|| {
        let key = rsa::PrivateKey::new(&mut getrandom::SysRng, 2048).unwrap();
        key.to_pkcs8_der().unwrap().as_bytes().to_vec()
    })
}

fn sec1(private: &str) -> Arc<dyn SigningKey> {
    load(&der(0x30, &[&der(2, &[&[1]]), &der(4, &[&hex(private)])])).unwrap()
}

fn ed25519(private: &str) -> Arc<dyn SigningKey> {
    let seed = der(4, &[&der(4, &[&hex(private)])]);
    let oid = hex("300506032b6570");
    load(&der(0x30, &[&[2, 1, 0], &oid, &seed])).unwrap()
}

fn sign(key: &dyn SigningKey, scheme: SignatureScheme, message: &[u8]) -> Vec<u8> {
    let signer = key.choose_scheme(&[scheme]).unwrap();
    assert_eq!(signer.scheme(), scheme);
    signer.sign(message).unwrap()
}

/// `ECDSA-Sig-Value` of two integers of full length.
fn ecdsa_signature(r: &str, s: &str) -> Vec<u8> {
    let integer = |digits: &str| {
        let bytes = hex(digits);
        let start = bytes.iter().position(|byte| *byte != 0).unwrap();
        let sign: &[u8] = if bytes[start] < 128 { &[] } else { &[0] };
        der(2, &[sign, &bytes[start..]])
    };
    der(0x30, &[&integer(r), &integer(s)])
}

#[test]
fn ecdsa_p256_signs_as_rfc_6979_does() {
    let key = sec1("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721");
    for (message, r, s) in [
        (
            "sample",
            "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716",
            "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
        ),
        (
            "test",
            "f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367",
            "019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083",
        ),
    ] {
        let signature = sign(
            &*key,
            SignatureScheme::ECDSA_NISTP256_SHA256,
            message.as_bytes(),
        );
        assert_eq!(signature, ecdsa_signature(r, s));
    }
}

#[test]
fn ecdsa_p384_signs_as_rfc_6979_does() {
    let key = sec1(
        "6b9d3dad2e1b8c1c05b19875b6659f4de23c3b667bf297ba9aa47740787137d8
         96d5724e4c70a825f872c9ea60d2edf5",
    );
    for (message, r, s) in [
        (
            "sample",
            "94edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad133c
             81a648152e44acf96e36dd1e80fabe46",
            "99ef4aeb15f178cea1fe40db2603138f130e740a19624526203b6351d0a3a94f
             a329c145786e679e7b82c71a38628ac8",
        ),
        (
            "test",
            "8203b63d3c853e8d77227fb377bcf7b7b772e97892a80f36ab775d509d7a5feb
             0542a7f0812998da8f1dd3ca3cf023db",
            "ddd0760448d42d8a43af45af836fce4de8be06b485e9b61b827c2f13173923e0
             6a739f040649a667bf3b828246baa5a5",
        ),
    ] {
        let signature = sign(
            &*key,
            SignatureScheme::ECDSA_NISTP384_SHA384,
            message.as_bytes(),
        );
        assert_eq!(signature, ecdsa_signature(r, s));
    }
}

#[test]
fn ed25519_signs_as_rfc_8032_does() {
    for (private, public, message, signature) in [
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155
             5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da
             085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ),
        (
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac
             18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ),
    ] {
        let key = ed25519(private);
        assert!(key.public_key().unwrap().as_ref().ends_with(&hex(public)));
        let signed = sign(&*key, SignatureScheme::ED25519, &hex(message));
        assert_eq!(signed, hex(signature));
    }
}

/// The public key as `subjectPublicKey` holds it: after the header of the outermost element, the
/// algorithm and the header of the bit string, whose lengths these keys fix.
fn rsa_public(key: &dyn SigningKey) -> Vec<u8> {
    key.public_key().unwrap().as_ref()[4 + 15 + 5..].to_vec()
}

#[test]
fn rsa_signature_of_each_scheme_verifies_and_only_for_its_message() {
    let key = load(rsa_pkcs8()).unwrap();
    let public = rsa_public(&*key);
    let schemes: [(SignatureScheme, AlgorithmIdentifier, bool); 6] = [
        (
            SignatureScheme::RSA_PSS_SHA512,
            alg_id::RSA_PSS_SHA512,
            true,
        ),
        (
            SignatureScheme::RSA_PSS_SHA384,
            alg_id::RSA_PSS_SHA384,
            true,
        ),
        (
            SignatureScheme::RSA_PSS_SHA256,
            alg_id::RSA_PSS_SHA256,
            true,
        ),
        (
            SignatureScheme::RSA_PKCS1_SHA512,
            alg_id::RSA_PKCS1_SHA512,
            false,
        ),
        (
            SignatureScheme::RSA_PKCS1_SHA384,
            alg_id::RSA_PKCS1_SHA384,
            false,
        ),
        (
            SignatureScheme::RSA_PKCS1_SHA256,
            alg_id::RSA_PKCS1_SHA256,
            false,
        ),
    ];
    for (scheme, identifier, salted) in schemes {
        let verifier = verifier(alg_id::RSA_ENCRYPTION, identifier);
        let signature = sign(&*key, scheme, b"message");
        verifier
            .verify_signature(&public, b"message", &signature)
            .unwrap();
        verifier
            .verify_signature(&public, b"massage", &signature)
            .unwrap_err();
        let again = sign(&*key, scheme, b"message");
        assert_eq!(again != signature, salted, "{scheme:?}");
    }
}

#[test]
fn rsa_prefers_pss_and_the_longest_hash() {
    let key = load(rsa_pkcs8()).unwrap();
    let offered = [
        SignatureScheme::RSA_PKCS1_SHA512,
        SignatureScheme::ED25519,
        SignatureScheme::RSA_PSS_SHA256,
        SignatureScheme::RSA_PSS_SHA384,
    ];
    let chosen = key.choose_scheme(&offered).unwrap().scheme();
    assert_eq!(chosen, SignatureScheme::RSA_PSS_SHA384);
    assert!(
        key.choose_scheme(&[SignatureScheme::RSA_PKCS1_SHA1])
            .is_none()
    );
}

#[test]
fn ec_key_signs_with_the_hash_of_its_curve_alone() {
    let key = sec1("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721");
    assert!(
        key.choose_scheme(&[SignatureScheme::ECDSA_NISTP384_SHA384])
            .is_none()
    );
    assert!(key.choose_scheme(&[SignatureScheme::ED25519]).is_none());
    assert_eq!(key.algorithm(), SignatureAlgorithm::ECDSA);
}

#[test]
fn debug_shows_the_algorithm_and_no_secret() {
    let private = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
    let key = ed25519(private);
    assert_eq!(format!("{key:?}"), "Key { algorithm: ED25519, .. }");
    let signer = key.choose_scheme(&[SignatureScheme::ED25519]).unwrap();
    assert_eq!(
        format!("{signer:?}"),
        "SchemeSigner { scheme: ED25519, .. }"
    );
}
