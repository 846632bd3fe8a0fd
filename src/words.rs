//! Plaintext in words of 64 bits, as lists of it cross from component to component.

use crate::error::Error;

/// How many words are made bytes for one write: no write takes more, for a batch of records is not longer.
const PIECE: usize = 64 * 1024 / WORD;

const WORD: usize = size_of::<u64>();

/// Plaintext that a caller has given in words.
pub struct Words {
    words: Vec<u64>,
    length: usize,
}

impl Words {
    /// # Errors
    /// `InvalidArgument`: so many bytes take more words, or fewer.
    pub fn new(words: Vec<u64>, length: u64) -> Result<Self, Error> {
        match usize::try_from(length) {
            Ok(length) if words.len() == length.div_ceil(WORD) => Ok(Self { words, length }),
            _ => Err(Error::InvalidArgument(format!(
                "{} words of plaintext for {length} bytes; give one for each 8 bytes that are begun",
                words.len()
            ))),
        }
    }

    /// How many bytes there are.
    #[must_use]
    pub fn length(&self) -> usize {
        self.length
    }

    /// The bytes behind the first `start`, as many as one write can take. They are put in `piece`.
    pub fn piece<'a>(&self, start: usize, piece: &'a mut Vec<[u8; WORD]>) -> &'a [u8] {
        let (first, skipped) = (start / WORD, start % WORD);
        let words = self.words.get(first..).unwrap_or_default();
        // One more for what is skipped.
        let words = words.get(..=PIECE).unwrap_or(words);
        piece.clear();
        piece.extend(words.iter().map(|word| word.to_le_bytes()));
        let bytes = piece.as_flattened();
        let end = self.length.saturating_sub(first * WORD).min(bytes.len());
        bytes.get(skipped..end).unwrap_or_default()
    }
}

/// The words of some bytes.
#[must_use]
pub fn words(bytes: &[u8]) -> Vec<u64> {
    let (whole, rest) = bytes.as_chunks();
    let mut words = Vec::with_capacity(bytes.len().div_ceil(WORD));
    words.extend(whole.iter().map(|word| u64::from_le_bytes(*word)));
    if !rest.is_empty() {
        let mut last = [0; WORD];
        for (to, from) in last.iter_mut().zip(rest) {
            *to = *from;
        }
        words.push(u64::from_le_bytes(last));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some_bytes(length: usize) -> Vec<u8> {
        (1..=251).cycle().take(length).collect()
    }

    /// The bytes behind the first `start`, piece by piece.
    fn taken_from(words: &Words, start: usize) -> Vec<u8> {
        let (mut taken, mut piece) = (Vec::new(), Vec::new());
        loop {
            match words.piece(start + taken.len(), &mut piece) {
                [] => return taken,
                some => taken.extend_from_slice(some),
            }
        }
    }

    #[test]
    fn words_are_the_bytes_that_they_were_made_of() {
        let around = |length: usize| length - 9..=length + 9;
        for length in (0..=33).chain(around(64 * 1024)).chain(around(1 << 20)) {
            let bytes = some_bytes(length);
            let words = Words::new(words(&bytes), length.try_into().unwrap()).unwrap();
            for start in (0..=17).chain(length.saturating_sub(17)..=length + 17) {
                let rest = bytes.get(start..).unwrap_or_default();
                assert!(taken_from(&words, start) == rest, "{length}, {start}");
            }
        }
    }

    #[test]
    fn the_first_byte_is_the_lowest_and_the_last_word_is_padded_with_zeros() {
        assert_eq!(words(b""), []);
        assert_eq!(words(&[1, 2]), [0x0201]);
        assert_eq!(
            words(&[1, 2, 3, 4, 5, 6, 7, 8, 9]),
            [0x0807_0605_0403_0201, 9]
        );
    }

    #[test]
    fn what_a_last_word_has_beyond_the_end_is_left_out() {
        let words = Words::new(vec![u64::MAX], 3).unwrap();
        assert_eq!(taken_from(&words, 0), [0xff; 3]);
    }

    #[test]
    fn a_piece_is_what_one_write_can_take() {
        let length = 1 << 20;
        let words = Words::new(words(&some_bytes(length)), length.try_into().unwrap()).unwrap();
        for start in 0..8 {
            let mut piece = Vec::new();
            assert!((64 * 1024..=64 * 1024 + 8).contains(&words.piece(start, &mut piece).len()));
        }
    }

    #[test]
    fn a_length_of_other_words_is_refused() {
        for (count, length) in [(0, 0), (1, 1), (1, 8), (2, 9), (2, 16)] {
            assert_eq!(Words::new(vec![0; count], length).map(|_| ()), Ok(()));
        }
        let wrong = [
            (0, 1),
            (1, 0),
            (1, 9),
            (2, 8),
            (2, 17),
            (0, 1 << 32),
            (1, (1 << 32) + 1),
            (0, u64::MAX),
            (1, u64::MAX),
        ];
        for (count, length) in wrong {
            let refused = Words::new(vec![0; count], length).map(|_| ());
            assert!(
                matches!(&refused, Err(Error::InvalidArgument(_))),
                "{count} words, {length} bytes: {refused:?}"
            );
        }
    }
}
