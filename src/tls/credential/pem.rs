//! Splits PEM (RFC 7468) into blocks. Base64 is decoded in constant time, because keys pass here.
//!
//! It reads what OpenSSL and Go read, and what editors make of that: a byte order mark, any line
//! ending, blanks at the ends of lines and inside base64. A block that is not whole is reported
//! with its line, and never passed over: a user who is not told looks for the fault elsewhere.

use std::fmt;

use base64ct::{Base64, Encoding};
use zeroize::Zeroizing;

/// One `-----BEGIN label-----` block.
pub(crate) struct Block<'a> {
    pub(crate) label: &'a str,
    pub(crate) place: Place,
    /// Legacy encryption: `Proc-Type: 4,ENCRYPTED` (RFC 1421 §4.6.1.1).
    pub(crate) is_legacy_encrypted: bool,
    pub(crate) contents: Zeroizing<Vec<u8>>,
}

/// Where a block is, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    number: usize,
    line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "block {}, which begins at line {}",
            self.number, self.line
        )
    }
}

/// Input with the armour of PEM that cannot be decoded. The text says where, and what is wrong.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed(pub(crate) String);

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";
const DASHES: &[u8] = b"-----";
/// Editors of Windows begin UTF-8 with it; concatenated files have it in the middle as well.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Whether the input is meant as PEM.
pub(crate) fn is_pem(input: &[u8]) -> bool {
    holds(input, BEGIN)
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// All blocks, in order; text between blocks is passed over, as OpenSSL does.
pub(crate) fn blocks(input: &[u8]) -> Result<Vec<Block<'_>>, Malformed> {
    let mut lines = Lines {
        rest: Some(input),
        number: 0,
    };
    let mut blocks = Vec::new();
    while let Some((number, line)) = lines.next() {
        if let Some(label) = label(line, BEGIN) {
            let place = Place {
                number: blocks.len() + 1,
                line: number,
            };
            blocks.push(block(label, place, &mut lines)?);
        } else if line.starts_with(BEGIN) && holds(line, END) {
            return Err(Malformed(format!(
                "line {number}: a whole block in one line: write each line of it as a line again \
                 (`printf '%b'` makes line breaks of \\n)"
            )));
        } else if holds(line, b"E\0G\0I\0N") {
            return Err(Malformed(format!(
                "line {number}: UTF-16 from here on or up to here: write all of the file in UTF-8"
            )));
        } else if line.starts_with(END) {
            return Err(Malformed(format!(
                "line {number}: the end of a block whose -----BEGIN line is not there, or is damaged"
            )));
        }
    }
    if blocks.is_empty() {
        return Err(Malformed(
            "-----BEGIN and a label and -----, which have to be a line of their own, are not: write \
             each line as a line again (`printf '%b'` makes line breaks of \\n)"
                .to_owned(),
        ));
    }
    Ok(blocks)
}

/// The lines of a text with their numbers, without blanks around them. Any line ending is accepted.
struct Lines<'a> {
    rest: Option<&'a [u8]>,
    number: usize,
}

impl<'a> Iterator for Lines<'a> {
    type Item = (usize, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest?;
        self.number = self.number.saturating_add(1);
        let end = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
        let (line, rest) = match end.and_then(|end| rest.split_at_checked(end)) {
            Some((line, rest)) => {
                let after = rest.strip_prefix(b"\r\n").or_else(|| rest.get(1..));
                (line, after)
            }
            None => (rest, None),
        };
        self.rest = rest;
        let line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
        Some((self.number, trimmed(line)))
    }
}

/// The line without the blanks and control characters around it, as OpenSSL reads lines.
fn trimmed(line: &[u8]) -> &[u8] {
    let is_black = |byte: &u8| *byte > b' ';
    let from = line.iter().position(is_black).unwrap_or(line.len());
    let to = line
        .iter()
        .rposition(is_black)
        .map_or(from, |last| last + 1);
    line.get(from..to).unwrap_or_default()
}

/// The label in a line of dashes.
fn label<'a>(line: &'a [u8], kind: &[u8]) -> Option<&'a str> {
    let label = line.strip_prefix(kind)?.strip_suffix(DASHES)?;
    let label = std::str::from_utf8(label).ok()?;
    (!label.contains("-----")).then_some(label)
}

fn block<'a>(label: &'a str, place: Place, lines: &mut Lines<'a>) -> Result<Block<'a>, Malformed> {
    let fail = |what: String| Err(Malformed(format!("{label}, {place}: {what}")));
    let mut base64 = Vec::new();
    let mut is_legacy_encrypted = false;
    for (number, line) in lines.by_ref() {
        if line.starts_with(END) {
            if self::label(line, END) != Some(label) {
                return fail(format!("line {number} ends a block of another label"));
            }
            return match decode(&base64) {
                Ok(contents) => Ok(Block {
                    label,
                    place,
                    is_legacy_encrypted,
                    contents,
                }),
                Err(what) => fail(what),
            };
        }
        if line.starts_with(BEGIN) {
            return fail(format!("it has no -----END line before line {number}"));
        }
        // Headers (RFC 1421 §4.6) come first, and have a colon, which base64 has not.
        if base64.is_empty() && line.contains(&b':') {
            is_legacy_encrypted |= line.starts_with(b"Proc-Type:") && holds(line, b"ENCRYPTED");
        } else if !line.is_empty() {
            base64.push((number, line));
        }
    }
    fail("it has no -----END line".to_owned())
}

fn decode(lines: &[(usize, &[u8])]) -> Result<Zeroizing<Vec<u8>>, String> {
    // The whole length is reserved: a buffer that grows leaves pieces of a key behind.
    let length = lines.iter().map(|(_, line)| line.len()).sum();
    let mut base64 = Zeroizing::new(Vec::with_capacity(length));
    for (_, line) in lines {
        base64.extend(line.iter().filter(|byte| !byte.is_ascii_whitespace()));
    }
    let decoded = std::str::from_utf8(&base64)
        .ok()
        .and_then(|base64| Base64::decode_vec(base64).ok());
    match decoded {
        Some(contents) => Ok(Zeroizing::new(contents)),
        None => Err(fault(lines)),
    }
}

/// What is wrong with base64 that does not decode.
fn fault(lines: &[(usize, &[u8])]) -> String {
    let mut is_over = false;
    for (number, line) in lines {
        for byte in line.iter().filter(|byte| !byte.is_ascii_whitespace()) {
            let is_base64 = byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
            if *byte == b'=' {
                is_over = true;
            } else if !is_base64 {
                return format!("line {number} is not base64");
            } else if is_over {
                return format!("line {number} is base64 after its end");
            }
        }
    }
    "its base64 is cut short".to_owned()
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
        assert_eq!((blocks[0].place.line, blocks[1].place.line), (2, 7));
    }

    #[test]
    fn what_editors_do_to_a_file_changes_nothing() {
        let plain: Vec<_> = blocks(TWO.as_bytes()).unwrap();
        let mark = "\u{feff}";
        for file in [
            format!("{mark}{TWO}"),
            TWO.replace("text\n", &format!("text\n{mark}")),
            TWO.replace("\r\n", "\n"),
            TWO.replace("\r\n", "\n").replace('\n', "\r\n"),
            TWO.replace("\r\n", "\n").replace('\n', "\r"),
            TWO.replace('\n', " \t\n  "),
            TWO.replace("AQID", "A QI\tD"),
            TWO.replace("BA==", "BA= =\n\n"),
            format!("{TWO}\u{1a}"),
            format!("{TWO}\0"),
        ] {
            let found = blocks(file.as_bytes()).unwrap_or_else(|why| panic!("{why:?}: {file:?}"));
            assert_eq!(found.len(), 2, "{file:?}");
            for (found, plain) in found.iter().zip(&plain) {
                assert_eq!(found.label, plain.label);
                assert_eq!(found.contents, plain.contents, "{file:?}");
                assert_eq!(found.is_legacy_encrypted, plain.is_legacy_encrypted);
            }
        }
    }

    #[test]
    fn a_block_cut_short_anywhere_after_its_begin_line_is_malformed() {
        let block = "-----BEGIN A-----\nAQID\n-----END A-----";
        assert!(blocks(block.as_bytes()).is_ok());
        for end in 0..block.len() {
            assert!(blocks(&block.as_bytes()[..end]).is_err(), "cut at {end}");
        }
        for begin in 1.."-----BEGIN A-----".len() {
            assert!(
                blocks(&block.as_bytes()[begin..]).is_err(),
                "cut at {begin}"
            );
        }
    }

    #[test]
    fn base64_that_is_none_is_malformed_at_its_line() {
        assert!(blocks(b"-----BEGIN A-----\nAQID\n-----END A-----").is_ok());
        for (line, told) in [
            (&b"A?=="[..], "line 2 is not base64"),
            (b"AQID\nAQ:ID", "line 3 is not base64"),
            (b"AQID\n\xff", "line 3 is not base64"),
            (b"AQ==", "line 3 is base64 after its end"),
            (b"AQI", "its base64 is cut short"),
        ] {
            let block = [b"-----BEGIN A-----\n", line, b"\nAQID\n-----END A-----"].concat();
            let Some(Malformed(what)) = blocks(&block).err() else {
                panic!("{line:?} is taken");
            };
            assert!(
                what.starts_with("A, block 1, which begins at line 1: "),
                "{what}"
            );
            assert!(what.ends_with(told), "{what}");
        }
    }

    #[test]
    fn a_bad_block_of_several_is_told_with_its_number_and_line() {
        let good = "-----BEGIN A-----\r\nAQID\r\n-----END A-----\r\n";
        for (bad, told) in [
            (
                "-----BEGIN A-----\rAQ\r",
                "block 2, which begins at line 5: it has no -----END",
            ),
            (
                "-----BEGIN A-----\nAQID\n-----END B-----\n",
                "line 7 ends a block of another",
            ),
            (
                "----BEGIN A-----\nAQID\n-----END A-----\n",
                "line 7: the end of a block whose",
            ),
            (
                "-----BEGIN A-----\\nAQID\\n-----END A-----\n",
                "line 5: a whole block in one",
            ),
            (
                "-----BEGIN A----- AQID -----END A-----\n",
                "line 5: a whole block in one",
            ),
            ("-\0-\0B\0E\0G\0I\0N\0 \0A\0\n\0", "line 5: UTF-16"),
        ] {
            let file = format!("{good}\n{bad}{good}");
            let Some(Malformed(what)) = blocks(file.as_bytes()).err() else {
                panic!("{bad:?} is taken");
            };
            assert!(what.contains(told), "{what}");
        }
        let prose = format!("the line -----BEGIN A----- begins it\n-----BEGIN A----- too\n{good}");
        assert_eq!(blocks(prose.as_bytes()).unwrap().len(), 1);
    }

    #[test]
    fn a_text_whose_lines_are_lost_is_told_so() {
        for text in [
            "cert: \"-----BEGIN A-----\\nAQID\\n-----END A-----\\n\"",
            "-----BEGIN A----- AQID",
        ] {
            let Some(Malformed(what)) = blocks(text.as_bytes()).err() else {
                panic!("{text:?} is taken");
            };
            assert!(what.contains("printf '%b'"), "{what}");
        }
    }
}
