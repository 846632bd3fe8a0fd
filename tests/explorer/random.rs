//! Numbers that follow from a seed (SplitMix64), so that a sequence can be repeated, or from bytes, so
//! that a fuzzer can choose them.

#[path = "../support/splitmix.rs"]
mod splitmix;

pub enum Random {
    Seed(u64),
    /// Two bytes for each number, from the back; zeros when they are used up.
    Bytes(Vec<u8>),
}

impl Random {
    pub fn next(&mut self) -> u64 {
        let state = match self {
            Self::Bytes(bytes) => {
                let (high, low) = (bytes.pop(), bytes.pop());
                return u64::from(u16::from_be_bytes([high.unwrap_or(0), low.unwrap_or(0)]));
            }
            Self::Seed(state) => state,
        };
        splitmix::next(state)
    }

    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    pub fn percent(&mut self, chance: usize) -> bool {
        self.below(100) < chance
    }

    pub fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}
