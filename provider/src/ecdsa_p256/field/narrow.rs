//! Limbs of 29 bits, for WebAssembly without wide arithmetic, where a product of 128 bits is a
//! call.
//!
//! A unit of magnitude is 2^28 in a limb: products have limbs of either sign.

pub(super) type Limbs = [i64; 9];
pub(super) const BITS: u32 = 29;

/// Columns of a product are less than 9 * 14 * 2^56, which leaves room for what the reduction adds.
pub(super) const MAX_PRODUCT: u32 = 14;

/// The magnitude to which [`settle`] brings sums of up to [`MAX_UNSETTLED`] units.
pub(super) const SETTLED: u32 = 1;
pub(super) const MAX_UNSETTLED: u32 = 16;

/// Replaces the multiple of 2^256 in the last limb by its residue, and carries from limb to limb.
#[inline(always)]
pub(super) fn settle(a: Limbs) -> Limbs {
    let [a0, a1, a2, a3, a4, a5, a6, a7, a8] = a;
    let top = a8 >> 24;
    carry([
        a0 + top,
        a1,
        a2,
        a3 - (top << 9),
        a4,
        a5,
        a6 - (top << 18),
        a7 + (top << 21),
        a8 - (top << 24),
    ])
}

/// 2^580 modulo p: the square of 2^290, the factor of Montgomery form.
pub(super) const MONTGOMERY_SQUARED: Limbs = [
    0x2f,
    0x280,
    0xc00,
    0x1fff_a200,
    0x1ff9_ffff,
    0x1fdf_ffff,
    0x1f03_ffff,
    0x1bdf_ffff,
    0x00ff_ffff,
];
/// 1 in Montgomery form.
pub(super) const ONE: Limbs = [
    3,
    0x20,
    0,
    -0x600,
    -0x4000,
    0,
    -0x000c_0000,
    -0x0020_0000,
    0x0100_0000,
];
/// The curve's b in Montgomery form.
pub(super) const CURVE_B: Limbs = [
    0x10c0_1877,
    0x1897_bbfb,
    0x1cdf_6229,
    0x0153_98c4,
    0x0173_2715,
    0x1dad_59e0,
    0x08e3_7212,
    0x08e4_b90d,
    0x0082_dd39,
];

/// p is 2^256 - 2^224 + 2^192 + 2^96 - 1, term by term.
pub(super) const MODULUS: Limbs = [-1, 0, 0, 1 << 9, 0, 0, 1 << 18, -(1 << 21), 1 << 24];

const MASK: i64 = (1 << BITS) - 1;

// Not inlined: a call is faster than the many copies that doubling and adding would contain.
#[inline(never)]
pub(super) fn mul(a: &Limbs, b: &Limbs) -> Limbs {
    let [a0, a1, a2, a3, a4, a5, a6, a7, a8] = *a;
    let [b0, b1, b2, b3, b4, b5, b6, b7, b8] = *b;
    reduce([
        a0 * b0,
        a0 * b1 + a1 * b0,
        a0 * b2 + a1 * b1 + a2 * b0,
        a0 * b3 + a1 * b2 + a2 * b1 + a3 * b0,
        a0 * b4 + a1 * b3 + a2 * b2 + a3 * b1 + a4 * b0,
        a0 * b5 + a1 * b4 + a2 * b3 + a3 * b2 + a4 * b1 + a5 * b0,
        a0 * b6 + a1 * b5 + a2 * b4 + a3 * b3 + a4 * b2 + a5 * b1 + a6 * b0,
        a0 * b7 + a1 * b6 + a2 * b5 + a3 * b4 + a4 * b3 + a5 * b2 + a6 * b1 + a7 * b0,
        a0 * b8 + a1 * b7 + a2 * b6 + a3 * b5 + a4 * b4 + a5 * b3 + a6 * b2 + a7 * b1 + a8 * b0,
        a1 * b8 + a2 * b7 + a3 * b6 + a4 * b5 + a5 * b4 + a6 * b3 + a7 * b2 + a8 * b1,
        a2 * b8 + a3 * b7 + a4 * b6 + a5 * b5 + a6 * b4 + a7 * b3 + a8 * b2,
        a3 * b8 + a4 * b7 + a5 * b6 + a6 * b5 + a7 * b4 + a8 * b3,
        a4 * b8 + a5 * b7 + a6 * b6 + a7 * b5 + a8 * b4,
        a5 * b8 + a6 * b7 + a7 * b6 + a8 * b5,
        a6 * b8 + a7 * b7 + a8 * b6,
        a7 * b8 + a8 * b7,
        a8 * b8,
    ])
}

#[inline(never)]
pub(super) fn square(a: &Limbs) -> Limbs {
    let [a0, a1, a2, a3, a4, a5, a6, a7, a8] = *a;
    let [d0, d1, d2, d3, d4, d5, d6, d7] = [
        2 * a0,
        2 * a1,
        2 * a2,
        2 * a3,
        2 * a4,
        2 * a5,
        2 * a6,
        2 * a7,
    ];
    reduce([
        a0 * a0,
        d0 * a1,
        d0 * a2 + a1 * a1,
        d0 * a3 + d1 * a2,
        d0 * a4 + d1 * a3 + a2 * a2,
        d0 * a5 + d1 * a4 + d2 * a3,
        d0 * a6 + d1 * a5 + d2 * a4 + a3 * a3,
        d0 * a7 + d1 * a6 + d2 * a5 + d3 * a4,
        d0 * a8 + d1 * a7 + d2 * a6 + d3 * a5 + a4 * a4,
        d1 * a8 + d2 * a7 + d3 * a6 + d4 * a5,
        d2 * a8 + d3 * a7 + d4 * a6 + a5 * a5,
        d3 * a8 + d4 * a7 + d5 * a6,
        d4 * a8 + d5 * a7 + a6 * a6,
        d5 * a8 + d6 * a7,
        d6 * a8 + a7 * a7,
        d7 * a8,
        a8 * a8,
    ])
}

/// Divides by 2^290 modulo p. Because p is -1 modulo 2^96, the multiple of p to add is the limb
/// itself: adding it makes the limb zero and carries the limb into the terms above.
#[inline(always)]
fn reduce(columns: [i64; 17]) -> Limbs {
    let [
        c0,
        c1,
        c2,
        c3,
        c4,
        c5,
        c6,
        c7,
        c8,
        c9,
        c10,
        c11,
        c12,
        c13,
        c14,
        c15,
        c16,
    ] = columns;
    let m0 = c0 & MASK;
    let c1 = c1 + (c0 >> BITS);
    let m1 = c1 & MASK;
    let c2 = c2 + (c1 >> BITS);
    let m2 = c2 & MASK;
    let c3 = c3 + (c2 >> BITS) + (m0 << 9);
    let m3 = c3 & MASK;
    let c4 = c4 + (c3 >> BITS) + (m1 << 9);
    let m4 = c4 & MASK;
    let c5 = c5 + (c4 >> BITS) + (m2 << 9);
    let m5 = c5 & MASK;
    let c6 = c6 + (c5 >> BITS) + (m3 << 9) + (m0 << 18);
    let m6 = c6 & MASK;
    let c7 = c7 + (c6 >> BITS) + (m4 << 9) + (m1 << 18) - (m0 << 21);
    let m7 = c7 & MASK;
    let c8 = c8 + (c7 >> BITS) + (m5 << 9) + (m2 << 18) + (m0 << 24) - (m1 << 21);
    let m8 = c8 & MASK;
    let c9 = c9 + (c8 >> BITS) + (m6 << 9) + (m3 << 18) + (m1 << 24) - (m2 << 21);
    let m9 = c9 & MASK;
    let c10 = c10 + (c9 >> BITS) + (m7 << 9) + (m4 << 18) + (m2 << 24) - (m3 << 21);
    let c11 = c11 + (m8 << 9) + (m5 << 18) + (m3 << 24) - (m4 << 21);
    let c12 = c12 + (m9 << 9) + (m6 << 18) + (m4 << 24) - (m5 << 21);
    let c13 = c13 + (m7 << 18) + (m5 << 24) - (m6 << 21);
    let c14 = c14 + (m8 << 18) + (m6 << 24) - (m7 << 21);
    let c15 = c15 + (m9 << 18) + (m7 << 24) - (m8 << 21);
    let c16 = c16 + (m8 << 24) - (m9 << 21);
    let c17 = m9 << 24;
    carry([c10, c11, c12, c13, c14, c15, c16, c17, 0])
}

/// Brings all limbs but the last one to 28 bits and a sign.
#[inline(always)]
fn carry(columns: Limbs) -> Limbs {
    let [c0, c1, c2, c3, c4, c5, c6, c7, c8] = columns;
    let high0 = (c0 + HALF) >> BITS;
    let c1 = c1 + high0;
    let high1 = (c1 + HALF) >> BITS;
    let c2 = c2 + high1;
    let high2 = (c2 + HALF) >> BITS;
    let c3 = c3 + high2;
    let high3 = (c3 + HALF) >> BITS;
    let c4 = c4 + high3;
    let high4 = (c4 + HALF) >> BITS;
    let c5 = c5 + high4;
    let high5 = (c5 + HALF) >> BITS;
    let c6 = c6 + high5;
    let high6 = (c6 + HALF) >> BITS;
    let c7 = c7 + high6;
    let high7 = (c7 + HALF) >> BITS;
    [
        c0 - (high0 << BITS),
        c1 - (high1 << BITS),
        c2 - (high2 << BITS),
        c3 - (high3 << BITS),
        c4 - (high4 << BITS),
        c5 - (high5 << BITS),
        c6 - (high6 << BITS),
        c7 - (high7 << BITS),
        c8 + high7,
    ]
}

const HALF: i64 = 1 << (BITS - 1);
