//! The operations that have secrets: each is a name, an input and a call.

use std::hint::black_box;
use std::sync::Arc;

use pkcs8::EncodePrivateKey as _;
use portcullis_provider::algorithm::Algorithm;
use portcullis_provider::kx::danger::start_with_private_key;
use portcullis_provider::{crypto_provider, hmac};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::SigningKey;
use rustls::{NamedGroup, SignatureScheme};
use zeroize::Zeroizing;

use crate::splitmix;

/// What watches operations while they run.
pub(crate) trait Watch {
    /// What secrets come from.
    fn random(&mut self) -> &mut Random;

    /// Runs an operation, as often as it takes; `samples` is how often its time is taken at first.
    /// `make` makes an input of the fixed class or the random one.
    fn of<I>(
        &mut self,
        name: &str,
        samples: usize,
        make: impl FnMut(&mut Random, bool) -> I,
        run: impl FnMut(I),
    );
}

/// The order of the classes and the random inputs need no more than a seed.
pub(crate) struct Random {
    state: u64,
    mark: fn(&mut [u8]),
}

impl Random {
    /// Begins with a seed. `mark` is told where each secret lies.
    pub(crate) const fn new(seed: u64, mark: fn(&mut [u8])) -> Self {
        Self { state: seed, mark }
    }

    /// Tells that these bytes are a secret.
    pub(crate) fn mark(&self, bytes: &mut [u8]) {
        (self.mark)(bytes);
    }

    /// The bytes as a secret.
    pub(crate) fn marked<const N: usize>(&self, mut bytes: [u8; N]) -> [u8; N] {
        self.mark(&mut bytes);
        // What was known about them is forgotten: they are read where they have been marked.
        black_box(bytes)
    }

    pub(crate) fn next(&mut self) -> u64 {
        splitmix::next(&mut self.state)
    }

    /// A number below this one.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).expect("a length");
        usize::try_from(self.next() % bound).expect("less than a length")
    }

    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        for byte in &mut bytes {
            *byte = self.next().to_be_bytes()[0];
        }
        bytes
    }

    /// The fixed secret, or another one.
    pub(crate) fn secret<const N: usize>(&mut self, is_fixed: bool) -> [u8; N] {
        // Drawn in either case, so that both classes are made alike.
        let random = self.bytes();
        self.marked(if is_fixed { [0x11; N] } else { random })
    }
}

/// Operations that depend on their secrets, and must be found.
pub(crate) fn controls(watch: &mut impl Watch) {
    let expected = [0x11; 32];
    watch.of(
        "control: comparison that stops at the first difference",
        20_000,
        |random, is_fixed| random.secret::<32>(is_fixed),
        |secret| {
            for _ in 0..8 {
                let mut pairs = black_box(&secret).iter().zip(&expected);
                black_box(pairs.all(|(one, other)| black_box(one) == other));
            }
        },
    );
    watch.of(
        "control: power that multiplies for the bits that are set",
        20_000,
        |random, is_fixed| random.secret::<32>(is_fixed),
        |secret| {
            let mut power = 3_u64;
            for byte in secret {
                for bit in 0..8 {
                    power = black_box(power.wrapping_mul(power));
                    if byte >> bit & 1 == 1 {
                        power = black_box(power.wrapping_mul(0x1_0000_01b3).rotate_left(7));
                    }
                }
            }
            black_box(power);
        },
    );
}

/// Sealing and refusing, by the parts that records are protected with.
pub(crate) fn records(watch: &mut impl Watch) {
    const NONCE: [u8; 12] = [7; 12];
    for (name, algorithm) in [
        ("ChaCha20-Poly1305", Algorithm::ChaCha20Poly1305),
        ("AES-128-GCM", Algorithm::Aes128Gcm),
        ("AES-256-GCM", Algorithm::Aes256Gcm),
    ] {
        let keyed = |key: &[u8; 32]| algorithm.with_key(&key[..algorithm.key_len()]);
        watch.of(
            &format!("{name}: setting up, sealing 256 bytes; the key"),
            20_000,
            |random, is_fixed| random.secret::<32>(is_fixed),
            |secret| {
                black_box(keyed(&secret).seal(&NONCE, b"", &mut [5; 256]).unwrap());
            },
        );
        let key = keyed(&watch.random().marked([9; 32]));
        watch.of(
            &format!("{name}: sealing 256 bytes; the plaintext"),
            20_000,
            |random, is_fixed| random.secret::<256>(is_fixed),
            |mut secret| {
                black_box(key.seal(&NONCE, b"", &mut secret).unwrap());
            },
        );
        let mut sealed = [5; 256];
        let tag = key.seal(&NONCE, b"", &mut sealed).unwrap();
        watch.of(
            &format!("{name}: refusing 256 bytes; where the tag differs"),
            20_000,
            |random, is_fixed| {
                let other = 1 + random.below(15);
                let mut forged = tag;
                forged[if is_fixed { 0 } else { other }] ^= 1;
                (sealed, forged)
            },
            |(mut sealed, forged)| {
                black_box(key.open(&NONCE, b"", &mut sealed, &forged).is_err());
            },
        );
    }
}

pub(crate) fn macs(watch: &mut impl Watch) {
    for (name, mac) in [
        ("HMAC-SHA-256", hmac::HMAC_SHA256),
        ("HMAC-SHA-384", hmac::HMAC_SHA384),
    ] {
        watch.of(
            &format!("{name} of 64 bytes; the key"),
            20_000,
            |random, is_fixed| random.secret::<48>(is_fixed),
            |secret| {
                black_box(mac.with_key(&secret).sign(&[&[5; 64]]));
            },
        );
    }
}

/// A private key that every group takes: a scalar below the order of its curve.
pub(crate) fn scalar<const N: usize>(random: &mut Random, is_fixed: bool) -> [u8; N] {
    let mut secret = random.secret(is_fixed);
    secret[0] &= 0x7f;
    secret
}

pub(crate) fn exchanges(watch: &mut impl Watch) {
    for (name, group, samples) in [
        ("X25519", NamedGroup::X25519, 10_000),
        ("ECDH with P-256", NamedGroup::secp256r1, 4_000),
    ] {
        let peer = start_with_private_key(group, &[3; 32]).unwrap();
        let peer = peer.pub_key().to_vec();
        watch.of(
            &format!("{name}: the shared secret; the private key"),
            samples,
            |random, is_fixed| {
                start_with_private_key(group, &scalar::<32>(random, is_fixed)).unwrap()
            },
            |exchange| {
                black_box(exchange.complete(&peer).unwrap());
            },
        );
        watch.of(
            &format!("{name}: the public key; the private key"),
            samples,
            scalar::<32>,
            |secret| {
                black_box(start_with_private_key(group, &secret).unwrap());
            },
        );
    }
    let peer = start_with_private_key(NamedGroup::secp384r1, &[3; 48]).unwrap();
    let peer = peer.pub_key().to_vec();
    watch.of(
        "ECDH with P-384: the shared secret; the private key",
        2_000,
        |random, is_fixed| {
            start_with_private_key(NamedGroup::secp384r1, &scalar::<48>(random, is_fixed)).unwrap()
        },
        |exchange| {
            black_box(exchange.complete(&peer).unwrap());
        },
    );
    ml_kem(watch);
}

/// How many bytes of a private key of ML-KEM-768 hold the secret polynomials.
const KEM_SECRET: usize = 1152;

/// A ciphertext that was made for the key, or another: a decapsulation must not tell which.
fn ml_kem(watch: &mut impl Watch) {
    use libcrux_ml_kem::mlkem768;
    let keys = mlkem768::generate_key_pair([4; 64]);
    // In it are the public key and its hash too (FIPS 203 §7.1).
    let mut key = *keys.private_key().as_slice();
    let (polynomials, rest) = key.split_at_mut(KEM_SECRET);
    let (_, rejection) = rest.split_at_mut(rest.len() - 32);
    watch.random().mark(polynomials);
    watch.random().mark(rejection);
    let key = mlkem768::MlKem768PrivateKey::from(black_box(key));
    watch.of(
        "ML-KEM-768: decapsulation; whether the ciphertext is sound",
        4_000,
        |random, is_fixed| {
            let (ciphertext, _) = mlkem768::encapsulate(keys.public_key(), random.bytes());
            let mut bytes = *ciphertext.as_slice();
            let place = random.below(bytes.len());
            let changes = if is_fixed { 0 } else { 1 };
            bytes[place] ^= changes;
            mlkem768::MlKem768Ciphertext::from(bytes)
        },
        |ciphertext| {
            black_box(mlkem768::decapsulate(&key, &ciphertext));
        },
    );
    // The time depends on the key's public half, from which a matrix is sampled; so the key is one.
    watch.of(
        "ML-KEM-768: decapsulation; the secret that was encapsulated",
        4_000,
        |random, is_fixed| {
            let secret = random.secret(is_fixed);
            mlkem768::encapsulate(keys.public_key(), secret).0
        },
        |ciphertext| {
            black_box(mlkem768::decapsulate(&key, &ciphertext));
        },
    );
}

pub(crate) fn load(der: &[u8]) -> Arc<dyn SigningKey> {
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(der.to_vec()));
    let loaded = crypto_provider().key_provider.load_private_key(key);
    loaded.expect("a key that the provider reads")
}

/// A key as PKCS #8.
pub(crate) fn p256_key(secret: &[u8; 32]) -> Zeroizing<Vec<u8>> {
    let key = p256::SecretKey::from_slice(secret).unwrap();
    key.to_pkcs8_der().unwrap().to_bytes()
}

/// A key as PKCS #8.
pub(crate) fn p384_key(secret: &[u8; 48]) -> Zeroizing<Vec<u8>> {
    let key = p384::SecretKey::from_slice(secret).unwrap();
    key.to_pkcs8_der().unwrap().to_bytes()
}

/// A key as PKCS #8.
pub(crate) fn ed25519_key(secret: &[u8; 32]) -> Zeroizing<Vec<u8>> {
    // RFC 8410 §7.
    let prefix = [
        0x30, 46, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 34, 4, 32,
    ];
    Zeroizing::new([&prefix[..], secret].concat())
}

pub(crate) fn signatures(watch: &mut impl Watch) {
    let sign = |scheme: SignatureScheme, key: &Arc<dyn SigningKey>, message: &[u8]| {
        let signer = key.choose_scheme(&[scheme]).unwrap();
        black_box(signer.sign(message).unwrap());
    };
    watch.of(
        "ECDSA with P-256; the key, and with it the nonce",
        4_000,
        |random, is_fixed| {
            (
                load(&p256_key(&scalar(random, is_fixed))),
                random.bytes::<64>(),
            )
        },
        |(key, message)| sign(SignatureScheme::ECDSA_NISTP256_SHA256, &key, &message),
    );
    watch.of(
        "ECDSA with P-384; the key, and with it the nonce",
        2_000,
        |random, is_fixed| {
            (
                load(&p384_key(&scalar(random, is_fixed))),
                random.bytes::<64>(),
            )
        },
        |(key, message)| sign(SignatureScheme::ECDSA_NISTP384_SHA384, &key, &message),
    );
    watch.of(
        "Ed25519; the key, and with it the nonce",
        10_000,
        |random, is_fixed| {
            (
                load(&ed25519_key(&random.secret(is_fixed))),
                random.bytes::<64>(),
            )
        },
        |(key, message)| sign(SignatureScheme::ED25519, &key, &message),
    );
}

/// What is written in hexadecimal.
pub(crate) fn bytes(hexadecimal: &str) -> Vec<u8> {
    let digits = hexadecimal.as_bytes().chunks(2);
    digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// The first key is the fixed one.
pub(crate) fn rsa(watch: &mut impl Watch, keys: &[Arc<dyn SigningKey>]) {
    let [fixed, others @ ..] = keys else {
        return;
    };
    let sign = |key: &Arc<dyn SigningKey>, message: &[u8]| {
        let signer = key
            .choose_scheme(&[SignatureScheme::RSA_PSS_SHA256])
            .unwrap();
        black_box(signer.sign(message).unwrap());
    };
    watch.of(
        "RSA of 2048 bits; the key",
        600,
        |random, is_fixed| {
            let other = &others[random.below(others.len())];
            let key = if is_fixed { fixed } else { other };
            (Arc::clone(key), random.bytes::<64>())
        },
        |(key, message)| sign(&key, &message),
    );
    let pkcs1 = fixed
        .choose_scheme(&[SignatureScheme::RSA_PKCS1_SHA256])
        .unwrap();
    watch.of(
        "RSA of 2048 bits; the message, which an attacker may choose",
        600,
        |random, is_fixed| random.secret::<64>(is_fixed),
        |message| {
            black_box(pkcs1.sign(&message).unwrap());
        },
    );
}
