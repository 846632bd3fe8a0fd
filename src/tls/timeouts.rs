//! The limits of timers.

use crate::error::{Error, Timer};

/// Limits in milliseconds; `None` is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For `Timer::Connect`.
    pub connect: Option<u64>,
    /// For `Timer::Handshake`.
    pub handshake: Option<u64>,
    /// For `Timer::Read`.
    pub read: Option<u64>,
    /// For `Timer::Shutdown`.
    pub shutdown: Option<u64>,
    /// For `Timer::Write`.
    pub write: Option<u64>,
}

/// As long as browsers and package managers wait for a name whose addresses do not answer.
const HALF_A_MINUTE_MS: u64 = 30_000;

/// The seed's two minutes (P1, P2).
const TWO_MINUTES_MS: u64 = 120_000;

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Some(HALF_A_MINUTE_MS),
            handshake: Some(TWO_MINUTES_MS),
            read: None,
            shutdown: Some(TWO_MINUTES_MS),
            write: None,
        }
    }
}

impl Timeouts {
    /// The limit of one timer.
    #[must_use]
    pub fn get(&self, timer: Timer) -> Option<u64> {
        match timer {
            Timer::Connect => self.connect,
            Timer::Handshake => self.handshake,
            Timer::Read => self.read,
            Timer::Shutdown => self.shutdown,
            Timer::Write => self.write,
            Timer::Resolve | Timer::Idle | Timer::Accept => None,
        }
    }

    /// Set the limit of one timer.
    ///
    /// # Errors
    /// `NotSupported`: nothing would start this timer.
    pub fn set(&mut self, timer: Timer, milliseconds: Option<u64>) -> Result<(), Error> {
        let unknown = |name| Err(Error::NotSupported(format!("a timer for {name}")));
        match timer {
            Timer::Connect => self.connect = milliseconds,
            Timer::Handshake => self.handshake = milliseconds,
            Timer::Read => self.read = milliseconds,
            Timer::Shutdown => self.shutdown = milliseconds,
            Timer::Write => self.write = milliseconds,
            Timer::Resolve => return unknown("name resolution alone"),
            Timer::Idle => return unknown("silence"),
            Timer::Accept => return unknown("accepting"),
        }
        Ok(())
    }
}
