//! TLS for callers who move the ciphertext themselves. It knows no transport and no clock: what
//! cannot be done now is a `want-` error, and how long to wait is the caller's to say.

use std::sync::Arc;

use crate::error::Error;
use crate::tls::{ClientHello, Config, Plaintext, Session, State, Work};

/// A session whose ciphertext is put and taken by the caller.
pub struct Engine {
    session: Session,
    /// Ciphertext from the session that was not taken; one batch of the session's.
    untaken: Vec<u8>,
    /// The handshake is done, and its last flight was taken.
    has_shaken_hands: bool,
}

impl Engine {
    /// An engine in the role of the configuration. `host` is the host that a client talks to.
    ///
    /// # Errors
    /// Those of `Session::new`.
    pub fn new(config: &Arc<Config>, host: Option<&str>) -> Result<Self, Error> {
        Ok(Self {
            session: Session::new(config, host)?,
            untaken: Vec::new(),
            has_shaken_hands: false,
        })
    }

    // Facts.

    /// The session, for its facts.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Whether there is ciphertext to take.
    #[must_use]
    pub fn has_ciphertext(&self) -> bool {
        !self.untaken.is_empty() || self.session.has_ciphertext()
    }

    // To and from the transport.

    /// Take ciphertext of the peer's, from the front; returns how much was taken. A failure is told
    /// by the operations, after the plaintext that came before it.
    pub fn put_ciphertext(&mut self, ciphertext: &[u8]) -> usize {
        let work = &mut Work::of_a_call();
        self.session.handle_records(ciphertext, work).unwrap_or(0)
    }

    /// The peer will send nothing more. What that means, the operations tell.
    pub fn put_end(&mut self) {
        let _ = self.session.handle_eof();
    }

    /// The connection has failed, by what ended its transport or by a timer. What was received before
    /// can still be read; an alert may be left to take.
    pub fn fail(&mut self, failure: Error) {
        self.session.fail(failure);
    }

    /// Up to `limit` bytes for the peer.
    pub fn take_ciphertext(&mut self, limit: usize) -> Vec<u8> {
        if self.untaken.is_empty() {
            self.session.poll_ciphertext(&mut self.untaken);
        }
        if limit >= self.untaken.len() {
            return std::mem::take(&mut self.untaken);
        }
        self.untaken.drain(..limit).collect()
    }

    // Operations.

    /// What the client has said, once it is there and the caller is to choose by it; `None` where
    /// there is nothing to choose, or where that was done.
    ///
    /// # Errors
    /// `WantRead` until it is there; the session's failure.
    pub fn client_hello(&mut self) -> Result<Option<ClientHello>, Error> {
        match (self.session.state(), self.session.client_hello()) {
            (State::Failed(error), _) => Err(error.clone()),
            (_, Some(hello)) => Ok(Some(hello.clone())),
            (_, None) if self.session.leaves_choice() => Err(self.want()),
            (_, None) => Ok(None),
        }
    }

    /// Go on with this configuration, which the session waits for.
    ///
    /// # Errors
    /// Those of `Session::choose`.
    pub fn choose(&mut self, config: &Arc<Config>) -> Result<(), Error> {
        self.session.choose(config)
    }

    /// Refuse the client by an alert, while the session waits for a configuration.
    ///
    /// # Errors
    /// Those of `Session::refuse`.
    pub fn refuse(&mut self, alert: u8) -> Result<(), Error> {
        self.session.refuse(alert).map(|_| ())
    }

    /// Write from the front of `plaintext` what may leave before the handshake is done; returns how
    /// much was taken.
    ///
    /// # Errors
    /// Those of `Session::write_early`.
    pub fn write_early(&mut self, plaintext: &[u8]) -> Result<usize, Error> {
        self.session.write_early(plaintext)
    }

    /// Read up to `limit` bytes of what the client has sent before the handshake was done; `None` is
    /// the end of it.
    ///
    /// # Errors
    /// Those of `handshake`.
    pub fn read_early(&mut self, limit: usize) -> Result<Option<Vec<u8>>, Error> {
        let plaintext = self.session.read_early(limit)?;
        if !plaintext.is_empty() {
            return Ok(Some(plaintext));
        }
        match self.session.state() {
            State::Failed(error) => Err(error.clone()),
            State::Handshaking => Err(self.want()),
            _ => Ok(None),
        }
    }

    /// Ok when the handshake is done, and its last flight was taken.
    ///
    /// # Errors
    /// `WantRead` or `WantWrite` until then; the session's failure.
    pub fn handshake(&mut self) -> Result<(), Error> {
        self.session.tell_rejection()?;
        match self.session.state() {
            State::Failed(error) => Err(error.clone()),
            State::Handshaking => Err(self.want()),
            _ if !self.has_shaken_hands && self.has_ciphertext() => Err(Error::WantWrite),
            _ => {
                self.has_shaken_hands = true;
                Ok(())
            }
        }
    }

    /// Read up to `limit` bytes; `None` is the end.
    ///
    /// # Errors
    /// `WantRead` or `WantWrite`: nothing has arrived; the session's failure.
    pub fn read(&mut self, limit: usize) -> Result<Option<Vec<u8>>, Error> {
        self.session.tell_rejection()?;
        match self.session.read(limit)? {
            Plaintext::Bytes(plaintext) => Ok(Some(plaintext)),
            Plaintext::End => Ok(None),
            Plaintext::Pending => Err(self.want()),
        }
    }

    /// Write from the front of `plaintext`; returns how much was taken.
    ///
    /// # Errors
    /// `WantRead` or `WantWrite`: the handshake is not done, and the context does not permit
    /// writing before the client's Finished. `WantWrite`: there is no room.
    /// `Closed` after `close_output`; the session's failure.
    pub fn write(&mut self, plaintext: &[u8]) -> Result<usize, Error> {
        if self.session.is_handshaking() && !self.session.writes_before_finished() {
            return Err(self.want());
        }
        self.session.tell_rejection()?;
        match self.session.write(plaintext)? {
            0 if !plaintext.is_empty() => Err(Error::WantWrite),
            written => Ok(written),
        }
    }

    /// Take new keys for what this side sends, and ask the peer for new ones.
    ///
    /// # Errors
    /// `InvalidArgument`: the handshake is not done; `WantWrite`: there is no room; those of
    /// `Session::update_keys`.
    pub fn update_keys(&mut self) -> Result<(), Error> {
        if self.session.is_handshaking() {
            return Err(Error::InvalidArgument(
                "new keys before the handshake is done".to_owned(),
            ));
        }
        if self.session.room() == 0 {
            return Err(Error::WantWrite);
        }
        self.session.update_keys()
    }

    /// Send close_notify, after the handshake.
    ///
    /// # Errors
    /// `WantRead` or `WantWrite`: the handshake is not done; the session's failure.
    pub fn close_output(&mut self) -> Result<(), Error> {
        match self.session.state() {
            State::Failed(error) => Err(error.clone()),
            State::Handshaking => Err(self.want()),
            _ => {
                self.session.close();
                Ok(())
            }
        }
    }

    /// What has to be done before an operation is worth calling again. Ciphertext leaves first: the
    /// peer may be waiting for it.
    fn want(&self) -> Error {
        if self.session.wants_context() {
            Error::WantContext
        } else if self.has_ciphertext() {
            Error::WantWrite
        } else {
            Error::WantRead
        }
    }
}
