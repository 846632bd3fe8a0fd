//! GHASH (NIST SP 800-38D §6.4): multiplication in GF(2^128) by lookups of half bytes in vectors,
//! which take the same time for all values.
//!
//! A byte stands for a polynomial of degree less than 8, with the constant term in its highest bit;
//! byte `n` of a block is multiplied by x^8n, and x^128 is x^7 + x^2 + x + 1.

use zeroize::Zeroize;

use super::halves::{Bytes, Halves, Tables, transpose};
use super::lanes::Lanes;

/// A block, or an element of the field.
pub(super) type Block = [u8; 16];

/// The key and its 16th power.
pub(super) struct GHash {
    h: Lanes,
    h16: Lanes,
}

impl GHash {
    pub(super) fn new(h: Lanes) -> Self {
        let square = |x| Multiplier::new(x).multiply(x);
        Self {
            h,
            h16: square(square(square(square(h)))),
        }
    }

    /// Hashes associated data and text, each filled up with zeros to whole blocks, and their
    /// lengths in bits.
    pub(super) fn hash(&self, aad: &[u8], text: &[u8], lengths: &Block) -> Lanes {
        let by_h = Multiplier::new(self.h);
        let mut sum = by_h.absorb(Lanes::splat(0), aad);
        let (blocks, _) = text.as_chunks();
        let (groups, _) = blocks.as_chunks();
        let groups = if groups.len() < FEW { &[] } else { groups };
        if let Some((first, others)) = groups.split_first() {
            sum = self.absorb_groups(&by_h, sum, first, others);
        }
        let (_, rest) = text.split_at(groups.as_flattened().as_flattened().len());
        by_h.multiply(by_h.absorb(sum, rest) ^ Lanes::from_bytes(lengths))
    }

    /// Computes sixteen sums side by side, each of every 16th block, and combines them at the end.
    fn absorb_groups(
        &self,
        by_h: &Multiplier,
        sum: Lanes,
        first: &[Block; 16],
        others: &[[Block; 16]],
    ) -> Lanes {
        let by_h16 = Multiplier::new(self.h16);
        let mut blocks = first.each_ref().map(Lanes::from_bytes);
        let [start, ..] = &mut blocks;
        *start = *start ^ sum;
        let mut sums = transpose(blocks);
        let mut products = [Lanes::splat(0); 32];
        for group in others {
            let blocks = transpose(group.each_ref().map(Lanes::from_bytes));
            for (product, block) in products.iter_mut().zip(blocks) {
                *product = block;
            }
            by_h16.multiply_all(&mut sums, &mut products);
        }
        let sums = transpose(sums).into_iter();
        sums.fold(Lanes::splat(0), |total, sum| by_h.multiply(total ^ sum))
    }
}

impl Drop for GHash {
    fn drop(&mut self) {
        self.h.zeroize();
        self.h16.zeroize();
    }
}

/// Multiplies by one element. The tables of pair `i` hold byte `i` of products with that element:
/// entry `n` of the first table is for `n` as the upper half of a byte, entry `n` of the second
/// table for `n` as the lower half.
struct Multiplier([Tables; 16]);

impl Multiplier {
    fn new(element: Lanes) -> Self {
        let mut power = u128::from_be_bytes(element.to_bytes());
        let [p0, p1, p2, p3, p4, p5, p6, p7] = [(); 8].map(|()| {
            let now = power;
            power = (now >> 1) ^ ((now & 1).wrapping_neg() & X_128);
            // The last byte comes first: reversing the tables later costs nothing, while reversing
            // the bytes here would.
            Lanes::from_bytes(&now.to_le_bytes())
        });
        let mut pairs = [(p0, p0); 16];
        let upper = multiples([p0, p1, p2, p3]).into_iter().rev();
        let lower = multiples([p4, p5, p6, p7]).into_iter().rev();
        for (pair, tables) in pairs.iter_mut().zip(upper.zip(lower)) {
            *pair = tables;
        }
        Self(pairs)
    }

    /// Adds the blocks and multiplies after each; the last is filled up with zeros.
    fn absorb(&self, sum: Lanes, bytes: &[u8]) -> Lanes {
        let (blocks, rest) = bytes.as_chunks();
        let blocks = blocks.iter().map(Lanes::from_bytes);
        let sum = blocks.fold(sum, |sum, block| self.multiply(sum ^ block));
        if rest.is_empty() {
            return sum;
        }
        let mut last = Block::default();
        for (to, from) in last.iter_mut().zip(rest) {
            *to = *from;
        }
        self.multiply(sum ^ Lanes::from_bytes(&last))
    }

    fn multiply(&self, block: Lanes) -> Lanes {
        let halves = Halves::of(block);
        let zero = Lanes::splat(0);
        // Each pair of tables is looked up for all bytes at once; pair `i` gives the bytes that lie
        // `i` places higher.
        let pairs = self.0.iter().rev();
        let (low, high) = pairs.fold((zero, zero), |(low, high), pair| {
            let products = halves.look_up(pair);
            (low.push_byte(zero) ^ products, high.push_byte(low))
        });
        let (here, next) = reduced(Halves::of(high));
        low ^ here ^ next.push_byte(zero)
    }

    /// Multiplies sixteen blocks by their bytes, and adds others: those with which the products begin.
    #[inline(always)]
    fn multiply_all(&self, blocks: &mut Bytes, products: &mut [Lanes; 32]) {
        let zero = Lanes::splat(0);
        let (tables, _) = self.0.as_chunks::<4>();
        for (four, number) in blocks.as_chunks::<4>().0.iter().zip(0..) {
            let [a, b, c, d] = four.map(Halves::of);
            let (_, places) = products.split_at_mut(4 * number);
            let (places, _) = places.as_chunks_mut::<4>();
            let mut places = places.iter_mut();
            // What the next three places get from the tables: the products of b, c and d lie one,
            // two and three bytes higher than those of a.
            let (mut next, mut second, mut third) = (zero, zero, zero);
            for ([s, t, u, v], [p, q, r, o]) in tables.iter().zip(places.by_ref()) {
                *p = *p ^ next ^ a.look_up(s);
                *q = *q ^ second ^ b.look_up(s) ^ a.look_up(t);
                *r = *r ^ third ^ c.look_up(s) ^ b.look_up(t) ^ a.look_up(u);
                *o = *o ^ d.look_up(s) ^ c.look_up(t) ^ b.look_up(u) ^ a.look_up(v);
                next = d.look_up(t) ^ c.look_up(u) ^ b.look_up(v);
                second = d.look_up(u) ^ c.look_up(v);
                third = d.look_up(v);
            }
            if let Some(places) = places.next() {
                *places = [next, second, third, zero];
            }
        }
        let (low, high) = products.split_at(16);
        let mut carried = zero;
        for ((block, low), high) in blocks.iter_mut().zip(low).zip(high) {
            let (here, next) = reduced(Halves::of(*high));
            *block = *low ^ here ^ carried;
            carried = next;
        }
    }
}

impl Drop for Multiplier {
    fn drop(&mut self) {
        self.0 = [(Lanes::splat(0), Lanes::splat(0)); 16];
        zeroize::optimization_barrier(&self.0);
    }
}

/// x^128 times each byte: the byte of the product in the same place, and the next one above.
#[inline(always)]
fn reduced(bytes: Halves) -> (Lanes, Lanes) {
    let table = |bytes| Lanes::from_bytes(bytes);
    (
        bytes.look_up(&(table(&UPPER_HERE), table(&LOWER_HERE))),
        bytes.look_up(&(table(&UPPER_NEXT), table(&LOWER_NEXT))),
    )
}

/// The bytes of the sums of four elements, the first of which belongs to the highest bit: entry
/// `n` of table `i` is byte `i` of sum `n`.
#[inline(always)]
#[rustfmt::skip]
fn multiples([a, b, c, d]: [Lanes; 4]) -> [Lanes; 16] {
    let zero = Lanes::splat(0);
    let (ab, cd) = (a ^ b, c ^ d);
    transpose([
        zero, d, c, cd, b, b ^ d, b ^ c, b ^ cd,
        a, a ^ d, a ^ c, a ^ cd, ab, ab ^ d, ab ^ c, ab ^ cd,
    ])
}

/// Groups of sixteen blocks below which the second table costs more than it saves.
const FEW: usize = 2;

/// x^128, the constant in the highest bit.
const X_128: u128 = 0xe1 << 120;

// The products of half bytes and x^128: the byte in the same place, and the next one above.
const UPPER_HERE: [u8; 16] = [
    0x00, 0x1c, 0x38, 0x24, 0x70, 0x6c, 0x48, 0x54, 0xe1, 0xfd, 0xd9, 0xc5, 0x91, 0x8d, 0xa9, 0xb5,
];
const LOWER_HERE: [u8; 16] = [
    0x00, 0x01, 0x03, 0x02, 0x07, 0x06, 0x04, 0x05, 0x0e, 0x0f, 0x0d, 0x0c, 0x09, 0x08, 0x0a, 0x0b,
];
const UPPER_NEXT: [u8; 16] = [
    0x00, 0x20, 0x40, 0x60, 0x80, 0xa0, 0xc0, 0xe0, 0x00, 0x20, 0x40, 0x60, 0x80, 0xa0, 0xc0, 0xe0,
];
const LOWER_NEXT: [u8; 16] = [
    0x00, 0xc2, 0x84, 0x46, 0x08, 0xca, 0x8c, 0x4e, 0x10, 0xd2, 0x94, 0x56, 0x18, 0xda, 0x9c, 0x5e,
];
