//! Layer 2: joins one session to one transport. It never waits: what cannot be done now is a
//! `want-` error. It must not know sockets, WASI or clocks; the moment is told by the caller.

mod ciphertext;
mod transport;

use crate::timers::{Moment, Timers};
use crate::tls::{Error, NetworkError, Plaintext, Session, State, Timeouts, Timer};

use ciphertext::Ciphertext;
pub use transport::{Received, Transport, Wait};

/// How much is read from the transport at once: as much as hosts give at once. It is asked for in
/// full only of a transport that gives much, since hosts allocate and clear what they are asked for.
const READ_SIZE: usize = 64 * 1024;

/// How much is read where less is likely: one record, and a bit.
const SHORT_READ_SIZE: usize = 18 * 1024;

/// What is read and thrown away after a failure and on close. A socket closed with bytes unread
/// resets the connection, and the peer then loses our alert or last data.
const DISCARD_LIMIT: usize = 1024 * 1024;

/// A session and its transport.
pub struct Pump<T> {
    session: Session,
    /// None once released.
    transport: Option<T>,
    /// Ciphertext from the transport that the session has not taken.
    received: Ciphertext,
    /// How much is read from the transport next.
    read_size: usize,
    /// Ciphertext from the session that the transport has not taken; one batch of the session's.
    unsent: Vec<u8>,
    timers: Timers,
    /// Handles to the transport may be about, so that it cannot be dropped before the pump is.
    is_shared: bool,
}

impl<T: Transport> Pump<T> {
    /// Join them. `already_read` is ciphertext that the caller took from the transport before.
    pub fn new(
        mut session: Session,
        transport: T,
        already_read: Vec<u8>,
        limits: Timeouts,
    ) -> Self {
        session.set_batch(transport.write_size());
        Self {
            session,
            transport: Some(transport),
            received: Ciphertext::from(already_read),
            read_size: SHORT_READ_SIZE,
            unsent: Vec::new(),
            timers: Timers::new(limits),
            is_shared: false,
        }
    }

    // Facts.

    /// The session, for its facts.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// The transport, to wait on; from now on it stays until the pump is dropped. None once it is
    /// released.
    pub fn share_transport(&mut self) -> Option<&T> {
        self.is_shared = true;
        self.transport.as_ref()
    }

    /// The transport, for a wait that ends before the next call.
    pub fn transport(&self) -> Option<&T> {
        self.transport.as_ref()
    }

    /// What `handshake` or `read` waits for.
    pub fn wait_to_read(&self) -> Wait {
        if self.session.is_readable() {
            Wait::Nothing
        } else if *self.session.state() == State::Handshaking && !self.unsent.is_empty() {
            Wait::Output
        } else if !self.received.is_empty() {
            Wait::Nothing
        } else {
            Wait::Input
        }
    }

    /// What `write`, `flush` or `close_output` waits for.
    pub fn wait_to_write(&self) -> Wait {
        match self.session.state() {
            State::Handshaking => self.wait_to_read(),
            State::Failed(_) | State::Closed => Wait::Nothing,
            State::Open | State::ReadClosed | State::WriteClosed => Wait::Output,
        }
    }

    /// Change the limit of a timer.
    pub fn set_timeout(&mut self, timer: Timer, milliseconds: Option<u64>) {
        self.timers.set_limit(timer, milliseconds);
    }

    /// Time until the first running timer runs out.
    pub fn time_left(&self, now: Moment) -> Option<std::time::Duration> {
        self.timers.time_left(now)
    }

    // Operations.

    /// Go on with the handshake.
    pub fn handshake(&mut self, now: Moment) -> Result<(), Error> {
        match self.session.state() {
            State::Handshaking => self.timers.start(Timer::Handshake, now),
            State::Failed(error) => return Err(error.clone()),
            // Done, but for the last flight that the transport may still have to take.
            _ if self.unsent.is_empty() => return Ok(()),
            _ => {}
        }
        loop {
            if self.timers.has_run_out(Timer::Handshake, now) {
                return Err(self.fail(Error::Timeout(Timer::Handshake)));
            }
            let is_sent = self.send()?;
            if *self.session.state() != State::Handshaking && is_sent {
                self.timers.stop(Timer::Handshake);
                return Ok(());
            }
            if *self.session.state() != State::Handshaking || !self.receive()? {
                return Err(if is_sent {
                    Error::WantRead
                } else {
                    Error::WantWrite
                });
            }
        }
    }

    /// Read up to `limit` bytes; none is the end.
    pub fn read(&mut self, limit: usize, now: Moment) -> Result<Option<Vec<u8>>, Error> {
        self.finish_handshake(now)?;
        loop {
            match self.session.read(limit)? {
                Plaintext::Bytes(mut plaintext) => {
                    self.timers.stop(Timer::Read);
                    self.read_along(&mut plaintext, limit);
                    return Ok(Some(plaintext));
                }
                Plaintext::End => {
                    self.timers.stop(Timer::Read);
                    return Ok(None);
                }
                Plaintext::Pending => {}
            }
            // What fails here is told by the session, after the plaintext that came before.
            if let Ok(false) = self.receive() {
                // Answers to key updates leave with the read that brought them.
                if self.session.has_ciphertext() {
                    self.send()?;
                }
                self.timers.start(Timer::Read, now);
                if self.timers.has_run_out(Timer::Read, now) {
                    self.timers.stop(Timer::Read);
                    return Err(Error::Timeout(Timer::Read));
                }
                return Err(Error::WantRead);
            }
        }
    }

    /// Add what is in the records that are here already: a call with several of them costs the
    /// caller about as much as one with the first. What fails here is told by the next read.
    fn read_along(&mut self, plaintext: &mut Vec<u8>, limit: usize) {
        let room = limit.saturating_sub(plaintext.len());
        plaintext.reserve_exact(room.min(self.received.rest().len()));
        while plaintext.len() < limit && !self.received.is_empty() {
            if !matches!(self.receive(), Ok(true)) {
                return;
            }
            self.session.read_onto(plaintext, limit);
        }
    }

    /// How much `write` would take.
    pub fn check_write(&mut self, now: Moment) -> Result<usize, Error> {
        self.finish_handshake(now)?;
        // Nothing written asks nothing but whether writing is possible at all.
        self.session.write(&[])?;
        if self.session.room() == 0 {
            self.send()?;
        }
        match self.session.room() {
            0 => Err(self.want_write(Timer::Write, now)),
            room => Ok(room),
        }
    }

    /// Write from the front of `plaintext`; how much was taken.
    pub fn write(&mut self, plaintext: &[u8], now: Moment) -> Result<usize, Error> {
        self.finish_handshake(now)?;
        let mut written = self.session.write(plaintext)?;
        self.send()?;
        if written == 0 {
            written = self.session.write(plaintext)?;
            self.send()?;
        }
        if written == 0 && !plaintext.is_empty() {
            return Err(self.want_write(Timer::Write, now));
        }
        self.timers.stop(Timer::Write);
        Ok(written)
    }

    /// Push out everything that was written.
    pub fn flush(&mut self, now: Moment) -> Result<(), Error> {
        self.finish_handshake(now)?;
        if let State::Failed(error) = self.session.state() {
            return Err(error.clone());
        }
        self.push(Timer::Write, now)
    }

    /// Send close_notify, after the handshake.
    pub fn close_output(&mut self, now: Moment) -> Result<(), Error> {
        self.finish_handshake(now)?;
        self.shutdown(now)
    }

    /// Send close_notify if there is anything to close. After the peer's own it is a courtesy: a
    /// peer that is gone already does not make it fail.
    pub fn shutdown(&mut self, now: Moment) -> Result<(), Error> {
        let is_courtesy = match self.session.state() {
            State::Handshaking => return Ok(()),
            State::Failed(error) => return Err(error.clone()),
            State::ReadClosed | State::Closed => true,
            State::Open | State::WriteClosed => false,
        };
        self.session.close();
        match self.push(Timer::Shutdown, now) {
            Err(Error::Network(_)) if is_courtesy => Ok(()),
            result => result,
        }
    }

    /// Give the transport up, whatever the state.
    pub fn release(&mut self) {
        let Some(transport) = &mut self.transport else {
            return;
        };
        let mut left = DISCARD_LIMIT;
        while let Ok(Received::Bytes(bytes)) = transport.read(READ_SIZE) {
            left = left.saturating_sub(bytes.len());
            if left == 0 {
                break;
            }
        }
        if self.is_shared {
            transport.abort();
        } else {
            self.transport = None;
        }
    }

    fn finish_handshake(&mut self, now: Moment) -> Result<(), Error> {
        // Not for every state: what arrived before a failure is still to be read.
        match self.session.state() {
            State::Handshaking => self.handshake(now),
            // The last flight may be on its way still.
            _ if !self.unsent.is_empty() => {
                self.send()?;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn push(&mut self, timer: Timer, now: Moment) -> Result<(), Error> {
        if self.send()? {
            self.timers.stop(timer);
            return Ok(());
        }
        Err(self.want_write(timer, now))
    }

    fn want_write(&mut self, timer: Timer, now: Moment) -> Error {
        self.timers.start(timer, now);
        if self.timers.has_run_out(timer, now) {
            return self.fail(Error::Timeout(timer));
        }
        Error::WantWrite
    }

    /// Hand ciphertext to the transport; whether all has left.
    fn send(&mut self) -> Result<bool, Error> {
        match self.try_send() {
            Ok(is_sent) => Ok(is_sent),
            Err(error) => {
                // A peer that refuses us sends its alert, then closes: look for it first.
                while let Ok(true) = self.receive() {}
                Err(self.fail(Error::Network(error)))
            }
        }
    }

    fn try_send(&mut self) -> Result<bool, NetworkError> {
        let Some(transport) = &mut self.transport else {
            return Ok(true);
        };
        loop {
            if self.unsent.is_empty() {
                self.session.poll_ciphertext(&mut self.unsent);
            }
            if self.unsent.is_empty() {
                return transport.flush();
            }
            let taken = transport.write(&self.unsent)?;
            if taken == 0 {
                return Ok(false);
            }
            self.unsent.drain(..taken.min(self.unsent.len()));
        }
    }

    /// Take ciphertext from the transport; whether anything came of it.
    fn receive(&mut self) -> Result<bool, Error> {
        if self.received.is_empty() {
            let Some(transport) = &mut self.transport else {
                return Ok(false);
            };
            match transport.read(self.read_size) {
                Ok(Received::Bytes(bytes)) => {
                    self.read_size = if bytes.len() < SHORT_READ_SIZE {
                        SHORT_READ_SIZE
                    } else {
                        READ_SIZE
                    };
                    self.received = Ciphertext::from(bytes);
                }
                Ok(Received::Pending) => return Ok(false),
                Ok(Received::Eof) => {
                    let before = self.session.state().clone();
                    return match self.session.handle_eof() {
                        // An end that was known before brings nothing, however often asked.
                        Ok(()) => Ok(*self.session.state() != before),
                        Err(error) => Err(self.fail(error)),
                    };
                }
                Err(error) => return Err(self.fail(Error::Network(error))),
            }
        }
        match self.session.handle_ciphertext(self.received.rest()) {
            Ok(taken) => {
                self.received.take(taken);
                Ok(taken > 0)
            }
            Err(error) => Err(self.fail(error)),
        }
    }

    /// Fail for good: put the alert to the peer if it takes it at once, and free the transport.
    /// The first failure is the one that is told.
    fn fail(&mut self, error: Error) -> Error {
        let error = self.session.fail(error);
        // Whatever becomes of the alert, the error stays.
        let _ = self.try_send();
        self.release();
        error
    }
}
