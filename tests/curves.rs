//! Servers that sign the handshake with P-521, or with SHA-512 over any curve in TLS 1.2, as
//! OpenSSL does.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop"
)]

mod support;

use std::sync::Arc;

use p521::ecdsa::signature::hazmat::PrehashSigner as _;
use portcullis::error::{CertificateReason, Error};
use portcullis::tls::{Session, State, Version};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::{CertifiedKey, Signer, SigningKey};
use rustls::{ServerConfig, ServerConnection, SignatureAlgorithm, SignatureScheme};
use sha2::{Digest as _, Sha512};
use support::certs::NAME;
use support::pair::{client_settings, failure, only, seal};
use support::x509::{Issued, Spec, oid, sequence, tlv};

/// The scheme of the handshake; in TLS 1.2 it names only the hash, and no curve.
const SHA512: SignatureScheme = SignatureScheme::ECDSA_NISTP521_SHA512;

#[derive(Clone)]
enum Key {
    P256(p256::ecdsa::SigningKey),
    P384(p384::ecdsa::SigningKey),
    P521(p521::ecdsa::SigningKey),
}

impl Key {
    /// One of each curve, made anew.
    fn all() -> [Self; 3] {
        // The first byte is 0, which makes it less than the order of each curve.
        let part = |length: usize| {
            let mut part = vec![0; length];
            getrandom::fill(part.get_mut(1..).unwrap()).unwrap();
            part
        };
        [
            Self::P256(p256::ecdsa::SigningKey::from_slice(&part(32)).unwrap()),
            Self::P384(p384::ecdsa::SigningKey::from_slice(&part(48)).unwrap()),
            Self::P521(p521::ecdsa::SigningKey::from_slice(&part(66)).unwrap()),
        ]
    }

    /// Its SubjectPublicKeyInfo.
    fn info(&self) -> Vec<u8> {
        let (curve, point) = match self {
            Self::P256(key) => {
                let point = key.verifying_key().to_sec1_point(false);
                ("1.2.840.10045.3.1.7", point.as_bytes().to_vec())
            }
            Self::P384(key) => {
                let point = key.verifying_key().to_sec1_point(false);
                ("1.3.132.0.34", point.as_bytes().to_vec())
            }
            Self::P521(key) => {
                let point = key.verifying_key().to_sec1_point(false);
                ("1.3.132.0.35", point.as_bytes().to_vec())
            }
        };
        let algorithm = sequence(&[oid("1.2.840.10045.2.1"), oid(curve)]);
        sequence(&[algorithm, tlv(3, &[&[0], point.as_slice()].concat())])
    }
}

/// Signs with SHA-512; if it is not honest, something else than it was given.
#[derive(Clone)]
struct Signing {
    key: Key,
    is_honest: bool,
}

impl std::fmt::Debug for Signing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signing")
    }
}

impl SigningKey for Signing {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        offered
            .contains(&SHA512)
            .then(|| -> Box<dyn Signer> { Box::new(self.clone()) })
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::ECDSA
    }
}

impl Signer for Signing {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        let mut digest = Sha512::digest(message);
        if !self.is_honest {
            *digest.first_mut().unwrap() ^= 1;
        }
        Ok(match &self.key {
            Key::P256(key) => {
                let signature: p256::ecdsa::Signature = key.sign_prehash(&digest).unwrap();
                signature.to_der().as_bytes().to_vec()
            }
            Key::P384(key) => {
                let signature: p384::ecdsa::Signature = key.sign_prehash(&digest).unwrap();
                signature.to_der().as_bytes().to_vec()
            }
            Key::P521(key) => {
                let signature: p521::ecdsa::Signature = key.sign_prehash(&digest).unwrap();
                signature.to_der().as_bytes().to_vec()
            }
        })
    }

    fn scheme(&self) -> SignatureScheme {
        SHA512
    }
}

#[derive(Debug)]
struct Only(Arc<CertifiedKey>);

impl ResolvesServerCert for Only {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

/// How a client of this version fails with a server that signs in this way, if it does.
fn meet(version: Version, signing: &Signing, root: &Issued) -> Option<Error> {
    let own = Spec::leaf(NAME).issued_for_public_key(&signing.key.info(), root);
    let key = CertifiedKey::new(vec![own], Arc::new(signing.clone()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Only(Arc::new(key))));
    let mut server = ServerConnection::new(Arc::new(config)).unwrap();
    let client = seal(&only(client_settings(&root.der), version));
    let mut client = Session::new(&client, Some(NAME)).unwrap();
    loop {
        let mut sent = Vec::new();
        client.poll_ciphertext(&mut sent);
        let mut rest = sent.as_slice();
        while !rest.is_empty() {
            server.read_tls(&mut rest).unwrap();
            if server.process_new_packets().is_err() {
                return failure(&client);
            }
        }
        let mut answer = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut answer).unwrap();
        }
        if sent.is_empty() && answer.is_empty() {
            break;
        }
        let _ = client.handle_ciphertext(&answer);
    }
    match failure(&client) {
        None => {
            assert_eq!(*client.state(), State::Open);
            assert_eq!(client.verify_result(), Ok(()));
            None
        }
        failed => failed,
    }
}

#[test]
fn p521_signs_in_both_versions_and_other_curves_with_sha_512_in_tls_12_alone() {
    let root = Spec::authority("Root").self_signed();
    for key in Key::all() {
        let is_p521 = matches!(key, Key::P521(_));
        for version in [Version::Tls12, Version::Tls13] {
            let mut signing = Signing {
                key: key.clone(),
                is_honest: true,
            };
            let met = meet(version, &signing, &root);
            if is_p521 || version == Version::Tls12 {
                assert_eq!(met, None, "{version:?}");
            } else {
                assert!(
                    matches!(&met, Some(Error::Certificate(error))
                        if error.reason == CertificateReason::UnsupportedAlgorithm),
                    "{met:?}"
                );
            }
            signing.is_honest = false;
            let expected = if met.is_none() {
                CertificateReason::BadSignature
            } else {
                CertificateReason::UnsupportedAlgorithm
            };
            match meet(version, &signing, &root) {
                Some(Error::Certificate(error)) => assert_eq!(error.reason, expected),
                other => panic!("{other:?}"),
            }
        }
    }
}
