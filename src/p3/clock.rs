//! The monotonic clock of wasi:clocks.

use std::time::Duration;

use crate::resources::bindings::wasi::clocks0_3_0::monotonic_clock;
use crate::timers::Moment;

/// The current moment.
pub(crate) fn now() -> Moment {
    Duration::from_nanos(monotonic_clock::now())
}

/// Waits until this moment.
pub(crate) async fn until(moment: Moment) {
    let mark = u64::try_from(moment.as_nanos()).unwrap_or(u64::MAX);
    monotonic_clock::wait_until(mark).await;
}
