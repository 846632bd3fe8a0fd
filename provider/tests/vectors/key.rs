//! Private keys in every encoding, made and checked by OpenSSL.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::sign::{CertifiedKey, SigningKey};
use rustls::{Error, InconsistentKeys, SignatureScheme};

use crate::{der, hex, load};

/// Runs `openssl` in a directory of the test, which is removed at the end.
struct OpenSsl(PathBuf);

impl OpenSsl {
    /// `None`, with a line that says so, where there is no `openssl`: a failure in CI.
    fn new() -> Option<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        if Command::new("openssl").arg("version").output().is_err() {
            assert!(std::env::var_os("CI").is_none(), "CI has no openssl");
            eprintln!("skipped: openssl is not installed");
            return None;
        }
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("portcullis-key-{}-{next}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Some(Self(path))
    }

    fn run(&self, arguments: &str) {
        let mut command = Command::new("openssl");
        command.args(arguments.split(' ')).current_dir(&self.0);
        let output = command.output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl {arguments}: {stderr}");
    }

    fn read(&self, file: &str) -> Vec<u8> {
        fs::read(self.0.join(file)).unwrap()
    }

    /// A private key in PKCS #8 DER.
    fn key(&self, algorithm: &str) -> Vec<u8> {
        self.run(&format!("genpkey {algorithm} -outform DER -out key.der"));
        self.run("pkcs8 -topk8 -nocrypt -in key.der -inform DER -outform DER -out pkcs8.der");
        self.read("pkcs8.der")
    }

    fn certificate(&self) -> CertificateDer<'static> {
        self.run("pkey -in pkcs8.der -inform DER -out key.pem");
        self.run("req -x509 -key key.pem -subj /CN=portcullis -days 1 -out cert.pem");
        CertificateDer::from_pem_slice(&self.read("cert.pem")).unwrap()
    }
}

impl Drop for OpenSsl {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

const KEYS: [&str; 4] = [
    "-algorithm RSA -pkeyopt rsa_keygen_bits:2048",
    "-algorithm EC -pkeyopt ec_paramgen_curve:P-256",
    "-algorithm EC -pkeyopt ec_paramgen_curve:P-384",
    "-algorithm ED25519",
];

#[test]
fn public_key_equals_that_of_a_certificate_made_by_openssl() {
    let Some(openssl) = OpenSsl::new() else {
        return;
    };
    let other = load(&openssl.key(KEYS[1])).unwrap();
    for algorithm in KEYS {
        let key = load(&openssl.key(algorithm)).unwrap();
        let chain = vec![openssl.certificate()];
        let pair = CertifiedKey::new(chain.clone(), key);
        assert_eq!(pair.keys_match(), Ok(()), "{algorithm}");
        assert_eq!(
            CertifiedKey::new(chain, other.clone()).keys_match(),
            Err(Error::InconsistentKeys(InconsistentKeys::KeyMismatch))
        );
    }
}

#[test]
fn every_encoding_of_a_key_gives_the_same_key() {
    let Some(openssl) = OpenSsl::new() else {
        return;
    };
    for (algorithm, traditional) in [
        (KEYS[0], "rsa -traditional"),
        (KEYS[1], "ec"),
        (KEYS[2], "ec"),
    ] {
        let pkcs8 = load(&openssl.key(algorithm)).unwrap();
        openssl.run(&format!(
            "{traditional} -in key.der -inform DER -outform DER -out old.der"
        ));
        let old = load(&openssl.read("old.der")).unwrap();
        assert_eq!(old.public_key(), pkcs8.public_key(), "{algorithm}");
    }
}

/// RFC 6979 §A.2.5 and §A.2.6.
#[test]
fn sec1_key_without_a_curve_is_told_by_its_length() {
    for (private, public) in [
        (
            "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721",
            "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6
             7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299",
        ),
        (
            "6b9d3dad2e1b8c1c05b19875b6659f4de23c3b667bf297ba9aa47740787137d8
             96d5724e4c70a825f872c9ea60d2edf5",
            "04ec3a4e415b4e19a4568618029f427fa5da9a8bc4ae92e02e06aae5286b300c64
             def8f0ea9055866064a254515480bc138015d9b72d7d57244ea8ef9ac0c621896708
             a59367f9dfb9f54ca84b3f1c9db1288b231c3ae0d4fe7344fd2533264720",
        ),
    ] {
        let key = der(0x30, &[&der(2, &[&[1]]), &der(4, &[&hex(private)])]);
        let key = load(&key).unwrap();
        let spki = key.public_key().unwrap();
        assert!(spki.as_ref().ends_with(&hex(public)));
    }
}

/// RFC 8410 §10.3 gives both versions of one key.
#[test]
fn both_versions_of_an_ed25519_key_are_taken() {
    let v1 = hex(
        "302e020100300506032b657004220420d4ee72dbf913584ad5b6d8f1f769f8ad
                  3afe7c28cbf1d4fbe097a88f44755842",
    );
    let public = hex("19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1");
    let body = &v1[5..];
    let v2 = der(0x30, &[&[2, 1, 1], body, &der(0x81, &[&[0], &public])]);
    for encoding in [&v1, &v2] {
        let key = load(encoding).unwrap();
        assert!(key.public_key().unwrap().as_ref().ends_with(&public));
    }

    let mut other = public.clone();
    other[0] ^= 1;
    let wrong = der(0x30, &[&[2, 1, 1], body, &der(0x81, &[&[0], &other])]);
    assert_eq!(message(&wrong), "malformed Ed25519 private key");
}

fn message(key: &[u8]) -> String {
    match load(key) {
        Err(Error::General(message)) => message,
        other => panic!("not a refusal with a reason: {other:?}"),
    }
}

#[test]
fn key_of_an_unsupported_type_is_refused_by_name() {
    let Some(openssl) = OpenSsl::new() else {
        return;
    };
    for (algorithm, reason) in [
        (
            "-algorithm EC -pkeyopt ec_paramgen_curve:P-521",
            "P-521 keys are not supported",
        ),
        (
            "-algorithm EC -pkeyopt ec_paramgen_curve:secp256k1",
            "secp256k1 keys are not supported",
        ),
        (
            "-algorithm EC -pkeyopt ec_paramgen_curve:brainpoolP256r1",
            "EC keys on curve 1.3.36.3.3.2.8.1.1.7 are not supported",
        ),
        (
            "-algorithm EC -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:explicit",
            "EC keys without a named curve are not supported",
        ),
        (
            "-algorithm RSA -pkeyopt rsa_keygen_bits:1024",
            "RSA keys of 1024 bits are not supported",
        ),
        (
            "-algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048",
            "RSA keys restricted to PSS are not supported",
        ),
        ("-algorithm ED448", "Ed448 keys are not supported"),
        (
            "-algorithm X25519",
            "X25519 and X448 keys, which cannot sign, are not supported",
        ),
    ] {
        assert_eq!(message(&openssl.key(algorithm)), reason);
    }

    openssl.key("-algorithm EC -pkeyopt ec_paramgen_curve:P-521");
    openssl.run("ec -in key.der -inform DER -outform DER -out old.der");
    assert_eq!(
        message(&openssl.read("old.der")),
        "P-521 keys are not supported"
    );
}

#[test]
fn broken_key_is_refused_as_malformed() {
    let Some(openssl) = OpenSsl::new() else {
        return;
    };
    for algorithm in KEYS {
        let good = openssl.key(algorithm);
        load(&good).unwrap();
        let longer = [good.as_slice(), &[0]].concat();
        for broken in [&good[..good.len() - 1], &longer] {
            assert_eq!(
                message(broken),
                "malformed PKCS #8 private key",
                "{algorithm}"
            );
        }
    }
    for (algorithm, reason) in [
        (KEYS[1], "malformed P-256 private key"),
        (KEYS[2], "malformed P-384 private key"),
    ] {
        let mut other_public_key = openssl.key(algorithm);
        *other_public_key.last_mut().unwrap() ^= 1;
        assert_eq!(message(&other_public_key), reason);
    }
}

/// The digest, and what else `openssl dgst` must be told, for each scheme.
const SCHEMES: [(SignatureScheme, &str); 8] = [
    (SignatureScheme::RSA_PKCS1_SHA256, "-sha256"),
    (SignatureScheme::RSA_PKCS1_SHA384, "-sha384"),
    (SignatureScheme::RSA_PKCS1_SHA512, "-sha512"),
    (
        SignatureScheme::RSA_PSS_SHA256,
        "-sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32",
    ),
    (
        SignatureScheme::RSA_PSS_SHA384,
        "-sha384 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:48",
    ),
    (
        SignatureScheme::RSA_PSS_SHA512,
        "-sha512 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:64",
    ),
    (SignatureScheme::ECDSA_NISTP256_SHA256, "-sha256"),
    (SignatureScheme::ECDSA_NISTP384_SHA384, "-sha384"),
];

fn sign(key: &dyn SigningKey, scheme: SignatureScheme, message: &[u8]) -> Option<Vec<u8>> {
    let signer = key.choose_scheme(&[scheme])?;
    assert_eq!(signer.scheme(), scheme);
    Some(signer.sign(message).unwrap())
}

#[test]
fn openssl_accepts_our_signatures() {
    let Some(openssl) = OpenSsl::new() else {
        return;
    };
    let message = b"a message to sign".as_slice();
    fs::write(openssl.0.join("message"), message).unwrap();
    let mut verified = 0;
    for algorithm in KEYS {
        let key = load(&openssl.key(algorithm)).unwrap();
        openssl.run("pkey -in key.der -inform DER -pubout -out public.pem");
        for (scheme, options) in SCHEMES {
            if let Some(signature) = sign(&*key, scheme, message) {
                fs::write(openssl.0.join("signature"), signature).unwrap();
                openssl.run(&format!(
                    "dgst {options} -verify public.pem -signature signature message"
                ));
                verified += 1;
            }
        }
        if let Some(signature) = sign(&*key, SignatureScheme::ED25519, message) {
            fs::write(openssl.0.join("signature"), signature).unwrap();
            openssl.run(
                "pkeyutl -verify -pubin -inkey public.pem -rawin -in message -sigfile signature",
            );
            verified += 1;
        }
    }
    assert_eq!(verified, SCHEMES.len() + 1);
}
