//! Names of the X.500 kind, as far as constraints compare them (RFC 5280 §7.1).

use super::der::{Malformed, OID, Reader, SEQUENCE, SET};

/// 1.2.840.113549.1.9.1
const EMAIL_ADDRESS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1];

/// Whether the name is that of the base or below it, which means that it begins with the base. Both
/// are the contents of a Name.
pub(super) fn is_within(name: &[u8], base: &[u8]) -> Result<bool, Malformed> {
    let (mut name, mut base) = (Reader::new(name), Reader::new(base));
    while !base.is_empty() {
        if name.is_empty() {
            return Ok(false);
        }
        if attributes(name.expect(SET)?)? != attributes(base.expect(SET)?)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The mail addresses that old certificates have in their subject.
pub(super) fn email_addresses(name: &[u8]) -> Result<Vec<&[u8]>, Malformed> {
    let mut found = Vec::new();
    let mut name = Reader::new(name);
    while !name.is_empty() {
        let mut set = Reader::new(name.expect(SET)?);
        while !set.is_empty() {
            let mut attribute = Reader::new(set.expect(SEQUENCE)?);
            if attribute.expect(OID)? == EMAIL_ADDRESS {
                found.push(attribute.any()?.1);
            }
        }
    }
    Ok(found)
}

/// An attribute in a normal form, so that equal attributes compare as equal.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Attribute<'a> {
    Text(&'a [u8], String),
    Other(&'a [u8], u8, &'a [u8]),
}

/// The attributes of one part of a name, sorted, because their order there means nothing.
fn attributes(set: &[u8]) -> Result<Vec<Attribute<'_>>, Malformed> {
    let mut found = Vec::new();
    let mut set = Reader::new(set);
    while !set.is_empty() {
        let mut attribute = Reader::new(set.expect(SEQUENCE)?);
        let kind = attribute.expect(OID)?;
        let (tag, value) = attribute.any()?;
        attribute.end()?;
        found.push(match text(tag, value)? {
            Some(text) => Attribute::Text(kind, prepared(&text)),
            None => Attribute::Other(kind, tag, value),
        });
    }
    found.sort();
    Ok(found)
}

/// Decodes a text in any of the encodings of DirectoryString, and of those that older names have: a
/// name must not escape a constraint by another encoding. `None` if the tag is not that of a text.
fn text(tag: u8, value: &[u8]) -> Result<Option<String>, Malformed> {
    const UTF8: u8 = 12;
    const NUMERIC: u8 = 18;
    const PRINTABLE: u8 = 19;
    const TELETEX: u8 = 20;
    const IA5: u8 = 22;
    const VISIBLE: u8 = 26;
    const UNIVERSAL: u8 = 28;
    const BMP: u8 = 30;
    let text = match tag {
        UTF8 => str::from_utf8(value).map_err(|_| Malformed)?.to_owned(),
        NUMERIC | PRINTABLE | IA5 | VISIBLE => {
            if !value.is_ascii() {
                return Err(Malformed);
            }
            value.iter().map(|byte| char::from(*byte)).collect()
        }
        // Everybody takes this for Latin-1.
        TELETEX => value.iter().map(|byte| char::from(*byte)).collect(),
        BMP => {
            let (pairs, rest) = value.as_chunks::<2>();
            if !rest.is_empty() {
                return Err(Malformed);
            }
            let units = pairs.iter().map(|pair| u16::from_be_bytes(*pair));
            let text: Result<String, _> = char::decode_utf16(units).collect();
            text.map_err(|_| Malformed)?
        }
        UNIVERSAL => {
            let (quads, rest) = value.as_chunks::<4>();
            if !rest.is_empty() {
                return Err(Malformed);
            }
            let text: Option<String> = quads
                .iter()
                .map(|quad| char::from_u32(u32::from_be_bytes(*quad)))
                .collect();
            text.ok_or(Malformed)?
        }
        _ => return Ok(None),
    };
    Ok(Some(text))
}

/// The text without differences of case and blanks (RFC 5280 §7.1 by RFC 4518, as far as other
/// programs do it).
fn prepared(text: &str) -> String {
    let mut prepared = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !prepared.is_empty() {
            prepared.push(' ');
        }
        prepared.extend(word.chars().flat_map(char::to_lowercase));
    }
    prepared
}
