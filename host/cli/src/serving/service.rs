//! What is spoken inside TLS, as a connection sees it.

use std::io;
use std::time::Duration;

/// A protocol that is spoken inside TLS.
pub(crate) trait Service {
    /// The peer sent this.
    fn receive(&mut self, plaintext: &[u8]);
    /// The peer will send no more.
    fn end(&mut self);
    /// What to do next. Up to `room` bytes are taken at once.
    fn next(&mut self, room: usize) -> io::Result<Next>;
    /// Whether the peer has made its request.
    fn is_asked(&self) -> bool;
    /// How long the request may take, from the handshake on; none is no limit.
    fn patience(&self) -> Option<Duration>;
    /// The request has taken longer.
    fn late(&mut self);
    /// Whether the peer has sent everything that belongs to its request.
    fn is_whole(&self) -> bool;
    /// A few words for the log.
    fn log(&self) -> &str;
}

pub(crate) enum Next {
    /// Send this.
    Bytes(Vec<u8>),
    /// Wait for the peer.
    Wait,
    /// Close.
    Done,
}
