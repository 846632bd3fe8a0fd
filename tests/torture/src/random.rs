//! Numbers that a seed determines (SplitMix64).

#[path = "../../support/splitmix.rs"]
mod splitmix;

/// A stream of numbers.
pub(crate) struct Random(u64);

impl Random {
    /// The stream of a seed and of a name within it.
    pub(crate) fn new(seed: u64, name: &str) -> Self {
        let mut random = Self(seed);
        for byte in name.bytes() {
            random.0 = splitmix::next(&mut random.0) ^ u64::from(byte);
        }
        random
    }

    /// A number below `end`; 0 if that is 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).unwrap_or(u64::MAX).max(1);
        usize::try_from(splitmix::next(&mut self.0) % end).unwrap_or_default()
    }

    /// One of these.
    pub(crate) fn one_of<'a, T>(&mut self, choices: &'a [T]) -> Option<&'a T> {
        choices.get(self.below(choices.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_and_a_name_determine_the_numbers() {
        let numbers = |seed, name| {
            let mut random = Random::new(seed, name);
            (0..8).map(|_| random.below(1000)).collect::<Vec<_>>()
        };
        assert_eq!(numbers(1, "a"), numbers(1, "a"));
        assert_ne!(numbers(1, "a"), numbers(2, "a"));
        assert_ne!(numbers(1, "a"), numbers(1, "b"));
    }
}
