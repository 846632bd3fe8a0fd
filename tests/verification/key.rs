//! Keys of every kind, and signatures in every way, of which most are accepted by nobody.

use std::sync::{Arc, LazyLock};

use md5::Md5;
use p256::ecdsa::signature::hazmat::PrehashSigner as _;
use rcgen::{PublicKeyData as _, SigningKey as _};
use rsa::BoxedUint;
use rsa::pkcs1::EncodeRsaPublicKey as _;
use rsa::traits::PublicKeyParts as _;
use rustls::SignatureScheme;
use sha1::Sha1;
use sha2::{Digest as _, Sha224, Sha256, Sha384, Sha512};

use crate::x509::{oid, sequence, tlv};

/// A key, of which the private half may be unknown.
#[derive(Clone)]
pub struct Key {
    /// The SubjectPublicKeyInfo.
    pub info: Vec<u8>,
    signer: Arc<Signer>,
}

enum Signer {
    P256(p256::ecdsa::SigningKey),
    P384(p384::ecdsa::SigningKey),
    P521(p521::ecdsa::SigningKey),
    Ed25519(rcgen::KeyPair),
    Rsa(rsa::PrivateKey),
    /// RSA with the exponent 1 and a modulus of so many bytes: the padded hash is the signature.
    RsaOne(usize),
    Nobody,
}

/// A hash that signatures are made of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Hash {
    Md5,
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

/// How a signature is made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    Ecdsa(Hash),
    Ed25519,
    Pkcs1(Hash),
    /// With a salt of so many bytes.
    Pss(Hash, usize),
}

impl Hash {
    fn of(self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Md5 => Md5::digest(message).to_vec(),
            Self::Sha1 => Sha1::digest(message).to_vec(),
            Self::Sha224 => Sha224::digest(message).to_vec(),
            Self::Sha256 => Sha256::digest(message).to_vec(),
            Self::Sha384 => Sha384::digest(message).to_vec(),
            Self::Sha512 => Sha512::digest(message).to_vec(),
        }
    }

    fn identifier(self) -> Vec<u8> {
        let dotted = match self {
            Self::Md5 => "1.2.840.113549.2.5",
            Self::Sha1 => "1.3.14.3.2.26",
            Self::Sha224 => "2.16.840.1.101.3.4.2.4",
            Self::Sha256 => "2.16.840.1.101.3.4.2.1",
            Self::Sha384 => "2.16.840.1.101.3.4.2.2",
            Self::Sha512 => "2.16.840.1.101.3.4.2.3",
        };
        sequence(&[oid(dotted), null()])
    }

    /// The DigestInfo (RFC 8017 §9.2).
    fn info(self, message: &[u8]) -> Vec<u8> {
        sequence(&[self.identifier(), tlv(4, &self.of(message))])
    }
}

pub fn null() -> Vec<u8> {
    tlv(5, &[])
}

impl Algorithm {
    /// The AlgorithmIdentifier.
    pub fn identifier(self) -> Vec<u8> {
        let pkcs1 = |last: u8| {
            let algorithm = oid(&format!("1.2.840.113549.1.1.{last}"));
            sequence(&[algorithm, null()])
        };
        let ecdsa = |dotted: &str| sequence(&[oid(dotted)]);
        match self {
            Self::Ecdsa(Hash::Sha1) => ecdsa("1.2.840.10045.4.1"),
            Self::Ecdsa(Hash::Sha224) => ecdsa("1.2.840.10045.4.3.1"),
            Self::Ecdsa(Hash::Sha384) => ecdsa("1.2.840.10045.4.3.3"),
            Self::Ecdsa(Hash::Sha512) => ecdsa("1.2.840.10045.4.3.4"),
            Self::Ecdsa(_) => ecdsa("1.2.840.10045.4.3.2"),
            Self::Ed25519 => sequence(&[oid("1.3.101.112")]),
            Self::Pkcs1(Hash::Md5) => pkcs1(4),
            Self::Pkcs1(Hash::Sha1) => pkcs1(5),
            Self::Pkcs1(Hash::Sha224) => pkcs1(14),
            Self::Pkcs1(Hash::Sha256) => pkcs1(11),
            Self::Pkcs1(Hash::Sha384) => pkcs1(12),
            Self::Pkcs1(Hash::Sha512) => pkcs1(13),
            Self::Pss(hash, salt) => pss(hash, hash, salt),
        }
    }
}

/// An AlgorithmIdentifier of RSASSA-PSS (RFC 4055 §3.1).
pub fn pss(hash: Hash, of_mask: Hash, salt: usize) -> Vec<u8> {
    let mask = sequence(&[oid("1.2.840.113549.1.1.8"), of_mask.identifier()]);
    let parameters = [
        tlv(0xa0, &hash.identifier()),
        tlv(0xa1, &mask),
        tlv(0xa2, &tlv(2, &[salt as u8])),
    ];
    sequence(&[oid("1.2.840.113549.1.1.10"), sequence(&parameters)])
}

/// A SubjectPublicKeyInfo.
pub fn info(algorithm: &[u8], key: &[u8]) -> Vec<u8> {
    sequence(&[algorithm.to_vec(), tlv(3, &[&[0], key].concat())])
}

/// The AlgorithmIdentifier of an elliptic curve.
pub fn curve(dotted: &str) -> Vec<u8> {
    sequence(&[oid("1.2.840.10045.2.1"), oid(dotted)])
}

pub const P256: &str = "1.2.840.10045.3.1.7";

fn rsa_encryption() -> Vec<u8> {
    sequence(&[oid("1.2.840.113549.1.1.1"), null()])
}

impl Key {
    pub fn p256() -> Self {
        let key = p256::ecdsa::SigningKey::from_slice(&scalar(32)).unwrap();
        let point = key.verifying_key().to_sec1_point(false);
        Self {
            info: info(&curve(P256), point.as_bytes()),
            signer: Arc::new(Signer::P256(key)),
        }
    }

    pub fn p384() -> Self {
        let key = p384::ecdsa::SigningKey::from_slice(&scalar(48)).unwrap();
        let point = key.verifying_key().to_sec1_point(false);
        Self {
            info: info(&curve("1.3.132.0.34"), point.as_bytes()),
            signer: Arc::new(Signer::P384(key)),
        }
    }

    pub fn p521() -> Self {
        let key = p521::ecdsa::SigningKey::from_slice(&scalar(66)).unwrap();
        let point = key.verifying_key().to_sec1_point(false);
        Self {
            info: info(&curve("1.3.132.0.35"), point.as_bytes()),
            signer: Arc::new(Signer::P521(key)),
        }
    }

    pub fn ed25519() -> Self {
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        Self {
            info: pair.subject_public_key_info(),
            signer: Arc::new(Signer::Ed25519(pair)),
        }
    }

    pub fn rsa(bits: usize, exponent: u32) -> Self {
        let exponent = BoxedUint::from(u64::from(exponent));
        let key = rsa::PrivateKey::new_with_exp(&mut getrandom::SysRng, bits, exponent).unwrap();
        let public = key.as_public_key().to_pkcs1_der().unwrap();
        Self {
            info: info(&rsa_encryption(), public.as_bytes()),
            signer: Arc::new(Signer::Rsa(key)),
        }
    }

    /// An RSA key that nobody holds, of a random odd modulus of so many bits and this exponent.
    pub fn rsa_of_nobody(bits: usize, exponent: &[u8]) -> Self {
        let mut modulus = vec![0; bits.div_ceil(8)];
        getrandom::fill(&mut modulus).unwrap();
        let top = (bits - 1) % 8;
        modulus[0] = (modulus[0] & ((1 << top) - 1)) | (1 << top);
        *modulus.last_mut().unwrap() |= 1;
        if top == 7 {
            modulus.insert(0, 0);
        }
        let key = sequence(&[tlv(2, &modulus), tlv(2, exponent)]);
        let mut key = Self::of_info(info(&rsa_encryption(), &key));
        if exponent == [1] {
            key.signer = Arc::new(Signer::RsaOne(bits / 8));
        }
        key
    }

    /// A key of any kind that nobody holds, or that no peer of ours can use.
    pub fn of_info(info: Vec<u8>) -> Self {
        Self {
            info,
            signer: Arc::new(Signer::Nobody),
        }
    }

    /// The same key under another SubjectPublicKeyInfo.
    pub fn with_info(&self, info: Vec<u8>) -> Self {
        Self {
            info,
            ..self.clone()
        }
    }

    /// How it signs if nothing else is said.
    pub fn algorithm(&self) -> Algorithm {
        match *self.signer {
            Signer::P256(_) | Signer::Nobody => Algorithm::Ecdsa(Hash::Sha256),
            Signer::P384(_) => Algorithm::Ecdsa(Hash::Sha384),
            Signer::P521(_) => Algorithm::Ecdsa(Hash::Sha512),
            Signer::Ed25519(_) => Algorithm::Ed25519,
            Signer::Rsa(_) | Signer::RsaOne(_) => Algorithm::Pkcs1(Hash::Sha256),
        }
    }

    /// How it signs a handshake, if it can.
    pub fn scheme(&self) -> Option<(SignatureScheme, Algorithm)> {
        Some(match *self.signer {
            Signer::P256(_) => (SignatureScheme::ECDSA_NISTP256_SHA256, self.algorithm()),
            Signer::P384(_) => (SignatureScheme::ECDSA_NISTP384_SHA384, self.algorithm()),
            Signer::P521(_) => (SignatureScheme::ECDSA_NISTP521_SHA512, self.algorithm()),
            Signer::Ed25519(_) => (SignatureScheme::ED25519, self.algorithm()),
            Signer::Rsa(_) => (
                SignatureScheme::RSA_PSS_SHA256,
                Algorithm::Pss(Hash::Sha256, 32),
            ),
            Signer::RsaOne(_) | Signer::Nobody => return None,
        })
    }

    pub fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Vec<u8> {
        match (&*self.signer, algorithm) {
            (Signer::P256(key), Algorithm::Ecdsa(hash)) => {
                // The crate signs no hash that is shorter than half a field.
                let hash = lengthened(hash.of(message), 32);
                let signature: p256::ecdsa::Signature = key.sign_prehash(&hash).unwrap();
                signature.to_der().as_bytes().to_vec()
            }
            (Signer::P384(key), Algorithm::Ecdsa(hash)) => {
                let hash = lengthened(hash.of(message), 48);
                let signature: p384::ecdsa::Signature = key.sign_prehash(&hash).unwrap();
                signature.to_der().as_bytes().to_vec()
            }
            (Signer::P521(key), Algorithm::Ecdsa(hash)) => {
                let hash = lengthened(hash.of(message), 66);
                let signature: p521::ecdsa::Signature = key.sign_prehash(&hash).unwrap();
                signature.to_der().as_bytes().to_vec()
            }
            (Signer::Ed25519(pair), Algorithm::Ed25519) => pair.sign(message).unwrap(),
            (Signer::Rsa(key), Algorithm::Pkcs1(hash)) => {
                let padding = rsa::Pkcs1v15Sign::new_unprefixed();
                key.sign(padding, &hash.info(message)).unwrap()
            }
            (Signer::RsaOne(length), Algorithm::Pkcs1(hash)) => {
                let info = hash.info(message);
                let padding = vec![0xff; length - info.len() - 3];
                [&[0, 1], padding.as_slice(), &[0], &info].concat()
            }
            (Signer::Rsa(key), Algorithm::Pss(hash, salt)) => {
                let (digest, rng) = (hash.of(message), &mut getrandom::SysRng);
                match hash {
                    Hash::Sha1 => {
                        key.sign_with_rng(rng, rsa::Pss::<Sha1>::new_with_salt(salt), &digest)
                    }
                    Hash::Sha384 => {
                        key.sign_with_rng(rng, rsa::Pss::<Sha384>::new_with_salt(salt), &digest)
                    }
                    Hash::Sha512 => {
                        key.sign_with_rng(rng, rsa::Pss::<Sha512>::new_with_salt(salt), &digest)
                    }
                    _ => key.sign_with_rng(rng, rsa::Pss::<Sha256>::new_with_salt(salt), &digest),
                }
                .unwrap()
            }
            // Nothing that a key of this kind can sign; what stands there has the form of a signature.
            _ => sequence(&[tlv(2, &[1]), tlv(2, &[1])]),
        }
    }

    /// The parts of an RSA key.
    pub fn rsa_modulus(&self) -> Vec<u8> {
        match &*self.signer {
            Signer::Rsa(key) => [&[0], &*key.n_bytes()].concat(),
            _ => panic!("no RSA key"),
        }
    }
}

/// A number that is less than the order of a curve whose field has so many bytes.
fn scalar(length: usize) -> Vec<u8> {
    let mut scalar = vec![0; length];
    getrandom::fill(&mut scalar[1..]).unwrap();
    scalar
}

/// A hash that is shorter than a curve's field is a number with zeros in front, which changes nothing.
fn lengthened(mut hash: Vec<u8>, length: usize) -> Vec<u8> {
    let missing = length.saturating_sub(hash.len());
    hash.splice(..0, vec![0; missing]);
    hash
}

/// The keys that most chains are made with, made once for a run.
pub struct Keys {
    pub root: Key,
    pub middle: Key,
    pub leaf: Key,
    pub other: Key,
    pub rsa: Key,
}

/// A key whose last bit is 0, so that it can be called unused.
fn even() -> Key {
    loop {
        let key = Key::p256();
        if key.info.last().unwrap().is_multiple_of(2) {
            return key;
        }
    }
}

pub static KEYS: LazyLock<Keys> = LazyLock::new(|| Keys {
    root: Key::p256(),
    middle: even(),
    leaf: even(),
    other: Key::p256(),
    rsa: Key::rsa(2048, 65_537),
});
