//! The state of a port, what its operations wait for, and for how long.

use std::time::Duration;

use portcullis::error::Error;
use portcullis::pump::{Pump, Wait};
use portcullis::timers::{Moment, Timers};
use portcullis::tls::{Facts, Session, View as Seen, Viewed};

use super::super::net::{Connector, Streams};

/// The state of a port's connection.
pub(super) enum State {
    /// Entered by `connect`; leaves to `Connected`, `Broken` or `Closed`.
    Connecting(Box<Connecting>),
    /// Handshake, data and failures of the session; leaves to `Closed`.
    Connected(Box<Pump<Streams>>),
    /// No connection could be made; leaves to `Closed`.
    Broken(Error),
    /// Terminal; the facts of the session stay known.
    Closed(Box<Facts>),
}

pub(super) struct Connecting {
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
    fn view(&self) -> Seen<'_> {
        match self {
            Self::Connecting(_) => Seen::Awaited,
            Self::Connected(pump) => Seen::Live(pump.session()),
            Self::Broken(_) => Seen::Nothing,
            Self::Closed(facts) => Seen::Kept(facts),
        }
    }
}

impl State {
    /// A placeholder while one state is exchanged for the next.
    pub(super) fn nowhere() -> Self {
        Self::Closed(Box::default())
    }

    /// Whether there is a transport that was given up.
    pub(super) fn is_over(&self) -> bool {
        match self {
            Self::Connected(pump) => pump.transport().is_none_or(Streams::is_over),
            Self::Connecting(_) | Self::Broken(_) => false,
            Self::Closed(_) => true,
        }
    }

    /// How long a wait for all that is awaited may last.
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
