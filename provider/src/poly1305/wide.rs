//! Multiplication modulo 2^130 - 5 in limbs of 64 bits, for where a product of 128 bits is cheap:
//! on native machines, and in WebAssembly with wide arithmetic.

use super::low_half;

#[derive(Clone, Copy)]
pub(super) struct Accumulator {
    r: [u64; 2],
    /// 5/4 of the upper limb of `r`, whose lowest two bits are zero: 2^130 is 5 modulo the prime.
    s1: u64,
    /// Invariant: the value is less than twice the modulus, so the last limb is less than 8.
    h: [u64; 3],
}

impl Accumulator {
    #[inline(always)]
    pub(super) fn new(r: u128) -> Self {
        let (r0, r1) = (low_half(r), low_half(r >> 64));
        Self {
            r: [r0, r1],
            s1: r1 + (r1 >> 2),
            h: [0; 3],
        }
    }

    /// Adds a block and 2^128, and multiplies by `r`.
    #[inline(always)]
    pub(super) fn block(&mut self, block: u128) {
        let [r0, r1] = self.r;
        let s1 = self.s1;
        let [h0, h1, h2] = self.h;

        let sum0 = u128::from(h0) + u128::from(low_half(block));
        let sum1 = u128::from(h1) + u128::from(low_half(block >> 64)) + (sum0 >> 64);
        let (h0, h1) = (low_half(sum0), low_half(sum1));
        let h2 = h2 + low_half(sum1 >> 64) + 1;

        // No sum overflows: r is less than 2^124, both of its limbs less than 2^60.
        let d0 = product(h0, r0) + product(h1, s1);
        let d1 = product(h0, r1) + product(h1, r0) + u128::from(h2 * s1) + (d0 >> 64);
        let d2 = h2 * r0 + low_half(d1 >> 64);

        // The part above 2^130, times 5: `d2 & !3` is four times that part.
        let carry = (d2 >> 2) + (d2 & !3);
        let sum0 = u128::from(low_half(d0)) + u128::from(carry);
        let sum1 = u128::from(low_half(d1)) + (sum0 >> 64);
        self.h = [
            low_half(sum0),
            low_half(sum1),
            (d2 & 3) + low_half(sum1 >> 64),
        ];
    }

    /// The low 128 bits and the rest; less than twice the modulus.
    pub(super) fn value(self) -> (u128, u64) {
        let [h0, h1, h2] = self.h;
        (u128::from(h0) | u128::from(h1) << 64, h2)
    }
}

#[inline(always)]
fn product(a: u64, b: u64) -> u128 {
    u128::from(a) * u128::from(b)
}
