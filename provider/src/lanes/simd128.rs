//! Operations on 128 bits at a time, as a `v128` of WebAssembly. `portable.rs` has the same without
//! it.
//!
//! Every operation takes the same time for all values. Words and bytes are numbered as they lie in
//! memory; words are little-endian.

use core::arch::wasm32::{
    i8x16_shuffle, i32x4_shuffle, i64x2_shuffle, u32x4, u32x4_add, u32x4_shl, u32x4_shr,
    u32x4_splat, u64x2, u64x2_extract_lane, v128, v128_and, v128_bitselect, v128_xor,
};
use std::ops::{BitAnd, BitXor};

use zeroize::Zeroize;

/// Sixteen bytes, or four words of 32 bits.
#[derive(Clone, Copy)]
pub(super) struct Lanes(v128);

impl Lanes {
    #[inline(always)]
    pub(super) fn from_bytes(bytes: &[u8; 16]) -> Self {
        let value = u128::from_le_bytes(*bytes);
        Self(u64x2(low_half(value), low_half(value >> 64)))
    }

    #[inline(always)]
    pub(super) fn to_bytes(self) -> [u8; 16] {
        let low = u128::from(u64x2_extract_lane::<0>(self.0));
        let high = u128::from(u64x2_extract_lane::<1>(self.0));
        (low | high << 64).to_le_bytes()
    }

    #[inline(always)]
    pub(super) fn from_words([a, b, c, d]: [u32; 4]) -> Self {
        Self(u32x4(a, b, c, d))
    }

    /// The same word four times.
    #[inline(always)]
    pub(super) fn splat(word: u32) -> Self {
        Self(u32x4_splat(word))
    }

    /// Adds word by word, modulo 2^32.
    #[inline(always)]
    pub(super) fn add_words(self, other: Self) -> Self {
        Self(u32x4_add(self.0, other.0))
    }

    #[inline(always)]
    pub(super) fn shift_words_left<const BY: u32>(self) -> Self {
        Self(u32x4_shl(self.0, BY))
    }

    #[inline(always)]
    pub(super) fn shift_words_right<const BY: u32>(self) -> Self {
        Self(u32x4_shr(self.0, BY))
    }

    /// Looks the bytes of `self` up in a table. They are below 16, or from 128 on, which gives zero.
    #[inline(always)]
    pub(super) fn look_up(self, table: Self) -> Self {
        Self(swizzle(table.0, self.0))
    }

    /// `[a0, b0, a1, b1, … a7, b7]`.
    #[inline(always)]
    pub(super) fn interleave_low_bytes(self, other: Self) -> Self {
        Self(i8x16_shuffle::<
            0,
            16,
            1,
            17,
            2,
            18,
            3,
            19,
            4,
            20,
            5,
            21,
            6,
            22,
            7,
            23,
        >(self.0, other.0))
    }

    /// `[a8, b8, a9, b9, … a15, b15]`.
    #[inline(always)]
    pub(super) fn interleave_high_bytes(self, other: Self) -> Self {
        Self(i8x16_shuffle::<
            8,
            24,
            9,
            25,
            10,
            26,
            11,
            27,
            12,
            28,
            13,
            29,
            14,
            30,
            15,
            31,
        >(self.0, other.0))
    }

    /// Word `j` of result `i` is word `i` of row `j`.
    #[inline(always)]
    pub(super) fn transpose_words(rows: [Self; 4]) -> [Self; 4] {
        let [a, b, c, d] = rows.map(|row| row.0);
        let ab_low = i32x4_shuffle::<0, 4, 1, 5>(a, b);
        let ab_high = i32x4_shuffle::<2, 6, 3, 7>(a, b);
        let cd_low = i32x4_shuffle::<0, 4, 1, 5>(c, d);
        let cd_high = i32x4_shuffle::<2, 6, 3, 7>(c, d);
        [
            Self(i64x2_shuffle::<0, 2>(ab_low, cd_low)),
            Self(i64x2_shuffle::<1, 3>(ab_low, cd_low)),
            Self(i64x2_shuffle::<0, 2>(ab_high, cd_high)),
            Self(i64x2_shuffle::<1, 3>(ab_high, cd_high)),
        ]
    }

    /// Moves each byte one place up; the first byte becomes the last one of `from`.
    #[inline(always)]
    #[rustfmt::skip]
    pub(super) fn push_byte(self, from: Self) -> Self {
        Self(i8x16_shuffle::<15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30>(
            from.0, self.0,
        ))
    }

    /// Called by [`permute!`]: byte `i` of the result is byte `X % 16`, where `X` is the `i`th
    /// parameter. The first parameter is 16 or more, the others are less.
    #[inline(always)]
    #[rustfmt::skip]
    pub(super) fn permute<
        const A: usize, const B: usize, const C: usize, const D: usize,
        const E: usize, const F: usize, const G: usize, const H: usize,
        const I: usize, const J: usize, const K: usize, const L: usize,
        const M: usize, const N: usize, const O: usize, const P: usize,
    >(self) -> Self {
        // LLVM turns a shuffle of a single value into a shuffle of that value and zeros, for which
        // Cranelift needs two lookups. LLVM does not know that the selection below gives the same
        // value; Cranelift does, and needs one lookup for a shuffle of a value with itself.
        let same = v128_bitselect(self.0, self.0, self.0);
        Self(i8x16_shuffle::<A, B, C, D, E, F, G, H, I, J, K, L, M, N, O, P>(self.0, same))
    }
}

impl BitAnd for Lanes {
    type Output = Self;

    #[inline(always)]
    fn bitand(self, other: Self) -> Self {
        Self(v128_and(self.0, other.0))
    }
}

impl BitXor for Lanes {
    type Output = Self;

    #[inline(always)]
    fn bitxor(self, other: Self) -> Self {
        Self(v128_xor(self.0, other.0))
    }
}

impl Zeroize for Lanes {
    #[inline(always)]
    fn zeroize(&mut self) {
        self.0 = u64x2(0, 0);
        zeroize::optimization_barrier(self);
    }
}

// For an index above 15 the plain swizzle gives zero, which costs a second instruction. The relaxed
// one gives zero for an index above 127, and may give another entry for one between: no index is.
#[cfg(target_feature = "relaxed-simd")]
use core::arch::wasm32::u8x16_relaxed_swizzle as swizzle;
#[cfg(not(target_feature = "relaxed-simd"))]
use core::arch::wasm32::u8x16_swizzle as swizzle;

#[expect(clippy::as_conversions, reason = "truncation is intended")]
const fn low_half(value: u128) -> u64 {
    value as u64
}

/// `permute!(lanes, 15, 14, …)`: byte 0 of the result is byte 15, and so on.
macro_rules! permute {
    ($lanes:expr, $first:literal, $($from:literal),*) => {
        $lanes.permute::<{ 16 + $first }, $($from),*>()
    };
}
pub(super) use permute;
