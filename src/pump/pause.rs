//! When to try the transport's output again, for callers who wait for its input alone.

use std::time::Duration;

use crate::timers::Moment;

/// The first pause: a peer that reads makes room in less.
const FIRST: Duration = Duration::from_millis(1);

/// The longest pause: one call a second costs little, even with a thousand connections. No honest
/// peer waits longer for the last bytes.
const LAST: Duration = Duration::from_secs(1);

/// Pauses that double while the output takes nothing.
pub(super) struct Pause {
    length: Duration,
    end: Moment,
}

impl Pause {
    pub(super) fn new() -> Self {
        Self {
            length: FIRST,
            end: Moment::ZERO,
        }
    }

    /// Notes that the output was tried. `is_moving` says whether it took anything.
    pub(super) fn tried(&mut self, is_moving: bool, now: Moment) {
        if is_moving {
            self.length = FIRST;
        } else if now < self.end {
            // Tried before the pause was over, which says nothing of how long it will take.
            return;
        } else {
            self.length = self.length.saturating_mul(2).min(LAST);
        }
        self.end = now.saturating_add(self.length);
    }

    pub(super) fn left(&self, now: Moment) -> Duration {
        self.end.saturating_sub(now)
    }
}
