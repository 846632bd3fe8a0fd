//! PEM (RFC 7468) taken apart into blocks; base64 is decoded in constant time, for keys pass here.

use std::str::Utf8Error;

use base64ct::{Base64, Encoding};
use zeroize::Zeroizing;

/// One `-----BEGIN label-----` block.
pub(crate) struct Block<'a> {
    pub(crate) label: &'a str,
    /// Legacy encryption: `Proc-Type: 4,ENCRYPTED` (RFC 1421 §4.6.1.1).
    pub(crate) is_legacy_encrypted: bool,
    pub(crate) contents: Zeroizing<Vec<u8>>,
}

/// Input with the armour of PEM that cannot be decoded: no end line, or no base64.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

const BEGIN: &str = "-----BEGIN ";
const DASHES: &str = "-----";

/// Whether the input is meant as PEM.
pub(crate) fn is_pem(input: &[u8]) -> bool {
    input
        .windows(BEGIN.len())
        .any(|window| window == BEGIN.as_bytes())
}

/// All blocks, in order; text between blocks is passed over, as OpenSSL does.
pub(crate) fn blocks(input: &[u8]) -> Result<Vec<Block<'_>>, Malformed> {
    let mut blocks = Vec::new();
    let mut lines = input
        .split(|byte| *byte == b'\n')
        .map(|line| std::str::from_utf8(line).map(str::trim));
    while let Some(line) = lines.next() {
        let Some(label) = line
            .unwrap_or_default()
            .strip_prefix(BEGIN)
            .and_then(|rest| rest.strip_suffix(DASHES))
        else {
            continue;
        };
        blocks.push(block(label, &mut lines)?);
    }
    Ok(blocks)
}

fn block<'a>(
    label: &'a str,
    lines: &mut impl Iterator<Item = Result<&'a str, Utf8Error>>,
) -> Result<Block<'a>, Malformed> {
    let mut base64 = Vec::new();
    let mut is_legacy_encrypted = false;
    for line in lines {
        let line = line.map_err(|_| Malformed)?;
        if let Some(end) = line.strip_prefix("-----END ") {
            if end.strip_suffix(DASHES) != Some(label) {
                return Err(Malformed);
            }
            return Ok(Block {
                label,
                is_legacy_encrypted,
                contents: decode(&base64)?,
            });
        }
        if line.starts_with(BEGIN) {
            return Err(Malformed);
        }
        // Headers (RFC 1421 §4.6) come first, and have a colon, which base64 has not.
        if base64.is_empty() && line.contains(':') {
            is_legacy_encrypted |= line.starts_with("Proc-Type:") && line.contains("ENCRYPTED");
        } else if !line.is_empty() {
            base64.push(line);
        }
    }
    Err(Malformed)
}

fn decode(lines: &[&str]) -> Result<Zeroizing<Vec<u8>>, Malformed> {
    // As long as it will be: what grows leaves pieces of a key behind.
    let length = lines.iter().map(|line| line.len()).sum();
    let mut base64 = Zeroizing::new(String::with_capacity(length));
    lines.iter().for_each(|line| base64.push_str(line));
    let contents = Base64::decode_vec(&base64).map_err(|_| Malformed)?;
    Ok(Zeroizing::new(contents))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "Bag Attributes\n-----BEGIN A B-----\r\nAQID\r\nBA==\r\n-----END A B-----\n\
                       text\n-----BEGIN C-----\nProc-Type: 4,ENCRYPTED\n\nBQ==\n-----END C-----";

    #[test]
    fn blocks_are_found_between_text_with_either_line_ending() {
        let blocks = blocks(TWO.as_bytes()).unwrap();
        assert_eq!(blocks.len(), 2);
        assert_eq!(
            (blocks[0].label, blocks[0].contents.as_slice()),
            ("A B", &[1, 2, 3, 4][..])
        );
        assert_eq!(
            (blocks[1].label, blocks[1].contents.as_slice()),
            ("C", &[5][..])
        );
        assert!(!blocks[0].is_legacy_encrypted && blocks[1].is_legacy_encrypted);
    }

    #[test]
    fn a_block_cut_short_anywhere_after_its_begin_line_is_malformed() {
        let block = "-----BEGIN A-----\nAQID\n-----END A-----";
        assert!(blocks(block.as_bytes()).is_ok());
        for end in "-----BEGIN A-----".len()..block.len() {
            assert!(blocks(&block.as_bytes()[..end]).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn base64_that_is_none_is_malformed() {
        assert!(blocks(b"-----BEGIN A-----\nAQID\n-----END A-----").is_ok());
        for line in [&b"A?=="[..], b"AQID\nAQ:ID", b"AQID\n\xff", b"AQ=="] {
            let block = [b"-----BEGIN A-----\n", line, b"\nAQID\n-----END A-----"].concat();
            assert_eq!(blocks(&block).err(), Some(Malformed), "{line:?}");
        }
    }
}
