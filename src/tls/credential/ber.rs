//! Converts BER (X.690 §8), which NSS, Windows and streaming encoders write, to DER. Lengths become
//! definite and as short as possible, and a string in segments becomes one string.
//!
//! The contents of a string stay as they are: only their reader knows what they mean, and a MAC or
//! a signature may be over them. DER comes out as it went in.

use zeroize::Zeroizing;

/// How deep elements may be nested; ten levels are met in practice.
const MAX_DEPTH: u8 = 32;

/// How many constructed elements there may be, whose lengths are all kept. A file with as many keys
/// and certificates as are read has some ten thousand.
const MAX_CONSTRUCTED: usize = 1 << 18;

const CONSTRUCTED: u8 = 0x20;

/// Converts one element of BER, with nothing after it, to DER. `None` if the input is something
/// else, is nested too deeply or has too many elements.
pub(super) fn to_der(input: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut lengths = Lengths(Vec::new());
    let measured = lengths.measure(input, MAX_DEPTH)?;
    if measured.consumed != input.len() {
        return None;
    }
    // The whole length is reserved: a buffer that grows leaves pieces of a key behind.
    let mut der = Zeroizing::new(Vec::with_capacity(measured.element));
    write(input, &mut lengths.0.iter(), Part::Element, &mut der)?;
    Some(der)
}

/// The start of an element.
struct Header {
    tag: u8,
    /// Bytes of tag and length together.
    length: usize,
    /// Bytes of the content; `None` if two zeros end it (X.690 §8.1.5).
    content: Option<usize>,
}

impl Header {
    fn read(input: &[u8]) -> Option<Self> {
        let (&tag, rest) = input.split_first()?;
        // Tags above 30 are not met in practice, and the end of contents is no element.
        if tag & 0x1f == 0x1f || tag == 0 {
            return None;
        }
        let (&first, rest) = rest.split_first()?;
        let count = usize::from(first & 0x7f);
        let (length, content) = match first {
            0..0x80 => (2, Some(count)),
            0x80 => (2, None),
            _ => {
                let bytes = rest.get(..count)?;
                let content = bytes.iter().try_fold(0_usize, |length, byte| {
                    length.checked_mul(0x100)?.checked_add(usize::from(*byte))
                })?;
                (count.checked_add(2)?, Some(content))
            }
        };
        if content.is_none() && tag & CONSTRUCTED == 0 {
            return None;
        }
        Some(Self {
            tag,
            length,
            content,
        })
    }

    fn is_constructed(&self) -> bool {
        self.tag & CONSTRUCTED != 0
    }

    /// Whether it is a string in segments, of one of the universal types that DER has in one piece.
    fn is_segmented(&self) -> bool {
        self.tag & 0xe0 == CONSTRUCTED
            && matches!(self.tag & 0x1f, 4 | 12 | 18..=20 | 22 | 26..=28 | 30)
    }

    /// The content; if its length is not given, everything from its start on.
    fn content<'a>(&self, input: &'a [u8]) -> Option<&'a [u8]> {
        let content = input.get(self.length..)?;
        match self.content {
            Some(length) => content.get(..length),
            None => Some(content),
        }
    }

    /// Whether the content is over where `rest` begins; `None` if it is cut short.
    fn is_over(&self, rest: &[u8]) -> Option<bool> {
        match (self.content, rest) {
            (Some(_), []) | (None, [0, 0, ..]) => Some(true),
            (None, []) => None,
            _ => Some(false),
        }
    }

    /// How many zeros end the content: two if its length is not given.
    fn end(&self) -> usize {
        if self.content.is_some() { 0 } else { 2 }
    }
}

/// How long an element is.
struct Measured {
    /// Bytes of the element in the input.
    consumed: usize,
    /// Bytes of its content in DER.
    content: usize,
    /// Bytes of the element in DER.
    element: usize,
}

/// The lengths in DER of the contents of the constructed elements, in the order of their
/// beginnings.
struct Lengths(Vec<usize>);

impl Lengths {
    fn measure(&mut self, input: &[u8], depth: u8) -> Option<Measured> {
        let header = Header::read(input)?;
        let content = header.content(input)?;
        let (consumed, length) = if header.is_constructed() {
            let depth = depth.checked_sub(1)?;
            let slot = self.0.len();
            if slot >= MAX_CONSTRUCTED {
                return None;
            }
            self.0.push(0);
            let (mut at, mut length) = (0_usize, 0_usize);
            loop {
                let rest = content.get(at..)?;
                if header.is_over(rest)? {
                    break;
                }
                let inner = self.measure(rest, depth)?;
                at = at.checked_add(inner.consumed)?;
                length = length.checked_add(if header.is_segmented() {
                    inner.content
                } else {
                    inner.element
                })?;
            }
            *self.0.get_mut(slot)? = length;
            (at.checked_add(header.end())?, length)
        } else {
            (content.len(), content.len())
        };
        Some(Measured {
            consumed: header.length.checked_add(consumed)?,
            content: length,
            element: length.checked_add(1)?.checked_add(length_bytes(length))?,
        })
    }
}

/// How many bytes a length takes in DER (X.690 §10.1).
fn length_bytes(length: usize) -> usize {
    if length < 0x80 {
        1
    } else {
        1 + significant(length).count()
    }
}

/// The bytes of a length without the zeros before it.
fn significant(length: usize) -> impl Iterator<Item = u8> {
    length
        .to_be_bytes()
        .into_iter()
        .skip_while(|byte| *byte == 0)
}

/// The part of an element that is written.
#[derive(Clone, Copy)]
enum Part {
    /// The whole element.
    Element,
    /// Its content alone, for the segments of a string.
    Content,
}

/// Writes an element that `measure` has measured; returns how many bytes of the input it takes.
fn write(
    input: &[u8],
    lengths: &mut std::slice::Iter<'_, usize>,
    part: Part,
    der: &mut Vec<u8>,
) -> Option<usize> {
    let header = Header::read(input)?;
    let content = header.content(input)?;
    let length = if header.is_constructed() {
        *lengths.next()?
    } else {
        content.len()
    };
    if matches!(part, Part::Element) {
        der.push(if header.is_segmented() {
            header.tag & !CONSTRUCTED
        } else {
            header.tag
        });
        if length >= 0x80 {
            der.push(0x80 | u8::try_from(significant(length).count()).ok()?);
        }
        der.extend(significant(length).chain((length == 0).then_some(0)));
    }
    if !header.is_constructed() {
        der.extend_from_slice(content);
        return header.length.checked_add(length);
    }
    let inner = if header.is_segmented() {
        Part::Content
    } else {
        Part::Element
    };
    let mut at = 0_usize;
    while !header.is_over(content.get(at..)?)? {
        at = at.checked_add(write(content.get(at..)?, lengths, inner, der)?)?;
    }
    at.checked_add(header.end())?.checked_add(header.length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn converted(ber: &[u8]) -> Option<Vec<u8>> {
        to_der(ber).map(|der| der.to_vec())
    }

    #[test]
    fn der_comes_out_as_it_went_in() {
        let long = [&[0x04, 0x81, 0x80][..], &[7; 0x80]].concat();
        let longer = [
            &[0x30, 0x82, 0x01, 0x00][..],
            &[0x04, 0x81, 0xfd],
            &[7; 0xfd],
        ]
        .concat();
        for der in [
            &[0x05, 0x00][..],
            &[0x30, 0x00],
            &[0x30, 0x05, 0x02, 0x01, 0x03, 0x05, 0x00],
            &[0xa0, 0x03, 0x04, 0x01, 0x24],
            &long,
            &longer,
        ] {
            assert_eq!(converted(der).as_deref(), Some(der));
        }
    }

    #[test]
    fn lengths_become_definite_and_short_and_segments_one() {
        // SEQUENCE { OCTET STRING (01 02 | (03 | 04)), [0] { INTEGER 5 }, UTF8String "ab" }
        let ber = [
            0x30, 0x80, // indefinite
            0x24, 0x80, 0x04, 0x02, 1, 2, 0x24, 0x06, 0x04, 0x01, 3, 0x04, 0x01, 4, 0, 0, //
            0xa0, 0x80, 0x02, 0x81, 0x01, 5, 0, 0, // a length longer than it has to be
            0x2c, 0x06, 0x0c, 0x01, b'a', 0x0c, 0x01, b'b', //
            0, 0,
        ];
        let der = [
            0x30, 0x0f, 0x04, 0x04, 1, 2, 3, 4, 0xa0, 0x03, 0x02, 0x01, 5, 0x0c, 0x02, b'a', b'b',
        ];
        assert_eq!(converted(&ber).as_deref(), Some(&der[..]));
        // Cut anywhere, or with more after it, it is refused.
        for end in 0..ber.len() {
            assert_eq!(converted(&ber[..end]), None, "cut at {end}");
        }
        assert_eq!(converted(&[&ber[..], &[0]].concat()), None);
    }

    #[test]
    fn what_a_string_holds_is_left_alone() {
        let inner = [0x30, 0x80, 0x05, 0x00, 0, 0];
        let ber = [&[0x24, 0x80, 0x04, 0x06][..], &inner, &[0, 0]].concat();
        let der = [&[0x04, 0x06][..], &inner].concat();
        assert_eq!(converted(&ber), Some(der));
    }

    #[test]
    fn depth_and_number_are_bounded() {
        let nest = |depth: usize| [[0x30, 0x80].repeat(depth), [0, 0].repeat(depth)].concat();
        assert!(converted(&nest(usize::from(MAX_DEPTH))).is_some());
        assert_eq!(converted(&nest(usize::from(MAX_DEPTH) + 1)), None);
        assert_eq!(converted(&nest(100_000)), None);
        let many = |count: usize| [&[0x30, 0x80][..], &[0x30, 0].repeat(count), &[0, 0]].concat();
        assert!(converted(&many(MAX_CONSTRUCTED - 1)).is_some());
        assert_eq!(converted(&many(MAX_CONSTRUCTED)), None);
    }

    #[test]
    fn no_length_overflows() {
        for ber in [
            &[0x30, 0xff][..],
            &[0x04, 0x84, 0xff, 0xff, 0xff, 0xff],
            &[
                0x30, 0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x05, 0x00,
            ],
            &[0x04, 0x80, 0, 0],
            &[0, 0],
            &[0x30, 0x02, 0, 0],
            &[0x1f, 0x22, 0x00],
            &[],
        ] {
            assert_eq!(converted(ber), None, "{ber:02x?}");
        }
    }
}
