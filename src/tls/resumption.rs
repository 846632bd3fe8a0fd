//! Which sessions may be resumed, how long, and where they are kept: in memory, or by the client in
//! tickets that are sealed under the caller's keys (RFC 8446 §2.2, RFC 5077).
//!
//! What a session is bound to, so that it is resumed under no other settings:
//!
//! | what | where the server keeps it | in a ticket |
//! |---|---|---|
//! | version, cipher suite, extended master secret, name in SNI | rustls, `can_resume` | rustls, the same |
//! | the client's certificates | rustls puts them into the session | the same |
//! | that they pass now: validity, authority | `Gate`, which verifies them again | the same |
//! | its age | `Gate` | `Gate`, and what clients are told |
//! | mode of verification, trust roots, own certificates | the memory is of one sealed context | `Binding` |
//!
//! The application protocol is agreed on anew each time (RFC 8446 §4.2.11). A client's sessions are
//! bound by rustls to the server's name, and to the verifier and the identities of one sealed context.

mod gate;
mod memory;
mod ticket;

use std::sync::Arc;

use rustls::crypto::SecureRandom;
use rustls::server::{NoServerSessionStorage, ServerConfig};
use rustls::time_provider::TimeProvider;

use self::gate::Gate;
use self::memory::Memory;
use self::ticket::{TicketKey, Ticketer};
use super::verify::ClientVerifier;
use crate::error::{ConfigurationItem, ConfigurationReason, Error};

pub(super) use self::ticket::Binding;

/// The most sessions that are kept in memory.
const MOST_SESSIONS: u32 = 65_536;

/// Seven days, more than which no ticket may live (RFC 8446 §4.6.1).
const LONGEST: u32 = 7 * 24 * 60 * 60;

/// The most tickets that a server sends at once.
const MOST_TICKETS: u32 = 16;

/// The most keys: the one that seals, and those of a week before it.
const MOST_KEYS: usize = 8;

/// The lengths that a key may have in bytes: those of other servers' files among them.
const KEY_LENGTHS: std::ops::RangeInclusive<usize> = 32..=80;

/// The settings. The keys are shared between copies.
#[derive(Clone)]
pub(super) struct Resumption {
    /// How many sessions are kept in memory.
    pub(super) sessions: usize,
    /// In seconds.
    lifetime: u32,
    /// How many tickets a server of TLS 1.3 sends.
    tickets: usize,
    /// The first seals; none if sessions are kept in memory only.
    keys: Option<Arc<[TicketKey]>>,
}

impl Default for Resumption {
    fn default() -> Self {
        Self {
            sessions: 256,
            lifetime: 24 * 60 * 60,
            tickets: 2,
            keys: None,
        }
    }
}

impl Resumption {
    pub(super) fn set_sessions(&mut self, count: u32) -> Result<(), Error> {
        self.sessions = bounded(count, 0, MOST_SESSIONS, "sessions")?;
        Ok(())
    }

    pub(super) fn set_lifetime(&mut self, seconds: u32) -> Result<(), Error> {
        bounded(seconds, 1, LONGEST, "seconds")?;
        self.lifetime = seconds;
        Ok(())
    }

    pub(super) fn set_tickets(&mut self, count: u32) -> Result<(), Error> {
        self.tickets = bounded(count, 0, MOST_TICKETS, "tickets")?;
        Ok(())
    }

    pub(super) fn set_keys<Key: AsRef<[u8]>>(&mut self, secrets: &[Key]) -> Result<(), Error> {
        let refused =
            |reason, detail| Err(Error::refused(ConfigurationItem::Tickets, reason, detail));
        if secrets.is_empty() {
            return refused(ConfigurationReason::Empty, "the list is empty".to_owned());
        }
        if secrets.len() > MOST_KEYS {
            let detail = format!("{} keys; {MOST_KEYS} are the most", secrets.len());
            return refused(ConfigurationReason::TooCostly, detail);
        }
        let mut keys: Vec<TicketKey> = Vec::new();
        for (secret, number) in secrets.iter().map(AsRef::as_ref).zip(1..) {
            if secret.is_empty() {
                let detail = format!("key {number} has no bytes");
                return refused(ConfigurationReason::Empty, detail);
            }
            if !KEY_LENGTHS.contains(&secret.len()) {
                let detail = format!("key {number} has {} bytes", secret.len());
                return refused(ConfigurationReason::Malformed, detail);
            }
            let key = TicketKey::new(secret);
            if keys.iter().any(|other| other.has_name_of(&key)) {
                let detail = format!("key {number} is there before");
                return refused(ConfigurationReason::Duplicate, detail);
            }
            keys.push(key);
        }
        self.keys = Some(keys.into());
        Ok(())
    }

    /// Whether tickets are sealed under the caller's keys.
    pub(super) fn has_keys(&self) -> bool {
        self.keys.is_some()
    }

    /// Gives a server's configuration its memory and its tickets.
    pub(super) fn apply(
        &self,
        config: &mut ServerConfig,
        clock: &Arc<dyn TimeProvider>,
        verifier: Option<&Arc<ClientVerifier>>,
        random: &'static dyn SecureRandom,
        binding: Binding,
    ) {
        let gate = Arc::new(Gate {
            clock: Arc::clone(clock),
            lifetime: self.lifetime,
            verifier: verifier.map(Arc::clone),
        });
        config.session_storage = match self.sessions {
            0 => Arc::new(NoServerSessionStorage {}),
            count => Arc::new(Memory::new(count, Arc::clone(&gate))),
        };
        config.send_tls13_tickets = self.tickets;
        if let Some(keys) = &self.keys {
            let ticketer = Ticketer::new(Arc::clone(keys), binding, gate, random);
            config.ticketer = Arc::new(ticketer);
        }
    }
}

fn bounded(number: u32, least: u32, most: u32, what: &str) -> Result<usize, Error> {
    usize::try_from(number)
        .ok()
        .filter(|_| (least..=most).contains(&number))
        .ok_or_else(|| {
            Error::InvalidArgument(format!("{number} {what}; {least} to {most} are allowed"))
        })
}
