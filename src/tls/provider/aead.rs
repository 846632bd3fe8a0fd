//! The AEAD primitives behind one seam, [`Aead`], which both record layers use.
//!
//! This file knows nothing of records: nonces, associated data and lengths are the caller's.

use std::fmt;
use std::hint::black_box;

use rustls::crypto::cipher::NONCE_LEN;

use super::chacha20poly1305::ChaCha20Poly1305;
use super::gcm::{Aes128Gcm, Aes256Gcm};

/// Bytes that sealing adds: the same for the three algorithms.
pub const TAG_LEN: usize = 16;

/// A nonce, never to be used twice with one key for sealing.
pub type Nonce = [u8; NONCE_LEN];

/// An authentication tag.
pub type Tag = [u8; TAG_LEN];

/// A key of one algorithm, set up once and used for many records; zeroized when dropped.
pub trait Aead: Send + Sync {
    /// Encrypts `in_out` in place and returns the tag.
    fn seal(&self, nonce: &Nonce, aad: &[u8], in_out: &mut [u8]) -> Result<Tag, Refused>;

    /// Decrypts `in_out` in place if the tag is right; if not, `in_out` holds what it held before.
    fn open(&self, nonce: &Nonce, aad: &[u8], in_out: &mut [u8], tag: &Tag) -> Result<(), Refused>;
}

/// The primitive did not do it: wrong tag, wrong key length or too long a message.
///
/// Which of these it was is not said, so that a peer cannot learn it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Refused;

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AEAD operation refused")
    }
}

impl std::error::Error for Refused {}

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
    /// A key of the wrong length gives an [`Aead`] that refuses everything: rustls' interface has
    /// no way to say so at this point, and guarantees the length.
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

/// Compares in the same time for all values.
pub(super) fn is_equal(a: &Tag, b: &Tag) -> bool {
    black_box(u128::from_ne_bytes(*a) ^ u128::from_ne_bytes(*b)) == 0
}
