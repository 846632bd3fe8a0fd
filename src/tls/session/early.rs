//! Early data: what a client sends with the session that it resumes, before the handshake is done
//! (RFC 8446 §2.3). Whoever sees it pass can send it again, so it never mixes with other data.

use std::io::{Read as _, Write as _};

use rustls::Connection;

use super::{Session, State};
use crate::error::Error;

/// What is known of the early data of a session.
#[derive(Default)]
pub(super) struct Early {
    /// A client has written some.
    was_written: bool,
    /// A client's caller knows that the server did not take it.
    is_rejection_told: bool,
    /// A server takes what its client sends.
    is_taken: bool,
}

impl Session {
    /// Protect as much of the plaintext as a client may send early and as there is room for; returns
    /// how much that was. None if no session is resumed that allows it, or if it is too late.
    ///
    /// # Errors
    /// `InvalidArgument`: a server's; the session's failure.
    pub fn write_early(&mut self, plaintext: &[u8]) -> Result<usize, Error> {
        let room = self.room();
        let Connection::Client(client) = &mut self.connection else {
            return Err(Error::InvalidArgument(
                "a server sends no early data; see write-before-finished".to_owned(),
            ));
        };
        match &self.state {
            State::Failed(error) => return Err(error.clone()),
            State::Handshaking => {}
            State::Open | State::WriteClosed | State::ReadClosed | State::Closed => return Ok(0),
        }
        let Some(mut writer) = client.early_data() else {
            return Ok(0);
        };
        let taken = plaintext.get(..room).unwrap_or(plaintext);
        // An error means that there is no writing any more, as no bytes do.
        let written = writer.write(taken).unwrap_or(0);
        self.early.was_written |= written > 0;
        self.count_written(written);
        Ok(written)
    }

    /// Fetch up to `limit` bytes of what a client has sent early; none if nothing is here.
    ///
    /// # Errors
    /// `InvalidArgument`: a client's.
    pub fn read_early(&mut self, limit: usize) -> Result<Vec<u8>, Error> {
        let Connection::Server(server) = &mut self.connection else {
            return Err(Error::InvalidArgument(
                "a client is sent no early data; use read".to_owned(),
            ));
        };
        let mut plaintext = Vec::new();
        if let Some(early) = server.early_data() {
            let limit = u64::try_from(limit).unwrap_or(u64::MAX);
            // Reading from memory does not fail.
            let _ = early.take(limit).read_to_end(&mut plaintext);
        }
        Ok(plaintext)
    }

    /// Whether the server took what the client has sent early, once the handshake is done; none if
    /// nothing was sent, and of a server that took nothing, which does not know.
    #[must_use]
    pub fn was_early_data_accepted(&self) -> Option<bool> {
        if !self.is_established() {
            return None;
        }
        match &self.connection {
            Connection::Client(client) => self
                .early
                .was_written
                .then(|| client.is_early_data_accepted()),
            Connection::Server(_) => self.early.is_taken.then_some(true),
        }
    }

    /// Tells a client's caller once that the server did not take what was sent early.
    ///
    /// # Errors
    /// `EarlyDataRejected`. The session goes on.
    pub fn tell_rejection(&mut self) -> Result<(), Error> {
        if self.early.is_rejection_told || self.was_early_data_accepted() != Some(false) {
            return Ok(());
        }
        self.early.is_rejection_told = true;
        Err(Error::EarlyDataRejected)
    }

    /// Notes whether early data is taken, of which a server says nothing after the handshake.
    pub(super) fn look_for_early(&mut self) {
        if let Connection::Server(server) = &mut self.connection {
            self.early.is_taken |= server.early_data().is_some();
        }
    }
}
