//! The plaintext dialogues before TLS: after each, the next byte in either direction is TLS.
//! Nothing beyond the server's go-ahead is read, so whatever an attacker inserts there is taken for
//! TLS, and fails.

mod binary;
mod lines;
mod xmpp;

use std::io::{self, Read, Write};

use clap::ValueEnum;

use crate::wire::{Stop, Wire};

/// A protocol that can be upgraded to TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Protocol {
    /// RFC 4217
    Ftp,
    /// RFC 9051
    Imap,
    /// The `STARTTLS` command of IRCv3
    Irc,
    /// RFC 4511 section 4.14
    Ldap,
    /// RFC 2033, as SMTP
    Lmtp,
    /// MySQL's and MariaDB's `SSLRequest` packet
    Mysql,
    /// RFC 4642
    Nntp,
    /// RFC 2595
    Pop3,
    /// The `SSLRequest` message
    Postgres,
    /// RFC 5804
    Sieve,
    /// RFC 3207
    Smtp,
    /// RFC 6120 section 5, as a client
    Xmpp,
    /// RFC 6120 section 5, as a server
    XmppServer,
}

/// Why there is no TLS.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The server does not offer TLS, refuses it, or speaks something else; with what it said.
    Server(String),
    /// The connection failed.
    Io(io::Error),
}

impl Refusal {
    /// How many characters of a server's text are shown at most.
    const LONGEST: usize = 300;

    /// A refusal with the server's words, cut if they are too long.
    fn server(text: &str) -> Self {
        let text = text.trim();
        Self::Server(match text.char_indices().nth(Self::LONGEST) {
            Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
            None => text.to_owned(),
        })
    }

    /// The server speaks the protocol, but does not offer TLS.
    fn not_offered(word: &str) -> Self {
        Self::Server(format!("it does not offer {word}"))
    }
}

impl From<Stop> for Refusal {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Endless => Self::Server("its answer has no end".to_owned()),
            Stop::Io(error) => Self::Io(error),
        }
    }
}

type Result<T> = std::result::Result<T, Refusal>;

impl Protocol {
    /// The port that servers listen on, as registered or by custom.
    pub(crate) fn port(self) -> u16 {
        match self {
            Self::Ftp => 21,
            Self::Imap => 143,
            Self::Irc => 6667,
            Self::Ldap => 389,
            Self::Lmtp => 24,
            Self::Mysql => 3306,
            Self::Nntp => 119,
            Self::Pop3 => 110,
            Self::Postgres => 5432,
            Self::Sieve => 4190,
            Self::Smtp => 25,
            Self::Xmpp => 5222,
            Self::XmppServer => 5269,
        }
    }

    /// Whether the server is asked for a domain.
    pub(crate) fn has_domain(self) -> bool {
        matches!(self, Self::Xmpp | Self::XmppServer)
    }

    /// Asks the server to begin TLS, and returns when it is the client's turn to begin it. The
    /// server is asked for the domain where the protocol has one.
    pub(crate) fn upgrade(self, stream: &mut (impl Read + Write), domain: &str) -> Result<()> {
        let wire = &mut Wire::new(stream);
        match self {
            Self::Ftp => lines::ftp(wire),
            Self::Imap => lines::imap(wire),
            Self::Irc => lines::irc(wire),
            Self::Ldap => binary::ldap(wire),
            Self::Lmtp => lines::smtp(wire, "LHLO"),
            Self::Mysql => binary::mysql(wire),
            Self::Nntp => lines::nntp(wire),
            Self::Pop3 => lines::pop3(wire),
            Self::Postgres => binary::postgres(wire),
            Self::Sieve => lines::sieve(wire),
            Self::Smtp => lines::smtp(wire, "EHLO"),
            Self::Xmpp => xmpp::upgrade(wire, "client", domain),
            Self::XmppServer => xmpp::upgrade(wire, "server", domain),
        }
    }
}

#[cfg(test)]
#[path = "starttls_tests.rs"]
mod tests;
