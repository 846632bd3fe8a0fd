//! Limbs of 53 bits, for where a product of 128 bits is cheap: on native machines, and in
//! WebAssembly with wide arithmetic.
//!
//! A unit of magnitude is 2^53 in a limb, and 2^46 in the last one.

use super::low;

pub(super) type Limbs = [i64; 5];
pub(super) const BITS: u32 = 53;

/// Columns of a product are less than 5 * 96 * 2^106, so that what they carry fits into a limb; and
/// with 96 / 32 + 1 times 2^256 as the largest value, a product has magnitude 1.
pub(super) const MAX_PRODUCT: u32 = 96;

/// Sums of up to this many units need no settling.
pub(super) const SETTLED: u32 = 4;
pub(super) const MAX_UNSETTLED: u32 = SETTLED;

#[inline(always)]
pub(super) const fn settle(a: Limbs) -> Limbs {
    a
}

/// 2^530 modulo p: the square of 2^265, the factor of Montgomery form.
pub(super) const MONTGOMERY_SQUARED: Limbs = [
    0x000c_0000,
    0x001f_ffff_e000_0000,
    0x001f_feff_ffff_fbff,
    0x000f_ffff_ffff_ffff,
    0x0001_3fff_ffff,
];
/// 1 in Montgomery form.
pub(super) const ONE: Limbs = [
    0x200,
    0x0010_0000_0000_0000,
    0x001f_ffff_ffff_ffff,
    0x001f_fbff_ffff_ffff,
    0x001f_ffff,
];
/// The curve's b in Montgomery form.
pub(super) const CURVE_B: Limbs = [
    0x001e_c453_897b_bfb8,
    0x0009_c843_090d_89cd,
    0x0010_976b_5678_02e6,
    0xd026_8882_afdc,
    0x0600_c3bc_10e9,
];

/// The first two terms of p = 2^256 - 2^224 + 2^192 + 2^96 - 1, as part of the last limb.
const TOP: i64 = (1 << 44) - (1 << 12);

/// p in limbs that are not negative.
pub(super) const MODULUS: Limbs = [MASK, (1 << 43) - 1, 0, 1 << 33, TOP];

const MASK: i64 = (1 << BITS) - 1;

#[inline(always)]
pub(super) fn mul(a: &Limbs, b: &Limbs) -> Limbs {
    let [a0, a1, a2, a3, a4] = *a;
    let [b0, b1, b2, b3, b4] = *b;
    reduce([
        product(a0, b0),
        product(a0, b1) + product(a1, b0),
        product(a0, b2) + product(a1, b1) + product(a2, b0),
        product(a0, b3) + product(a1, b2) + product(a2, b1) + product(a3, b0),
        product(a0, b4) + product(a1, b3) + product(a2, b2) + product(a3, b1) + product(a4, b0),
        product(a1, b4) + product(a2, b3) + product(a3, b2) + product(a4, b1),
        product(a2, b4) + product(a3, b3) + product(a4, b2),
        product(a3, b4) + product(a4, b3),
        product(a4, b4),
    ])
}

#[inline(always)]
pub(super) fn square(a: &Limbs) -> Limbs {
    let [a0, a1, a2, a3, a4] = *a;
    let [d0, d1, d2, d3] = [2 * a0, 2 * a1, 2 * a2, 2 * a3];
    reduce([
        product(a0, a0),
        product(d0, a1),
        product(d0, a2) + product(a1, a1),
        product(d0, a3) + product(d1, a2),
        product(d0, a4) + product(d1, a3) + product(a2, a2),
        product(d1, a4) + product(d2, a3),
        product(d2, a4) + product(a3, a3),
        product(d3, a4),
        product(a4, a4),
    ])
}

/// Divides by 2^265 modulo p. Because p is -1 modulo 2^96, the multiple of p to add is the limb
/// itself: adding it makes the limb zero and carries the limb into the terms above.
#[inline(always)]
fn reduce(columns: [i128; 9]) -> Limbs {
    let [c0, c1, c2, c3, c4, c5, c6, c7, c8] = columns;
    let m0 = low(c0) & MASK;
    let c1 = c1 + carried(c0) + (i128::from(m0) << 43);
    let m1 = low(c1) & MASK;
    let c2 = c2 + carried(c1) + (i128::from(m1) << 43);
    let m2 = low(c2) & MASK;
    let c3 = c3 + carried(c2) + (i128::from(m2) << 43) + (i128::from(m0) << 33);
    let m3 = low(c3) & MASK;
    let c4 = c4 + carried(c3) + (i128::from(m3) << 43) + (i128::from(m1) << 33);
    let c4 = c4 + product(m0, TOP);
    let m4 = low(c4) & MASK;
    let c5 = c5 + carried(c4) + (i128::from(m4) << 43) + (i128::from(m2) << 33);
    let c5 = c5 + product(m1, TOP);
    let c6 = c6 + carried(c5) + (i128::from(m3) << 33) + product(m2, TOP);
    let c7 = c7 + carried(c6) + (i128::from(m4) << 33) + product(m3, TOP);
    let c8 = c8 + carried(c7) + product(m4, TOP);
    [
        low(c5) & MASK,
        low(c6) & MASK,
        low(c7) & MASK,
        low(c8) & MASK,
        low(c8 >> BITS),
    ]
}

#[inline(always)]
fn product(a: i64, b: i64) -> i128 {
    i128::from(a) * i128::from(b)
}

/// The part of a column that does not fit into its limb.
#[inline(always)]
fn carried(column: i128) -> i128 {
    i128::from(low(column >> BITS))
}
