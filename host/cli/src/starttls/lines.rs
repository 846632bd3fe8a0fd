//! Dialogues in lines. Keywords are compared without regard to case, as their RFCs say.

use super::{Refusal, Result};
use crate::wire::{Wire, text};

const STARTTLS: &str = "STARTTLS";

pub(super) fn ftp(wire: &mut Wire<'_>) -> Result<()> {
    // 120 says that the service will be ready in a moment (RFC 959 section 5.4).
    while reply(wire, &["220", "120"], Inner::Anything)?.code == "120" {}
    wire.say(b"AUTH TLS\r\n")?;
    // Servers that are older than RFC 4217 answer 334.
    reply(wire, &["234", "334"], Inner::Anything).map(drop)
}

/// SMTP, and LMTP, which differs in the command of the greeting.
pub(super) fn smtp(wire: &mut Wire<'_>, hello: &str) -> Result<()> {
    reply(wire, &["220"], Inner::Coded)?;
    wire.say(format!("{hello} localhost\r\n").as_bytes())?;
    let offers = reply(wire, &["250"], Inner::Coded)?.lines;
    if !offers
        .iter()
        .any(|line| line.get(4..).is_some_and(|offer| word(offer, STARTTLS)))
    {
        return Err(Refusal::not_offered(STARTTLS));
    }
    wire.say(b"STARTTLS\r\n")?;
    reply(wire, &["220"], Inner::Coded).map(drop)
}

pub(super) fn nntp(wire: &mut Wire<'_>) -> Result<()> {
    reply(wire, &["200", "201"], Inner::Coded)?;
    wire.say(b"CAPABILITIES\r\n")?;
    // A server that does not know CAPABILITIES may still know STARTTLS.
    if reply(wire, &["101", "500"], Inner::Coded)?.code == "101" {
        let mut is_offered = false;
        loop {
            let line = wire.line()?;
            if line == "." {
                break;
            }
            is_offered |= word(&line, STARTTLS);
        }
        if !is_offered {
            return Err(Refusal::not_offered(STARTTLS));
        }
    }
    wire.say(b"STARTTLS\r\n")?;
    reply(wire, &["382"], Inner::Coded).map(drop)
}

pub(super) fn pop3(wire: &mut Wire<'_>) -> Result<()> {
    let ok = |line: String| match word(&line, "+OK") {
        true => Ok(()),
        false => Err(Refusal::server(&line)),
    };
    ok(wire.line()?)?;
    wire.say(b"STLS\r\n")?;
    ok(wire.line()?)
}

pub(super) fn imap(wire: &mut Wire<'_>) -> Result<()> {
    let greeting = wire.line()?;
    match greeting.strip_prefix("* ") {
        Some(greeting) if word(greeting, "OK") => {}
        Some(greeting) if word(greeting, "PREAUTH") => {
            let line = "it takes us for logged in already (PREAUTH), and then there is no STARTTLS";
            return Err(Refusal::Server(line.to_owned()));
        }
        _ => return Err(Refusal::server(&greeting)),
    }
    wire.say(b"a1 STARTTLS\r\n")?;
    loop {
        let line = wire.line()?;
        match line.split_once(' ') {
            Some(("*", said)) if !word(said, "BYE") => {}
            Some((tag, answer)) if tag.eq_ignore_ascii_case("a1") && word(answer, "OK") => {
                return Ok(());
            }
            _ => return Err(Refusal::server(&line)),
        }
    }
}

pub(super) fn irc(wire: &mut Wire<'_>) -> Result<()> {
    wire.say(b"STARTTLS\r\n")?;
    loop {
        let line = wire.line()?;
        // The name of the sender may stand before the command.
        let said = match line.strip_prefix(':') {
            Some(rest) => rest.split_once(' ').map_or("", |(_, said)| said),
            None => &line,
        };
        let command = said.split(' ').next().unwrap_or_default();
        match command.to_ascii_uppercase().as_str() {
            "670" => return Ok(()),
            "PING" => {
                wire.say(format!("PONG{}\r\n", said.get(4..).unwrap_or_default()).as_bytes())?
            }
            // Greetings, and notices while the server looks up the client.
            "NOTICE" | "020" => {}
            _ => return Err(Refusal::server(&line)),
        }
    }
}

pub(super) fn sieve(wire: &mut Wire<'_>) -> Result<()> {
    let mut is_offered = false;
    loop {
        let line = sieve_line(wire)?;
        let capability = line.trim_start_matches('"');
        if capability.len() == line.len() {
            sieve_ok(&line)?;
            break;
        }
        is_offered |= capability
            .split('"')
            .next()
            .is_some_and(|capability| capability.eq_ignore_ascii_case(STARTTLS));
    }
    if !is_offered {
        return Err(Refusal::not_offered(STARTTLS));
    }
    wire.say(b"STARTTLS\r\n")?;
    sieve_ok(&sieve_line(wire)?)
}

fn sieve_ok(line: &str) -> Result<()> {
    let end = line.find([' ', '(']).unwrap_or(line.len());
    match line.get(..end) {
        Some(answer) if answer.eq_ignore_ascii_case("OK") => Ok(()),
        _ => Err(Refusal::server(line)),
    }
}

/// A line in which each literal (RFC 5804 section 1.2), which may hold line breaks, has become a
/// quoted string.
fn sieve_line(wire: &mut Wire<'_>) -> Result<String> {
    let mut whole = String::new();
    loop {
        let line = wire.line()?;
        let Some((start, length)) = literal(&line) else {
            whole += &line;
            return Ok(whole);
        };
        whole += &format!("{start}\"{}\"", text(&wire.bytes(length)?));
    }
}

/// The text before `{length}` or `{length+}` at the end of the line, and the length.
fn literal(line: &str) -> Option<(&str, usize)> {
    let (start, length) = line.strip_suffix('}')?.rsplit_once('{')?;
    let length = length.strip_suffix('+').unwrap_or(length).parse().ok()?;
    Some((start, length))
}

/// What the inner lines of a long reply may be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Inner {
    /// Anything at all, even nothing (RFC 959 section 4.2).
    Anything,
    /// The code and a hyphen (RFC 5321 section 4.2.1).
    Coded,
}

/// A reply with a code.
struct Reply {
    code: String,
    lines: Vec<String>,
}

/// Reads a reply with one of these codes: one line, or several, `250-first` to `250 last`.
fn reply(wire: &mut Wire<'_>, codes: &[&str], inner: Inner) -> Result<Reply> {
    let line = wire.line()?;
    let code = line.get(..3).filter(|code| codes.contains(code));
    let Some(code) = code.map(str::to_owned) else {
        return Err(Refusal::server(&line));
    };
    let mut lines = vec![line];
    loop {
        let line = lines.last().map(String::as_str).unwrap_or_default();
        match line
            .strip_prefix(code.as_str())
            .map(|rest| rest.chars().next())
        {
            Some(None | Some(' ')) => return Ok(Reply { code, lines }),
            Some(Some('-')) => {}
            _ if lines.len() > 1 && inner == Inner::Anything => {}
            _ => return Err(Refusal::server(line)),
        }
        lines.push(wire.line()?);
    }
}

/// Whether this is the first word of the text.
fn word(text: &str, word: &str) -> bool {
    let end = text.find([' ', '\t']).unwrap_or(text.len());
    text.get(..end)
        .is_some_and(|first| first.eq_ignore_ascii_case(word))
}
