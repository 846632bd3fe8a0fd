//! XMPP, which has tags instead of lines. Only the XML that a server's opening can be made of is
//! read.

use super::{Refusal, Result};
use crate::wire::{Wire, text};

const NAMESPACE: &str = "urn:ietf:params:xml:ns:xmpp-tls";

/// RFC 6120 section 5.4, in a stream from a `client` or a `server`.
pub(super) fn upgrade(wire: &mut Wire<'_>, from: &str, domain: &str) -> Result<()> {
    let domain = domain
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('\'', "&apos;");
    let opening = format!(
        "<?xml version='1.0'?><stream:stream xmlns='jabber:{from}' \
         xmlns:stream='http://etherx.jabber.org/streams' to='{domain}' version='1.0'>"
    );
    wire.say(opening.as_bytes())?;
    if !offers_tls(wire)? {
        return Err(Refusal::not_offered("starttls"));
    }
    wire.say(format!("<starttls xmlns='{NAMESPACE}'/>").as_bytes())?;
    let answer = Tag::read(wire)?;
    match (answer.kind, answer.name()) {
        (Kind::Empty, "proceed") => Ok(()),
        // The end tag of the long form is not TLS yet.
        (Kind::Start, "proceed") => loop {
            if Tag::read(wire)?.ends("proceed") {
                return Ok(());
            }
        },
        (Kind::Start, "error") => Err(stream_error(wire)?),
        _ => Err(Refusal::server(&answer.markup())),
    }
}

/// Whether there is `starttls` among the features of the stream.
fn offers_tls(wire: &mut Wire<'_>) -> Result<bool> {
    loop {
        let tag = Tag::read(wire)?;
        match (tag.kind, tag.name()) {
            (Kind::Start, "stream") | (Kind::Other, "?xml") => {}
            (Kind::Start, "features") => break,
            (Kind::Empty, "features") => return Ok(false),
            (Kind::Start, "error") => return Err(stream_error(wire)?),
            (Kind::End, "stream") => {
                return Err(Refusal::server("it ends the stream and says nothing"));
            }
            _ => return Err(Refusal::server(&tag.markup())),
        }
    }
    let mut is_offered = false;
    loop {
        let tag = Tag::read(wire)?;
        if tag.ends("features") {
            return Ok(is_offered);
        }
        is_offered |= tag.kind != Kind::End && tag.name() == "starttls";
    }
}

/// What is in the stream's error (RFC 6120 section 4.9): a condition, and often a text.
fn stream_error(wire: &mut Wire<'_>) -> Result<Refusal> {
    let mut told = String::new();
    loop {
        let tag = Tag::read(wire)?;
        if tag.ends("error") {
            return Ok(Refusal::server(&format!("stream error {told}")));
        }
        if tag.ends("text") {
            told += &format!(" ({})", tag.before);
        } else if told.is_empty() {
            told += tag.name();
        }
    }
}

/// A tag, and the text before it.
struct Tag {
    before: String,
    kind: Kind,
    /// Its name and attributes.
    inside: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Start,
    End,
    /// Start and end in one.
    Empty,
    /// A declaration, or something that has no place here.
    Other,
}

impl Tag {
    fn read(wire: &mut Wire<'_>) -> Result<Self> {
        let before = text(&wire.until(b'<')?);
        let mut inside = Vec::new();
        let mut quote = None;
        loop {
            let byte = wire.byte()?;
            match (quote, byte) {
                (None, b'>') => break,
                (None, b'"' | b'\'') => quote = Some(byte),
                // An attribute may contain angle brackets.
                (Some(open), close) if open == close => quote = None,
                _ => {}
            }
            inside.push(byte);
        }
        let inside = text(&inside);
        let (kind, inside) = if inside.starts_with(['?', '!']) {
            (Kind::Other, inside.as_str())
        } else if let Some(name) = inside.strip_prefix('/') {
            (Kind::End, name)
        } else if let Some(start) = inside.strip_suffix('/') {
            (Kind::Empty, start)
        } else {
            (Kind::Start, inside.as_str())
        };
        Ok(Self {
            before,
            kind,
            inside: inside.to_owned(),
        })
    }

    /// The name without its namespace prefix, which the server is free to choose.
    fn name(&self) -> &str {
        let name = self.inside.split_whitespace().next().unwrap_or_default();
        name.split_once(':').map_or(name, |(_, local)| local)
    }

    fn ends(&self, name: &str) -> bool {
        self.kind == Kind::End && self.name() == name
    }

    /// The tag and the text before it, as they were sent.
    fn markup(&self) -> String {
        let Self { before, inside, .. } = self;
        match self.kind {
            Kind::End => format!("{before}</{inside}>"),
            Kind::Empty => format!("{before}<{inside}/>"),
            Kind::Start | Kind::Other => format!("{before}<{inside}>"),
        }
    }
}
