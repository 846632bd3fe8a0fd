//! What is asked: bytes that the seed determines, and of which each request has others.

use crate::random::Random;

/// The length of a request at most.
pub(super) const LONGEST: usize = 64 * 1024;

/// How many bytes there are to choose from.
const POOL: usize = 1 << 20;

/// A stretch of noise, of which requests are parts.
pub(super) struct Noise(Vec<u8>);

impl Noise {
    pub(super) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed, "noise");
        let byte = |_| u8::try_from(random.below(256)).unwrap_or_default();
        Self((0..POOL + LONGEST).map(byte).collect())
    }

    /// The next request of a connection: its number and a part of the noise, in all lengths, most of
    /// them short.
    pub(super) fn request(&self, number: u64, random: &mut Random) -> Vec<u8> {
        let longest = match random.below(100) {
            0..60 => 256,
            60..90 => 4 * 1024,
            90..99 => 20 * 1024,
            _ => LONGEST,
        };
        let length = 1 + random.below(longest);
        let start = random.below(POOL);
        let part = self.0.get(start..start + length);
        let mut request = part.unwrap_or_default().to_vec();
        for (byte, number) in request.iter_mut().zip(number.to_le_bytes()) {
            *byte ^= number;
        }
        request
    }
}
