//! The way out: ciphertext that waits for the transport, what ends with it, and its failure.

use super::{Mark, Pump, Step, Transport};
use crate::error::{Error, NetworkError};
use crate::timers::{Condition, Moment};
use crate::tls::{State, Work};

impl<T: Transport> Pump<T> {
    /// Whether there is ciphertext that the transport has not taken and may still take.
    pub(super) fn has_unsent(&self) -> bool {
        let is_broken = self.broken.is_some() || matches!(self.session.state(), State::Failed(_));
        !is_broken && (!self.unsent.is_empty() || self.has_more())
    }

    /// Whether the session has ciphertext that is to leave now.
    fn has_more(&self) -> bool {
        self.session.has_ciphertext() && !self.has_tickets
    }

    pub(super) fn end_of_output(&self) -> Mark {
        if self.has_more() {
            return Mark::Next;
        }
        Mark::At(self.taken.saturating_add(length(&self.unsent)))
    }

    /// Hands ciphertext to the transport; returns whether all has left.
    pub(super) fn send(&mut self, now: Moment) -> Result<bool, Error> {
        self.check_output()?;
        self.try_send(now)
            .map_err(|error| self.break_output(Error::Network(error)))
    }

    pub(super) fn try_send(&mut self, now: Moment) -> Result<bool, NetworkError> {
        let Some(transport) = &mut self.transport else {
            return Ok(true);
        };
        let before = self.taken;
        let result = loop {
            if self.unsent.is_empty() && !self.has_tickets {
                self.session.poll_ciphertext(&mut self.unsent);
                let end = self.taken.saturating_add(length(&self.unsent));
                for mark in [&mut self.flushed, &mut self.closed] {
                    if let Mark::Next = mark {
                        *mark = Mark::At(end);
                    }
                }
            }
            if self.unsent.is_empty() {
                break transport.flush();
            }
            match transport.write(&self.unsent) {
                Ok(0) => break Ok(false),
                Ok(taken) => {
                    let sent = self.unsent.drain(..taken.min(self.unsent.len()));
                    self.taken = self.taken.saturating_add(length(sent.as_slice()));
                }
                Err(error) => break Err(error),
            }
        };
        let is_moving = self.taken > before || self.unsent.is_empty();
        self.pause.tried(is_moving, now);
        result
    }

    /// Hands everything to the transport; the condition lasts until that is done.
    pub(super) fn push(&mut self, condition: Condition, now: Moment) -> Result<(), Error> {
        if self.send(now)? {
            self.timers.stop(condition);
            return Ok(());
        }
        Err(self.want_write(condition, now))
    }

    /// The condition begins, or lasts: `WantWrite`, or the time-out if it has lasted too long.
    pub(super) fn want_write(&mut self, condition: Condition, now: Moment) -> Error {
        if !self.timers.is_running(condition) {
            let end = self.end_of_output();
            match condition {
                Condition::Flushing => self.flushed = end,
                Condition::Closing => self.closed = end,
                _ => {}
            }
        }
        self.timers.start(condition, now);
        if self.timers.has_run_out(condition, now) {
            return self.break_output(Error::Timeout(condition.timer()));
        }
        Error::WantWrite
    }

    /// From now on nothing can be sent. What has arrived can still be read. Returns the first
    /// failure.
    pub(super) fn break_output(&mut self, error: Error) -> Error {
        if self.broken.is_none() {
            self.broken = Some(error.clone());
            self.unsent = Vec::new();
            self.timers.stop_all_but(&[Condition::Reading]);
            // A peer that refuses us sends its alert, then closes: look for it first.
            let mut work = Work::of_a_call();
            while let Ok(Step::Moved) = self.receive(&mut work) {}
            if self.session.is_handshaking() {
                self.fail(error.clone());
            }
        }
        self.check_output().err().unwrap_or(error)
    }

    /// Stops the timers of conditions that have ended, whichever operation has ended them.
    pub(super) fn settle(&mut self) {
        if self.session.is_readable() {
            self.timers.stop(Condition::Reading);
        }
        if self.session.room() > 0 {
            self.timers.stop(Condition::Full);
        }
        if matches!(self.session.state(), State::Closed) {
            self.timers.stop(Condition::Unwrapping);
        }
        let marks = [
            (Condition::Handshaking, self.last_flight),
            (Condition::Flushing, Some(self.flushed)),
            (Condition::Closing, Some(self.closed)),
        ];
        for (condition, mark) in marks {
            let Some(Mark::At(place)) = mark else {
                continue;
            };
            if self.timers.is_running(condition) && self.has_left(place) {
                self.timers.stop(condition);
            }
        }
    }

    /// Whether everything up to that place has left the transport.
    fn has_left(&mut self, place: u64) -> bool {
        if self.taken != place {
            // The transport takes more only when what it took before has left.
            return self.taken > place;
        }
        let Some(transport) = &mut self.transport else {
            return false;
        };
        transport.flush().unwrap_or_else(|error| {
            self.break_output(Error::Network(error));
            false
        })
    }
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
