//! The AEAD algorithms and the set-up of their keys.

use super::aead::{Aead, Nonce, Refused, Tag};
use super::chacha20poly1305::ChaCha20Poly1305;
use super::gcm::{Aes128Gcm, Aes256Gcm};

/// The AEAD algorithms of the cipher suites.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Algorithm {
    /// AES-128 in Galois/Counter Mode (NIST SP 800-38D).
    Aes128Gcm,
    /// AES-256 in Galois/Counter Mode (NIST SP 800-38D).
    Aes256Gcm,
    /// ChaCha20-Poly1305 (RFC 8439).
    ChaCha20Poly1305,
}

impl Algorithm {
    /// Length of a key in bytes.
    pub const fn key_len(self) -> usize {
        match self {
            Self::Aes128Gcm => 16,
            Self::Aes256Gcm | Self::ChaCha20Poly1305 => 32,
        }
    }

    /// Sets up a key.
    ///
    /// A key of the wrong length gives an [`Aead`] that refuses everything: rustls guarantees the
    /// length, and its interface cannot report an error at this point.
    pub fn with_key(self, key: &[u8]) -> Box<dyn Aead> {
        match self {
            Self::Aes128Gcm => set_up(key, Aes128Gcm::new),
            Self::Aes256Gcm => set_up(key, Aes256Gcm::new),
            Self::ChaCha20Poly1305 => set_up(key, ChaCha20Poly1305::new),
        }
    }
}

fn set_up<'a, K: 'a, A>(key: &'a [u8], new: impl FnOnce(&'a K) -> A) -> Box<dyn Aead>
where
    &'a K: TryFrom<&'a [u8]>,
    A: Aead + 'static,
{
    match key.try_into() {
        Ok(key) => Box::new(new(key)),
        Err(_) => Box::new(Unusable),
    }
}

struct Unusable;

impl Aead for Unusable {
    fn seal(&self, _: &Nonce, _: &[u8], _: &mut [u8]) -> Result<Tag, Refused> {
        Err(Refused)
    }

    fn open(&self, _: &Nonce, _: &[u8], _: &mut [u8], _: &Tag) -> Result<(), Refused> {
        Err(Refused)
    }
}
