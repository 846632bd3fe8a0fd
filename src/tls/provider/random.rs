//! Randomness from the operating system: `wasi:random` in a component.

use rustls::crypto::{GetRandomFailed, SecureRandom};

/// The system's generator as rustls sees it.
#[derive(Debug)]
pub(super) struct System;

impl SecureRandom for System {
    fn fill(&self, buf: &mut [u8]) -> Result<(), GetRandomFailed> {
        getrandom::fill(buf).map_err(|_| GetRandomFailed)
    }
}
