//! What is tortured, as the exchange sees it.

use std::time::Duration;

use anyhow::Result;

/// Why an operation did not succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It is to be called again.
    Want,
    /// A typed error, by its WIT names: `protocol/bad-record`.
    Typed(String),
}

/// One connection of ours.
pub(crate) trait Machine {
    fn handshake(&mut self, now: Duration) -> Result<(), Failure>;
    fn read(&mut self, limit: usize, now: Duration) -> Result<Option<Vec<u8>>, Failure>;
    fn write(&mut self, plaintext: &[u8], now: Duration) -> Result<usize, Failure>;
    fn flush(&mut self, now: Duration) -> Result<(), Failure>;
    fn close_output(&mut self, now: Duration) -> Result<(), Failure>;

    /// Whether another call does more although nothing has come: a call does a bounded amount of work.
    fn is_ready(&mut self) -> bool;

    /// How long until a timer runs out.
    fn time_left(&mut self, now: Duration) -> Option<Duration>;

    /// Whether it gives its transport up when it fails.
    fn has_transport(&self) -> bool {
        true
    }

    /// Moves ciphertext, where the machine does not do that itself; returns whether there was any.
    fn carry(&mut self) -> Result<bool> {
        Ok(false)
    }

    /// Gives the connection up. Returns the most memory that it had, if that is known.
    fn release(&mut self) -> Option<usize>;
}
