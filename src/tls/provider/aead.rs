//! The AEAD primitives behind one seam, [`Aead`], which both record layers use.
//!
//! This file knows nothing of records: nonces, associated data and lengths are the caller's.

use std::fmt;

use aes_gcm::aead::consts::{U12, U16};
use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes128Gcm, Aes256Gcm};
use chacha20poly1305::ChaCha20Poly1305;
use rustls::crypto::cipher::NONCE_LEN;

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

    /// Checks the tag and, only if it is right, decrypts `in_out` in place.
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
            Self::Aes128Gcm => set_up::<Aes128Gcm>(key),
            Self::Aes256Gcm => set_up::<Aes256Gcm>(key),
            Self::ChaCha20Poly1305 => set_up::<ChaCha20Poly1305>(key),
        }
    }
}

fn set_up<C>(key: &[u8]) -> Box<dyn Aead>
where
    C: AeadInOut<NonceSize = U12, TagSize = U16> + KeyInit + Send + Sync + 'static,
{
    match C::new_from_slice(key) {
        Ok(cipher) => Box::new(RustCrypto(cipher)),
        Err(_) => Box::new(Unusable),
    }
}

/// A cipher of the RustCrypto family; the cipher zeroizes itself.
struct RustCrypto<C>(C);

impl<C> Aead for RustCrypto<C>
where
    C: AeadInOut<NonceSize = U12, TagSize = U16> + Send + Sync,
{
    fn seal(&self, nonce: &Nonce, aad: &[u8], in_out: &mut [u8]) -> Result<Tag, Refused> {
        self.0
            .encrypt_inout_detached(nonce.into(), aad, in_out.into())
            .map(Into::into)
            .map_err(|_| Refused)
    }

    fn open(&self, nonce: &Nonce, aad: &[u8], in_out: &mut [u8], tag: &Tag) -> Result<(), Refused> {
        self.0
            .decrypt_inout_detached(nonce.into(), aad, in_out.into(), tag.into())
            .map_err(|_| Refused)
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
