//! Operations on 128 bits at a time, as an integer. `simd128.rs` has the same for WebAssembly.
//!
//! Every operation takes the same time for all values. Words and bytes are numbered as they lie in
//! memory; words are little-endian.

use std::array;
use std::ops::{BitAnd, BitXor};

use zeroize::Zeroize;

/// Sixteen bytes, or four words of 32 bits.
#[derive(Clone, Copy)]
pub(super) struct Lanes(u128);

impl Lanes {
    pub(super) fn from_bytes(bytes: &[u8; 16]) -> Self {
        Self(u128::from_le_bytes(*bytes))
    }

    pub(super) fn to_bytes(self) -> [u8; 16] {
        self.0.to_le_bytes()
    }

    pub(super) fn from_words(words: [u32; 4]) -> Self {
        let [a, b, c, d] = words.map(u128::from);
        Self(a | b << 32 | c << 64 | d << 96)
    }

    /// The same word four times.
    pub(super) const fn splat(word: u32) -> Self {
        Self(splat(word))
    }

    /// Adds word by word, modulo 2^32.
    pub(super) const fn add_words(self, other: Self) -> Self {
        const TOP: u128 = splat(1 << 31);
        Self(((self.0 & !TOP) + (other.0 & !TOP)) ^ ((self.0 ^ other.0) & TOP))
    }

    pub(super) const fn shift_words_left<const BY: u32>(self) -> Self {
        Self((self.0 << BY) & splat(u32::MAX << BY))
    }

    pub(super) const fn shift_words_right<const BY: u32>(self) -> Self {
        Self((self.0 >> BY) & splat(u32::MAX >> BY))
    }

    /// Looks the bytes of `self` up in a table. They are below 16, or from 128 on, which gives zero.
    pub(super) fn look_up(self, table: Self) -> Self {
        Self::from_bytes(
            &self
                .to_bytes()
                .map(|index| table.byte(index) & (index >> 7).wrapping_sub(1)),
        )
    }

    /// `[a0, b0, a1, b1, … a7, b7]`.
    pub(super) fn interleave_low_bytes(self, other: Self) -> Self {
        self.interleave(other, 0)
    }

    /// `[a8, b8, a9, b9, … a15, b15]`.
    pub(super) fn interleave_high_bytes(self, other: Self) -> Self {
        self.interleave(other, 8)
    }

    fn interleave(self, other: Self, first: u8) -> Self {
        let mut bytes = [0; 16];
        for (pair, index) in bytes.as_chunks_mut().0.iter_mut().zip(first..) {
            *pair = [self.byte(index), other.byte(index)];
        }
        Self::from_bytes(&bytes)
    }

    /// Word `j` of result `i` is word `i` of row `j`.
    pub(super) fn transpose_words(rows: [Self; 4]) -> [Self; 4] {
        let word = |row: Self, index: usize| (row.0 >> (32 * index)) & u128::from(u32::MAX);
        let [a, b, c, d] = rows;
        array::from_fn(|i| {
            Self(word(a, i) | word(b, i) << 32 | word(c, i) << 64 | word(d, i) << 96)
        })
    }

    /// Moves each byte one place up; the first byte becomes the last one of `from`.
    pub(super) const fn push_byte(self, from: Self) -> Self {
        Self(self.0 << 8 | from.0 >> 120)
    }

    /// Called by [`permute!`]: byte `i` of the result is byte `from[i]`.
    pub(super) fn permute(self, from: [u8; 16]) -> Self {
        Self::from_bytes(&from.map(|index| self.byte(index)))
    }

    fn byte(self, index: u8) -> u8 {
        let [byte, ..] = (self.0 >> (8 * u32::from(index & 15))).to_le_bytes();
        byte
    }
}

impl BitAnd for Lanes {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl BitXor for Lanes {
    type Output = Self;

    fn bitxor(self, other: Self) -> Self {
        Self(self.0 ^ other.0)
    }
}

impl Zeroize for Lanes {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}

#[expect(
    clippy::as_conversions,
    reason = "a constant allows no other lossless conversion"
)]
const fn splat(word: u32) -> u128 {
    let word = word as u128;
    word | word << 32 | word << 64 | word << 96
}

/// `permute!(lanes, 15, 14, …)`: byte 0 of the result is byte 15, and so on.
macro_rules! permute {
    ($lanes:expr, $($from:literal),*) => {
        $lanes.permute([$($from),*])
    };
}
pub(super) use permute;
