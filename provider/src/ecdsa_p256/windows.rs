//! Multiples of a peer's point by secrets, in constant time: digits of five bits, all of them odd.
//!
//! An odd scalar is a sum of powers of two, each added or subtracted, as in `comb.rs`. Five powers in a row are
//! a digit: an odd number from -31 to 31.

use std::hint::black_box;

use zeroize::Zeroizing;

use super::field::Words;
use super::point::{self, Affine};
use super::scalar::Scalar;

const WIDTH: usize = 5;
const DIGITS: usize = 52;
/// The odd multiples from 1 to 31.
const MULTIPLES: usize = 1 << (WIDTH - 1);
const MASK: u64 = (1 << WIDTH) - 1;

/// The x coordinate of the point times the scalar, which is not 0. The point is public.
///
/// Before a digit is added, the sum stands for 32 times a positive integer: the highest digit is positive, and
/// the others cannot make up for it. As integers it and the digit are neither equal nor opposite, since one is
/// even and the other odd, and before the last digit both are far below n. The last sum is the scalar, so that
/// its parts are not opposite. Modulo n they would be equal for n - 2, n - 6 and so on up to n - 62, if that
/// number had the digit -1, -3 and so on at its end: none has (`the_last_addends_are_never_equal`).
pub(super) fn times_point(scalar: &Scalar, point: &Affine) -> Words {
    let multiples = point::to_affine(&point::odd_multiples::<MULTIPLES>(point));
    let [lowest, ..] = scalar.words();
    let is_even = black_box(lowest & 1).wrapping_sub(1);
    // The opposite point has the same x.
    let odd = Zeroizing::new(scalar.negated_if(is_even));
    let powers = Zeroizing::new(powers(odd.words()));
    let addend = |digit| {
        let bits = bits(&powers, digit);
        let is_negative = (bits >> (WIDTH - 1)).wrapping_sub(1);
        let wanted = (bits ^ is_negative) & (MASK >> 1);
        Affine::select(&multiples, wanted, is_negative.cast_signed())
    };
    let mut sum = addend(DIGITS - 1).to_jacobian();
    for digit in (0..DIGITS - 1).rev() {
        for _ in 0..WIDTH {
            sum = sum.doubled();
        }
        sum = sum.plus_other(&addend(digit));
    }
    let (x, _) = sum.to_coordinates();
    x
}

/// Which powers of two are added, from the lowest to 2^259: half of the scalar, which is odd, and the highest.
fn powers(scalar: &Words) -> [u64; 5] {
    let [a, b, c, d] = *scalar;
    [
        a >> 1 | b << 63,
        b >> 1 | c << 63,
        c >> 1 | d << 63,
        d >> 1,
        1 << (WIDTH * DIGITS - 1 - 256),
    ]
}

/// The signs of a digit's powers.
fn bits(powers: &[u64; 5], digit: usize) -> u64 {
    let word = |at| powers.get(at).copied().unwrap_or_default();
    let (at, shift) = (digit * WIDTH / 64, digit * WIDTH % 64);
    // The shift to the left is made in two steps, because a shift by all 64 bits overflows.
    (word(at) >> shift | (word(at + 1) << 1) << (63 - shift)) & MASK
}

#[cfg(test)]
mod tests {
    use super::super::scalar::ORDER;
    use super::*;

    /// The digit itself.
    fn digit(scalar: &Words, at: usize) -> i64 {
        2 * bits(&powers(scalar), at).cast_signed() - 31
    }

    #[test]
    fn digits_sum_up_to_the_scalar() {
        for scalar in [
            [1, 0, 0, 0],
            [u64::MAX; 4],
            [0x0123_4567_89ab_cdef, u64::MAX, 0, 0x7f80_7f80_7f80_7f80],
            [1, 1 << 63, 0xaaaa_aaaa_aaaa_aaaa, 1 << 63],
        ] {
            let mut carry = 0;
            let mut binary = [0_u64; 5];
            // From the lowest digit up, as digits from 0 to 31.
            for at in 0..DIGITS {
                let sum = digit(&scalar, at) + carry;
                carry = sum >> WIDTH;
                let low = u128::from((sum & 31).cast_unsigned()) << (at * WIDTH % 64);
                let word = at * WIDTH / 64;
                binary[word] |= u64::try_from(low & u128::from(u64::MAX)).unwrap();
                if word < 4 {
                    binary[word + 1] |= u64::try_from(low >> 64).unwrap();
                }
            }
            assert_eq!((carry, &binary[..4], binary[4]), (0, &scalar[..], 0));
        }
    }

    #[test]
    fn the_last_addends_are_never_equal() {
        let [lowest, rest @ ..] = ORDER;
        for absolute in (1..32).step_by(2) {
            let [b, c, d] = rest;
            let scalar = [lowest - 2 * absolute, b, c, d];
            assert_ne!(digit(&scalar, 0), -absolute.cast_signed());
        }
    }
}
