//! Reads DER (X.690 §10) front to back, and refuses what is only BER.

/// The input is not DER, or not what belongs in this place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

pub(super) const BOOLEAN: u8 = 0x01;
pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const OID: u8 = 0x06;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;

/// `[number]`, primitive.
pub(super) const fn context(number: u8) -> u8 {
    0x80 | number
}

/// `[number]`, constructed.
pub(super) const fn constructed(number: u8) -> u8 {
    0xa0 | number
}

/// The DER that is left to read.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many bytes are left.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The next value, whatever it is: its tag and its contents.
    pub(super) fn any(&mut self) -> Result<(u8, &'a [u8]), Malformed> {
        let (&tag, rest) = self.0.split_first().ok_or(Malformed)?;
        // Tags of more than one byte occur nowhere in a certificate.
        if tag & 0x1f == 0x1f {
            return Err(Malformed);
        }
        let (length, rest) = length(rest)?;
        let (contents, rest) = rest.split_at_checked(length).ok_or(Malformed)?;
        self.0 = rest;
        Ok((tag, contents))
    }

    /// The contents of the next value, which has this tag.
    pub(super) fn expect(&mut self, tag: u8) -> Result<&'a [u8], Malformed> {
        match self.any()? {
            (found, contents) if found == tag => Ok(contents),
            _ => Err(Malformed),
        }
    }

    /// The contents of the next value if it has this tag; else nothing is read.
    pub(super) fn optional(&mut self, tag: u8) -> Result<Option<&'a [u8]>, Malformed> {
        match self.0.first() {
            Some(found) if *found == tag => self.expect(tag).map(Some),
            _ => Ok(None),
        }
    }

    /// The next value with its header, which has this tag.
    pub(super) fn whole(&mut self, tag: u8) -> Result<&'a [u8], Malformed> {
        let before = self.0;
        self.expect(tag)?;
        let length = before.len().saturating_sub(self.0.len());
        before.get(..length).ok_or(Malformed)
    }

    /// Checks that nothing follows.
    pub(super) fn end(&self) -> Result<(), Malformed> {
        match self.0 {
            [] => Ok(()),
            _ => Err(Malformed),
        }
    }
}

/// Reads the contents of the only value, which has this tag.
pub(super) fn only(bytes: &[u8], tag: u8) -> Result<&[u8], Malformed> {
    let mut reader = Reader::new(bytes);
    let contents = reader.expect(tag)?;
    reader.end()?;
    Ok(contents)
}

/// The length that comes first, in its shortest form, and what follows.
fn length(bytes: &[u8]) -> Result<(usize, &[u8]), Malformed> {
    let (&first, rest) = bytes.split_first().ok_or(Malformed)?;
    if first < 0x80 {
        return Ok((usize::from(first), rest));
    }
    let count = usize::from(first & 0x7f);
    if count == 0 || count > 4 {
        return Err(Malformed);
    }
    let (digits, rest) = rest.split_at_checked(count).ok_or(Malformed)?;
    if digits.first() == Some(&0) {
        return Err(Malformed);
    }
    let length = digits
        .iter()
        .fold(0_u64, |length, digit| (length << 8) | u64::from(*digit));
    if length < 0x80 {
        return Err(Malformed);
    }
    Ok((usize::try_from(length).map_err(|_| Malformed)?, rest))
}

/// Reads a BOOLEAN, whose two values have one form each in DER. A default is up to the caller.
pub(super) fn boolean(contents: &[u8]) -> Result<bool, Malformed> {
    match contents {
        [0xff] => Ok(true),
        [0] => Ok(false),
        _ => Err(Malformed),
    }
}

/// Checks the contents of an INTEGER of any size and sign: it has its shortest form.
pub(super) fn integer(contents: &[u8]) -> Result<&[u8], Malformed> {
    match contents {
        [] | [0, 0..=0x7f, ..] | [0xff, 0x80..=0xff, ..] => Err(Malformed),
        contents => Ok(contents),
    }
}

/// Checks the contents of an OID: none of its arcs is cut short, or begins with digits that mean
/// nothing.
pub(super) fn identifier(contents: &[u8]) -> Result<&[u8], Malformed> {
    let mut begins = true;
    for byte in contents {
        if begins && *byte == 0x80 {
            return Err(Malformed);
        }
        begins = *byte < 0x80;
    }
    match contents {
        [] => Err(Malformed),
        _ if !begins => Err(Malformed),
        contents => Ok(contents),
    }
}

/// Reads a number that is not negative. A number that is too large for the type becomes the largest
/// one, for as a limit it is as good as none.
pub(super) fn number(contents: &[u8]) -> Result<u32, Malformed> {
    match integer(contents)? {
        [first, ..] if *first >= 0x80 => Err(Malformed),
        digits => Ok(digits.iter().fold(0_u32, |number, digit| {
            number
                .checked_mul(256)
                .map_or(u32::MAX, |n| n.saturating_add(u32::from(*digit)))
        })),
    }
}

/// The bytes of a BIT STRING that is whole bytes.
pub(super) fn bytes_of_bits(contents: &[u8]) -> Result<&[u8], Malformed> {
    match contents {
        [0, bytes @ ..] => Ok(bytes),
        _ => Err(Malformed),
    }
}

/// The first sixteen bits of a BIT STRING of flags; bits that are not there are 0.
pub(super) fn flags(contents: &[u8]) -> Result<u16, Malformed> {
    // Unused bits of the last byte do not count.
    let (first, second) = match contents {
        [0] => (0, 0),
        [unused @ 0..=7, first] => (first & (0xff << unused), 0),
        [unused @ 0..=7, first, second] => (*first, second & (0xff << unused)),
        [0..=7, first, second, ..] => (*first, *second),
        _ => return Err(Malformed),
    };
    Ok(u16::from_be_bytes([first, second]))
}

/// The value with this tag whose contents are these parts, one after the other: what [`only`] reads.
pub(super) fn encoded(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let contents = parts.concat();
    let length = contents.len().to_be_bytes();
    let zeros = length.iter().take_while(|digit| **digit == 0).count();
    let digits = length.get(zeros..).unwrap_or_default();
    let mut value = vec![tag];
    match digits {
        [] => value.push(0),
        [short @ ..0x80] => value.push(*short),
        digits => {
            value.extend(u8::try_from(digits.len()).map(|count| 0x80 | count));
            value.extend_from_slice(digits);
        }
    }
    value.extend_from_slice(&contents);
    value
}
