//! Verification over P-256 against RustCrypto's, at the edges and at random.

use p256::ecdsa::signature::hazmat::PrehashVerifier;
use p256::ecdsa::{Signature, VerifyingKey};
use p256::elliptic_curve::Group;
use p256::elliptic_curve::ff::{Field, PrimeField};
use p256::elliptic_curve::ops::Reduce;
use p256::elliptic_curve::sec1::{FromSec1Point, ToSec1Point};
use p256::{AffinePoint, ProjectivePoint, Scalar, Sec1Point, U256};
use portcullis_provider::ecdsa_p256::{Refused, verify};

use crate::hex;
use crate::random::Random;

/// Whether the signature is valid, on which both implementations must agree.
fn both(key: &[u8], digest: &[u8; 32], r: &[u8; 32], s: &[u8; 32]) -> bool {
    let valid = verify(key, digest, r, s).is_ok();
    let other = VerifyingKey::from_sec1_bytes(key).and_then(|key| {
        let signature = Signature::from_scalars(*r, *s)?;
        key.verify_prehash(digest, &signature)
    });
    assert_eq!(valid, other.is_ok(), "{key:x?} {digest:x?} {r:x?} {s:x?}");
    valid
}

fn sec1(point: &ProjectivePoint) -> Vec<u8> {
    point.to_affine().to_sec1_point(false).as_bytes().to_vec()
}

/// The x coordinate modulo n.
fn r_of(point: &ProjectivePoint) -> Scalar {
    let bytes = sec1(point);
    Scalar::reduce(&U256::from_be_slice(&bytes[1..33]))
}

fn bytes(scalar: &Scalar) -> [u8; 32] {
    scalar.to_repr().into()
}

/// The signature for which verification computes `u1` and `u2`: digest, r and s. It is valid if r
/// is that of `u1` times G plus `u2` times the key.
fn signature(u1: &Scalar, u2: &Scalar, r: &Scalar) -> ([u8; 32], [u8; 32], [u8; 32]) {
    let s = r * &u2.invert().unwrap();
    (bytes(&(u1 * &s)), bytes(r), bytes(&s))
}

fn next(bytes: &[u8; 32]) -> [u8; 32] {
    let mut next = *bytes;
    for byte in next.iter_mut().rev() {
        *byte = byte.wrapping_add(1);
        if *byte != 0 {
            break;
        }
    }
    next
}

/// Scalars around 0, n, powers of two and long runs of equal bits.
fn edges() -> Vec<Scalar> {
    let mut edges = vec![
        Scalar::ZERO,
        Scalar::ONE,
        Scalar::from(2_u64),
        Scalar::from(3_u64),
    ];
    for exponent in [4_u64, 5, 7, 8, 31, 63, 64, 127, 128, 129, 191, 224, 255] {
        let power = Scalar::from(2_u64).pow_vartime(&U256::from(exponent));
        edges.extend([power - Scalar::ONE, power, power + Scalar::ONE]);
    }
    let alternating = U256::from_be_slice(&[0xaa; 32]);
    edges.extend([
        Scalar::from(2_u64).invert().unwrap(),
        Scalar::reduce(&alternating),
    ]);
    let negated: Vec<_> = edges.iter().map(|edge| -edge).collect();
    edges.extend(negated);
    edges
}

#[test]
fn edge_scalars_verify_as_with_rustcrypto() {
    let edges = edges();
    let (mut valid, mut infinite) = (0, 0);
    for d in [1_u64, 2, 3, 0x1234_5678_9abc_def1] {
        for d in [Scalar::from(d), -Scalar::from(d)] {
            let key = ProjectivePoint::mul_by_generator(&d);
            let encoded = sec1(&key);
            for (number, u1) in edges.iter().enumerate() {
                for u2 in edges.iter().skip(number % STEP).step_by(STEP) {
                    let sum = ProjectivePoint::mul_by_generator(&(u1 + &(u2 * &d)));
                    let at_infinity = bool::from(sum.is_identity());
                    let r = if at_infinity { Scalar::ONE } else { r_of(&sum) };
                    if bool::from(r.is_zero() | u2.is_zero()) {
                        continue;
                    }
                    let (digest, r, s) = signature(u1, u2, &r);
                    assert_eq!(both(&encoded, &digest, &r, &s), !at_infinity);
                    valid += i32::from(!at_infinity);
                    infinite += i32::from(at_infinity);
                    if u2 == u1 {
                        both(&encoded, &next(&digest), &r, &s);
                        both(&encoded, &digest, &next(&r), &s);
                        both(&encoded, &digest, &r, &next(&s));
                    }
                }
            }
        }
    }
    assert!(valid > 1500 && infinite > 10, "{valid} {infinite}");
}

/// One pair of edges in this many is run; with 1, which runs all, they have passed too.
const STEP: usize = 32;

/// With keys that are small multiples of G or their negatives, the points that are added meet as
/// equals and as opposites.
#[test]
fn small_scalars_verify_as_with_rustcrypto() {
    let mut run = 0;
    for d in (-9..=9_i64).filter(|d| *d != 0) {
        let scalar = |small: i64| {
            let size = Scalar::from(small.unsigned_abs());
            if small < 0 { -size } else { size }
        };
        let key = ProjectivePoint::mul_by_generator(&scalar(d));
        let encoded = sec1(&key);
        for u1 in -20..=20 {
            for u2 in [-16, -15, -7, -3, -1, 1, 2, 3, 5, 15, 16, 17] {
                let sum = ProjectivePoint::mul_by_generator(&scalar(u1 + u2 * d));
                let at_infinity = u1 + u2 * d == 0;
                let r = if at_infinity { Scalar::ONE } else { r_of(&sum) };
                let (digest, r, s) = signature(&scalar(u1), &scalar(u2), &r);
                let valid = verify(&encoded, &digest, &r, &s).is_ok();
                assert_eq!(valid, !at_infinity, "{d} {u1} {u2}");
                run += 1;
            }
        }
    }
    assert_eq!(run, 18 * 41 * 12);
}

#[test]
fn random_signatures_verify_as_with_rustcrypto() {
    let mut random = Random(0x0123_4567_89ab_cdef);
    for _ in 0..ROUNDS {
        let [d, k] = [random.scalar(), random.scalar()];
        let key = sec1(&ProjectivePoint::mul_by_generator(&d));
        let r = r_of(&ProjectivePoint::mul_by_generator(&k));
        let digest = random.array();
        let e = Scalar::reduce(&U256::from_be_slice(&digest));
        let s = k.invert().unwrap() * (e + r * d);
        let (r, s) = (bytes(&r), bytes(&s));
        assert!(both(&key, &digest, &r, &s));
        // With n - s it is valid too.
        assert!(both(
            &key,
            &digest,
            &r,
            &bytes(&-Scalar::from_repr(s.into()).unwrap())
        ));
        let mut wrong = digest;
        wrong[usize::from(digest[0] % 32)] ^= 1 << (digest[1] % 8);
        assert!(!both(&key, &wrong, &r, &s));
        assert!(!both(&key, &digest, &s, &r));
    }
}

/// With 25,000 rounds the test has passed as well.
const ROUNDS: usize = 250;

/// Verification compares modulo n, and some x coordinates are not less than n.
#[test]
fn x_coordinate_that_is_not_less_than_the_order_is_found() {
    let order = hex(ORDER);
    let mut found = 0;
    for more in 0..=40_u8 {
        let mut x = order.clone();
        x[31] += more;
        let Some(sum) = with_x(&x) else { continue };
        let r = Scalar::from(u64::from(more));
        if more == 0 {
            // r would be 0.
            let key = sec1(&ProjectivePoint::GENERATOR);
            assert!(!both(&key, &[1; 32], &[0; 32], &[1; 32]));
            continue;
        }
        let [u1, u2] = [Scalar::from(12_345_u64), Scalar::from(6_789_u64)];
        let key = (sum - ProjectivePoint::mul_by_generator(&u1)) * u2.invert().unwrap();
        let (digest, r, s) = signature(&u1, &u2, &r);
        assert!(both(&sec1(&key), &digest, &r, &s));
        assert!(!both(&sec1(&key), &digest, &next(&r), &s));
        // The coordinate itself.
        assert!(!both(&sec1(&key), &digest, &x.try_into().unwrap(), &s));
        found += 1;
    }
    assert!(found >= 10, "{found}");
}

#[test]
fn integers_outside_the_range_are_refused() {
    let key = sec1(&ProjectivePoint::GENERATOR);
    let order: [u8; 32] = hex(ORDER).try_into().unwrap();
    let one = bytes(&Scalar::ONE);
    let largest = bytes(&-Scalar::ONE);
    let outside = [[0; 32], order, next(&order), [0xff; 32]];
    for wrong in outside {
        for right in [one, largest] {
            assert!(!both(&key, &one, &wrong, &right));
            assert!(!both(&key, &one, &right, &wrong));
        }
        // A digest may be anything.
        both(&key, &wrong, &one, &largest);
        both(&key, &wrong, &largest, &one);
    }
    assert_eq!(verify(&key, &[1; 31], &one, &one), Err(Refused));

    // A signature with a small s, and with the same s modulo n.
    let [d, k, small] = [7_u64, 11, 1].map(Scalar::from);
    let key = sec1(&ProjectivePoint::mul_by_generator(&d));
    let r = r_of(&ProjectivePoint::mul_by_generator(&k));
    let digest = bytes(&(small * k - r * d));
    assert!(both(&key, &digest, &bytes(&r), &one));
    assert!(!both(&key, &digest, &bytes(&r), &next(&order)));
}

#[test]
fn key_that_is_no_point_of_the_curve_is_refused() {
    let (u1, u2) = (Scalar::from(3_u64), Scalar::from(5_u64));
    // G, and the point with x = 5, whose encoding with x = p + 5 must be refused below.
    let mut five = [0; 32];
    five[31] = 5;
    for point in [ProjectivePoint::GENERATOR, with_x(&five).unwrap()] {
        let sum = ProjectivePoint::mul_by_generator(&u1) + point * u2;
        let (digest, r, s) = signature(&u1, &u2, &r_of(&sum));
        let right = sec1(&point);
        assert!(both(&right, &digest, &r, &s));

        let mut wrong_y = right.clone();
        wrong_y[64] ^= 1;
        let mut wrong_x = right.clone();
        wrong_x[32] ^= 1;
        let mut zero = right.clone();
        zero[1..].fill(0);
        let mut maximum = right.clone();
        maximum[1..].fill(0xff);
        let compressed = [&[2 | (right[64] & 1)], &right[1..33]].concat();
        let mut hybrid = right.clone();
        hybrid[0] = 6 | (right[64] & 1);
        let long = [right.as_slice(), &[0]].concat();
        for wrong in [
            wrong_y,
            wrong_x,
            zero,
            maximum,
            hybrid,
            compressed,
            long,
            right[..64].to_vec(),
            right[..1].to_vec(),
            vec![0],
            Vec::new(),
        ] {
            assert_eq!(verify(&wrong, &digest, &r, &s), Err(Refused), "{wrong:x?}");
        }
    }

    // For the digest 0 and r = s the sum is the key, even if that is not on the curve.
    let mut wrong = sec1(&ProjectivePoint::GENERATOR);
    let r = bytes(&r_of(&ProjectivePoint::GENERATOR));
    assert!(both(&wrong, &[0; 32], &r, &r));
    wrong[64] ^= 1;
    assert!(!both(&wrong, &[0; 32], &r, &r));

    let mut unreduced = sec1(&with_x(&five).unwrap());
    let modulus = hex("ffffffff00000001000000000000000000000000ffffffffffffffffffffffff");
    unreduced[1..33].copy_from_slice(&modulus);
    let x = &mut unreduced[1..33];
    // p + 5
    x[31] = 4;
    for byte in &mut x[20..31] {
        *byte = 0;
    }
    x[19] = 1;
    let sum = ProjectivePoint::mul_by_generator(&u1) + with_x(&five).unwrap() * u2;
    let (digest, r, s) = signature(&u1, &u2, &r_of(&sum));
    assert!(!both(&unreduced, &digest, &r, &s));
}

/// A point with that x coordinate, if there is one.
fn with_x(x: &[u8]) -> Option<ProjectivePoint> {
    let compressed = Sec1Point::from_bytes([&[2], x].concat()).unwrap();
    let point = AffinePoint::from_sec1_point(&compressed);
    Option::from(point).map(|point: AffinePoint| point.into())
}

const ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
