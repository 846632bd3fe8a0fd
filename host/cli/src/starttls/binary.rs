//! Dialogues in messages that are prefixed by their length.

use super::{Refusal, Result};
use crate::wire::{Stop, Wire, text};

pub(super) fn postgres(wire: &mut Wire<'_>) -> Result<()> {
    // Length 8, then the request code 80877103.
    wire.say(&[0, 0, 0, 8, 4, 210, 22, 47])?;
    match wire.byte()? {
        b'S' => Ok(()),
        b'N' => Err(Refusal::Server(
            "it does not offer TLS (answer N)".to_owned(),
        )),
        b'E' => Err(Refusal::server(&postgres_error(wire)?)),
        other => Err(Refusal::Server(format!(
            "its answer is byte {other:#04x}, not S or N"
        ))),
    }
}

/// An ErrorResponse after its first byte: a length, then fields of a letter and a string each, and
/// a zero in place of the last letter. Servers before 7.4 send a string and no length.
fn postgres_error(wire: &mut Wire<'_>) -> Result<String> {
    let length = wire.array::<4>()?;
    if length.first() != Some(&0) {
        return Ok(text(&[&length[..], &wire.until(0)?].concat()));
    }
    let mut message = String::new();
    loop {
        let field = wire.byte().and_then(|field| {
            Ok((
                field,
                if field == 0 {
                    Vec::new()
                } else {
                    wire.until(0)?
                },
            ))
        });
        let (field, value) = match field {
            Ok((0, _)) if message.is_empty() => {
                return Ok("its answer is an error that says nothing".to_owned());
            }
            Ok((0, _)) => return Ok(message),
            // The part that has come says more than that the message was cut.
            Err(Stop::Io(_)) if !message.is_empty() => return Ok(message),
            field => field?,
        };
        let value = text(&value);
        // Severity in the server's language, and the message.
        match field {
            b'S' => message = format!("{value}: "),
            b'M' => message += &value,
            _ => {}
        }
    }
}

pub(super) fn mysql(wire: &mut Wire<'_>) -> Result<()> {
    /// Capabilities: the protocol of 4.1, TLS, and the way to log in of 4.1. A client that goes on
    /// to log in repeats them.
    const CAPABILITIES: u32 = PROTOCOL_41 | TLS | SECURE_CONNECTION;
    const PROTOCOL_41: u32 = 0x200;
    const TLS: u32 = 0x800;
    const SECURE_CONNECTION: u32 = 0x8000;
    const LONGEST_PACKET: u32 = 1 << 24;
    const UTF8: u8 = 33;

    let [low, middle, high, number] = wire.array()?;
    let length = u32::from_le_bytes([low, middle, high, 0]);
    let greeting = wire.bytes(usize::try_from(length).unwrap_or(usize::MAX))?;
    let offers = match greeting.split_first() {
        Some((10, rest)) => mysql_capabilities(rest),
        Some((0xff, error)) => return Err(Refusal::server(&mysql_error(error))),
        _ => None,
    };
    let Some(offers) = offers else {
        let line = "its greeting is none of MySQL's";
        return Err(Refusal::Server(line.to_owned()));
    };
    if u32::from(offers) & TLS == 0 {
        return Err(Refusal::not_offered("TLS"));
    }
    let mut request = vec![32, 0, 0, number.wrapping_add(1)];
    request.extend(CAPABILITIES.to_le_bytes());
    request.extend(LONGEST_PACKET.to_le_bytes());
    request.push(UTF8);
    request.extend([0; 23]);
    // There is no go-ahead: the server waits for TLS.
    Ok(wire.say(&request)?)
}

/// The lower half of the capabilities in a greeting: after the version, which ends in a zero, the
/// thread's number, eight bytes of a challenge, and a zero.
fn mysql_capabilities(greeting: &[u8]) -> Option<u16> {
    let end = greeting.iter().position(|byte| *byte == 0)?;
    let at = end + 1 + 4 + 8 + 1;
    let low = greeting.get(at..at + 2)?;
    Some(u16::from_le_bytes(low.try_into().ok()?))
}

/// An error packet after its first byte: a number, then `#` and five letters if the server already
/// takes the client for a new enough one, and a text.
fn mysql_error(error: &[u8]) -> String {
    let (code, rest) = error.split_at_checked(2).unwrap_or_default();
    let code = code.try_into().map_or(0, u16::from_le_bytes);
    let message = match rest.split_at_checked(6) {
        Some(([b'#', ..], message)) => message,
        _ => rest,
    };
    format!("error {code}: {}", text(message))
}

pub(super) fn ldap(wire: &mut Wire<'_>) -> Result<()> {
    const OID: &[u8; 22] = b"1.3.6.1.4.1.1466.20037";
    // LDAPMessage { messageID 1, ExtendedRequest { [0] requestName } }
    let request = [0x30, 0x1d, 0x02, 0x01, 0x01, 0x77, 0x18, 0x80, 0x16];
    wire.say(&[&request[..], OID].concat())?;
    let no_answer = || Refusal::Server("its answer is no LDAP extended response".to_owned());
    let tag = wire.byte()?;
    let first = wire.byte()?;
    let more = match first.checked_sub(0x80) {
        Some(count @ 1..=4) => wire.bytes(count.into())?,
        Some(_) => return Err(no_answer()),
        None => vec![first],
    };
    if tag != 0x30 {
        return Err(no_answer());
    }
    let length = number(&more).ok_or_else(no_answer)?;
    let message = wire.bytes(length)?;
    let (code, diagnosis) = ldap_result(&message).ok_or_else(no_answer)?;
    match (code, diagnosis.as_str()) {
        (0, _) => Ok(()),
        (code, "") => Err(Refusal::Server(format!("LDAP result code {code}"))),
        (code, diagnosis) => Err(Refusal::server(&format!(
            "LDAP result code {code}: {diagnosis}"
        ))),
    }
}

/// The result code and the diagnostic message in an LDAPMessage { messageID, ExtendedResponse {
/// resultCode, matchedDN, diagnosticMessage, ... } }. A message with another number than ours is a
/// notice of disconnection (RFC 4511 section 4.4.1): its success is not an answer to us.
fn ldap_result(mut message: &[u8]) -> Option<(usize, String)> {
    let id = number(take_element(&mut message, 0x02)?)?;
    let mut response = take_element(&mut message, 0x78)?;
    let code = number(take_element(&mut response, 0x0a)?)?;
    take_element(&mut response, 0x04)?;
    let diagnosis = text(take_element(&mut response, 0x04)?);
    (id == 1 || code != 0).then_some((code, diagnosis))
}

/// The contents of the next element, if it has this tag.
fn take_element<'a>(bytes: &mut &'a [u8], wanted: u8) -> Option<&'a [u8]> {
    let (head, mut rest) = bytes.split_at_checked(2)?;
    let &[tag, first] = head else { return None };
    let length = match first.checked_sub(0x80) {
        Some(count @ 1..=4) => {
            let (length, after) = rest.split_at_checked(count.into())?;
            rest = after;
            number(length)?
        }
        Some(_) => return None,
        None => first.into(),
    };
    let (contents, after) = rest.split_at_checked(length)?;
    *bytes = after;
    (tag == wanted).then_some(contents)
}

/// A big-endian number of at most four bytes.
fn number(bytes: &[u8]) -> Option<usize> {
    let mut whole = [0; 4];
    let start = whole.len().checked_sub(bytes.len())?;
    whole.get_mut(start..)?.copy_from_slice(bytes);
    usize::try_from(u32::from_be_bytes(whole)).ok()
}
