//! ECDSA over P-256: verification (FIPS 186-5 §6.4.2), and below it signing, with a code of its own; and ECDH
//! with the same.
//!
//! The running time of verification depends on the inputs, which are all public: nothing secret may be given
//! to it. What signing and ECDH call is in constant time.

mod agree;
mod comb;
mod digits;
mod field;
mod inverse;
mod point;
mod scalar;
mod sign;
mod windows;

use std::sync::OnceLock;

pub use agree::AgreementKey;
use digits::digits;
use field::Element;
use point::{Add, Affine, INFINITY, Jacobian, UNCOMPRESSED};
use scalar::Scalar;
pub use sign::{Signature, SigningKey};
use zeroize::Zeroizing;

/// The signature is not valid, or it, the key or the digest is not well-formed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused;

/// Verifies the signature of a digest of 32 bytes or more.
///
/// The key is an uncompressed point (SEC 1 §2.3.3). A key that is not on the curve is refused, and
/// so is an `r` or `s` that is 0 or not less than the order.
pub fn verify(key: &[u8], digest: &[u8], r: &[u8; 32], s: &[u8; 32]) -> Result<(), Refused> {
    is_valid(key, digest, r, s)
        .ok_or(Refused)?
        .then_some(())
        .ok_or(Refused)
}

/// The public key of a private one, as an uncompressed point, in constant time. `None` if the integer is
/// not from 1 to n - 1.
pub fn public_key(secret: &[u8; 32]) -> Option<[u8; 65]> {
    let secret = Zeroizing::new(Scalar::secret(&field::from_bytes(secret))?);
    Some(public_of(&secret))
}

fn public_of(secret: &Scalar) -> [u8; 65] {
    let (x, y) = comb::times_base(secret);
    let mut point = [UNCOMPRESSED; 65];
    let (_, coordinates) = point.split_at_mut(1);
    let words = [field::to_bytes(&x), field::to_bytes(&y)];
    coordinates.copy_from_slice(words.as_flattened());
    point
}

fn is_valid(key: &[u8], digest: &[u8], r: &[u8; 32], s: &[u8; 32]) -> Option<bool> {
    let key = Affine::from_sec1(key)?;
    let r = Scalar::nonzero(&field::from_bytes(r))?;
    let s = Scalar::nonzero(&field::from_bytes(s))?;
    let e = Scalar::reduced(&field::from_bytes(digest.first_chunk()?));
    let (u1, u2) = Scalar::quotients(&e, &r, &s);
    let point = combination(&u1, &u2, &key)?;
    Some(!point.is_infinity() && has_x(&point, &r))
}

/// `u1` times G plus `u2` times `point`, all doublings shared (Guide to Elliptic Curve
/// Cryptography, algorithm 3.51).
fn combination(u1: &Scalar, u2: &Scalar, point: &Affine) -> Option<Jacobian> {
    let base = base_multiples();
    let multiples = point::odd_multiples::<{ 1 << (WIDTH - 2) }>(point);
    let base_digits = digits::<BASE_WIDTH>(u1.words());
    let digits = digits::<WIDTH>(u2.words());
    let mut sum = INFINITY;
    for (base_digit, digit) in base_digits.iter().zip(digits).rev() {
        sum = sum.doubled();
        sum = plus_multiple(sum, &multiples, digit)?;
        sum = plus_multiple(sum, base, *base_digit)?;
    }
    Some(sum)
}

/// Adds `digit` times the point whose odd multiples are given; `None` if the digit is beyond them.
#[inline(always)]
fn plus_multiple<A: Add + Copy>(sum: Jacobian, odd: &[A], digit: i8) -> Option<Jacobian> {
    if digit == 0 {
        return Some(sum);
    }
    let multiple = *odd.get(usize::from(digit.unsigned_abs() / 2))?;
    let multiple = if digit < 0 {
        multiple.negated()
    } else {
        multiple
    };
    Some(multiple.add_to(&sum))
}

/// Whether the x coordinate is `r` modulo n. The point is not infinity.
fn has_x(point: &Jacobian, r: &Scalar) -> bool {
    let z_squared = point.z.squared();
    let is = |x: &field::Words| {
        let x = Element::from_reduced(x).times(&z_squared);
        let difference: Element<{ field::SETTLED + 1 }> = point.x.minus(x);
        difference.is_zero()
    };
    is(r.words()) || r.plus_order().is_some_and(|x| is(&x))
}

/// The odd multiples of the base point, computed at the first use. Computing them takes almost as
/// long as a verification.
fn base_multiples() -> &'static [Affine; 1 << (BASE_WIDTH - 2)] {
    static MULTIPLES: OnceLock<[Affine; 1 << (BASE_WIDTH - 2)]> = OnceLock::new();
    MULTIPLES.get_or_init(|| point::to_affine(&point::odd_multiples(&Affine::base())))
}

/// Width of the digits for keys, whose multiples are computed for each signature.
const WIDTH: u32 = 5;
/// Width of the digits for the base point, whose 64 multiples are kept, in about 5 or 9 KiB.
const BASE_WIDTH: u32 = 8;
