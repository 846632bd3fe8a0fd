//! The state of a port, what its operations wait for, and for how long.

use std::time::Duration;

use wasi::io::poll::Pollable;

use crate::error::Error;
use crate::p2::net::{Connector, Streams};
use crate::pump::{Pump, Wait};
use crate::timers::{Moment, Timers};
use crate::tls::{Facts, Session, View, Viewed};

/// The state of a port's connection.
pub(crate) enum State {
    /// Entered by `connect`; leaves to `Connected`, `Broken` or `Closed`.
    Connecting(Box<Connecting>),
    /// Handshake, data and failures of the session; leaves to `Closed`.
    Connected(Box<Pump<Streams>>),
    /// No connection could be made; leaves to `Closed`.
    Broken(Error),
    /// Terminal; the facts of the session stay known.
    Closed(Box<Facts>),
}

pub(crate) struct Connecting {
    pub(super) connector: Connector,
    pub(super) session: Session,
    pub(super) timers: Timers,
}

/// What an operation of a port waits for.
#[derive(Clone, Copy)]
pub(super) enum Interest {
    Read,
    Write,
}

impl Interest {
    pub(super) fn of(self, pump: &Pump<Streams>) -> Wait {
        match self {
            Self::Read => pump.wait_to_read(),
            Self::Write => pump.wait_to_write(),
        }
    }

    /// The part of a wait that one pollable can stand for. `time-left` sees to the rest.
    pub(super) fn one_of(self, wait: Wait) -> Wait {
        match (self, wait) {
            (Self::Read, Wait::Both) => Wait::Input,
            (Self::Write, Wait::Both) => Wait::Output,
            (_, wait) => wait,
        }
    }
}

impl Viewed for State {
    fn view(&self) -> View<'_> {
        match self {
            Self::Connecting(_) => View::Awaited,
            Self::Connected(pump) => View::Live(pump.session()),
            Self::Broken(_) => View::Nothing,
            Self::Closed(facts) => View::Kept(facts),
        }
    }
}

impl State {
    /// A placeholder while one state is exchanged for the next.
    pub(super) fn nowhere() -> Self {
        Self::Closed(Box::default())
    }

    /// The pollables to wait for, whichever is ready first; none if there is nothing to wait for.
    pub(super) fn pollables(&self, interest: Interest) -> Vec<Pollable> {
        let (transport, wait) = match self {
            Self::Connecting(connecting) => return connecting.connector.pollables(),
            Self::Connected(pump) => (pump.transport(), interest.of(pump)),
            Self::Broken(_) | Self::Closed(_) => return Vec::new(),
        };
        let waits: &[Wait] = match wait {
            Wait::Both => &[Wait::Input, Wait::Output],
            Wait::Input => &[Wait::Input],
            Wait::Output => &[Wait::Output],
            Wait::Nothing => &[],
        };
        let pollables = waits
            .iter()
            .filter_map(|wait| transport.and_then(|transport| transport.pollable(*wait)));
        pollables.collect()
    }

    /// How long a wait for all of `pollables` may last.
    pub(super) fn timer_left(&mut self, now: Moment) -> Option<Duration> {
        match self {
            Self::Connecting(connecting) => {
                let timer = connecting.timers.time_left(now);
                let attempt = connecting.connector.time_left(now);
                timer.into_iter().chain(attempt).min()
            }
            Self::Connected(pump) => pump.timer_left(now),
            Self::Broken(_) | Self::Closed(_) => None,
        }
    }

    /// How long a wait for one pollable may last.
    pub(super) fn time_left(&mut self, now: Moment) -> Option<Duration> {
        match self {
            Self::Connected(pump) => pump.time_left(now),
            other => other.timer_left(now),
        }
    }
}
