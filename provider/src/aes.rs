//! AES encryption (FIPS 197) in counter mode, eight blocks at a time and without lookup tables.
//!
//! The state is bit-sliced: register `i` holds bit `i` of each byte of eight blocks, and bit `j` of
//! each byte of the register belongs to block `j`. The bytes of a block are numbered by rows; FIPS
//! 197 numbers them by columns.

use std::array;
use std::ops::{BitAnd, BitXor};

use zeroize::Zeroize;

use super::lanes::{Lanes, permute};

/// Blocks in a batch.
pub(super) const BATCH: usize = 8;

/// The packed round keys. All but the first include the constant of the S-box, and all but the last
/// have their bytes numbered by rows.
pub(super) struct Aes<const KEYS: usize> {
    keys: [Lanes; KEYS],
}

/// AES with a key of 128 bits.
pub(super) type Aes128 = Aes<11>;

/// AES with a key of 256 bits.
pub(super) type Aes256 = Aes<15>;

impl Aes128 {
    pub(super) fn new(key: &[u8; 16]) -> Self {
        let mut key = columns(key);
        let mut constant = 1;
        Self::from_schedule(array::from_fn(|_| {
            let now = key;
            key = next(now, sub_word(rotate_word(now)) ^ constant);
            constant = double(constant);
            now
        }))
    }
}

impl Aes256 {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        let [even, odd] = [0, 16].map(|at| key.split_at(at).1.first_chunk());
        let [mut now, mut then] = [even, odd].map(|half| half.map_or([0; 4], columns));
        let mut constant = 1;
        Self::from_schedule(array::from_fn(|number| {
            let later = if number.is_multiple_of(2) {
                let mix = sub_word(rotate_word(then)) ^ constant;
                constant = double(constant);
                next(now, mix)
            } else {
                let [.., last] = then;
                next(now, sub_word(last))
            };
            let key = now;
            (now, then) = (then, later);
            key
        }))
    }
}

impl<const KEYS: usize> Aes<KEYS> {
    fn from_schedule(schedule: [[u32; 4]; KEYS]) -> Self {
        let mut keys = schedule.map(Lanes::from_words);
        if let [first, middle @ .., last] = keys.as_mut_slice() {
            *first = by_rows(*first);
            for key in middle {
                *key = by_rows(*key) ^ Lanes::splat(SUBSTITUTE_OF_ZERO);
            }
            *last = *last ^ Lanes::splat(SUBSTITUTE_OF_ZERO);
        }
        Self { keys }
    }

    /// Bit-slices the round keys, which makes them eight times as large.
    pub(super) fn unpack(&self) -> RoundKeys<KEYS> {
        RoundKeys(self.keys.map(slice))
    }
}

impl<const KEYS: usize> Drop for Aes<KEYS> {
    fn drop(&mut self) {
        self.keys.zeroize();
    }
}

/// Bit-sliced round keys: each bit is repeated for all eight blocks.
pub(super) struct RoundKeys<const KEYS: usize>([Bits<Lanes>; KEYS]);

impl<const KEYS: usize> RoundKeys<KEYS> {
    /// Encrypts eight counter blocks. The number of the first is a multiple of eight.
    pub(super) fn encrypt_counters(&self, nonce: &[u8; 12], first: u32) -> [Lanes; BATCH] {
        encrypt(&self.0, counters(nonce, first))
    }
}

impl<const KEYS: usize> Drop for RoundKeys<KEYS> {
    fn drop(&mut self) {
        self.0 = [[Lanes::splat(0); 8]; KEYS];
        zeroize::optimization_barrier(&self.0);
    }
}

/// One `T` for each bit of a byte, the lowest first.
type Bits<T> = [T; 8];

#[inline(never)]
fn encrypt(keys: &[Bits<Lanes>], mut state: Bits<Lanes>) -> [Lanes; BATCH] {
    if let [rounds @ .., before_last, last] = keys {
        for key in rounds {
            state = mix_columns(shift_rows(sub_bytes(add_key(state, key))));
        }
        state = sub_bytes(add_key(state, before_last));
        state = add_key(state.map(shift_row_to_columns), last);
    }
    unslice(state)
}

/// Eight bit-sliced counter blocks. The number of the first is a multiple of eight, so the lowest
/// three bits of the counters are the same in every batch.
#[inline(always)]
fn counters(nonce: &[u8; 12], first: u32) -> Bits<Lanes> {
    let [a, b, c, d, e, f, g, h, i, j, k, l] = *nonce;
    let [m, n, o, p] = first.to_be_bytes();
    let block = [a, e, i, m, b, f, j, n, c, g, k, o, d, h, l, p];
    let [b0, b1, b2, rest @ ..] = slice(Lanes::from_bytes(&block));
    let [b3, b4, b5, b6, b7] = rest;
    let last_byte = |bits| Lanes::from_words([0, 0, 0, bits]);
    [
        b0 ^ last_byte(0xaa00_0000),
        b1 ^ last_byte(0xcc00_0000),
        b2 ^ last_byte(0xf000_0000),
        b3,
        b4,
        b5,
        b6,
        b7,
    ]
}

/// Bit-slices eight copies of one block.
#[inline(always)]
fn slice(block: Lanes) -> Bits<Lanes> {
    [0, 1, 2, 3, 4, 5, 6, 7].map(|bit| block.spread_bit(bit))
}

#[inline(always)]
fn add_key([a, b, c, d, e, f, g, h]: Bits<Lanes>, key: &Bits<Lanes>) -> Bits<Lanes> {
    let [k, l, m, n, o, p, q, r] = *key;
    [a ^ k, b ^ l, c ^ m, d ^ n, e ^ o, f ^ p, g ^ q, h ^ r]
}

#[inline(always)]
#[rustfmt::skip]
fn shift_rows(state: Bits<Lanes>) -> Bits<Lanes> {
    state.map(|bit| permute!(bit, 0, 1, 2, 3, 5, 6, 7, 4, 10, 11, 8, 9, 15, 12, 13, 14))
}

/// Shifts the rows and renumbers the bytes by columns.
#[inline(always)]
fn shift_row_to_columns(bit: Lanes) -> Lanes {
    permute!(bit, 0, 5, 10, 15, 1, 6, 11, 12, 2, 7, 8, 13, 3, 4, 9, 14)
}

#[inline(always)]
fn by_rows(block: Lanes) -> Lanes {
    permute!(block, 0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15)
}

/// Each byte a becomes 2 (a + b) + b + c + d, where b, c and d are the bytes below it in its
/// column.
#[inline(always)]
fn mix_columns(state: Bits<Lanes>) -> Bits<Lanes> {
    let [
        (s0, r0),
        (s1, r1),
        (s2, r2),
        (s3, r3),
        (s4, r4),
        (s5, r5),
        (s6, r6),
        (s7, r7),
    ] = state.map(|a| {
        let b = a.turn_by_one_word();
        let sum = a ^ b;
        (sum, b ^ sum.turn_by_two_words())
    });
    [
        r0 ^ s7,
        r1 ^ s0 ^ s7,
        r2 ^ s1,
        r3 ^ s2 ^ s7,
        r4 ^ s3 ^ s7,
        r5 ^ s4,
        r6 ^ s5,
        r7 ^ s6,
    ]
}

/// Turns the bit-sliced state into eight blocks: transposes eight by eight bits, at every byte.
#[inline(always)]
fn unslice([a, b, c, d, e, f, g, h]: Bits<Lanes>) -> [Lanes; BATCH] {
    let mask = Lanes::splat(0x5555_5555);
    let (a, b) = swap::<1>(a, b, mask);
    let (c, d) = swap::<1>(c, d, mask);
    let (e, f) = swap::<1>(e, f, mask);
    let (g, h) = swap::<1>(g, h, mask);
    let mask = Lanes::splat(0x3333_3333);
    let (a, c) = swap::<2>(a, c, mask);
    let (b, d) = swap::<2>(b, d, mask);
    let (e, g) = swap::<2>(e, g, mask);
    let (f, h) = swap::<2>(f, h, mask);
    let mask = Lanes::splat(0x0f0f_0f0f);
    let (a, e) = swap::<4>(a, e, mask);
    let (b, f) = swap::<4>(b, f, mask);
    let (c, g) = swap::<4>(c, g, mask);
    let (d, h) = swap::<4>(d, h, mask);
    [a, b, c, d, e, f, g, h]
}

/// Exchanges the bits of `a` that lie `BY` above the mask with the bits of `b` under the mask.
#[inline(always)]
fn swap<const BY: u32>(a: Lanes, b: Lanes, mask: Lanes) -> (Lanes, Lanes) {
    let difference = (a.shift_words_right::<BY>() ^ b) & mask;
    (a ^ difference.shift_words_left::<BY>(), b ^ difference)
}

/// The columns of a block, row 0 in the lowest byte.
fn columns(block: &[u8; 16]) -> [u32; 4] {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = *block;
    [[a, b, c, d], [e, f, g, h], [i, j, k, l], [m, n, o, p]].map(u32::from_le_bytes)
}

/// Derives a round key from an earlier one and the word that is mixed in (FIPS 197 §5.2).
fn next([a, b, c, d]: [u32; 4], mix: u32) -> [u32; 4] {
    let a = a ^ mix;
    let b = b ^ a;
    let c = c ^ b;
    [a, b, c, d ^ c]
}

fn rotate_word([.., last]: [u32; 4]) -> u32 {
    last.rotate_right(8)
}

fn sub_word(word: u32) -> u32 {
    let bits = [0, 1, 2, 3, 4, 5, 6, 7].map(|bit| (word >> bit) & 0x0101_0101);
    let bits = sub_bytes(bits).into_iter().zip(0..);
    bits.fold(SUBSTITUTE_OF_ZERO, |word, (bits, bit)| word ^ bits << bit)
}

/// Doubles a round constant. Round constants are public.
fn double(constant: u32) -> u32 {
    (constant << 1) ^ ((constant >> 7) * 0x11b)
}

/// The S-box applied to four zero bytes: its constant.
const SUBSTITUTE_OF_ZERO: u32 = 0x6363_6363;

/// The S-box without its constant, by the circuit of Boyar and Peralta, "A new combinational logic
/// minimization technique with applications to cryptology" (2010), with the paper's names: a change
/// of basis, the inversion, and the change back with the affine map.
#[inline(always)]
fn sub_bytes<T>(bits: Bits<T>) -> Bits<T>
where
    T: Copy + BitAnd<Output = T> + BitXor<Output = T>,
{
    let [x7, x6, x5, x4, x3, x2, x1, x0] = bits;
    let y14 = x3 ^ x5;
    let y13 = x0 ^ x6;
    let y9 = x0 ^ x3;
    let y8 = x0 ^ x5;
    let t0 = x1 ^ x2;
    let y1 = t0 ^ x7;
    let y4 = y1 ^ x3;
    let y12 = y13 ^ y14;
    let y2 = y1 ^ x0;
    let y5 = y1 ^ x6;
    let y3 = y5 ^ y8;
    let t1 = x4 ^ y12;
    let y15 = t1 ^ x5;
    let y20 = t1 ^ x1;
    let y6 = y15 ^ x7;
    let y10 = y15 ^ t0;
    let y11 = y20 ^ y9;
    let y7 = x7 ^ y11;
    let y17 = y10 ^ y11;
    let y19 = y10 ^ y8;
    let y16 = t0 ^ y11;
    let y21 = y13 ^ y16;
    let y18 = x0 ^ y16;

    let t2 = y12 & y15;
    let t3 = y3 & y6;
    let t4 = t3 ^ t2;
    let t5 = y4 & x7;
    let t6 = t5 ^ t2;
    let t7 = y13 & y16;
    let t8 = y5 & y1;
    let t9 = t8 ^ t7;
    let t10 = y2 & y7;
    let t11 = t10 ^ t7;
    let t12 = y9 & y11;
    let t13 = y14 & y17;
    let t14 = t13 ^ t12;
    let t15 = y8 & y10;
    let t16 = t15 ^ t12;
    let t17 = t4 ^ t14;
    let t18 = t6 ^ t16;
    let t19 = t9 ^ t14;
    let t20 = t11 ^ t16;
    let t21 = t17 ^ y20;
    let t22 = t18 ^ y19;
    let t23 = t19 ^ y21;
    let t24 = t20 ^ y18;

    let t25 = t21 ^ t22;
    let t26 = t21 & t23;
    let t27 = t24 ^ t26;
    let t28 = t25 & t27;
    let t29 = t28 ^ t22;
    let t30 = t23 ^ t24;
    let t31 = t22 ^ t26;
    let t32 = t31 & t30;
    let t33 = t32 ^ t24;
    let t34 = t23 ^ t33;
    let t35 = t27 ^ t33;
    let t36 = t24 & t35;
    let t37 = t36 ^ t34;
    let t38 = t27 ^ t36;
    let t39 = t29 & t38;
    let t40 = t25 ^ t39;

    let t41 = t40 ^ t37;
    let t42 = t29 ^ t33;
    let t43 = t29 ^ t40;
    let t44 = t33 ^ t37;
    let t45 = t42 ^ t41;
    let z0 = t44 & y15;
    let z1 = t37 & y6;
    let z2 = t33 & x7;
    let z3 = t43 & y16;
    let z4 = t40 & y1;
    let z5 = t29 & y7;
    let z6 = t42 & y11;
    let z7 = t45 & y17;
    let z8 = t41 & y10;
    let z9 = t44 & y12;
    let z10 = t37 & y3;
    let z11 = t33 & y4;
    let z12 = t43 & y13;
    let z13 = t40 & y5;
    let z14 = t29 & y2;
    let z15 = t42 & y9;
    let z16 = t45 & y14;
    let z17 = t41 & y8;

    let t46 = z15 ^ z16;
    let t47 = z10 ^ z11;
    let t48 = z5 ^ z13;
    let t49 = z9 ^ z10;
    let t50 = z2 ^ z12;
    let t51 = z2 ^ z5;
    let t52 = z7 ^ z8;
    let t53 = z0 ^ z3;
    let t54 = z6 ^ z7;
    let t55 = z16 ^ z17;
    let t56 = z12 ^ t48;
    let t57 = t50 ^ t53;
    let t58 = z4 ^ t46;
    let t59 = z3 ^ t54;
    let t60 = t46 ^ t57;
    let t61 = z14 ^ t57;
    let t62 = t52 ^ t58;
    let t63 = t49 ^ t58;
    let t64 = z4 ^ t59;
    let t65 = t61 ^ t62;
    let t66 = z1 ^ t63;
    let s0 = t59 ^ t63;
    let s6 = t56 ^ t62;
    let s7 = t48 ^ t60;
    let t67 = t64 ^ t65;
    let s3 = t53 ^ t66;
    let s4 = t51 ^ t66;
    let s5 = t47 ^ t65;
    let s1 = t64 ^ s3;
    let s2 = t55 ^ t67;
    [s7, s6, s5, s4, s3, s2, s1, s0]
}
