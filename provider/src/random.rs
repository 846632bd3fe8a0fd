//! Randomness from the operating system: `wasi:random` in a component.

use rustls::crypto::{GetRandomFailed, SecureRandom};
use zeroize::Zeroizing;

/// The system's generator as rustls sees it.
#[derive(Debug)]
pub(super) struct System;

impl SecureRandom for System {
    fn fill(&self, buf: &mut [u8]) -> Result<(), GetRandomFailed> {
        getrandom::fill(buf).map_err(|_| GetRandomFailed)
    }
}

/// Fills the bytes with fresh ones.
pub(super) fn fill(bytes: &mut [u8]) -> Result<(), GetRandomFailed> {
    System.fill(bytes)
}

/// Fresh secret bytes.
pub(super) fn secret<const LENGTH: usize>() -> Result<Zeroizing<[u8; LENGTH]>, GetRandomFailed> {
    let mut bytes = Zeroizing::new([0; LENGTH]);
    fill(&mut *bytes)?;
    Ok(bytes)
}
