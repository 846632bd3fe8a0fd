//! One end: a pump, and what its caller knows of it from what the operations have said.
//!
//! Over 400 lines: each thing that is known stands with where it is learned and where it ends.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use portcullis::error::{Error, Timer};
use portcullis::pump::{Pump, Wait};
use portcullis::tls::{State, Timeouts};

use super::network::{Lane, Lanes, Pipe, is_ready};
use super::rules;
use super::script::{Act, TIMERS};

/// Each call is printed.
pub static IS_TOLD: AtomicBool = AtomicBool::new(false);

/// What an operation has said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    Done,
    Data(usize),
    End,
    /// `want-read`, `want-write` or `want-context`.
    Want(Error),
    /// A read has taken too long, which ends nothing.
    Late,
    /// The operation is not for this state; the connection goes on.
    Refused(Error),
    Failed(Error),
}

/// A place in what is sent: known, or the end of the first try to write that ends behind it.
#[derive(Clone, Copy, Debug)]
pub enum Place {
    At(u64),
    Behind(u64),
}

impl Place {
    /// Whether all up to the place has left.
    pub fn has_left(&mut self, lane: &Lane) -> bool {
        if let Self::Behind(base) = *self
            && let Some(&end) = lane.offered.iter().find(|end| **end > base)
        {
            *self = Self::At(end);
        }
        matches!(*self, Self::At(end) if lane.left >= end)
    }
}

/// An end, which its caller may have closed.
pub struct Side {
    pub number: usize,
    pub pump: Pump<Pipe>,
    pub lanes: Lanes,
    pub limits: Timeouts,
    /// Plaintext that was taken from the caller, and given to it.
    pub written: u64,
    pub delivered: u64,
    /// How much plaintext is in how much ciphertext.
    pub points: Vec<(u64, u64)>,
    /// Where the plaintext of each write ends.
    pub write_ends: Vec<u64>,
    /// How often the keys were changed since the last plaintext was taken.
    pub new_keys: usize,
    /// When what is waited for began.
    pub handshake_since: Option<Duration>,
    pub read_since: Option<Duration>,
    pub full_since: Option<Duration>,
    pub flush_since: Option<(Duration, Place)>,
    /// The same of a server that writes before the client's Finished.
    pub early_flush_since: Option<(Duration, Place)>,
    pub closing_since: Option<(Duration, Place)>,
    pub unwrap_since: Option<Duration>,
    /// The handshake is done, and its last flight has left.
    pub has_shaken_hands: bool,
    /// It was open once.
    pub was_open: bool,
    /// `close_output` or the like was called after the handshake.
    pub has_closed_output: bool,
    /// The end was read.
    pub has_ended: bool,
    /// Why nothing can be sent any more; why the session has failed.
    pub broken: Option<Error>,
    pub failed: Option<Error>,
    pub is_closed: bool,
    /// A pollable of the output was made since the last operation.
    pub is_output_awaited: bool,
    pub has_begun: bool,
    /// Timers that had run out when an operation was called, which may not have told it.
    pub overdue: Vec<Timer>,
}

impl Side {
    pub fn new(number: usize, pump: Pump<Pipe>, lanes: &Lanes, limits: Timeouts) -> Self {
        Self {
            number,
            pump,
            lanes: Lanes::clone(lanes),
            limits,
            written: 0,
            delivered: 0,
            points: Vec::new(),
            write_ends: Vec::new(),
            new_keys: 0,
            handshake_since: None,
            read_since: None,
            full_since: None,
            flush_since: None,
            early_flush_since: None,
            closing_since: None,
            unwrap_since: None,
            has_shaken_hands: false,
            was_open: false,
            has_closed_output: false,
            has_ended: false,
            broken: None,
            failed: None,
            is_closed: false,
            is_output_awaited: false,
            has_begun: false,
            overdue: Vec::new(),
        }
    }

    pub fn state(&self) -> &State {
        self.pump.session().state()
    }

    pub fn is_handshaking(&self) -> bool {
        *self.state() == State::Handshaking
    }

    /// Since when something of the caller's has waited for room, or to leave.
    pub fn write_since(&self) -> Option<Duration> {
        let flushes = [self.flush_since, self.early_flush_since];
        let flushes = flushes.into_iter().flatten().map(|(since, _)| since);
        self.full_since.into_iter().chain(flushes).min()
    }

    /// What the caller waits for after this `want-`, as `port` does it.
    pub fn wait_after(&self, want: &Error) -> Wait {
        match want {
            Error::WantWrite => self.pump.wait_to_write(),
            _ => self.pump.wait_to_read(),
        }
    }

    pub fn is_ready(&self, wait: Wait) -> bool {
        is_ready(&self.lanes, self.number, wait)
    }

    /// Sets one of the pump's timers, and remembers it.
    pub fn set_limit(&mut self, timer: Timer, limit: Option<u64>) {
        self.limits.set(timer, limit).unwrap();
        self.pump.set_timeout(timer, limit).unwrap();
    }

    /// Runs the operation, checks what it has said and done against what is known, and learns from
    /// it.
    pub fn call(&mut self, act: Act, now: Duration, peer: &Self) -> Result<Said, String> {
        let before = Before::of(self);
        let said = self.run(act, now, peer)?;
        if IS_TOLD.load(Ordering::Relaxed) {
            eprintln!("{now:?} {} {act:?}: {said:?}", self.number);
        }
        self.learn(act, &said, now);
        rules::after_call(self, act, &said, now, &before, peer)
            .map_err(|broken| format!("{act:?} of {} at {now:?}: {broken}", self.number))?;
        let due = TIMERS
            .into_iter()
            .filter(|timer| before.is_due(*timer, self, now));
        self.overdue.extend(due.collect::<Vec<_>>());
        Ok(said)
    }

    /// The same, and again and again while it says that there is nothing to wait for. With `twice`
    /// also once more where it has something to wait for that is not there.
    pub fn call_and_wait(
        &mut self,
        act: Act,
        now: Duration,
        peer: &Self,
        twice: bool,
    ) -> Result<(Said, Wait), String> {
        // What one read from the transport gives is processed in fewer calls.
        const ENOUGH: usize = 300;
        let (mut calls, mut given) = (0, 0);
        while calls < ENOUGH {
            let said = self.call(act, now, peer)?;
            let so_far = self.lanes.borrow()[peer.number].given;
            calls = if so_far > given { 0 } else { calls + 1 };
            given = so_far;
            let Said::Want(want) = &said else {
                return Ok((said, Wait::Nothing));
            };
            if *want == Error::WantContext {
                return Ok((said, Wait::Nothing));
            }
            let wait = self.wait_after(want);
            if wait == Wait::Nothing {
                continue;
            }
            if twice && !self.is_ready(wait) {
                let again = self.call(act, now, peer)?;
                if again != said {
                    return Err(format!(
                        "{act:?} of {} says {said:?} and waits for {wait:?}, which is not there, \
                         and then without it {again:?}",
                        self.number
                    ));
                }
                if self.pump.time_left(now) == Some(Duration::ZERO) {
                    return Err(format!(
                        "{act:?} of {} is to be called at once, however often it is called",
                        self.number
                    ));
                }
            }
            return Ok((said, wait));
        }
        Err(format!(
            "{act:?} of {} wants, with nothing to wait for, and does nothing",
            self.number
        ))
    }

    fn run(&mut self, act: Act, now: Duration, peer: &Self) -> Result<Said, String> {
        let done = |()| Said::Done;
        let result = match act {
            Act::Handshake => self.pump.handshake(now).map(done),
            Act::Read(limit) => match self.pump.read(limit, now) {
                Ok(Some(bytes)) => {
                    self.take(&bytes, limit, peer)?;
                    Ok(Said::Data(bytes.len()))
                }
                Ok(None) => Ok(Said::End),
                Err(error) => Err(error),
            },
            Act::CheckWrite => match self.pump.check_write(now) {
                Ok(0) => return Err("check-write has no room and wants nothing".to_owned()),
                result => result.map(|_| Said::Done),
            },
            Act::Write(length) => {
                let plaintext = plaintext(self.number, self.written, length);
                self.pump.write(&plaintext, now).map(|taken| {
                    self.written += taken as u64;
                    self.write_ends.push(self.written);
                    Said::Data(taken)
                })
            }
            Act::Flush => self.pump.flush(now).map(done),
            Act::UpdateKeys => self.pump.update_keys(now).map(done),
            Act::CloseOutput => self.pump.close_output(now).map(done),
            Act::Unwrap => self.pump.unwrap(now).map(|(pipe, rest)| {
                // Only an alert of a peer that has failed after its close_notify.
                let is_damaged = self.lanes.borrow()[self.number].damaged.is_some();
                assert!(
                    is_damaged || rest.is_empty(),
                    "{} bytes too many",
                    rest.len()
                );
                drop(pipe);
                Said::Done
            }),
            Act::Close => {
                let result = self.pump.shutdown(now);
                if !matches!(result, Err(Error::WantWrite)) {
                    self.pump.release();
                    self.is_closed = true;
                }
                result.map(done)
            }
        };
        let is_failed = matches!(self.state(), State::Failed(_));
        Ok(result.unwrap_or_else(|error| match error {
            Error::WantRead | Error::WantWrite | Error::WantContext => Said::Want(error),
            Error::Timeout(Timer::Read) if !is_failed => Said::Late,
            Error::InvalidArgument(_) | Error::NotSupported(_) => Said::Refused(error),
            Error::Closed if !is_failed => Said::Refused(error),
            error => Said::Failed(error),
        }))
    }

    /// What was read is what the peer has written, in its order.
    fn take(&mut self, bytes: &[u8], limit: usize, peer: &Self) -> Result<(), String> {
        if bytes.is_empty() || bytes.len() > limit {
            return Err(format!("a read of {limit} gave {}", bytes.len()));
        }
        if bytes != plaintext(1 - self.number, self.delivered, bytes.len()) {
            return Err(format!("what was read at {} is wrong", self.delivered));
        }
        let after = self.delivered + bytes.len() as u64;
        let inside = |end: &&u64| **end > self.delivered && **end < after;
        let records = peer.write_ends.iter().filter(inside).count();
        // 128 of this call, and as many that the call before it has left.
        if records > 2 * 128 {
            return Err(format!("one read gave what {records} writes wrote"));
        }
        self.delivered = after;
        Ok(())
    }

    /// Keeps what this operation tells of what is waited for.
    fn learn(&mut self, act: Act, said: &Said, now: Duration) {
        // What an operation waits for now may be more than what it waited for before.
        self.settle(false);
        let was_open = self.was_open;
        self.was_open |= !matches!(self.state(), State::Handshaking | State::Failed(_));
        let lanes = self.lanes.borrow();
        let lane = &lanes[self.number];
        let session = self.pump.session();
        self.is_output_awaited = false;
        if act != Act::Close || self.was_open {
            self.has_begun = true;
            self.handshake_since.get_or_insert(now);
        }
        let end = match session.has_ciphertext() {
            true => Place::Behind(lane.last_offer()),
            false => Place::At(lane.last_offer()),
        };
        if self.was_open {
            if matches!(act, Act::CloseOutput | Act::Close | Act::Unwrap) {
                self.has_closed_output |= !matches!(said, Said::Refused(_))
                    || matches!(session.state(), State::WriteClosed | State::Closed);
            }
            match (act, said) {
                (
                    Act::CheckWrite | Act::Write(_) | Act::UpdateKeys,
                    Said::Want(Error::WantWrite),
                ) => {
                    self.full_since.get_or_insert(now);
                }
                (Act::Flush, Said::Want(Error::WantWrite)) => {
                    self.flush_since.get_or_insert((now, end));
                }
                (Act::CloseOutput | Act::Close | Act::Unwrap, Said::Want(Error::WantWrite)) => {
                    self.closing_since.get_or_insert((now, end));
                }
                (Act::Unwrap, Said::Want(Error::WantRead)) => {
                    self.unwrap_since.get_or_insert(now);
                }
                (Act::Unwrap, Said::Done) => self.is_closed = true,
                (Act::Unwrap, Said::Refused(_)) => self.unwrap_since = None,
                _ => {}
            }
        } else if act != Act::Flush && said == &Said::Want(Error::WantWrite) && session.room() == 0
        {
            // A server that writes before the client's Finished.
            self.full_since.get_or_insert(now);
        } else if act == Act::Flush && said == &Said::Want(Error::WantWrite) {
            // What it waits for may be the handshake's at first, and then its own.
            let (since, _) = self.early_flush_since.unwrap_or((now, end));
            self.early_flush_since = Some((since, end));
        }
        match (act, said) {
            (Act::Read(_), Said::Want(Error::WantRead)) if !session.is_handshaking() => {
                self.read_since.get_or_insert(now);
            }
            (Act::Read(_), Said::Data(_) | Said::End | Said::Late) => self.read_since = None,
            _ => {}
        }
        self.has_ended |= said == &Said::End;
        if let Said::Failed(error) = said {
            match session.state() {
                State::Failed(_) => self.failed = Some(error.clone()),
                _ => self.broken = self.broken.take().or_else(|| Some(error.clone())),
            }
        }
        if !session.has_ciphertext() && self.broken.is_none() {
            self.points.push((lane.last_offer(), self.written));
        }
        // What waits is sent as the next operation begins.
        let is_idle =
            was_open && lane.has_room() && !lane.is_broken && lane.left == lane.last_offer();
        drop(lanes);
        self.settle(is_idle);
    }

    /// Forgets what has ended meanwhile.
    pub fn settle(&mut self, is_idle: bool) {
        let session = self.pump.session();
        let lane = &self.lanes.borrow()[self.number];
        self.has_shaken_hands |= is_idle && !session.is_handshaking();
        if session.is_readable() {
            self.read_since = None;
        }
        if session.room() > 0 {
            self.full_since = None;
        }
        for since in [
            &mut self.flush_since,
            &mut self.early_flush_since,
            &mut self.closing_since,
        ] {
            *since = since.take_if(|(_, place)| !place.has_left(lane));
        }
        if *session.state() == State::Closed {
            self.unwrap_since = None;
        }
    }
}

/// What an operation finds.
pub struct Before {
    pub is_handshaking: bool,
    pub taken: u64,
    pub failed: Option<Error>,
    pub broken: Option<Error>,
    pub has_room: bool,
    pub handshake_since: Option<Duration>,
    pub read_since: Option<Duration>,
    pub write_since: Option<Duration>,
    pub shutdown_since: Option<Duration>,
    pub is_unwrapping: bool,
}

impl Before {
    /// Since when the timer has run, if it has.
    pub fn since(&self, timer: Timer) -> Option<Duration> {
        match timer {
            Timer::Handshake => self.handshake_since,
            Timer::Read => self.read_since,
            Timer::Shutdown => self.shutdown_since,
            _ => self.write_since,
        }
    }

    pub fn is_due(&self, timer: Timer, side: &Side, now: Duration) -> bool {
        let limit = side.limits.get(timer).map(Duration::from_millis);
        matches!((self.since(timer), limit), (Some(since), Some(limit)) if since + limit <= now)
    }

    fn of(side: &mut Side) -> Self {
        side.settle(false);
        let mut lanes = side.lanes.borrow_mut();
        let lane = &mut lanes[side.number];
        lane.vain_writes = 0;
        let before = Self {
            is_handshaking: side.pump.session().is_handshaking(),
            taken: lane.taken,
            failed: side.failed.clone(),
            broken: side.broken.clone(),
            has_room: lane.has_room() && lane.budget == usize::MAX && !lane.is_late,
            handshake_since: side.handshake_since.filter(|_| !side.has_shaken_hands),
            read_since: side.read_since,
            write_since: side.write_since(),
            shutdown_since: first(
                side.unwrap_since,
                side.closing_since.map(|(since, _)| since),
            ),
            is_unwrapping: side.unwrap_since.is_some(),
        };
        let input = &mut lanes[1 - side.number];
        (input.reads, input.records) = (0, 0);
        before
    }
}

fn first(one: Option<Duration>, other: Option<Duration>) -> Option<Duration> {
    [one, other].into_iter().flatten().min()
}

/// The bytes that an end writes from there on.
pub fn plaintext(side: usize, from: u64, length: usize) -> Vec<u8> {
    (from..from + length as u64)
        .map(|at| (at.wrapping_mul(0x9e37_79b9) >> 16) as u8 ^ side as u8)
        .collect()
}
