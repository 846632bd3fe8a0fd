//! ChaCha20 (RFC 8439 §2.3), four blocks at a time: lane `i` of each word of the state belongs to
//! block `i`.

use super::lanes::{Lanes, permute};

/// Bytes of key stream in a batch.
pub(super) const BATCH: usize = 256;

/// A batch of key stream, in the order of its bytes.
pub(super) type KeyStream = [Lanes; 16];

/// The key stream of one message.
pub(super) struct ChaCha20 {
    /// The state that the next four blocks begin with.
    start: [Lanes; 16],
}

impl ChaCha20 {
    /// Starts at block 0.
    #[rustfmt::skip]
    pub(super) fn new(key: &[u32; 8], nonce: &[u8; 12]) -> Self {
        let [a, b, c, d, e, f, g, h, i, j, k, l] = *nonce;
        let nonce = [[a, b, c, d], [e, f, g, h], [i, j, k, l]].map(u32::from_le_bytes);
        let [c0, c1, c2, c3] = CONSTANTS.map(Lanes::splat);
        let [k0, k1, k2, k3, k4, k5, k6, k7] = key.map(Lanes::splat);
        let counter = Lanes::from_words([0, 1, 2, 3]);
        let [n0, n1, n2] = nonce.map(Lanes::splat);
        Self {
            start: [c0, c1, c2, c3, k0, k1, k2, k3, k4, k5, k6, k7, counter, n0, n1, n2],
        }
    }

    /// The next four blocks.
    #[inline(always)]
    pub(super) fn next(&mut self) -> KeyStream {
        self.next_beside(&[], |_| ())
    }

    /// Makes the next four blocks, and calls `work` with one block of `pairs` after each round, so
    /// that the processor can do both at once. There are at most ten pairs.
    #[inline(always)]
    #[rustfmt::skip]
    pub(super) fn next_beside(
        &mut self,
        pairs: &[[[u8; 16]; 2]],
        mut work: impl FnMut(&[u8; 16]),
    ) -> KeyStream {
        let start = self.start;
        let [.., counter, _, _, _] = &mut self.start;
        *counter = counter.add_words(Lanes::splat(4));
        let mut state = start;
        for [first, second] in pairs {
            state = column_rounds(state);
            work(first);
            state = diagonal_rounds(state);
            work(second);
        }
        for _ in pairs.len()..DOUBLE_ROUNDS {
            state = diagonal_rounds(column_rounds(state));
        }
        let [x0, x1, x2, x3, x4, x5, x6, x7, x8, x9, x10, x11, x12, x13, x14, x15] = state;
        let [s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, s12, s13, s14, s15] = start;
        let [a0, b0, c0, d0] = sums([x0, x1, x2, x3], [s0, s1, s2, s3]);
        let [a1, b1, c1, d1] = sums([x4, x5, x6, x7], [s4, s5, s6, s7]);
        let [a2, b2, c2, d2] = sums([x8, x9, x10, x11], [s8, s9, s10, s11]);
        let [a3, b3, c3, d3] = sums([x12, x13, x14, x15], [s12, s13, s14, s15]);
        [a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3, d0, d1, d2, d3]
    }
}

/// Adds four words of the start to those of the final state. A vector of the input holds one word
/// of each block; a vector of the output holds four words of one block.
#[inline(always)]
fn sums([a, b, c, d]: [Lanes; 4], [e, f, g, h]: [Lanes; 4]) -> [Lanes; 4] {
    Lanes::transpose_words([
        a.add_words(e),
        b.add_words(f),
        c.add_words(g),
        d.add_words(h),
    ])
}

#[inline(always)]
#[rustfmt::skip]
fn column_rounds(state: [Lanes; 16]) -> [Lanes; 16] {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = state;
    let (a, e, i, m) = quarter_round(a, e, i, m);
    let (b, f, j, n) = quarter_round(b, f, j, n);
    let (c, g, k, o) = quarter_round(c, g, k, o);
    let (d, h, l, p) = quarter_round(d, h, l, p);
    [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]
}

#[inline(always)]
#[rustfmt::skip]
fn diagonal_rounds(state: [Lanes; 16]) -> [Lanes; 16] {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = state;
    let (a, f, k, p) = quarter_round(a, f, k, p);
    let (b, g, l, m) = quarter_round(b, g, l, m);
    let (c, h, i, n) = quarter_round(c, h, i, n);
    let (d, e, j, o) = quarter_round(d, e, j, o);
    [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]
}

#[inline(always)]
fn quarter_round(a: Lanes, b: Lanes, c: Lanes, d: Lanes) -> (Lanes, Lanes, Lanes, Lanes) {
    let a = a.add_words(b);
    let d = rotate_by_16(d ^ a);
    let c = c.add_words(d);
    let b = rotate::<12, 20>(b ^ c);
    let a = a.add_words(b);
    let d = rotate_by_8(d ^ a);
    let c = c.add_words(d);
    let b = rotate::<7, 25>(b ^ c);
    (a, b, c, d)
}

#[inline(always)]
fn rotate<const LEFT: u32, const RIGHT: u32>(words: Lanes) -> Lanes {
    words.shift_words_left::<LEFT>() ^ words.shift_words_right::<RIGHT>()
}

#[inline(always)]
fn rotate_by_16(words: Lanes) -> Lanes {
    permute!(words, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13)
}

#[inline(always)]
fn rotate_by_8(words: Lanes) -> Lanes {
    permute!(words, 3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14)
}

const DOUBLE_ROUNDS: usize = 10;

/// "expand 32-byte k".
const CONSTANTS: [u32; 4] = [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574];
