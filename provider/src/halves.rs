//! Bytes by their halves, which are looked up in tables of sixteen entries, and blocks by their bytes:
//! AES and GHASH work on sixteen blocks at a time so.

use super::lanes::Lanes;

/// Byte `i` of each of sixteen blocks, for each `i`.
pub(super) type Bytes = [Lanes; 16];

/// What the upper and the lower halves of bytes are looked up in.
pub(super) type Tables = (Lanes, Lanes);

/// The upper and the lower halves of sixteen bytes.
#[derive(Clone, Copy)]
pub(super) struct Halves {
    pub(super) upper: Lanes,
    pub(super) lower: Lanes,
}

impl Halves {
    #[inline(always)]
    pub(super) fn of(bytes: Lanes) -> Self {
        let mask = Lanes::splat(0x0f0f_0f0f);
        Self {
            upper: bytes.shift_words_right::<4>() & mask,
            lower: bytes & mask,
        }
    }

    #[inline(always)]
    pub(super) fn look_up(self, (upper, lower): &Tables) -> Lanes {
        self.upper.look_up(*upper) ^ self.lower.look_up(*lower)
    }
}

/// The blocks by their bytes, or the other way round: byte `j` of result `i` is byte `i` of row `j`.
#[inline(always)]
#[rustfmt::skip]
pub(super) fn transpose(mut rows: Bytes) -> Bytes {
    let low = Lanes::interleave_low_bytes;
    let high = Lanes::interleave_high_bytes;
    for _ in 0..4 {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = rows;
        rows = [
            low(a, i), high(a, i), low(b, j), high(b, j),
            low(c, k), high(c, k), low(d, l), high(d, l),
            low(e, m), high(e, m), low(f, n), high(f, n),
            low(g, o), high(g, o), low(h, p), high(h, p),
        ];
    }
    rows
}
