//! The plaintext dialogues that come before TLS: after each, the next byte in either direction is
//! TLS. Nothing beyond the server's go-ahead is read.

use std::io::{self, Read, Write};

use clap::ValueEnum;

/// The longest answer that is read: a capability list is a few hundred bytes.
const LONGEST: usize = 16 * 1024;

/// A protocol that can be upgraded to TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Protocol {
    /// RFC 4217
    Ftp,
    /// RFC 9051
    Imap,
    /// RFC 4511 section 4.14
    Ldap,
    /// RFC 2595
    Pop3,
    /// The `SSLRequest` message
    Postgres,
    /// RFC 3207
    Smtp,
    /// RFC 6120 section 5
    Xmpp,
}

/// Why there is no TLS.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The server does not offer it, or said no, or speaks something else; what it said.
    Server(String),
    /// The connection failed.
    Io(io::Error),
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

type Result<T> = std::result::Result<T, Refusal>;

impl Protocol {
    /// The port that servers listen on, as registered.
    pub(crate) fn port(self) -> u16 {
        match self {
            Self::Ftp => 21,
            Self::Imap => 143,
            Self::Ldap => 389,
            Self::Pop3 => 110,
            Self::Postgres => 5432,
            Self::Smtp => 25,
            Self::Xmpp => 5222,
        }
    }

    /// Asks the server to begin TLS, and returns when it is the client's turn to.
    pub(crate) fn upgrade(self, wire: &mut (impl Read + Write), host: &str) -> Result<()> {
        match self {
            Self::Ftp => {
                expect_code(wire, "220")?;
                wire.write_all(b"AUTH TLS\r\n")?;
                expect_code(wire, "234").map(drop)
            }
            Self::Imap => imap(wire),
            Self::Ldap => ldap(wire),
            Self::Pop3 => {
                expect_start(wire, "+OK")?;
                wire.write_all(b"STLS\r\n")?;
                expect_start(wire, "+OK")
            }
            Self::Postgres => postgres(wire),
            Self::Smtp => smtp(wire),
            Self::Xmpp => xmpp(wire, host),
        }
    }
}

fn smtp(wire: &mut (impl Read + Write)) -> Result<()> {
    expect_code(wire, "220")?;
    wire.write_all(b"EHLO localhost\r\n")?;
    let offers = expect_code(wire, "250")?;
    let offered = offers.iter().any(|line| {
        line.get(4..)
            .is_some_and(|word| word.eq_ignore_ascii_case("STARTTLS"))
    });
    if !offered {
        return Err(Refusal::Server("it does not offer STARTTLS".to_owned()));
    }
    wire.write_all(b"STARTTLS\r\n")?;
    expect_code(wire, "220").map(drop)
}

fn imap(wire: &mut (impl Read + Write)) -> Result<()> {
    expect_start(wire, "* OK")?;
    wire.write_all(b"a1 STARTTLS\r\n")?;
    loop {
        let line = read_line(wire)?;
        match line.strip_prefix("a1 ") {
            Some(answer) if answer.starts_with("OK") => return Ok(()),
            Some(_) => return Err(Refusal::Server(line)),
            None if line.starts_with("* ") => {}
            None => return Err(Refusal::Server(line)),
        }
    }
}

fn postgres(wire: &mut (impl Read + Write)) -> Result<()> {
    // Length 8, then the request code 80877103.
    wire.write_all(&[0, 0, 0, 8, 4, 210, 22, 47])?;
    match read_byte(wire)? {
        b'S' => Ok(()),
        b'N' => Err(Refusal::Server(
            "it does not offer TLS (answer N)".to_owned(),
        )),
        other => Err(Refusal::Server(format!(
            "its answer is byte {other:#04x}, not S or N"
        ))),
    }
}

fn ldap(wire: &mut (impl Read + Write)) -> Result<()> {
    const OID: &[u8; 22] = b"1.3.6.1.4.1.1466.20037";
    // LDAPMessage { messageID 1, ExtendedRequest { [0] requestName } }
    wire.write_all(&[0x30, 0x1d, 0x02, 0x01, 0x01, 0x77, 0x18, 0x80, 0x16])?;
    wire.write_all(OID)?;

    let (tag, message) = read_element(wire)?;
    match ldap_result(&message).filter(|_| tag == 0x30) {
        Some(0) => Ok(()),
        Some(code) => Err(Refusal::Server(format!("LDAP result code {code}"))),
        None => Err(Refusal::Server(
            "its answer is no LDAP extended response".to_owned(),
        )),
    }
}

/// The result code in an LDAPMessage { messageID, ExtendedResponse { resultCode, … } }.
fn ldap_result(mut message: &[u8]) -> Option<u8> {
    let (0x02, _) = take_element(&mut message)? else {
        return None;
    };
    let (0x78, mut response) = take_element(&mut message)? else {
        return None;
    };
    let (0x0a, code) = take_element(&mut response)? else {
        return None;
    };
    code.first().copied()
}

fn xmpp(wire: &mut (impl Read + Write), host: &str) -> Result<()> {
    let host = host
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('\'', "&apos;");
    write!(
        wire,
        "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
         xmlns:stream='http://etherx.jabber.org/streams' to='{host}' version='1.0'>"
    )?;
    let features = read_until(wire, |text| {
        text.ends_with("</stream:features>")
            || (text.ends_with("/>") && last_tag(text).starts_with("<stream:features"))
            || text.ends_with("</stream:stream>")
    })?;
    if !features.contains("<starttls") {
        return Err(Refusal::Server("it does not offer starttls".to_owned()));
    }
    wire.write_all(b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")?;
    let answer = read_until(wire, |text| text.ends_with('>'))?;
    if last_tag(&answer).starts_with("<proceed") {
        // The end tag of the long form is not TLS yet.
        if !answer.ends_with("/>") {
            read_until(wire, |text| text.ends_with("</proceed>"))?;
        }
        return Ok(());
    }
    Err(Refusal::Server(answer))
}

fn last_tag(text: &str) -> &str {
    text.rfind('<')
        .and_then(|start| text.get(start..))
        .unwrap_or_default()
}

/// The lines of an answer, `250-first` to `250 last`, all with this code.
fn expect_code(wire: &mut impl Read, code: &str) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    let mut length = 0;
    loop {
        let line = read_line(wire)?;
        length += line.len();
        let last = match line.get(..4).and_then(|start| start.strip_prefix(code)) {
            Some("-") => false,
            Some(" ") => true,
            None if line == code => true,
            // RFC 959 section 4.2: inner lines of a long answer may be anything.
            None if !lines.is_empty() && line.starts_with(' ') => false,
            _ => return Err(Refusal::Server(line)),
        };
        lines.push(line);
        if last {
            return Ok(lines);
        }
        if length > LONGEST {
            return Err(Refusal::Server("its answer has no end".to_owned()));
        }
    }
}

fn expect_start(wire: &mut impl Read, start: &str) -> Result<()> {
    let line = read_line(wire)?;
    if line.starts_with(start) {
        Ok(())
    } else {
        Err(Refusal::Server(line))
    }
}

fn read_line(wire: &mut impl Read) -> Result<String> {
    let mut line = read_until(wire, |text| text.ends_with('\n'))?;
    line.truncate(line.trim_end_matches(['\r', '\n']).len());
    Ok(line)
}

/// Byte by byte, so that what comes after stays unread.
fn read_until(wire: &mut impl Read, complete: impl Fn(&str) -> bool) -> Result<String> {
    let mut text = String::new();
    while !complete(&text) {
        if text.len() > LONGEST {
            return Err(Refusal::Server("its answer has no end".to_owned()));
        }
        text.push(char::from(read_byte(wire)?));
    }
    Ok(text)
}

fn read_byte(wire: &mut impl Read) -> Result<u8> {
    let mut byte = 0;
    wire.read_exact(std::slice::from_mut(&mut byte))?;
    Ok(byte)
}

/// One element of BER with a definite length: its tag and its contents.
fn read_element(wire: &mut impl Read) -> Result<(u8, Vec<u8>)> {
    let tag = read_byte(wire)?;
    let mut length = usize::from(read_byte(wire)?);
    if let Some(count @ 1..=4) = length.checked_sub(0x80) {
        length = 0;
        for _ in 0..count {
            length = length << 8 | usize::from(read_byte(wire)?);
        }
    }
    if length > LONGEST {
        return Err(Refusal::Server("its answer is no LDAP message".to_owned()));
    }
    let mut contents = vec![0; length];
    wire.read_exact(&mut contents)?;
    Ok((tag, contents))
}

fn take_element<'a>(bytes: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let mut rest = *bytes;
    let (tag, contents) = read_element(&mut rest).ok()?;
    let end = bytes.len() - rest.len();
    let element = bytes.get(end - contents.len()..end)?;
    *bytes = rest;
    Some((tag, element))
}

#[cfg(test)]
#[path = "starttls_tests.rs"]
mod tests;
