//! The plaintext that is sent: each byte tells its place.

use std::ops::Range;

/// What our side sends, and what the peer does.
pub(crate) const OURS: u8 = 0x00;
pub(crate) const THEIRS: u8 = 0xa5;

/// The bytes of a direction in these places.
pub(crate) fn bytes(direction: u8, places: Range<usize>) -> Vec<u8> {
    places.map(|place| byte(direction, place)).collect()
}

fn byte(direction: u8, place: usize) -> u8 {
    let mixed = place.wrapping_mul(31).wrapping_add(place / 251);
    u8::try_from(mixed % 256).unwrap_or_default() ^ direction
}

/// What has been received.
#[derive(Debug)]
pub(crate) struct Check {
    direction: u8,
    pub(crate) count: usize,
    /// Something else was received than was sent.
    pub(crate) is_wrong: bool,
}

impl Check {
    pub(crate) fn new(direction: u8) -> Self {
        Self {
            direction,
            count: 0,
            is_wrong: false,
        }
    }

    pub(crate) fn add(&mut self, bytes: &[u8]) {
        for received in bytes {
            self.is_wrong |= *received != byte(self.direction, self.count);
            self.count += 1;
        }
    }
}
