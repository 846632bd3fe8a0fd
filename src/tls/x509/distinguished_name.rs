//! Names of the X.500 kind, as far as constraints compare them (RFC 5280 §7.1), and as text (RFC 4514).

use super::der::{Malformed, OID, Reader, SEQUENCE, SET, encoded};
use super::refusal::arcs;
use super::text::{hexadecimal, push_digits};

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
            let kind = attribute.expect(OID)?;
            let (_, value) = attribute.any()?;
            attribute.end()?;
            if kind == EMAIL_ADDRESS {
                found.push(value);
            }
        }
    }
    Ok(found)
}

/// The text of a Name's contents (RFC 4514). A value that is no text, or whose type has no name there, is
/// `#` and the hexadecimal digits of its DER, and so is all of a Name that is not DER.
pub(super) fn to_text(name: &[u8]) -> String {
    parts(name).unwrap_or_else(|Malformed| hexadecimal(&encoded(SEQUENCE, &[name])))
}

fn parts(name: &[u8]) -> Result<String, Malformed> {
    let mut sets = Vec::new();
    let mut name = Reader::new(name);
    while !name.is_empty() {
        sets.push(name.expect(SET)?);
    }
    let mut shown = String::new();
    // RFC 4514 §2.1: the last comes first.
    for set in sets.into_iter().rev() {
        let mut set = Reader::new(set);
        let mut separator = ',';
        loop {
            if !shown.is_empty() {
                shown.push(separator);
            }
            push_attribute(&mut shown, set.expect(SEQUENCE)?)?;
            if set.is_empty() {
                break;
            }
            separator = '+';
        }
    }
    Ok(shown)
}

fn push_attribute(shown: &mut String, attribute: &[u8]) -> Result<(), Malformed> {
    let mut attribute = Reader::new(attribute);
    let kind = attribute.expect(OID)?;
    let (tag, value) = attribute.any()?;
    attribute.end()?;
    let known = SHORT_NAMES.iter().find(|(oid, _)| *oid == kind);
    match known {
        Some((_, name)) => shown.push_str(name),
        None => shown.push_str(&arcs(kind).ok_or(Malformed)?),
    }
    shown.push('=');
    match text(tag, value) {
        Ok(Some(text)) if known.is_some() => push_escaped(shown, &text),
        _ => shown.push_str(&hexadecimal(&encoded(tag, &[value]))),
    }
    Ok(())
}

/// The names of RFC 4519 and that of PKCS #9, as IANA has registered them for LDAP.
const SHORT_NAMES: [(&[u8], &str); 16] = [
    (&[0x55, 4, 3], "CN"),
    (&[0x55, 4, 4], "SN"),
    (&[0x55, 4, 5], "serialNumber"),
    (&[0x55, 4, 6], "C"),
    (&[0x55, 4, 7], "L"),
    (&[0x55, 4, 8], "ST"),
    (&[0x55, 4, 9], "STREET"),
    (&[0x55, 4, 10], "O"),
    (&[0x55, 4, 11], "OU"),
    (&[0x55, 4, 12], "title"),
    (&[0x55, 4, 15], "businessCategory"),
    (&[0x55, 4, 17], "postalCode"),
    (&[0x55, 4, 42], "givenName"),
    (
        &[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 1],
        "UID",
    ),
    (
        &[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 25],
        "DC",
    ),
    (EMAIL_ADDRESS, "emailAddress"),
];

/// RFC 4514 §2.4. What could be taken for something else, or change what stands around it, is escaped
/// too.
fn push_escaped(shown: &mut String, text: &str) {
    for (place, letter) in text.char_indices() {
        let is_outermost = place == 0 || place + letter.len_utf8() == text.len();
        if is_hidden(letter) {
            for byte in letter.encode_utf8(&mut [0; 4]).bytes() {
                shown.push('\\');
                push_digits(shown, byte);
            }
            continue;
        }
        let is_special = match letter {
            ' ' => is_outermost,
            '#' => place == 0,
            _ => matches!(letter, '"' | '+' | ',' | ';' | '<' | '>' | '\\'),
        };
        if is_special {
            shown.push('\\');
        }
        shown.push(letter);
    }
}

/// Whether it is a control character, or one that is not seen or turns the direction of text.
fn is_hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            '\u{ad}'
                | '\u{61c}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{e0000}'..='\u{e007f}'
        )
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
