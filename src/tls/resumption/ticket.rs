//! Tickets: sessions that the client keeps, sealed under keys that servers may share.
//!
//! A ticket is the name of a key, a random salt, and the sealed session. Each has a key of its own,
//! made of the salt, so that servers that share a key need not agree on nonces: of 2^64 tickets, two
//! have the same salt with a chance of 2^-129.

use std::fmt;
use std::sync::Arc;

use portcullis_provider::aead::{Aead, Nonce, TAG_LEN};
use portcullis_provider::algorithm::Algorithm;
use portcullis_provider::hash::SHA256;
use portcullis_provider::hmac as mac;
use rustls::crypto::tls13::{Hkdf as _, HkdfExpander, HkdfUsingHmac};
use rustls::crypto::{SecureRandom, hash};
use rustls::server::ProducesTickets;
use zeroize::Zeroizing;

use super::gate::Gate;

/// The bytes that say which key has sealed a ticket.
const NAME_LEN: usize = 16;
const SALT_LEN: usize = 32;

/// Each key seals once.
const NONCE: Nonce = [0; 12];

/// The longest ticket: a client's first message has to have room for it. A session with more
/// certificates is not resumed.
const LONGEST: usize = 16 * 1024;

/// What a key is derived from secret bytes for. The number is that of the format of tickets, to be
/// raised with that of the sessions within, which is rustls's.
const LABEL: &[u8] = b"portcullis session ticket 1";

/// One of the caller's keys; the secret itself is not kept.
pub(super) struct TicketKey {
    name: [u8; NAME_LEN],
    expander: Box<dyn HkdfExpander>,
}

impl TicketKey {
    pub(super) fn new(secret: &[u8]) -> Self {
        let hkdf = HkdfUsingHmac(mac::HMAC_SHA256);
        let expander = hkdf.extract_from_secret(Some(LABEL), secret);
        let block = expander.expand_block(&[b"name"]);
        let mut name = [0; NAME_LEN];
        for (byte, derived) in name.iter_mut().zip(block.as_ref()) {
            *byte = *derived;
        }
        Self { name, expander }
    }

    pub(super) fn has_name_of(&self, other: &Self) -> bool {
        self.name == other.name
    }

    /// What seals the ticket with this salt.
    fn of_ticket(&self, salt: &[u8; SALT_LEN]) -> Box<dyn Aead> {
        let block = self.expander.expand_block(&[b"key", salt]);
        Algorithm::ChaCha20Poly1305.with_key(block.as_ref())
    }
}

/// What tickets are bound to besides their key: they open where the same was added in the same order.
pub(in crate::tls) struct Binding(Box<dyn hash::Context>);

impl Binding {
    pub(in crate::tls) fn new() -> Self {
        Self(SHA256.start())
    }

    pub(in crate::tls) fn add(&mut self, part: &[u8]) {
        // Without the length, the end of one part could pass for the beginning of the next.
        self.0.update(&part.len().to_be_bytes());
        self.0.update(part);
    }
}

/// Seals sessions for rustls, and opens them.
pub(super) struct Ticketer {
    /// The first seals, all open.
    keys: Arc<[TicketKey]>,
    binding: hash::Output,
    gate: Arc<Gate>,
    random: &'static dyn SecureRandom,
}

impl Ticketer {
    pub(super) fn new(
        keys: Arc<[TicketKey]>,
        binding: Binding,
        gate: Arc<Gate>,
        random: &'static dyn SecureRandom,
    ) -> Self {
        let binding = binding.0.finish();
        Self {
            keys,
            binding,
            gate,
            random,
        }
    }
}

impl ProducesTickets for Ticketer {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        self.gate.lifetime
    }

    fn encrypt(&self, session: &[u8]) -> Option<Vec<u8>> {
        let key = self.keys.first()?;
        let mut salt = [0; SALT_LEN];
        self.random.fill(&mut salt).ok()?;
        let mut text = self.gate.stamp(session)?;
        let aead = key.of_ticket(&salt);
        let tag = aead.seal(&NONCE, self.binding.as_ref(), &mut text).ok()?;
        let ticket = [&key.name[..], &salt[..], &text[..], &tag[..]].concat();
        Some(ticket).filter(|ticket| ticket.len() <= LONGEST)
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        let (name, rest) = ticket.split_first_chunk::<NAME_LEN>()?;
        let (salt, rest) = rest.split_first_chunk()?;
        let (sealed, tag) = rest.split_last_chunk::<TAG_LEN>()?;
        let key = self.keys.iter().find(|key| key.name == *name)?;
        let mut text = Zeroizing::new(sealed.to_vec());
        let aead = key.of_ticket(salt);
        aead.open(&NONCE, self.binding.as_ref(), &mut text, tag)
            .ok()?;
        self.gate.pass(&text).map(<[u8]>::to_vec)
    }
}

impl fmt::Debug for Ticketer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ticketer({} keys)", self.keys.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portcullis_provider::crypto_provider;
    use rustls::time_provider::DefaultTimeProvider;

    const SESSION: &[u8] = b"a session";

    fn ticketer(secrets: &[&[u8]], bound_to: &[&[u8]]) -> Ticketer {
        let mut binding = Binding::new();
        for part in bound_to {
            binding.add(part);
        }
        let gate = Gate {
            clock: Arc::new(DefaultTimeProvider),
            lifetime: 60,
            verifier: None,
        };
        let keys: Vec<_> = secrets
            .iter()
            .map(|secret| TicketKey::new(secret))
            .collect();
        let random = crypto_provider().secure_random;
        Ticketer::new(keys.into(), binding, Arc::new(gate), random)
    }

    #[test]
    fn a_ticket_opens_whole_or_not_at_all() {
        let ticketer = ticketer(&[b"secret"], &[]);
        let ticket = ticketer.encrypt(SESSION).unwrap();
        assert_eq!(ticketer.decrypt(&ticket).as_deref(), Some(SESSION));
        for at in 0..ticket.len() {
            for bit in 0..8 {
                let mut changed = ticket.clone();
                changed[at] ^= 1 << bit;
                assert_eq!(ticketer.decrypt(&changed), None);
            }
            assert_eq!(ticketer.decrypt(&ticket[..at]), None);
        }
        // The session is not to be seen in it, and no two are alike.
        assert!(!ticket.windows(4).any(|window| window == &SESSION[..4]));
        assert_ne!(ticketer.encrypt(SESSION).unwrap(), ticket);
    }

    #[test]
    fn a_ticket_opens_by_its_key_and_where_it_is_bound_to() {
        let parts: &[&[u8]] = &[b"ab", b"c"];
        let ticket = ticketer(&[b"one", b"two"], parts).encrypt(SESSION).unwrap();
        let opens = |secrets: &[&[u8]], bound_to: &[&[u8]]| {
            ticketer(secrets, bound_to).decrypt(&ticket).is_some()
        };
        assert!(opens(&[b"one"], parts));
        assert!(opens(&[b"three", b"one"], parts));
        assert!(!opens(&[b"two"], parts));
        let others: [&[&[u8]]; 3] = [&[b"a", b"bc"], &[b"abc"], &[]];
        for other in others {
            assert!(!opens(&[b"one"], other));
        }
    }

    #[test]
    fn a_session_too_long_for_a_ticket_is_not_resumed() {
        let ticketer = ticketer(&[b"secret"], &[]);
        let most = LONGEST - NAME_LEN - SALT_LEN - TAG_LEN - 8;
        assert!(ticketer.encrypt(&vec![0; most]).is_some());
        assert!(ticketer.encrypt(&vec![0; most + 1]).is_none());
    }
}
