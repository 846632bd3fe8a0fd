//! PEM (RFC 7468) taken apart into blocks; base64 is decoded in constant time, for keys pass here.

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
    let mut lines = input.split(|byte| *byte == b'\n').map(trim);
    while let Some(line) = lines.next() {
        let Some(label) = line
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
    lines: &mut impl Iterator<Item = &'a str>,
) -> Result<Block<'a>, Malformed> {
    let mut base64 = Zeroizing::new(String::new());
    let mut is_legacy_encrypted = false;
    for line in lines {
        if let Some(end) = line.strip_prefix("-----END ") {
            if end.strip_suffix(DASHES) != Some(label) {
                return Err(Malformed);
            }
            let contents = Base64::decode_vec(&base64).map_err(|_| Malformed)?;
            return Ok(Block {
                label,
                is_legacy_encrypted,
                contents: Zeroizing::new(contents),
            });
        }
        if line.starts_with(BEGIN) {
            return Err(Malformed);
        }
        if line.starts_with("Proc-Type:") && line.contains("ENCRYPTED") {
            is_legacy_encrypted = true;
        }
        // Headers (RFC 1421) have a colon, which base64 has not.
        if !line.contains(':') {
            base64.push_str(line);
        }
    }
    Err(Malformed)
}

fn trim(line: &[u8]) -> &str {
    std::str::from_utf8(line).unwrap_or("").trim()
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
        assert!(blocks(b"-----BEGIN A-----\nA?==\n-----END A-----").is_err());
    }
}
