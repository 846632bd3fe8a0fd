//! Poly1305 (RFC 8439 §2.5), with the padding and lengths of the AEAD construction (§2.8).

#[cfg(any(test, all(target_family = "wasm", not(portcullis_wide))))]
mod narrow;
#[cfg(any(test, portcullis_wide, not(target_family = "wasm")))]
mod wide;

#[cfg(all(target_family = "wasm", not(portcullis_wide)))]
use narrow::Accumulator;
#[cfg(any(portcullis_wide, not(target_family = "wasm")))]
use wide::Accumulator;

/// A block of a message.
pub(super) type Block = [u8; 16];

/// The authenticator of one message; its key is never used for another message.
pub(super) struct Poly1305 {
    accumulator: Accumulator,
    pad: u128,
}

impl Poly1305 {
    #[inline(always)]
    pub(super) fn new(r: &Block, pad: &Block) -> Self {
        Self {
            accumulator: Accumulator::new(u128::from_le_bytes(*r) & R_MASK),
            pad: u128::from_le_bytes(*pad),
        }
    }

    #[inline(always)]
    pub(super) fn block(&mut self, block: &Block) {
        self.accumulator.block(u128::from_le_bytes(*block));
    }

    /// Takes in bytes, and zeros up to a whole block.
    #[inline(always)]
    pub(super) fn padded(&mut self, bytes: &[u8]) {
        let (blocks, rest) = bytes.as_chunks();
        for block in blocks {
            self.block(block);
        }
        if !rest.is_empty() {
            let mut block = Block::default();
            for (to, from) in block.iter_mut().zip(rest) {
                *to = *from;
            }
            self.block(&block);
        }
    }

    /// Takes in the lengths of associated data and text, and gives the tag.
    #[inline(always)]
    pub(super) fn finish(mut self, aad: u64, text: u64) -> Block {
        let lengths = u128::from(aad) | u128::from(text) << 64;
        self.accumulator.block(lengths);
        let tag = reduced(self.accumulator.value()).wrapping_add(self.pad);
        tag.to_le_bytes()
    }
}

/// The low 128 bits of the value modulo 2^130 - 5. The value is given as its low 128 bits and the
/// rest, and is less than twice the modulus.
fn reduced((low, high): (u128, u64)) -> u128 {
    let (less, carry) = low.overflowing_add(5);
    let is_not_less = (high + u64::from(carry)) >> 2;
    let mask = u128::from(is_not_less).wrapping_neg();
    low ^ (mask & (low ^ less))
}

/// The bits of `r` that may be set (§2.5).
const R_MASK: u128 = 0x0fff_fffc_0fff_fffc_0fff_fffc_0fff_ffff;

#[expect(clippy::as_conversions, reason = "truncation is intended")]
const fn low_half(value: u128) -> u64 {
    value as u64
}

#[cfg(test)]
mod tests {
    use super::{R_MASK, narrow, reduced, wide};

    /// Both accumulators, over every combination of blocks that carry most and least.
    #[test]
    fn wide_and_narrow_limbs_give_the_same() {
        let extremes = [0, 1, u128::MAX, u128::MAX << 64, u128::MAX >> 64, 5 << 125];
        for r in extremes.map(|r| r & R_MASK) {
            for number in 0..6_usize.pow(4) {
                let mut wide = wide::Accumulator::new(r);
                let mut narrow = narrow::Accumulator::new(r);
                for digit in 0..8 {
                    let block = extremes[number / 6_usize.pow(digit % 4) % 6];
                    wide.block(block);
                    narrow.block(block);
                }
                assert_eq!(reduced(wide.value()), reduced(narrow.value()));
            }
        }
    }

    #[test]
    fn values_around_the_modulus_are_reduced() {
        assert_eq!(reduced((u128::MAX - 4, 3)), 0);
        assert_eq!(reduced((u128::MAX - 5, 3)), u128::MAX - 5);
        assert_eq!(reduced((u128::MAX, 3)), 4);
        assert_eq!(reduced((0, 4)), 5);
        assert_eq!(reduced((7, 0)), 7);
    }
}
