//! One connection, as those share it who move its bytes. They wait for each other here.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::mem::replace;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use futures_util::future::{Either, select};
use wit_bindgen::{FutureReader, StreamReader, StreamWriter};

use super::clock;
use crate::engine::Engine;
use crate::error::Error;
use crate::resources::bindings::exports::portcullis::tls::session::Session as SessionHandle;
use crate::resources::bindings::exports::portcullis::tls::types::Error as WitError;
use crate::resources::engine::EngineOfContext;
use crate::timers::{Condition, Moment, Timers};
use crate::tls::{Config, State};

/// How often those who move the bytes of a connection look at each other's changes in one go.
const ROUNDS: u32 = 64;

/// A connection whose ciphertext and plaintext are moved by several futures of one task.
pub(crate) struct Link {
    engine: EngineOfContext,
    timers: RefCell<Timers>,
    /// How often something has happened that somebody may wait for.
    changes: Cell<u64>,
    /// All that was to be sent has left, close_notify with it.
    has_left: Cell<bool>,
    /// What goes on in the clear behind TLS, if anything does.
    pub(super) unwrapping: RefCell<Unwrapping>,
}

/// The way out of TLS.
pub(super) enum Unwrapping {
    /// Nobody has asked for it.
    No,
    /// Leaves to `Over`.
    Asked {
        /// What is to be sent in the clear.
        cleartext: StreamReader<u8>,
        /// Brings nothing; its end says that there is an answer.
        answered: StreamWriter<u8>,
    },
    /// With what comes in the clear, and how that ended, where it was successful. Leaves nowhere.
    Over(Option<Cleartext>),
}

/// What comes from the peer, and how it ended.
pub(super) type Cleartext = (StreamReader<u8>, FutureReader<Result<(), WitError>>);

/// How many changes there were when somebody looked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen(u64);

impl Link {
    pub(crate) fn new(config: &Arc<Config>, host: Option<&str>) -> Result<Self, Error> {
        let link = Self {
            engine: EngineOfContext::new(config, host)?,
            timers: RefCell::new(Timers::new(config.timeouts())),
            changes: Cell::new(0),
            has_left: Cell::new(false),
            unwrapping: RefCell::new(Unwrapping::No),
        };
        Ok(link)
    }

    pub(crate) fn session(&self) -> SessionHandle {
        self.engine.session()
    }

    /// Does something that others do not wait for.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&mut Engine) -> T) -> Result<T, Error> {
        self.engine.operate(look)
    }

    /// Does something that others may wait for.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Engine) -> T) -> Result<T, Error> {
        let result = self.look(change);
        self.tell();
        result
    }

    /// Tries until it succeeds or fails, each time after something has changed. `condition` lasts
    /// while it waits.
    pub(crate) async fn attempt<T>(
        &self,
        condition: Option<Condition>,
        mut attempt: impl FnMut(&mut Engine) -> Result<T, Error>,
    ) -> Result<T, Error> {
        loop {
            let seen = self.seen();
            let result = self.look(&mut attempt).and_then(|result| result);
            match result {
                // The facts of the session tell it.
                Err(Error::EarlyDataRejected) => {}
                Err(Error::WantRead | Error::WantWrite) => {
                    if let Some(condition) = condition {
                        self.start(condition);
                    }
                    self.wait(seen).await;
                }
                result => {
                    if let Some(condition) = condition {
                        self.stop(condition);
                    }
                    self.tell();
                    return result;
                }
            }
        }
    }

    /// The connection has failed, if nothing else has ended it before.
    pub(crate) fn fail(&self, failure: Error) {
        let _ = self.change(|engine| {
            if !matches!(engine.session().state(), State::Failed(_) | State::Closed) {
                engine.fail(failure);
            }
        });
    }

    /// What has ended the connection, if it has failed.
    pub(crate) fn failure(&self) -> Option<Error> {
        let failure = self.look(|engine| match engine.session().state() {
            State::Failed(error) => Some(error.clone()),
            _ => None,
        });
        failure.unwrap_or(Some(Error::Closed))
    }

    /// Waits until the connection has failed.
    pub(crate) async fn failed(&self) -> Error {
        loop {
            let seen = self.seen();
            match self.failure() {
                Some(error) => return error,
                None => self.wait(seen).await,
            }
        }
    }

    /// Waits until it has failed, or until the caller wants out of TLS: then there is no failure.
    pub(super) async fn interrupted(&self) -> Option<Error> {
        loop {
            let seen = self.seen();
            let failure = self.failure();
            if failure.is_some() || self.is_unwrapping() {
                return failure;
            }
            self.wait(seen).await;
        }
    }

    /// Whether the connection goes on in the clear.
    pub(super) fn is_unwrapping(&self) -> bool {
        matches!(*self.unwrapping.borrow(), Unwrapping::Asked { .. })
    }

    /// All that was to be sent has left.
    pub(crate) fn leave(&self) {
        self.has_left.set(true);
        self.stop(Condition::Closing);
        self.tell();
    }

    /// Waits until all that was to be sent has left.
    pub(crate) async fn left(&self) -> Result<(), Error> {
        loop {
            let seen = self.seen();
            if self.has_left.get() {
                return Ok(());
            }
            match self.failure() {
                Some(error) => return Err(error),
                None => self.wait(seen).await,
            }
        }
    }

    // Changes.

    pub(crate) fn seen(&self) -> Seen {
        Seen(self.changes.get())
    }

    /// Something has changed.
    pub(crate) fn tell(&self) {
        self.changes.set(self.changes.get().wrapping_add(1));
    }

    /// Runs all that moves the bytes of the connection, each time until nothing changes any more: whoever
    /// waits for a change waits in here. A future that woke its own task would be polled again by way of
    /// the host and its scheduler, which takes microseconds.
    pub(super) async fn settle<All: Future + Unpin>(&self, mut all: All) -> All::Output {
        poll_fn(|task| {
            for _ in 0..ROUNDS {
                let seen = self.seen();
                let polled = Pin::new(&mut all).poll(task);
                if polled.is_ready() || self.seen() == seen {
                    return polled;
                }
            }
            // The others of the instance have their turn.
            task.waker().wake_by_ref();
            Poll::Pending
        })
        .await
    }

    /// Tells of a change, and lets the others see it before this one goes on. Asking for more costs a call,
    /// which what is there already is not to wait for.
    pub(super) async fn pass(&self) {
        self.tell();
        let mut has_passed = false;
        poll_fn(|_| match replace(&mut has_passed, true) {
            true => Poll::Ready(()),
            // `settle` comes back, for something has changed.
            false => Poll::Pending,
        })
        .await;
    }

    /// Waits for a change since then. `settle` comes back after each.
    pub(crate) async fn wait(&self, seen: Seen) {
        poll_fn(|_| match self.seen() == seen {
            true => Poll::Pending,
            false => Poll::Ready(()),
        })
        .await;
    }

    // Timers.

    pub(crate) fn start(&self, condition: Condition) {
        let mut timers = self.timers.borrow_mut();
        // The clock is asked of the host, so not for a timer that never runs out.
        let is_limited = timers.limits().get(condition.timer()).is_some();
        if is_limited && !timers.is_running(condition) {
            timers.start(condition, clock::now());
        }
    }

    pub(crate) fn stop(&self, condition: Condition) {
        self.timers.borrow_mut().stop(condition);
    }

    /// Fails the connection when a timer runs out. Ends when what is left of the connection is not
    /// worth waiting for: its peer takes nothing.
    pub(crate) async fn watch(&self) {
        let mut alarm: Option<(Moment, _)> = None;
        loop {
            let seen = self.seen();
            if self.failure().is_some() {
                // An alert may be left, for a peer that takes nothing.
                self.start(Condition::Closing);
            }
            let due = self.due();
            if let Some(Due::Now(condition)) = due {
                self.stop(condition);
                self.fail(Error::Timeout(condition.timer()));
                if matches!(condition, Condition::Full | Condition::Closing) {
                    return;
                }
                continue;
            }
            // An alarm that comes too early is kept: making one costs a call for each change.
            match (due, &alarm) {
                (Some(Due::At(moment)), Some((set, _))) if *set <= moment => {}
                (Some(Due::At(moment)), _) => {
                    alarm = Some((moment, Box::pin(clock::until(moment))))
                }
                _ => {}
            }
            match &mut alarm {
                None => self.wait(seen).await,
                Some((_, rings)) => {
                    if let Either::Left(_) = select(rings, pin!(self.wait(seen))).await {
                        alarm = None;
                    }
                }
            }
        }
    }

    /// The condition that has lasted too long, or the moment when the first one will have.
    fn due(&self) -> Option<Due> {
        const ALL: [Condition; 5] = [
            Condition::Handshaking,
            Condition::Reading,
            Condition::Full,
            Condition::Closing,
            Condition::Unwrapping,
        ];
        let timers = self.timers.borrow();
        if !ALL.iter().any(|condition| timers.is_running(*condition)) {
            return None;
        }
        let now = clock::now();
        match ALL
            .into_iter()
            .find(|condition| timers.has_run_out(*condition, now))
        {
            Some(condition) => Some(Due::Now(condition)),
            None => Some(Due::At(now.saturating_add(timers.time_left(now)?))),
        }
    }
}

enum Due {
    Now(Condition),
    At(Moment),
}
