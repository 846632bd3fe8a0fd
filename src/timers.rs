//! Layer 2: the limits of one connection. Each is a total from its start; nothing prolongs it.

use std::time::Duration;

use crate::tls::{Timeouts, Timer};

/// A moment, as the time since some start that is the same for all moments compared.
pub type Moment = Duration;

/// The timers of one connection.
#[derive(Clone, Debug)]
pub struct Timers {
    limits: Timeouts,
    /// When each of the running ones started.
    running: Vec<(Timer, Moment)>,
}

impl Timers {
    /// None runs yet.
    #[must_use]
    pub fn new(limits: Timeouts) -> Self {
        Self {
            limits,
            running: Vec::new(),
        }
    }

    /// The limits.
    #[must_use]
    pub fn limits(&self) -> Timeouts {
        self.limits
    }

    /// Change a limit; a timer that runs keeps its start.
    pub fn set_limit(&mut self, timer: Timer, milliseconds: Option<u64>) {
        self.limits.set(timer, milliseconds);
    }

    /// Start a timer; one that runs goes on.
    pub fn start(&mut self, timer: Timer, now: Moment) {
        if !self.running.iter().any(|(running, _)| *running == timer) {
            self.running.push((timer, now));
        }
    }

    /// Stop a timer, if it runs.
    pub fn stop(&mut self, timer: Timer) {
        self.running.retain(|(running, _)| *running != timer);
    }

    /// Whether a timer runs and has run out.
    #[must_use]
    pub fn has_run_out(&self, timer: Timer, now: Moment) -> bool {
        self.running
            .iter()
            .filter(|(running, _)| *running == timer)
            .any(|running| self.left(running, now) == Some(Duration::ZERO))
    }

    /// Time until the first of the running timers runs out.
    #[must_use]
    pub fn time_left(&self, now: Moment) -> Option<Duration> {
        self.running
            .iter()
            .filter_map(|running| self.left(running, now))
            .min()
    }

    fn left(&self, (timer, since): &(Timer, Moment), now: Moment) -> Option<Duration> {
        let limit = match timer {
            Timer::Connect => self.limits.connect,
            Timer::Handshake => self.limits.handshake,
            Timer::Read => self.limits.read,
            Timer::Shutdown => self.limits.shutdown,
            Timer::Write => self.limits.write,
        };
        let end = since.saturating_add(Duration::from_millis(limit?));
        Some(end.saturating_sub(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn starting_again_does_not_prolong() {
        let mut timers = Timers::new(Timeouts {
            read: Some(2000),
            ..Timeouts::default()
        });
        timers.start(Timer::Read, SECOND);
        timers.start(Timer::Read, 2 * SECOND);
        assert!(!timers.has_run_out(Timer::Read, 2 * SECOND));
        assert!(timers.has_run_out(Timer::Read, 3 * SECOND));
        timers.stop(Timer::Read);
        assert!(!timers.has_run_out(Timer::Read, 9 * SECOND));
    }

    #[test]
    fn time_left_is_of_the_first_to_run_out_and_unlimited_timers_do_not_count() {
        let limits = Timeouts {
            read: Some(5000),
            write: None,
            ..Timeouts::default()
        };
        let mut timers = Timers::new(limits);
        assert_eq!(timers.time_left(SECOND), None);
        timers.start(Timer::Write, SECOND);
        assert_eq!(timers.time_left(SECOND), None);
        timers.start(Timer::Handshake, SECOND);
        timers.start(Timer::Read, SECOND);
        assert_eq!(timers.time_left(2 * SECOND), Some(4 * SECOND));
    }
}
