//! Integers modulo p = 2^256 - 2^224 + 2^192 + 2^96 - 1, in Montgomery form (FIPS 186-5, SP 800-186
//! §3.2.1.3).
//!
//! Limbs are signed and have bits to spare, so that sums and differences need no carries. The type
//! of an element bounds the size of its limbs: code that could overflow does not compile.

#[cfg(any(test, all(target_family = "wasm", not(portcullis_wide))))]
mod narrow;
#[cfg(test)]
mod tests;
#[cfg(any(test, portcullis_wide, not(target_family = "wasm")))]
mod wide;

#[cfg(all(target_family = "wasm", not(portcullis_wide)))]
use narrow as limbs;
#[cfg(any(portcullis_wide, not(target_family = "wasm")))]
use wide as limbs;

use std::hint::black_box;

use limbs::Limbs;

/// The magnitude of the result of [`Element::settled`].
pub(super) const SETTLED: u32 = limbs::SETTLED;

/// 256 bits as four words, the lowest first.
pub(super) type Words = [u64; 4];

/// p.
pub(super) const MODULUS: Words = [
    0xffff_ffff_ffff_ffff,
    0x0000_0000_ffff_ffff,
    0,
    0xffff_ffff_0000_0001,
];

const COUNT: usize = limbs::ONE.len();

/// A residue in a form that is not unique. A product has magnitude 1; magnitudes of sums and
/// differences add up.
#[derive(Clone, Copy)]
pub(super) struct Element<const MAGNITUDE: u32>(Limbs);

pub(super) const ZERO: Element<1> = Element([0; COUNT]);
pub(super) const ONE: Element<1> = Element(limbs::ONE);
/// The b of the curve's equation.
pub(super) const CURVE_B: Element<2> = Element(limbs::CURVE_B);

impl Element<1> {
    /// `None` if `words` is not less than p.
    pub(super) fn from_words(words: &Words) -> Option<Self> {
        is_less(words, &MODULUS).then(|| Self::from_reduced(words))
    }

    /// `words` must be less than p.
    pub(super) fn from_reduced(words: &Words) -> Self {
        Element::<2>(to_limbs(words)).times(&Element::<2>(limbs::MONTGOMERY_SQUARED))
    }
}

impl<const A: u32> Element<A> {
    /// The same element, with a type that allows a larger magnitude.
    pub(super) const fn widened<const B: u32>(self) -> Element<B> {
        const { assert!(A <= B) };
        Element(self.0)
    }

    #[inline(always)]
    pub(super) fn times<const B: u32>(&self, other: &Element<B>) -> Element<1> {
        const { assert!(A * B <= limbs::MAX_PRODUCT) };
        Element(limbs::mul(&self.0, &other.0))
    }

    #[inline(always)]
    pub(super) fn squared(&self) -> Element<1> {
        const { assert!(A * A <= limbs::MAX_PRODUCT) };
        Element(limbs::square(&self.0))
    }

    #[inline(always)]
    pub(super) fn plus<const B: u32, const SUM: u32>(self, other: Element<B>) -> Element<SUM> {
        const { assert!(A + B <= SUM) };
        let mut sum = self.0;
        for (limb, other) in sum.iter_mut().zip(other.0) {
            *limb += other;
        }
        Element(sum)
    }

    #[inline(always)]
    pub(super) fn minus<const B: u32, const SUM: u32>(self, other: Element<B>) -> Element<SUM> {
        self.plus(other.negated())
    }

    #[inline(always)]
    pub(super) fn negated(self) -> Self {
        Self(self.0.map(i64::wrapping_neg))
    }

    /// Half of the element, with p added first if it is odd.
    #[inline(always)]
    pub(super) fn halved<const HALF: u32>(self) -> Element<HALF> {
        const { assert!(A + 2 <= 2 * HALF) };
        let mut half = self.0;
        let [lowest, ..] = half;
        let is_odd = (lowest & 1).wrapping_neg();
        for (limb, modulus) in half.iter_mut().zip(limbs::MODULUS) {
            *limb += modulus & is_odd;
        }
        let mut from_above = 0;
        for limb in half.iter_mut().rev() {
            let low_bit = *limb & 1;
            *limb = (*limb >> 1) + (from_above << (limbs::BITS - 1));
            from_above = low_bit;
        }
        Element(half)
    }

    /// The same residue, with a magnitude that is small enough for a coordinate.
    #[inline(always)]
    pub(super) fn settled(self) -> Element<SETTLED> {
        const { assert!(A <= limbs::MAX_UNSETTLED) };
        Element(limbs::settle(self.0))
    }

    /// Whether the element is a multiple of p.
    #[inline(always)]
    pub(super) fn is_zero(&self) -> bool {
        // Of this magnitude only small multiples k of p are possible, and p is -1 modulo 2^96: the
        // lowest limb of such a multiple is -k.
        let small = i64::from(const { 32 * A });
        let mask = (1 << limbs::BITS) - 1;
        let [lowest, ..] = self.0;
        (lowest + small) & mask <= 2 * small && self.to_words() == [0; 4]
    }

    /// The residue that is less than p, out of Montgomery form.
    pub(super) fn to_words(self) -> Words {
        let mut one = [0; COUNT];
        let [lowest, ..] = &mut one;
        *lowest = 1;
        // The product is not negative and not more than p, because one factor is so small.
        let words = from_limbs(&self.times(&Element::<1>(one)).0);
        let difference = words.iter().zip(MODULUS);
        let difference = difference.fold(0, |all, (word, p)| all | (word ^ p));
        let is_other = u64::from(difference != 0).wrapping_neg();
        words.map(|word| word & is_other)
    }

    /// All ones if the element is a multiple of p, else 0, in constant time.
    pub(super) fn is_zero_mask(&self) -> i64 {
        let all = self.to_words().iter().fold(0, |all, word| all | word);
        black_box(i64::from(all == 0)).wrapping_neg()
    }

    /// This element, or the other one if `mask` is all ones.
    #[inline(always)]
    pub(super) fn or_other(&self, other: &Self, mask: i64) -> Self {
        let mut chosen = self.0;
        for (to, other) in chosen.iter_mut().zip(other.0) {
            *to ^= (*to ^ other) & mask;
        }
        Self(chosen)
    }
}

/// Whether `a` is less than `b`.
pub(super) fn is_less(a: &Words, b: &Words) -> bool {
    a.iter().rev().lt(b.iter().rev())
}

/// The bytes of a big-endian integer (SEC 1 §2.3.7).
pub(super) fn to_bytes(words: &Words) -> [u8; 32] {
    let mut bytes = [0; 32];
    let (chunks, _) = bytes.as_chunks_mut();
    for (chunk, word) in chunks.iter_mut().zip(words.iter().rev()) {
        *chunk = word.to_be_bytes();
    }
    bytes
}

/// From the bytes of a big-endian integer (SEC 1 §2.3.8).
pub(super) fn from_bytes(bytes: &[u8; 32]) -> Words {
    let (chunks, _) = bytes.as_chunks();
    let mut words = [0; 4];
    for (word, chunk) in words.iter_mut().rev().zip(chunks) {
        *word = u64::from_be_bytes(*chunk);
    }
    words
}

fn to_limbs(words: &Words) -> Limbs {
    let mut words = words.iter();
    let (mut waiting, mut bits) = (0, 0);
    [(); COUNT].map(|()| {
        if bits < limbs::BITS {
            waiting |= u128::from(words.next().copied().unwrap_or_default()) << bits;
            bits += u64::BITS;
        }
        let limb = low(waiting.cast_signed()) & ((1 << limbs::BITS) - 1);
        waiting >>= limbs::BITS;
        bits -= limbs::BITS;
        limb
    })
}

/// The limbs may have any sign; their value must not be negative and must be less than 2^256.
fn from_limbs(limbs: &Limbs) -> Words {
    let mut limbs = limbs.iter();
    let (mut waiting, mut bits) = (0, 0);
    [(); 4].map(|()| {
        while bits < u64::BITS
            && let Some(limb) = limbs.next()
        {
            waiting += i128::from(*limb) << bits;
            bits += limbs::BITS;
        }
        let word = low(waiting).cast_unsigned();
        waiting >>= u64::BITS;
        bits = bits.saturating_sub(u64::BITS);
        word
    })
}

#[expect(clippy::as_conversions, reason = "truncation is intended")]
const fn low(value: i128) -> i64 {
    value as i64
}
