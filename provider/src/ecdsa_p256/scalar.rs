//! Integers modulo n, the order of the base point, in variable time: for public values only.

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

/// -1/n modulo 2^64.
const MONTGOMERY_FACTOR: u64 = 0xccd1_c8aa_ee00_bc4f;

/// An integer less than n.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Scalar(Words);

impl Scalar {
    /// `None` if the integer is not from 1 to n - 1, as the integers of a signature must be.
    pub(super) fn nonzero(words: &Words) -> Option<Self> {
        (*words != [0; 4] && is_less(words, &ORDER)).then_some(Self(*words))
    }

    /// Reduces modulo n. One subtraction is enough, because twice n does not fit into 256 bits.
    pub(super) fn reduced(words: &Words) -> Self {
        if is_less(words, &ORDER) {
            Self(*words)
        } else {
            Self(difference(words, &ORDER))
        }
    }

    pub(super) fn words(&self) -> &Words {
        &self.0
    }

    /// The sum with n, if it is less than p: the other x coordinate that equals this one modulo n.
    pub(super) fn plus_order(&self) -> Option<Words> {
        let mut carry = false;
        let mut sum = self.0;
        for (to, order) in sum.iter_mut().zip(ORDER) {
            let (more, first) = to.overflowing_add(order);
            let (more, second) = more.overflowing_add(carry.into());
            (*to, carry) = (more, first || second);
        }
        (!carry && is_less(&sum, &MODULUS)).then_some(sum)
    }

    /// The quotients of `a` and `b` by `divisor`, which is not 0.
    pub(super) fn quotients(a: &Self, b: &Self, divisor: &Self) -> (Self, Self) {
        let inverse = Modulus::new(&ORDER).divide(&MONTGOMERY_ONE, &divisor.0);
        (a.times(&inverse), b.times(&inverse))
    }

    /// The product with a number that is in Montgomery form; the product itself is not.
    fn times(&self, other: &Words) -> Self {
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
        if top == 0 {
            Self::reduced(&words)
        } else {
            Self(difference(&words, &ORDER))
        }
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

/// `a - b` modulo 2^256.
fn difference(a: &Words, b: &Words) -> Words {
    let mut borrow = false;
    let mut difference = *a;
    for (to, b) in difference.iter_mut().zip(b) {
        let (less, first) = to.overflowing_sub(*b);
        let (less, second) = less.overflowing_sub(borrow.into());
        (*to, borrow) = (less, first || second);
    }
    difference
}
