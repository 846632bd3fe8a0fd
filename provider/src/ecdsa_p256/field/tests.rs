//! Arithmetic in both kinds of limbs, at their limits, against arithmetic by doubling and adding.

use super::{MODULUS, Words, from_limbs, is_less, narrow, to_limbs, wide};

/// `a` plus `b` modulo p, both less than p. It is slow, but shares no technique with what is
/// tested.
fn sum(a: Words, b: Words) -> Words {
    let mut carry = 0;
    let mut sum = [0; 4];
    for (to, (a, b)) in sum.iter_mut().zip(a.into_iter().zip(b)) {
        let all = u128::from(a) + u128::from(b) + carry;
        *to = u64::try_from(all & u128::from(u64::MAX)).unwrap();
        carry = all >> 64;
    }
    if carry == 0 && is_less(&sum, &MODULUS) {
        return sum;
    }
    let mut borrow = 0;
    for (to, p) in sum.iter_mut().zip(MODULUS) {
        let all = i128::from(*to) - i128::from(p) - borrow;
        *to = u64::try_from(all & i128::from(u64::MAX)).unwrap();
        borrow = i128::from(all < 0);
    }
    sum
}

/// `a` times `b` modulo p, by doubling and adding.
fn product(a: Words, b: Words) -> Words {
    let bits = (0..256).rev().map(|bit| b[bit / 64] >> (bit % 64) & 1);
    bits.fold([0; 4], |so_far, bit| {
        let twice = sum(so_far, so_far);
        if bit == 1 { sum(twice, a) } else { twice }
    })
}

fn power_of_two(exponent: u32) -> Words {
    (0..exponent).fold([1, 0, 0, 0], |so_far, _| sum(so_far, so_far))
}

fn value(limbs: &[i64], bits: u32) -> Words {
    let minus_one = [MODULUS[0] - 1, MODULUS[1], MODULUS[2], MODULUS[3]];
    let base = power_of_two(bits);
    limbs.iter().rev().fold([0; 4], |so_far, limb| {
        let size = [limb.unsigned_abs(), 0, 0, 0];
        let limb = if *limb < 0 {
            product(size, minus_one)
        } else {
            size
        };
        sum(product(so_far, base), limb)
    })
}

/// Checks 100 combinations of the largest limbs of either sign that may be multiplied, and those
/// with the largest columns.
macro_rules! products_are_right {
    ($limbs:ident, $unit:expr, $last_unit:expr, $power:expr) => {
        let count = $limbs::ONE.len();
        let largest = |signs: usize, magnitude: i64| {
            let mut limbs = $limbs::ONE;
            for (at, limb) in limbs.iter_mut().enumerate() {
                let unit: i64 = if at + 1 == count { $last_unit } else { $unit };
                let sign = [0, 1, -1][signs / 3_usize.pow(at.try_into().unwrap()) % 3];
                *limb = sign * unit * magnitude;
            }
            limbs
        };
        let montgomery = power_of_two($power);
        let max = i64::from($limbs::MAX_PRODUCT);
        let all = 3_usize.pow(count.try_into().unwrap());
        for number in 0..100 {
            let magnitude = [1, 2, 3, max][number % 4];
            let a = largest(number * 7919 % all, magnitude);
            let b = largest(number * 104_729 % all, max / magnitude);
            let square = largest(number * 7919 % all, max.isqrt());
            for (a, b, result) in [
                (a, b, $limbs::mul(&a, &b)),
                (square, square, $limbs::square(&square)),
            ] {
                let expected = product(value(&a, $limbs::BITS), value(&b, $limbs::BITS));
                let found = value(&result, $limbs::BITS);
                assert_eq!(product(found, montgomery), expected, "{a:?} {b:?}");
                assert!(result[..count - 1].iter().all(|limb| limb.abs() <= $unit));
                assert!(result[count - 1].abs() <= $last_unit);
            }
            let sum = largest(number * 7919 % all, $limbs::MAX_UNSETTLED.into());
            let settled = $limbs::settle(sum);
            assert_eq!(value(&settled, $limbs::BITS), value(&sum, $limbs::BITS));
            let limit = $unit * i64::from($limbs::SETTLED);
            assert!(settled.iter().all(|limb| limb.abs() <= limit));
        }
        // The largest columns are those of limbs with the same sign.
        for signs in [all / 2, all - 1] {
            let (a, b) = (largest(signs, max), largest(signs, 1));
            let expected = product(value(&a, $limbs::BITS), value(&b, $limbs::BITS));
            let found = value(&$limbs::mul(&a, &b), $limbs::BITS);
            assert_eq!(product(found, montgomery), expected);
        }
        assert_eq!(value(&$limbs::ONE, $limbs::BITS), montgomery);
        let squared = product(montgomery, montgomery);
        assert_eq!(value(&$limbs::MONTGOMERY_SQUARED, $limbs::BITS), squared);
        assert_eq!(value(&$limbs::MODULUS, $limbs::BITS), [0; 4]);
        let b = [
            0x3bce_3c3e_27d2_604b,
            0x651d_06b0_cc53_b0f6,
            0xb3eb_bd55_7698_86bc,
            0x5ac6_35d8_aa3a_93e7,
        ];
        assert_eq!(
            value(&$limbs::CURVE_B, $limbs::BITS),
            product(b, montgomery)
        );
    };
}

#[test]
fn wide_limbs_multiply_up_to_their_limits() {
    products_are_right!(wide, 1 << 53, 1 << 46, 265);
}

#[test]
fn narrow_limbs_multiply_up_to_their_limits() {
    products_are_right!(narrow, 1 << 28, 1 << 28, 290);
}

#[test]
fn words_become_limbs_and_words_again() {
    for words in [
        MODULUS,
        [u64::MAX; 4],
        [1, 2, 3, 4],
        [0; 4],
        [u64::MAX, 0, u64::MAX, 0],
    ] {
        assert_eq!(from_limbs(&to_limbs(&words)), words);
    }
}
