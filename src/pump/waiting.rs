//! What a caller waits for between two calls, and how long at most.

use std::time::Duration;

use super::{Pump, Transport, Wait};
use crate::error::Error;
use crate::timers::{Condition, Moment};
use crate::tls::State;

impl<T: Transport> Pump<T> {
    /// What `handshake` or `read` waits for.
    pub fn wait_to_read(&self) -> Wait {
        // The peer may never send anything more, and the timer that has run out is to be reported.
        if matches!(self.broken, Some(Error::Timeout(_))) {
            return Wait::Nothing;
        }
        let has_received = !self.received.is_empty();
        if self.session.is_readable()
            || self.session.wants_context()
            || (has_received && self.session.wants_ciphertext())
        {
            Wait::Nothing
        } else if !self.has_unsent() {
            Wait::Input
        } else if has_received {
            // In the handshake, rustls takes no input before its own output is taken.
            Wait::Output
        } else {
            Wait::Both
        }
    }

    /// What `write`, `flush` or `close_output` waits for.
    pub fn wait_to_write(&self) -> Wait {
        match self.session.state() {
            State::Handshaking => self.wait_to_read(),
            State::Failed(_) => Wait::Nothing,
            _ if self.broken.is_some() => Wait::Nothing,
            State::Closed if !self.timers.is_running(Condition::Closing) => Wait::Nothing,
            State::Open | State::ReadClosed | State::WriteClosed | State::Closed => Wait::Output,
        }
    }

    /// Time until the next call is due for a caller who waits as `wait_to_read` and `wait_to_write`
    /// say: when the first running timer runs out.
    pub fn timer_left(&mut self, now: Moment) -> Option<Duration> {
        self.settle();
        self.timers.time_left(now)
    }

    /// The same for a caller who may be waiting for the input alone: while something is unsent, a
    /// call is also due after a pause.
    pub fn time_left(&mut self, now: Moment) -> Option<Duration> {
        let timer = self.timer_left(now);
        // Before the first operation no caller waits for anything.
        let has_begun =
            !self.session.is_handshaking() || self.timers.is_running(Condition::Handshaking);
        let is_unattended = has_begun && self.has_unsent() && !self.is_output_awaited;
        let pause = is_unattended.then(|| self.pause.left(now));
        [timer, pause].into_iter().flatten().min()
    }
}
