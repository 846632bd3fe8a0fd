//! Multiplication modulo 2^130 - 5 in limbs of 32 bits, for WebAssembly without wide arithmetic,
//! where a product of 128 bits is a call.

use super::low_half;

#[derive(Clone, Copy)]
pub(super) struct Accumulator {
    r: [u64; 4],
    /// 5/4 of the upper limbs of `r`, whose lowest two bits are zero: 2^130 is 5 modulo the prime.
    s: [u64; 3],
    /// Invariant: the first limb is less than 2^34, the others but the last less than 2^32, the
    /// last less than 4.
    h: [u64; 5],
}

impl Accumulator {
    #[inline(always)]
    pub(super) fn new(r: u128) -> Self {
        let [r0, r1, r2, r3] = limbs(r);
        Self {
            r: [r0, r1, r2, r3],
            s: [r1 + (r1 >> 2), r2 + (r2 >> 2), r3 + (r3 >> 2)],
            h: [0; 5],
        }
    }

    /// Adds a block and 2^128, and multiplies by `r`.
    #[inline(always)]
    pub(super) fn block(&mut self, block: u128) {
        let [m0, m1, m2, m3] = limbs(block);
        let [r0, r1, r2, r3] = self.r;
        let [s1, s2, s3] = self.s;
        let [h0, h1, h2, h3, h4] = self.h;
        let (h0, h1, h2, h3, h4) = (h0 + m0, h1 + m1, h2 + m2, h3 + m3, h4 + 1);

        // No sum overflows: the limbs of r are less than 2^28, those of s less than 5/4 of it, and
        // those of h less than 2^33, but for the first, which is less than 2^34.3.
        let d0 = h0 * r0 + h1 * s3 + h2 * s2 + h3 * s1;
        let d1 = h0 * r1 + h1 * r0 + h2 * s3 + h3 * s2 + h4 * s1 + (d0 >> 32);
        let d2 = h0 * r2 + h1 * r1 + h2 * r0 + h3 * s3 + h4 * s2 + (d1 >> 32);
        let d3 = h0 * r3 + h1 * r2 + h2 * r1 + h3 * r0 + h4 * s3 + (d2 >> 32);
        let d4 = h4 * r0 + (d3 >> 32);

        let carry = (d4 >> 2) * 5;
        self.h = [(d0 & LIMB) + carry, d1 & LIMB, d2 & LIMB, d3 & LIMB, d4 & 3];
    }

    /// The low 128 bits and the rest; less than twice the modulus.
    pub(super) fn value(self) -> (u128, u64) {
        let [h0, h1, h2, h3, h4] = self.h.map(u128::from);
        let low = h0 + (h1 << 32) + (h2 << 64);
        let (low, carry) = low.overflowing_add(h3 << 96);
        (low, low_half(h4) + u64::from(carry))
    }
}

#[inline(always)]
const fn limbs(value: u128) -> [u64; 4] {
    let (low, high) = (low_half(value), low_half(value >> 64));
    [low & LIMB, low >> 32, high & LIMB, high >> 32]
}

const LIMB: u64 = 0xffff_ffff;
