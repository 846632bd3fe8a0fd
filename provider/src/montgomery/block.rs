//! Products of blocks of nine limbs, column by column.
//!
//! A column is the sum of the products of limbs that have the same weight. It has room for the carries
//! of many, so that nothing is carried while products are summed up.

use std::ops::{Add, AddAssign, Shr};

use zeroize::Zeroize;

/// Nine limbs, the lowest first.
pub(super) type Block = [u64; BLOCK];
pub(super) const BLOCK: usize = 9;

/// The sum of products of two limbs each.
pub(super) trait Column:
    Copy + Default + Add<Output = Self> + AddAssign + Shr<u32, Output = Self> + From<u64> + Zeroize
{
    /// How many bits a limb has.
    const BITS: u32;
    /// How many rows of blocks may be summed up before the columns have to be settled.
    const ROWS: usize;

    fn product(a: u64, b: u64) -> Self;

    /// The lowest bits, of a limb at least.
    fn low(self) -> u64;
}

/// For where a product of 128 bits is cheap. Of the largest numbers a column has 288 products of 114 bits.
impl Column for u128 {
    const BITS: u32 = 57;
    const ROWS: usize = usize::MAX;

    #[inline(always)]
    fn product(a: u64, b: u64) -> Self {
        Self::from(a) * Self::from(b)
    }

    #[inline(always)]
    #[expect(clippy::as_conversions, reason = "truncation is intended")]
    fn low(self) -> u64 {
        self as u64
    }
}

/// For engines without wide arithmetic. A row adds nine products of 58 bits to a column, so that seven
/// rows and what was carried before fit.
impl Column for u64 {
    const BITS: u32 = 29;
    const ROWS: usize = 7;

    #[inline(always)]
    fn product(a: u64, b: u64) -> Self {
        a * b
    }

    #[inline(always)]
    fn low(self) -> u64 {
        self
    }
}

/// The lowest bits of a column, as many as a limb has.
#[inline(always)]
pub(super) fn limb<C: Column>(column: C) -> u64 {
    column.low() & ((1 << C::BITS) - 1)
}

/// Adds `a` times `b` to the columns of two blocks.
#[inline(never)]
pub(super) fn add_product<C: Column>(columns: &mut [[C; BLOCK]], a: &Block, b: &Block) {
    let [a0, a1, a2, a3, a4, a5, a6, a7, a8] = *a;
    let [b0, b1, b2, b3, b4, b5, b6, b7, b8] = *b;
    add(
        columns,
        [
            C::product(a0, b0),
            C::product(a0, b1) + C::product(a1, b0),
            C::product(a0, b2) + C::product(a1, b1) + C::product(a2, b0),
            C::product(a0, b3) + C::product(a1, b2) + C::product(a2, b1) + C::product(a3, b0),
            C::product(a0, b4)
                + C::product(a1, b3)
                + C::product(a2, b2)
                + C::product(a3, b1)
                + C::product(a4, b0),
            C::product(a0, b5)
                + C::product(a1, b4)
                + C::product(a2, b3)
                + C::product(a3, b2)
                + C::product(a4, b1)
                + C::product(a5, b0),
            C::product(a0, b6)
                + C::product(a1, b5)
                + C::product(a2, b4)
                + C::product(a3, b3)
                + C::product(a4, b2)
                + C::product(a5, b1)
                + C::product(a6, b0),
            C::product(a0, b7)
                + C::product(a1, b6)
                + C::product(a2, b5)
                + C::product(a3, b4)
                + C::product(a4, b3)
                + C::product(a5, b2)
                + C::product(a6, b1)
                + C::product(a7, b0),
            C::product(a0, b8)
                + C::product(a1, b7)
                + C::product(a2, b6)
                + C::product(a3, b5)
                + C::product(a4, b4)
                + C::product(a5, b3)
                + C::product(a6, b2)
                + C::product(a7, b1)
                + C::product(a8, b0),
            C::product(a1, b8)
                + C::product(a2, b7)
                + C::product(a3, b6)
                + C::product(a4, b5)
                + C::product(a5, b4)
                + C::product(a6, b3)
                + C::product(a7, b2)
                + C::product(a8, b1),
            C::product(a2, b8)
                + C::product(a3, b7)
                + C::product(a4, b6)
                + C::product(a5, b5)
                + C::product(a6, b4)
                + C::product(a7, b3)
                + C::product(a8, b2),
            C::product(a3, b8)
                + C::product(a4, b7)
                + C::product(a5, b6)
                + C::product(a6, b5)
                + C::product(a7, b4)
                + C::product(a8, b3),
            C::product(a4, b8)
                + C::product(a5, b7)
                + C::product(a6, b6)
                + C::product(a7, b5)
                + C::product(a8, b4),
            C::product(a5, b8) + C::product(a6, b7) + C::product(a7, b6) + C::product(a8, b5),
            C::product(a6, b8) + C::product(a7, b7) + C::product(a8, b6),
            C::product(a7, b8) + C::product(a8, b7),
            C::product(a8, b8),
        ],
    );
}

/// Adds the square of `a` to the columns of two blocks.
#[inline(never)]
pub(super) fn add_square<C: Column>(columns: &mut [[C; BLOCK]], a: &Block) {
    let [a0, a1, a2, a3, a4, a5, a6, a7, a8] = *a;
    let [d0, d1, d2, d3, d4, d5, d6, d7, _] = a.map(|limb| 2 * limb);
    add(
        columns,
        [
            C::product(a0, a0),
            C::product(d0, a1),
            C::product(d0, a2) + C::product(a1, a1),
            C::product(d0, a3) + C::product(d1, a2),
            C::product(d0, a4) + C::product(d1, a3) + C::product(a2, a2),
            C::product(d0, a5) + C::product(d1, a4) + C::product(d2, a3),
            C::product(d0, a6) + C::product(d1, a5) + C::product(d2, a4) + C::product(a3, a3),
            C::product(d0, a7) + C::product(d1, a6) + C::product(d2, a5) + C::product(d3, a4),
            C::product(d0, a8)
                + C::product(d1, a7)
                + C::product(d2, a6)
                + C::product(d3, a5)
                + C::product(a4, a4),
            C::product(d1, a8) + C::product(d2, a7) + C::product(d3, a6) + C::product(d4, a5),
            C::product(d2, a8) + C::product(d3, a7) + C::product(d4, a6) + C::product(a5, a5),
            C::product(d3, a8) + C::product(d4, a7) + C::product(d5, a6),
            C::product(d4, a8) + C::product(d5, a7) + C::product(a6, a6),
            C::product(d5, a8) + C::product(d6, a7),
            C::product(d6, a8) + C::product(a7, a7),
            C::product(d7, a8),
            C::product(a8, a8),
        ],
    );
}

/// Adds the multiple of the modulus, of which `p` is the lowest block, that makes the lowest block zero, and
/// carries into the next one. The lowest block is done with, and stays as it is. Returns the multiple.
#[inline(never)]
pub(super) fn clear<C: Column>(columns: &mut [[C; BLOCK]], p: &Block, inverse: u64) -> Block {
    let [[l0, l1, l2, l3, l4, l5, l6, l7, l8], ..] = *columns else {
        return [0; BLOCK];
    };
    let [p0, p1, p2, p3, p4, p5, p6, p7, p8] = *p;
    let digit = |sum: C| sum.low().wrapping_mul(inverse) & ((1 << C::BITS) - 1);
    let sum = l0;
    let m0 = digit(sum);
    let carry = (sum + C::product(m0, p0)) >> C::BITS;
    let sum = l1 + carry + C::product(m0, p1);
    let m1 = digit(sum);
    let carry = (sum + C::product(m1, p0)) >> C::BITS;
    let sum = l2 + carry + C::product(m0, p2) + C::product(m1, p1);
    let m2 = digit(sum);
    let carry = (sum + C::product(m2, p0)) >> C::BITS;
    let sum = l3 + carry + C::product(m0, p3) + C::product(m1, p2) + C::product(m2, p1);
    let m3 = digit(sum);
    let carry = (sum + C::product(m3, p0)) >> C::BITS;
    let sum = l4
        + carry
        + C::product(m0, p4)
        + C::product(m1, p3)
        + C::product(m2, p2)
        + C::product(m3, p1);
    let m4 = digit(sum);
    let carry = (sum + C::product(m4, p0)) >> C::BITS;
    let sum = l5
        + carry
        + C::product(m0, p5)
        + C::product(m1, p4)
        + C::product(m2, p3)
        + C::product(m3, p2)
        + C::product(m4, p1);
    let m5 = digit(sum);
    let carry = (sum + C::product(m5, p0)) >> C::BITS;
    let sum = l6
        + carry
        + C::product(m0, p6)
        + C::product(m1, p5)
        + C::product(m2, p4)
        + C::product(m3, p3)
        + C::product(m4, p2)
        + C::product(m5, p1);
    let m6 = digit(sum);
    let carry = (sum + C::product(m6, p0)) >> C::BITS;
    let sum = l7
        + carry
        + C::product(m0, p7)
        + C::product(m1, p6)
        + C::product(m2, p5)
        + C::product(m3, p4)
        + C::product(m4, p3)
        + C::product(m5, p2)
        + C::product(m6, p1);
    let m7 = digit(sum);
    let carry = (sum + C::product(m7, p0)) >> C::BITS;
    let sum = l8
        + carry
        + C::product(m0, p8)
        + C::product(m1, p7)
        + C::product(m2, p6)
        + C::product(m3, p5)
        + C::product(m4, p4)
        + C::product(m5, p3)
        + C::product(m6, p2)
        + C::product(m7, p1);
    let m8 = digit(sum);
    let carry = (sum + C::product(m8, p0)) >> C::BITS;
    let high = [
        carry
            + C::product(m1, p8)
            + C::product(m2, p7)
            + C::product(m3, p6)
            + C::product(m4, p5)
            + C::product(m5, p4)
            + C::product(m6, p3)
            + C::product(m7, p2)
            + C::product(m8, p1),
        C::product(m2, p8)
            + C::product(m3, p7)
            + C::product(m4, p6)
            + C::product(m5, p5)
            + C::product(m6, p4)
            + C::product(m7, p3)
            + C::product(m8, p2),
        C::product(m3, p8)
            + C::product(m4, p7)
            + C::product(m5, p6)
            + C::product(m6, p5)
            + C::product(m7, p4)
            + C::product(m8, p3),
        C::product(m4, p8)
            + C::product(m5, p7)
            + C::product(m6, p6)
            + C::product(m7, p5)
            + C::product(m8, p4),
        C::product(m5, p8) + C::product(m6, p7) + C::product(m7, p6) + C::product(m8, p5),
        C::product(m6, p8) + C::product(m7, p7) + C::product(m8, p6),
        C::product(m7, p8) + C::product(m8, p7),
        C::product(m8, p8),
    ];
    if let [_, next, ..] = columns {
        for (column, sum) in next.iter_mut().zip(high) {
            *column += sum;
        }
    }
    [m0, m1, m2, m3, m4, m5, m6, m7, m8]
}

#[inline(always)]
fn add<C: Column>(columns: &mut [[C; BLOCK]], sums: [C; 2 * BLOCK - 1]) {
    let columns = columns.as_flattened_mut();
    if let Some(columns) = columns.first_chunk_mut::<{ 2 * BLOCK - 1 }>() {
        for (column, sum) in columns.iter_mut().zip(sums) {
            *column += sum;
        }
    }
}
