//! The AEAD primitives behind one seam, [`Aead`], which both record layers use.
//!
//! This file knows nothing of records: nonces, associated data and lengths are the caller's.

use std::fmt;
use std::hint::black_box;

use rustls::crypto::cipher::NONCE_LEN;

/// Length in bytes of the tag that sealing adds, for all three algorithms.
pub const TAG_LEN: usize = 16;

/// A nonce, never to be used twice with one key for sealing.
pub type Nonce = [u8; NONCE_LEN];

/// An authentication tag.
pub type Tag = [u8; TAG_LEN];

/// A key of one algorithm, set up once and used for many records; zeroized when dropped.
pub trait Aead: Send + Sync {
    /// Encrypts `in_out` in place and returns the tag.
    fn seal(&self, nonce: &Nonce, aad: &[u8], in_out: &mut [u8]) -> Result<Tag, Refused>;

    /// Decrypts `in_out` in place if the tag is right; otherwise `in_out` is unchanged on return.
    fn open(&self, nonce: &Nonce, aad: &[u8], in_out: &mut [u8], tag: &Tag) -> Result<(), Refused>;
}

/// The operation failed: the tag is wrong, the key has the wrong length or the message is too long.
///
/// The error does not tell these apart, so that a peer cannot learn the cause.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Refused;

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AEAD operation refused")
    }
}

impl std::error::Error for Refused {}

/// Compares two tags in constant time.
pub(super) fn is_equal(a: &Tag, b: &Tag) -> bool {
    black_box(u128::from_ne_bytes(*a) ^ u128::from_ne_bytes(*b)) == 0
}
