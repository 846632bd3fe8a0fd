//! Joins one session to one transport. It never waits: what cannot be done now is a
//! `want-` error. This module must not know sockets, WASI or clocks; the caller passes the moment.
//!
//! Over 400 lines: the operations are many, and what each has to do with its parts stands in those.

mod ciphertext;
mod pause;
mod receiving;
mod sending;
mod transport;
mod unwrapping;
mod waiting;

use std::sync::Arc;

use crate::error::{Error, Timer};
use crate::timers::{Condition, Moment, Timers};
use crate::tls::{Config, Plaintext, Session, State, Timeouts, Work};

use ciphertext::Ciphertext;
use pause::Pause;
pub use transport::{Received, Transport, Wait};

/// How many bytes are read from the transport at once: as many as hosts give at once. Only a
/// transport that gives much is asked for all of them, since hosts allocate and clear what they are
/// asked for.
const READ_SIZE: usize = 64 * 1024;

/// How many bytes are read where fewer are likely: one record, and a bit.
const SHORT_READ_SIZE: usize = 18 * 1024;

/// How many bytes of input are thrown away before the transport is given up: a socket closed with
/// bytes unread resets the connection, and the peer loses our alert or last data.
const DISCARD_LIMIT: usize = 1024 * 1024;

/// How many bytes of that limit a read counts for at least, so that there is an end to short reads.
const DISCARD_LEAST: usize = 4 * 1024;

/// The conditions that fail the connection if they last too long, whichever operation notices it.
const FATAL: [Condition; 5] = [
    Condition::Handshaking,
    Condition::Full,
    Condition::Flushing,
    Condition::Closing,
    Condition::Unwrapping,
];

/// A session and its transport.
pub struct Pump<T> {
    session: Session,
    /// `None` once released.
    transport: Option<T>,
    /// Ciphertext from the transport that the session has not taken.
    received: Ciphertext,
    /// How much is read from the transport next.
    read_size: usize,
    /// Ciphertext from the session that the transport has not taken; one batch of the session's, or
    /// the last flight of the handshake.
    unsent: Vec<u8>,
    /// How many bytes of ciphertext the transport has taken.
    taken: u64,
    /// Why nothing can be sent any more, while there may still be something to read.
    broken: Option<Error>,
    timers: Timers,
    /// Where the handshake's last flight ends; `None` in the handshake.
    last_flight: Option<Mark>,
    /// Where the ciphertext ends that a flush waits for.
    flushed: Mark,
    /// Where close_notify ends.
    closed: Mark,
    /// The session has nothing but session tickets to send, and they are held back: sent alone,
    /// they would hold back the first answer until they are acknowledged (RFC 9293 §3.7.4), which
    /// may take 40 ms. They are sent with the next write, or when a read has to wait.
    has_tickets: bool,
    /// Closing began after the peer had closed and nothing was lost: if it fails, no harm is done.
    is_courtesy: bool,
    /// When the output is worth another try.
    pause: Pause,
    /// A caller waits for the output since the last operation, and will call when it is ready.
    is_output_awaited: bool,
    /// Handles to the transport were handed out, so that it cannot be dropped before the pump is.
    is_shared: bool,
}

/// A place in the ciphertext that is sent: the end of what the session hands over next, or a number
/// of bytes from the start.
#[derive(Clone, Copy)]
enum Mark {
    Next,
    At(u64),
}

/// The result of a try to receive.
enum Step {
    /// Ciphertext was taken, or the end was reached.
    Moved,
    /// There is nothing to receive, or plaintext is to be fetched first.
    Nothing,
    /// The work of this call is spent; there may be more for the next call.
    Spent,
}

impl<T: Transport> Pump<T> {
    /// Joins a session to a transport. `already_read` is ciphertext that the caller took from the
    /// transport before.
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
            taken: 0,
            broken: None,
            timers: Timers::new(limits),
            last_flight: None,
            flushed: Mark::At(0),
            closed: Mark::At(0),
            has_tickets: false,
            is_courtesy: false,
            pause: Pause::new(),
            is_output_awaited: false,
            is_shared: false,
        }
    }

    // Facts.

    /// The session, for its facts.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// The transport, to hand out a handle that becomes ready in that direction. From now on the
    /// transport stays until the pump is dropped. `None` once it is released.
    pub fn share_transport(&mut self, wait: Wait) -> Option<&T> {
        self.is_shared = true;
        self.is_output_awaited |= matches!(wait, Wait::Output | Wait::Both);
        self.transport.as_ref()
    }

    /// The transport, for a wait that ends before the next call.
    pub fn transport(&self) -> Option<&T> {
        self.transport.as_ref()
    }

    /// The transport, if it was shared and is still there.
    pub fn into_shared_transport(self) -> Option<T> {
        self.transport.filter(|_| self.is_shared)
    }

    /// Change the limit of a timer.
    ///
    /// # Errors
    /// `NotSupported`: nothing would start this timer.
    pub fn set_timeout(&mut self, timer: Timer, milliseconds: Option<u64>) -> Result<(), Error> {
        self.timers.set_limit(timer, milliseconds)
    }

    // Operations.

    /// Go on with the handshake with this configuration, which the session waits for.
    pub fn choose(&mut self, config: &Arc<Config>) -> Result<(), Error> {
        let result = self.session.choose(config);
        match self.session.state() {
            State::Failed(error) => {
                let error = error.clone();
                Err(self.fail(error))
            }
            _ => result,
        }
    }

    /// Refuse the client by an alert, while the session waits for a configuration.
    pub fn refuse(&mut self, alert: u8) -> Result<(), Error> {
        let error = self.session.refuse(alert)?;
        self.fail(error);
        Ok(())
    }

    /// Go on with the handshake.
    pub fn handshake(&mut self, now: Moment) -> Result<(), Error> {
        self.begin(now);
        self.shake_hands(&mut Work::of_a_call(), now)?;
        self.check_output()?;
        if self.timers.is_running(Condition::Handshaking) {
            // Done, but for the last flight that the transport still has to take.
            if !self.send(now)? {
                return Err(Error::WantWrite);
            }
            self.timers.stop(Condition::Handshaking);
        }
        Ok(())
    }

    /// Read up to `limit` bytes; `None` is the end.
    pub fn read(&mut self, limit: usize, now: Moment) -> Result<Option<Vec<u8>>, Error> {
        let mut work = Work::of_a_call();
        self.begin(now);
        if self.session.is_handshaking() {
            self.shake_hands(&mut work, now)?;
            // The last flight leaves now, not with the next call. A failure is kept in `broken`:
            // what came with the peer's last flight is read before it.
            let _ = self.send(now);
        }
        loop {
            match self.session.read(limit)? {
                Plaintext::Bytes(mut plaintext) => {
                    self.timers.stop(Condition::Reading);
                    self.read_along(&mut plaintext, limit, &mut work);
                    return Ok(Some(plaintext));
                }
                Plaintext::End => {
                    self.timers.stop(Condition::Reading);
                    return Ok(None);
                }
                Plaintext::Pending => {}
            }
            match self.receive(&mut work) {
                // The session returns a failure from here after the plaintext that came before it.
                Ok(Step::Moved) | Err(_) => continue,
                Ok(Step::Nothing | Step::Spent) => {}
            }
            self.has_tickets = false;
            // Answers of the session leave with the read that caused them. If they cannot be sent,
            // there may still be something to read.
            if self.unsent.is_empty() && self.has_unsent() && self.send(now).is_err() {
                continue;
            }
            self.timers.start(Condition::Reading, now);
            if self.timers.has_run_out(Condition::Reading, now) {
                self.timers.stop(Condition::Reading);
                return Err(Error::Timeout(Timer::Read));
            }
            return Err(Error::WantRead);
        }
    }

    /// Adds the plaintext of records that have already arrived: a call with several of them costs
    /// the caller about as much as a call with the first alone. The next read returns a failure
    /// from here.
    fn read_along(&mut self, plaintext: &mut Vec<u8>, limit: usize, work: &mut Work) {
        let room = limit.saturating_sub(plaintext.len());
        plaintext.reserve_exact(room.min(self.received.rest().len()));
        while plaintext.len() < limit && !self.received.is_empty() {
            if !matches!(self.receive(work), Ok(Step::Moved)) {
                return;
            }
            self.session.read_onto(plaintext, limit);
        }
    }

    /// Write from the front of `plaintext` what may leave before the handshake is done; returns how
    /// much was taken. It leaves with the next operation: with the ClientHello if that has not left.
    pub fn write_early(&mut self, plaintext: &[u8]) -> Result<usize, Error> {
        self.check_output()?;
        self.session.write_early(plaintext)
    }

    /// Read up to `limit` bytes of what the client has sent before the handshake was done; `None` is
    /// the end of it.
    pub fn read_early(&mut self, limit: usize, now: Moment) -> Result<Option<Vec<u8>>, Error> {
        self.begin(now);
        let mut plaintext = self.session.read_early(limit)?;
        if plaintext.is_empty() {
            let shaken = self.shake_hands(&mut Work::of_a_call(), now);
            plaintext = self.session.read_early(limit)?;
            if plaintext.is_empty() {
                return shaken.map(|()| None);
            }
        }
        Ok(Some(plaintext))
    }

    /// How many bytes `write` would take.
    pub fn check_write(&mut self, now: Moment) -> Result<usize, Error> {
        self.begin_write(now)?;
        self.make_room(now)
    }

    /// How much room there is once what waits has been sent.
    fn make_room(&mut self, now: Moment) -> Result<usize, Error> {
        // Writing no bytes only checks that writing is possible at all.
        self.session.write(&[])?;
        if self.session.room() == 0 {
            self.has_tickets = false;
            self.send(now)?;
        }
        match self.session.room() {
            0 => Err(self.want_write(Condition::Full, now)),
            room => Ok(room),
        }
    }

    /// Write from the front of `plaintext`; returns how much was taken.
    pub fn write(&mut self, plaintext: &[u8], now: Moment) -> Result<usize, Error> {
        self.begin_write(now)?;
        self.has_tickets &= plaintext.is_empty();
        let mut written = self.session.write(plaintext)?;
        self.send(now)?;
        if written == 0 {
            written = self.session.write(plaintext)?;
            self.send(now)?;
        }
        if written == 0 && !plaintext.is_empty() {
            return Err(self.want_write(Condition::Full, now));
        }
        self.timers.stop(Condition::Full);
        Ok(written)
    }

    /// Push out everything that was written.
    pub fn flush(&mut self, now: Moment) -> Result<(), Error> {
        self.begin_write(now)?;
        self.push(Condition::Flushing, now)
    }

    /// Take new keys. What asks the peer for new ones leaves as what is written does, and takes room as
    /// that does.
    pub fn update_keys(&mut self, now: Moment) -> Result<(), Error> {
        // In the handshake there are no keys to exchange for others yet.
        self.begin_output(now)?;
        self.make_room(now)?;
        self.session.update_keys()?;
        self.has_tickets = false;
        self.send(now)?;
        Ok(())
    }

    /// Send close_notify, after the handshake.
    pub fn close_output(&mut self, now: Moment) -> Result<(), Error> {
        self.begin_output(now)?;
        self.end_output(now)
    }

    /// Send close_notify if there is anything to close: not in the handshake.
    pub fn shutdown(&mut self, now: Moment) -> Result<(), Error> {
        if self.session.is_handshaking() {
            return Ok(());
        }
        self.begin(now);
        self.end_output(now)
    }

    /// Give the transport up, whatever the state.
    pub fn release(&mut self) {
        self.timers.stop_all_but(&[]);
        self.unsent = Vec::new();
        let Some(transport) = &mut self.transport else {
            return;
        };
        let mut left = DISCARD_LIMIT;
        while let Ok(Received::Bytes(bytes)) = transport.read(READ_SIZE) {
            left = left.saturating_sub(bytes.len().max(DISCARD_LEAST));
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

    // What operations have in common.

    /// Begins an operation: sends on what is unsent, and breaks the output if a fatal timer has run
    /// out.
    fn begin(&mut self, now: Moment) {
        self.is_output_awaited = false;
        if self.session.is_handshaking() {
            self.timers.start(Condition::Handshaking, now);
        }
        if self.has_unsent() {
            // A failure is kept in `broken`, and the operations that it concerns return it.
            let _ = self.send(now);
        }
        self.settle();
        for condition in FATAL {
            if self.timers.has_run_out(condition, now) {
                self.break_output(Error::Timeout(condition.timer()));
            }
        }
        // The next read reports this timer. If no read follows, it must not wake the caller all the
        // time.
        self.timers.pass_over(Condition::Reading, now);
    }

    /// Begins an operation that sends: finishes the handshake first, and checks that anything can
    /// be sent at all.
    fn begin_output(&mut self, now: Moment) -> Result<(), Error> {
        self.begin(now);
        self.shake_hands(&mut Work::of_a_call(), now)?;
        self.check_output()
    }

    /// The same for plaintext, which may leave before the handshake is done.
    fn begin_write(&mut self, now: Moment) -> Result<(), Error> {
        match self.begin_output(now) {
            Err(Error::WantRead) if self.session.writes_before_finished() => self.check_output(),
            result => result,
        }
    }

    /// Goes on with the handshake, if it is not done.
    fn shake_hands(&mut self, work: &mut Work, now: Moment) -> Result<(), Error> {
        loop {
            match self.session.state() {
                State::Handshaking => {}
                State::Failed(error) => return Err(error.clone()),
                State::Open | State::ReadClosed | State::WriteClosed | State::Closed => {
                    return self.session.tell_rejection();
                }
            }
            if self.session.wants_context() {
                return Err(Error::WantContext);
            }
            self.send(now)?;
            if !matches!(self.receive(work)?, Step::Moved) {
                return Err(if self.has_unsent() {
                    Error::WantWrite
                } else {
                    Error::WantRead
                });
            }
        }
    }

    fn check_output(&self) -> Result<(), Error> {
        match (self.session.state(), &self.broken) {
            (State::Failed(error), _) | (_, Some(error)) => Err(error.clone()),
            (_, None) => Ok(()),
        }
    }

    /// Sends close_notify after everything else. After the peer's own close_notify it is a
    /// courtesy, which does not fail if the peer is already gone.
    fn end_output(&mut self, now: Moment) -> Result<(), Error> {
        let has_peer_closed = matches!(self.session.state(), State::ReadClosed | State::Closed);
        self.is_courtesy |= has_peer_closed && self.broken.is_none();
        let result = self.check_output().and_then(|()| {
            self.session.close();
            self.has_tickets = false;
            self.push(Condition::Closing, now)
        });
        match result {
            Err(Error::Network(_)) if self.is_courtesy => Ok(()),
            result => result,
        }
    }
}
