//! What a pump asks of the bytes below it, and what it waits for there.

use crate::error::NetworkError;

/// What a transport has to give.
#[derive(Debug, PartialEq, Eq)]
pub enum Received {
    /// At least one byte.
    Bytes(Vec<u8>),
    /// Nothing yet.
    Pending,
    /// The peer will send nothing more.
    Eof,
}

/// A duplex byte stream that never waits.
pub trait Transport {
    /// Up to `limit` bytes of what the peer sent.
    ///
    /// # Errors
    /// The transport is broken.
    fn read(&mut self, limit: usize) -> Result<Received, NetworkError>;

    /// How many bytes it takes best in one write.
    fn write_size(&self) -> usize;

    /// Send from the front of `ciphertext`; how much was taken, 0 for "none now".
    ///
    /// # Errors
    /// The transport is broken.
    fn write(&mut self, ciphertext: &[u8]) -> Result<usize, NetworkError>;

    /// Whether everything that was taken has left.
    ///
    /// # Errors
    /// The transport is broken.
    fn flush(&mut self) -> Result<bool, NetworkError>;

    /// End both directions now, where handles to parts of the transport may still be about.
    fn abort(&mut self);
}

/// What to wait for before an operation is worth calling again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// The transport's input.
    Input,
    /// The transport's output.
    Output,
    /// Whichever comes first: what is unsent goes on its way while the peer's answer is awaited.
    Both,
    /// Nothing: call now.
    Nothing,
}
