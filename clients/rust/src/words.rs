//! Much plaintext at once, which goes to the component and comes from it in words of 64 bits: composed, hosts
//! copy lists element by element.

use crate::Port;
use crate::port::Words;
use crate::types::Error;

/// From so many bytes on, words cost less than bytes.
pub(crate) const MANY: usize = 1024;

/// Write what there is room for, and return how much that was.
#[cfg(feature = "wstd")]
pub(crate) fn write(port: &Port, plaintext: &[u8]) -> Result<u64, Error> {
    match plaintext.len() < MANY {
        true => port.write(plaintext),
        false => port.write_words(&words(plaintext), length(plaintext)),
    }
}

/// Write all, and wait until the transport has taken it.
pub(crate) fn write_all(port: &Port, plaintext: &[u8]) -> Result<(), Error> {
    match plaintext.len() < MANY {
        true => port.blocking_write_all(plaintext),
        false => port.blocking_write_all_words(&words(plaintext), length(plaintext)),
    }
}

/// Put what was read into a buffer, and return how much that is.
pub(crate) fn fill(buffer: &mut [u8], plaintext: &Words) -> usize {
    let length = usize::try_from(plaintext.length).unwrap_or(usize::MAX);
    let length = length.min(buffer.len());
    let (whole, rest) = buffer.split_at_mut(length).0.as_chunks_mut();
    for (to, word) in whole.iter_mut().zip(&plaintext.words) {
        *to = word.to_le_bytes();
    }
    let last = plaintext
        .words
        .get(whole.len())
        .map(|word| word.to_le_bytes());
    for (to, from) in rest.iter_mut().zip(last.unwrap_or_default()) {
        *to = from;
    }
    length
}

/// The bytes of what was read.
#[cfg(any(feature = "hyper", feature = "tokio"))]
pub(crate) fn bytes(plaintext: &Words) -> Vec<u8> {
    let words = plaintext.words.iter().map(|word| word.to_le_bytes());
    let mut bytes = words.collect::<Vec<_>>().into_flattened();
    bytes.truncate(usize::try_from(plaintext.length).unwrap_or(usize::MAX));
    bytes
}

/// The length of a slice, as the component takes it.
pub(crate) fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

/// A word for each 8 bytes that are begun, the first byte the lowest.
fn words(plaintext: &[u8]) -> Vec<u64> {
    let (whole, rest) = plaintext.as_chunks();
    let mut words = Vec::with_capacity(plaintext.len().div_ceil(8));
    words.extend(whole.iter().map(|word| u64::from_le_bytes(*word)));
    if !rest.is_empty() {
        let mut last = [0; 8];
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

    #[test]
    fn words_are_the_bytes_that_they_were_made_of() {
        for length in (0..=17).chain(65_530..=65_540) {
            let bytes = some_bytes(length);
            let plaintext = Words {
                words: words(&bytes),
                length: length.try_into().unwrap(),
            };
            assert_eq!(plaintext.words.len(), length.div_ceil(8));
            let mut buffer = vec![0xee; length + 9];
            assert_eq!(fill(&mut buffer, &plaintext), length);
            assert!(buffer.starts_with(&bytes) && buffer.ends_with(&[0xee; 9]));
            // A buffer that is too short gets what fits.
            let mut buffer = vec![0; length / 2];
            assert_eq!(fill(&mut buffer, &plaintext), length / 2);
            assert!(bytes.starts_with(&buffer));
            #[cfg(any(feature = "hyper", feature = "tokio"))]
            assert!(super::bytes(&plaintext) == bytes);
        }
    }
}
