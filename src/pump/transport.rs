//! What a pump needs from the transport below it, and what it waits for there.

use crate::error::NetworkError;

/// The result of a read from a transport.
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

    /// The best number of bytes for one write.
    fn write_size(&self) -> usize;

    /// Sends from the front of `ciphertext`; returns how much was taken, 0 if there is no room now.
    ///
    /// # Errors
    /// The transport is broken.
    fn write(&mut self, ciphertext: &[u8]) -> Result<usize, NetworkError>;

    /// Whether everything that was taken has left.
    ///
    /// # Errors
    /// The transport is broken.
    fn flush(&mut self) -> Result<bool, NetworkError>;

    /// Ends both directions now, although handles to parts of the transport may still be in use.
    fn abort(&mut self);
}

/// What to wait for before an operation is worth calling again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// The transport's input.
    Input,
    /// The transport's output.
    Output,
    /// Either, whichever comes first: what is unsent goes on its way while the peer's answer is
    /// awaited.
    Both,
    /// Nothing: call now.
    Nothing,
}
