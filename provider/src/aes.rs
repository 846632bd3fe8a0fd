//! AES encryption (FIPS 197) in counter mode, sixteen blocks at a time and without lookups in memory.
//!
//! The state is sliced by bytes: element `i` holds byte `i` of sixteen blocks, in the inner form of
//! `s_box.rs` up to the last round. Of 256 blocks in a row the counters differ in the last byte alone,
//! so most of their first two rounds is the same and computed once.

mod s_box;

use std::array;

use zeroize::Zeroize;

use super::halves::{Bytes, transpose};
use super::lanes::Lanes;
use s_box::{Substitute, numbers_in_inner, to_inner, upper_to_inner};

/// Blocks in a batch.
pub(super) const BATCH: usize = 16;

/// Batches of which the counters differ in the last byte alone.
pub(super) const SECTION: usize = 16;

/// The packed round keys. All but the first include the constant of the S-box, and all but the last
/// are in the inner form.
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
        let constant = Lanes::splat(SUBSTITUTE_OF_ZERO);
        let mut keys = schedule.map(Lanes::from_words);
        if let [first, middle @ .., last] = keys.as_mut_slice() {
            *first = to_inner(*first);
            for key in middle {
                *key = to_inner(*key ^ constant);
            }
            *last = *last ^ constant;
        }
        Self { keys }
    }

    /// Slices the round keys, which makes them sixteen times as large.
    pub(super) fn unpack(&self) -> RoundKeys<KEYS> {
        let mut keys = RoundKeys([[Lanes::splat(0); 16]; KEYS]);
        unpack(&self.keys, &mut keys.0);
        keys
    }
}

impl<const KEYS: usize> Drop for Aes<KEYS> {
    fn drop(&mut self) {
        self.keys.zeroize();
    }
}

/// Sliced round keys: each byte is repeated for all sixteen blocks.
pub(super) struct RoundKeys<const KEYS: usize>([Bytes; KEYS]);

impl<const KEYS: usize> RoundKeys<KEYS> {
    /// Encrypts the counter blocks 0 to 15.
    pub(super) fn encrypt_first(&self, nonce: &[u8; 12], states: &mut States) {
        encrypt_first(&self.0, nonce, states);
    }

    /// What the 256 counter blocks of a section have in common; the first section begins with
    /// counter 0.
    pub(super) fn section(&self, nonce: &[u8; 12], number: u32, states: &mut States) -> Section {
        section(&self.0, nonce, number, states)
    }

    /// Encrypts the counter blocks of one batch of a section.
    pub(super) fn encrypt(&self, section: &Section, batch: u8, states: &mut States) {
        encrypt(&self.0, section, batch, states);
    }
}

// What follows is there once for all sizes of keys, and not inlined into each.

#[inline(never)]
fn unpack(packed: &[Lanes], keys: &mut [Bytes]) {
    for (key, packed) in keys.iter_mut().zip(packed) {
        *key = slice(*packed);
    }
}

#[inline(never)]
fn encrypt_first(keys: &[Bytes], nonce: &[u8; 12], states: &mut States) {
    let [state, next] = &mut states.0;
    if let [key, keys @ .., last] = keys {
        begin(nonce, 0, key, state);
        let [.., last_byte] = state;
        *last_byte = *last_byte ^ numbers_in_inner();
        end(keys, last, state, next);
    }
}

#[inline(never)]
fn section(keys: &[Bytes], nonce: &[u8; 12], number: u32, states: &mut States) -> Section {
    let zero = Lanes::splat(0);
    let mut section = Section {
        last: zero,
        first: [zero; 4],
        second: [zero; 16],
    };
    let [state, next] = &mut states.0;
    if let [key, first, second, ..] = keys {
        begin(nonce, number, key, state);
        round(state, first, next);
        round(next, second, &mut section.second);
        // What is not the same for all batches is taken off here, and added for each of them.
        let [p, q, r, s, ..] = *next;
        add(&mut section.second, &after_second([p, q, r, s]));
        let [.., last] = *state;
        section.last = last;
        section.first = [p, q, r, s];
        add(&mut section.first, &after_first(last));
    }
    section
}

#[inline(never)]
fn encrypt(keys: &[Bytes], section: &Section, batch: u8, states: &mut States) {
    let [state, next] = &mut states.0;
    let last = section.last ^ upper_to_inner(batch) ^ numbers_in_inner();
    let mut first = section.first;
    add(&mut first, &after_first(last));
    *state = section.second;
    add(state, &after_second(first));
    if let [_, _, _, keys @ .., last] = keys {
        end(keys, last, state, next);
    }
}

impl<const KEYS: usize> Drop for RoundKeys<KEYS> {
    fn drop(&mut self) {
        self.0 = [[Lanes::splat(0); 16]; KEYS];
        zeroize::optimization_barrier(&self.0);
    }
}

/// Sixteen batches of counter blocks after two rounds, but for what differs between them.
pub(super) struct Section {
    /// The last byte before the first round, without the counter.
    last: Lanes,
    /// The bytes after the first round that depend on it, without what it adds to them.
    first: [Lanes; 4],
    /// All bytes after the second round, without what those four add to them.
    second: Bytes,
}

impl Drop for Section {
    fn drop(&mut self) {
        self.last = Lanes::splat(0);
        self.first = [Lanes::splat(0); 4];
        self.second = [Lanes::splat(0); 16];
        zeroize::optimization_barrier(self);
    }
}

/// Where batches are encrypted: one state while its successor is computed.
pub(super) struct States([Bytes; 2]);

impl States {
    pub(super) fn new() -> Self {
        Self([[Lanes::splat(0); 16]; 2])
    }

    /// The batch that was encrypted last.
    pub(super) fn blocks(&self) -> &[Lanes; BATCH] {
        let [blocks, _] = &self.0;
        blocks
    }
}

impl Drop for States {
    fn drop(&mut self) {
        self.0 = [[Lanes::splat(0); 16]; 2];
        zeroize::optimization_barrier(&self.0);
    }
}

/// The state of sixteen copies of the first counter block of a section, before the first round.
#[inline(always)]
fn begin(nonce: &[u8; 12], section: u32, key: &Bytes, state: &mut Bytes) {
    let [a, b, c, d, e, f, g, h, i, j, k, l] = *nonce;
    let [_, m, n, o] = section.to_be_bytes();
    let block = [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, 0];
    *state = slice(to_inner(Lanes::from_bytes(&block)));
    add(state, key);
}

/// The remaining rounds.
#[inline(never)]
fn end(keys: &[Bytes], last: &Bytes, state: &mut Bytes, next: &mut Bytes) {
    // Two rounds at a time, from one to the other and back.
    let (pairs, rest) = keys.as_chunks();
    for [key, next_key] in pairs {
        round(state, key, next);
        round(next, next_key, state);
    }
    match rest {
        [key] => {
            round(state, key, next);
            last_round(next, last, state);
        }
        _ => {
            *next = *state;
            last_round(next, last, state);
        }
    }
}

/// Slices sixteen copies of one block.
#[inline(always)]
fn slice(block: Lanes) -> Bytes {
    let byte = |number: u32| Lanes::splat(0x0101_0101 * number).look_up(block);
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15].map(byte)
}

#[inline(always)]
fn add<const COUNT: usize>(to: &mut [Lanes; COUNT], bytes: &[Lanes; COUNT]) {
    for (to, byte) in to.iter_mut().zip(bytes) {
        *to = *to ^ *byte;
    }
}

/// What the last byte adds to the first four in a round, which shifts it to row 3 of column 0.
#[inline(always)]
fn after_first(last: Lanes) -> [Lanes; 4] {
    let [once, twice, thrice] = multiples(last);
    [once, once, thrice, twice]
}

/// What the first four bytes add to all in a round, which shifts each to another column.
#[inline(always)]
fn after_second(first: [Lanes; 4]) -> Bytes {
    let [[a, a2, a3], [b, b2, b3], [c, c2, c3], [d, d2, d3]] = first.map(multiples);
    [a2, a, a, a3, d, d, d3, d2, c, c3, c2, c, b3, b2, b, b]
}

/// One, two and three times the substitute.
#[inline(always)]
fn multiples(byte: Lanes) -> [Lanes; 3] {
    let substitute = Substitute::of(byte);
    let (twice, thrice) = (substitute.twice(), substitute.thrice());
    [twice ^ thrice, twice, thrice]
}

/// Substitutes, shifts the rows, mixes the columns and adds the key.
// Not inlined, and by references: a column's bytes and keys are then loaded where they are used.
#[inline(never)]
#[rustfmt::skip]
fn round(from: &Bytes, key: &Bytes, to: &mut Bytes) {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = from;
    let [k0, k1, k2, k3, k4, k5, k6, k7, k8, k9, ka, kb, kc, kd, ke, kf] = key;
    let [t0, t1, t2, t3, t4, t5, t6, t7, t8, t9, ta, tb, tc, td, te, tf] = to;
    mix_column([a, f, k, p], [k0, k1, k2, k3], [t0, t1, t2, t3]);
    mix_column([e, j, o, d], [k4, k5, k6, k7], [t4, t5, t6, t7]);
    mix_column([i, n, c, h], [k8, k9, ka, kb], [t8, t9, ta, tb]);
    mix_column([m, b, g, l], [kc, kd, ke, kf], [tc, td, te, tf]);
}

/// Each substitute a becomes 2a + 3b + c + d, where b, c and d are below it in the column: 3a + 2b and
/// the sum of all four, which is the sum of 3a + 2b over the column.
#[inline(always)]
fn mix_column(bytes: [&Lanes; 4], [k, l, m, n]: [&Lanes; 4], [p, q, r, s]: [&mut Lanes; 4]) {
    let [a, b, c, d] = bytes;
    let a = Substitute::of(*a);
    let b = Substitute::of(*b);
    let ab = a.thrice() ^ b.twice();
    let c = Substitute::of(*c);
    let bc = b.thrice() ^ c.twice();
    let d = Substitute::of(*d);
    let cd = c.thrice() ^ d.twice();
    let da = d.thrice() ^ a.twice();
    let sum = ab ^ bc ^ cd ^ da;
    *p = ab ^ sum ^ *k;
    *q = bc ^ sum ^ *l;
    *r = cd ^ sum ^ *m;
    *s = da ^ sum ^ *n;
}

/// Substitutes, shifts the rows, adds the key and makes blocks of the bytes.
#[inline(never)]
fn last_round(from: &Bytes, key: &Bytes, to: &mut Bytes) {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = *from;
    let shifted = [a, f, k, p, e, j, o, d, i, n, c, h, m, b, g, l];
    let mut state = shifted.map(|byte| Substitute::of(byte).outer());
    add(&mut state, key);
    *to = transpose(state);
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
    let substitute = Substitute::of(to_inner(Lanes::splat(word))).outer();
    let [a, b, c, d, ..] = substitute.to_bytes();
    u32::from_le_bytes([a, b, c, d]) ^ SUBSTITUTE_OF_ZERO
}

/// Doubles a round constant. Round constants are public.
fn double(constant: u32) -> u32 {
    (constant << 1) ^ ((constant >> 7) * 0x11b)
}

/// The S-box applied to four zero bytes: its constant.
const SUBSTITUTE_OF_ZERO: u32 = 0x6363_6363;
