//! The monotonic clock of wasi:clocks.

use std::time::Duration;

use wasi::clocks::monotonic_clock;
use wasi::io::poll::{Pollable, poll};

use crate::timers::Moment;

/// The current moment.
pub(crate) fn now() -> Moment {
    Duration::from_nanos(monotonic_clock::now())
}

/// A pollable that becomes ready after `left`. If that is zero, it is ready at the first look.
pub(crate) fn after(left: Duration) -> Pollable {
    let nanoseconds = u64::try_from(left.as_nanos()).unwrap_or(u64::MAX);
    let pollable = monotonic_clock::subscribe_duration(nanoseconds);
    if left.is_zero() {
        // In wasmtime 48 such a pollable is ready from the second look on, so the first look is
        // taken here. A caller whose other pollables are always ready gives each new pollable only
        // one look, and would never see this one ready.
        pollable.ready();
    }
    pollable
}

/// Lets the host's other tasks run, and waits no longer than for the clock's next tick. Where the host's
/// task has used up its budget, this gives it a new one: then what is ready says so again.
pub(crate) fn turn(pollable: &Pollable) {
    poll(&[pollable, &after(Duration::from_nanos(1))]);
}
