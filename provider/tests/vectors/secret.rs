//! What is computed with private keys of P-256 and RSA, against RustCrypto's, at the edges and at random.

use p256::ecdsa::signature::Signer;
use p256::ecdsa::{DerSignature, SigningKey};
use p256::elliptic_curve::Group;
use p256::elliptic_curve::ff::PrimeField;
use p256::elliptic_curve::ops::Reduce;
use p256::elliptic_curve::sec1::ToSec1Point;
use p256::{FieldBytes, ProjectivePoint, Scalar, U256};
use portcullis_provider::kx::danger::start_with_private_key;
use rsa::Pkcs1v15Sign;
use rsa::pkcs8::EncodePrivateKey;
use rustls::{NamedGroup, SignatureScheme};
use sha2::{Digest, Sha256, Sha384, Sha512};

use crate::random::Random;
use crate::sign::rsa_pkcs8;
use crate::{der, hex, load};

/// The scalar for which the last addition of `ecdsa_p256::comb` adds a point to itself.
const LAST_ADDENDS_EQUAL: &str = "bff7feff20040080ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";

/// Small scalars, those around powers of two and around what moves between the rows and columns of the
/// comb, and the opposites of all.
fn edges() -> Vec<Scalar> {
    let mut edges: Vec<_> = (1..=70_u64).map(Scalar::from).collect();
    for exponent in 3..256_u64 {
        let power = Scalar::from(2_u64).pow_vartime(&U256::from(exponent));
        edges.extend([power - Scalar::ONE, power, power + Scalar::ONE]);
        edges.extend([power * Scalar::from(3_u64), power * Scalar::from(2047_u64)]);
    }
    for pattern in ["aa", "55", "cc", "0f", "f0", "ff", "7f", "80"] {
        let bytes: FieldBytes = <[u8; 32]>::try_from(hex(&pattern.repeat(32)))
            .unwrap()
            .into();
        edges.push(Scalar::reduce(&bytes));
    }
    let equal = <[u8; 32]>::try_from(hex(LAST_ADDENDS_EQUAL)).unwrap();
    let equal = Scalar::from_repr(equal.into()).unwrap();
    edges.extend([
        equal,
        equal - Scalar::from(2_u64),
        equal + Scalar::from(2_u64),
    ]);
    let opposites: Vec<_> = edges.iter().map(|edge| -edge).collect();
    edges.extend(opposites);
    edges
}

fn public_keys_agree(scalar: &Scalar) {
    let exchange = start_with_private_key(NamedGroup::secp256r1, &scalar.to_repr()).unwrap();
    let expected = ProjectivePoint::mul_by_generator(scalar).to_affine();
    assert_eq!(
        exchange.pub_key(),
        expected.to_sec1_point(false).as_bytes(),
        "{:x?}",
        scalar.to_repr()
    );
}

#[test]
fn p256_public_keys_of_edge_scalars_are_those_of_rustcrypto() {
    let edges = edges();
    assert!(edges.len() > 2000);
    edges.iter().for_each(public_keys_agree);
}

#[test]
fn p256_public_keys_of_random_scalars_are_those_of_rustcrypto() {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    for _ in 0..ROUNDS {
        public_keys_agree(&random.scalar());
    }
}

/// How many random keys each test takes.
const ROUNDS: usize = 2000;

fn signatures_agree(scalar: &Scalar, message: &[u8]) {
    let bytes = scalar.to_repr();
    let key = der(0x30, &[&der(2, &[&[1]]), &der(4, &[&bytes])]);
    let signer = load(&key).unwrap();
    let signer = signer.choose_scheme(&[SignatureScheme::ECDSA_NISTP256_SHA256]);
    let expected: DerSignature = SigningKey::from_bytes(&bytes).unwrap().sign(message);
    assert_eq!(
        signer.unwrap().sign(message).unwrap(),
        expected.as_bytes(),
        "{bytes:x?}"
    );
}

#[test]
fn p256_signatures_are_those_of_rustcrypto() {
    for edge in edges().iter().step_by(7) {
        signatures_agree(edge, b"message");
    }
    signatures_agree(&Scalar::ONE, b"");
    signatures_agree(&-Scalar::ONE, b"");
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for _ in 0..ROUNDS {
        let message: [u8; 32] = random.array();
        signatures_agree(&random.scalar(), &message[..usize::from(message[0] % 32)]);
    }
}

#[test]
fn rsa_pkcs1_signatures_are_those_of_rustcrypto() {
    let rng = &mut getrandom::SysRng;
    // Sizes at which limbs, blocks and bytes do not end together.
    let made = [2049, 2056].map(|bits| {
        let key = rsa::PrivateKey::new(rng, bits).unwrap();
        key.to_pkcs8_der().unwrap().as_bytes().to_vec()
    });
    for pkcs8 in made.iter().map(Vec::as_slice).chain([rsa_pkcs8()]) {
        let key = load(pkcs8).unwrap();
        let other: rsa::PrivateKey = pkcs8::DecodePrivateKey::from_pkcs8_der(pkcs8).unwrap();
        for number in 0..20_u8 {
            let message = [number; 50];
            let sign = |scheme| {
                let signer = key.choose_scheme(&[scheme]).unwrap();
                signer.sign(&message).unwrap()
            };
            assert_eq!(
                sign(SignatureScheme::RSA_PKCS1_SHA256),
                other
                    .sign(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(message))
                    .unwrap()
            );
            assert_eq!(
                sign(SignatureScheme::RSA_PKCS1_SHA384),
                other
                    .sign(Pkcs1v15Sign::new::<Sha384>(), &Sha384::digest(message))
                    .unwrap()
            );
            assert_eq!(
                sign(SignatureScheme::RSA_PKCS1_SHA512),
                other
                    .sign(Pkcs1v15Sign::new::<Sha512>(), &Sha512::digest(message))
                    .unwrap()
            );
        }
    }
}
