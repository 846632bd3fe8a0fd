//! Signed digits: scalars as sums of few odd multiples of powers of two.

use super::field::Words;

/// Digits at the powers of two from 2^0 to 2^256; those that are not zero are odd.
pub(super) type Digits = [i8; 257];

/// The width-w non-adjacent form (Hankerson, Menezes and Vanstone, "Guide to Elliptic Curve
/// Cryptography", algorithm 3.35): of `WIDTH` digits in a row at most one is not zero, and its
/// absolute value is less than 2^(`WIDTH` - 1).
pub(super) fn digits<const WIDTH: u32>(scalar: &Words) -> Digits {
    const { assert!(WIDTH <= i8::BITS) };
    let mut digits = [0; 257];
    // 1 if the last nonzero digit is negative and so has borrowed from those above it.
    let mut carry = 0_u64;
    let mut at = 0_u32;
    loop {
        // The rest of the scalar plus the carry is even as long as its lowest bit equals the carry.
        let zeros = (window(scalar, at) ^ carry.wrapping_neg()).trailing_zeros();
        at += zeros;
        let Some(digit) = usize::try_from(at).ok().and_then(|at| digits.get_mut(at)) else {
            return digits;
        };
        if zeros == u64::BITS {
            continue;
        }
        let bits = (window(scalar, at) & ((1 << WIDTH) - 1)) + carry;
        carry = bits >> (WIDTH - 1);
        let [low, ..] = bits.wrapping_sub(carry << WIDTH).to_le_bytes();
        *digit = low.cast_signed();
        at += WIDTH;
    }
}

/// The 64 bits of the scalar from bit `at` upwards.
fn window(scalar: &Words, at: u32) -> u64 {
    let word = |number| scalar.get(number).copied().unwrap_or_default();
    let number = usize::try_from(at / u64::BITS).unwrap_or(usize::MAX - 1);
    let (low, high) = (word(number), word(number + 1));
    // The shift to the left is made in two steps, because a shift by all 64 bits overflows.
    let shift = at % u64::BITS;
    low >> shift | (high << 1) << (u64::BITS - 1 - shift)
}

#[cfg(test)]
mod tests {
    use super::{Digits, Words, digits};

    const SCALARS: [Words; 8] = [
        [0; 4],
        [1, 0, 0, 0],
        [u64::MAX; 4],
        [u64::MAX, 0, u64::MAX, 0],
        [0, u64::MAX, 0, u64::MAX],
        [0, 0, 0, 1 << 63],
        [0xaaaa_aaaa_aaaa_aaaa; 4],
        [
            0x0123_4567_89ab_cdef,
            0xfedc_ba98_7654_3210,
            0,
            0x7f80_7f80_7f80_7f80,
        ],
    ];

    #[test]
    fn digits_sum_up_to_the_scalar() {
        for scalar in SCALARS {
            check(&scalar, &digits::<5>(&scalar), 5);
            check(&scalar, &digits::<8>(&scalar), 8);
        }
    }

    fn check(scalar: &Words, digits: &Digits, width: u32) {
        let mut carry = 0_i16;
        for (at, digit) in digits.iter().enumerate() {
            assert!(*digit == 0 || digit % 2 != 0);
            assert!(u32::from(digit.unsigned_abs()) < 1 << (width - 1));
            let bit = scalar.get(at / 64).map_or(0, |word| word >> (at % 64) & 1);
            let sum = i16::from(*digit) + carry;
            assert_eq!(sum.rem_euclid(2), i16::try_from(bit).unwrap());
            carry = sum.div_euclid(2);
        }
        assert_eq!(carry, 0);
        let width = usize::try_from(width).unwrap();
        let crowded = |window: &[i8]| window.iter().filter(|digit| **digit != 0).count() > 1;
        assert!(!digits.windows(width).any(crowded));
    }
}
