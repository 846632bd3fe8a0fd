//! The timers of one connection. The limit of each is a total, from the start of what it limits;
//! nothing prolongs it.

use std::time::Duration;

use crate::error::{Error, Timer};
use crate::tls::Timeouts;

/// A moment, as the time since some start that is the same for all moments compared.
pub type Moment = Duration;

/// What a timer limits. The timer runs only as long as the condition lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// There is no connection yet.
    Connecting,
    /// The handshake is not done, or the transport has not taken its last flight.
    Handshaking,
    /// A read found nothing, and nothing has come since.
    Reading,
    /// A write found no room, and there has been none since.
    Full,
    /// Bytes that were unsent when a flush was called have not left.
    Flushing,
    /// close_notify has not left.
    Closing,
    /// The peer's close_notify has not come, and the transport is to go on in the clear.
    Unwrapping,
}

impl Condition {
    /// The timer that limits the condition.
    #[must_use]
    pub fn timer(self) -> Timer {
        match self {
            Self::Connecting => Timer::Connect,
            Self::Handshaking => Timer::Handshake,
            Self::Reading => Timer::Read,
            Self::Full | Self::Flushing => Timer::Write,
            Self::Closing | Self::Unwrapping => Timer::Shutdown,
        }
    }
}

/// The timers of one connection.
#[derive(Clone, Debug)]
pub struct Timers {
    limits: Timeouts,
    running: Vec<Running>,
}

#[derive(Clone, Debug)]
struct Running {
    condition: Condition,
    since: Moment,
    /// It has run out, and an operation that it does not concern was called since.
    reminder: Option<Reminder>,
}

/// When a timer that has run out is worth another call. The caller may have given up what the timer
/// limits, and must not be woken all the time; or it may still wait for that, and must be woken.
#[derive(Clone, Copy, Debug)]
struct Reminder {
    due: Moment,
    pause: Duration,
}

impl Reminder {
    const SHORTEST: Duration = Duration::from_millis(1);
    const LONGEST: Duration = Duration::from_secs(1);

    /// The first one, or the one after `last`: each pause is twice as long.
    fn after(last: Option<Self>, now: Moment) -> Self {
        let pause = match last {
            None => Self::SHORTEST,
            Some(last) if last.due > now => return last,
            Some(last) => last.pause.saturating_mul(2).min(Self::LONGEST),
        };
        Self {
            due: now.saturating_add(pause),
            pause,
        }
    }
}

impl Timers {
    /// The timers of a connection, none of which runs yet.
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
    ///
    /// # Errors
    /// `NotSupported`: nothing would start this timer.
    pub fn set_limit(&mut self, timer: Timer, milliseconds: Option<u64>) -> Result<(), Error> {
        self.limits.set(timer, milliseconds)
    }

    /// The condition begins. If it lasts already, its timer keeps its start.
    pub fn start(&mut self, condition: Condition, now: Moment) {
        if !self.is_running(condition) {
            self.running.push(Running {
                condition,
                since: now,
                reminder: None,
            });
        }
    }

    /// The condition has ended, if it lasted.
    pub fn stop(&mut self, condition: Condition) {
        self.running
            .retain(|running| running.condition != condition);
    }

    /// Every condition has ended but those in `lasting`.
    pub fn stop_all_but(&mut self, lasting: &[Condition]) {
        self.running
            .retain(|running| lasting.contains(&running.condition));
    }

    /// Whether the condition lasts.
    #[must_use]
    pub fn is_running(&self, condition: Condition) -> bool {
        self.running
            .iter()
            .any(|running| running.condition == condition)
    }

    /// Whether the condition has lasted too long.
    #[must_use]
    pub fn has_run_out(&self, condition: Condition, now: Moment) -> bool {
        self.running
            .iter()
            .filter(|running| running.condition == condition)
            .any(|running| self.left(running, now) == Some(Duration::ZERO))
    }

    /// An operation was called that the condition does not concern. If its timer has run out,
    /// `time_left` counts it from now on after pauses, which grow from a millisecond to a second.
    pub fn pass_over(&mut self, condition: Condition, now: Moment) {
        if self.has_run_out(condition, now) {
            for running in &mut self.running {
                if running.condition == condition {
                    running.reminder = Some(Reminder::after(running.reminder, now));
                }
            }
        }
    }

    /// Time until the first of the running timers runs out.
    #[must_use]
    pub fn time_left(&self, now: Moment) -> Option<Duration> {
        self.running
            .iter()
            .filter_map(|running| {
                let left = self.left(running, now)?;
                let reminder = running.reminder.filter(|_| left.is_zero());
                Some(reminder.map_or(left, |reminder| reminder.due.saturating_sub(now)))
            })
            .min()
    }

    fn left(&self, running: &Running, now: Moment) -> Option<Duration> {
        let limit = self.limits.get(running.condition.timer())?;
        let end = running.since.saturating_add(Duration::from_millis(limit));
        Some(end.saturating_sub(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn starting_again_does_not_prolong() {
        let limits = Timeouts {
            read: Some(2000),
            ..Timeouts::default()
        };
        let mut timers = Timers::new(limits);
        assert!(!timers.has_run_out(Condition::Reading, SECOND));
        timers.start(Condition::Reading, SECOND);
        timers.start(Condition::Reading, 2 * SECOND);
        assert!(!timers.has_run_out(Condition::Reading, 2 * SECOND));
        assert!(timers.has_run_out(Condition::Reading, 3 * SECOND));
        timers.stop(Condition::Reading);
        assert!(!timers.has_run_out(Condition::Reading, 9 * SECOND));
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
        timers.start(Condition::Full, SECOND);
        assert_eq!(timers.time_left(SECOND), None);
        timers.start(Condition::Handshaking, SECOND);
        timers.start(Condition::Reading, SECOND);
        assert_eq!(timers.time_left(2 * SECOND), Some(4 * SECOND));
    }

    #[test]
    fn two_conditions_of_one_timer_have_a_start_each() {
        let limits = Timeouts {
            write: Some(5000),
            ..Timeouts::default()
        };
        let mut timers = Timers::new(limits);
        timers.start(Condition::Full, SECOND);
        timers.start(Condition::Flushing, 3 * SECOND);
        assert_eq!(timers.time_left(4 * SECOND), Some(2 * SECOND));
        timers.stop(Condition::Full);
        assert_eq!(timers.time_left(4 * SECOND), Some(4 * SECOND));
    }

    #[test]
    fn what_has_run_out_and_was_passed_over_is_due_after_growing_pauses() {
        let limits = Timeouts {
            read: Some(2000),
            ..Timeouts::default()
        };
        let mut timers = Timers::new(limits);
        timers.start(Condition::Reading, SECOND);
        timers.pass_over(Condition::Reading, 2 * SECOND);
        assert_eq!(timers.time_left(2 * SECOND), Some(SECOND));
        let mut now = 3 * SECOND;
        assert_eq!(timers.time_left(now), Some(Duration::ZERO));
        for pause in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000, 1000] {
            timers.pass_over(Condition::Reading, now);
            // Being passed over again does not put it off.
            timers.pass_over(Condition::Reading, now);
            let pause = Duration::from_millis(pause);
            assert_eq!(timers.time_left(now), Some(pause));
            now += pause;
            assert_eq!(timers.time_left(now), Some(Duration::ZERO));
        }
        assert!(timers.has_run_out(Condition::Reading, now));
    }
}
