//! Integers modulo n, the order of the base point.

use std::hint::black_box;

use zeroize::Zeroize;

use super::field::{MODULUS, Words, is_less};
use super::inverse::Modulus;

/// n.
pub(super) const ORDER: Words = [
    0xf3b9_cac2_fc63_2551,
    0xbce6_faad_a717_9e84,
    0xffff_ffff_ffff_ffff,
    0xffff_ffff_0000_0000,
];

/// 2^256 modulo n: 1 in Montgomery form.
const MONTGOMERY_ONE: Words = [0x0c46_353d_039c_daaf, 0x4319_0552_58e8_617b, 0, 0xffff_ffff];

/// 2^512 modulo n.
const MONTGOMERY_SQUARED: Words = [
    0x8324_4c95_be79_eea2,
    0x4699_799c_49bd_6fa6,
    0x2845_b239_2b6b_ec59,
    0x66e1_2d94_f3d9_5620,
];

/// -1/n modulo 2^64.
const MONTGOMERY_FACTOR: u64 = 0xccd1_c8aa_ee00_bc4f;

/// An integer less than n.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Scalar(Words);

impl Scalar {
    /// `None` if the integer is not from 1 to n - 1, as the integers of a signature must be. It must be public.
    pub(super) fn nonzero(words: &Words) -> Option<Self> {
        (*words != [0; 4] && is_less(words, &ORDER)).then_some(Self(*words))
    }

    /// The same for a secret, of which nothing becomes known but whether it is such an integer.
    pub(super) fn secret(words: &Words) -> Option<Self> {
        let (_, is_less) = difference(words, &ORDER);
        let is_zero = words.iter().fold(0, |all, word| all | word) == 0;
        (is_less & !is_zero).then_some(Self(*words))
    }

    /// Reduces modulo n. One subtraction is enough, because twice n does not fit into 256 bits.
    pub(super) fn reduced(words: &Words) -> Self {
        Self::reduced_with(words, 0)
    }

    /// The same for an integer with one more word, 0 or 1, which is less than twice n.
    fn reduced_with(words: &Words, top: u64) -> Self {
        let (mut less, borrows) = difference(words, &ORDER);
        // All ones if nothing was to be subtracted.
        let is_less = black_box(top.wrapping_sub(u64::from(borrows)) >> 63).wrapping_neg();
        for (less, word) in less.iter_mut().zip(words) {
            *less ^= (*less ^ word) & is_less;
        }
        Self(less)
    }

    pub(super) fn words(&self) -> &Words {
        &self.0
    }

    /// The sum with n, if it is less than p: the other x coordinate that equals this one modulo n.
    pub(super) fn plus_order(&self) -> Option<Words> {
        let (sum, carries) = sum(&self.0, &ORDER);
        (!carries && is_less(&sum, &MODULUS)).then_some(sum)
    }

    /// The quotients of `a` and `b` by `divisor`, which is not 0.
    pub(super) fn quotients(a: &Self, b: &Self, divisor: &Self) -> (Self, Self) {
        let inverse = Modulus::new(&ORDER).divide(&MONTGOMERY_ONE, &divisor.0);
        (a.times(&inverse), b.times(&inverse))
    }

    /// The inverse of a secret, which is not 0, in Montgomery form.
    pub(super) fn secret_inverse(&self) -> Words {
        Modulus::new(&ORDER).divide_secret(&MONTGOMERY_ONE, &self.0)
    }

    /// The Montgomery form.
    pub(super) fn to_montgomery(self) -> Words {
        self.times(&MONTGOMERY_SQUARED).0
    }

    pub(super) fn plus(&self, other: &Self) -> Self {
        let (sum, carries) = sum(&self.0, &other.0);
        Self::reduced_with(&sum, carries.into())
    }

    /// Minus the integer, which is not 0, if `mask` is all ones.
    pub(super) fn negated_if(&self, mask: u64) -> Self {
        let (mut negated, _) = difference(&ORDER, &self.0);
        for (negated, word) in negated.iter_mut().zip(self.0) {
            *negated ^= (*negated ^ word) & !mask;
        }
        Self(negated)
    }

    /// The product with a number that is in Montgomery form; the product itself is not.
    pub(super) fn times(&self, other: &Words) -> Self {
        // Invariant: the sum is less than twice n.
        let mut sum = [0; 5];
        for word in &self.0 {
            let (product, _) = add_product(sum, *word, other);
            let [lowest, ..] = product;
            let factor = lowest.wrapping_mul(MONTGOMERY_FACTOR);
            let ([_, a, b, c, d], e) = add_product(product, factor, &ORDER);
            sum = [a, b, c, d, e];
        }
        let [words @ .., top] = sum;
        Self::reduced_with(&words, top)
    }
}

/// `sum` plus `factor` times `words`, and the carry.
fn add_product(mut sum: [u64; 5], factor: u64, words: &Words) -> ([u64; 5], u64) {
    let [rest @ .., top] = &mut sum;
    let mut carry = 0;
    for (to, word) in rest.iter_mut().zip(words) {
        (*to, carry) = factor.carrying_mul_add(*word, *to, carry);
    }
    let overflows;
    (*top, overflows) = top.overflowing_add(carry);
    (sum, overflows.into())
}

/// `a + b` modulo 2^256, and whether there is a carry.
fn sum(a: &Words, b: &Words) -> (Words, bool) {
    let mut carry = false;
    let mut sum = *a;
    for (to, b) in sum.iter_mut().zip(b) {
        let (more, first) = to.overflowing_add(*b);
        let (more, second) = more.overflowing_add(carry.into());
        (*to, carry) = (more, first | second);
    }
    (sum, carry)
}

/// `a - b` modulo 2^256, and whether there is a borrow.
fn difference(a: &Words, b: &Words) -> (Words, bool) {
    let mut borrow = false;
    let mut difference = *a;
    for (to, b) in difference.iter_mut().zip(b) {
        let (less, first) = to.overflowing_sub(*b);
        let (less, second) = less.overflowing_sub(borrow.into());
        (*to, borrow) = (less, first | second);
    }
    (difference, borrow)
}

impl Zeroize for Scalar {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}
