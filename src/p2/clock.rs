//! The monotonic clock of wasi:clocks.

use std::time::Duration;

use wasi::clocks::monotonic_clock;
use wasi::io::poll::Pollable;

use crate::timers::Moment;

/// The moment it is.
pub(crate) fn now() -> Moment {
    Duration::from_nanos(monotonic_clock::now())
}

/// A pollable that becomes ready when so long has passed. After no time it is ready at the first look.
pub(crate) fn after(left: Duration) -> Pollable {
    let nanoseconds = u64::try_from(left.as_nanos()).unwrap_or(u64::MAX);
    let pollable = monotonic_clock::subscribe_duration(nanoseconds);
    if left.is_zero() {
        // wasmtime 48 has it ready from the second look on. A caller whose other pollables are ready
        // all the time gives each new pollable one look, and would never hear of this one.
        pollable.ready();
    }
    pollable
}
