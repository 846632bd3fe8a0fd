//! The monotonic clock of a store.

use std::time::Duration;

use portcullis::timers::Moment;
use wasmtime::Result;
use wasmtime::component::Resource;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::clocks::WasiClocksView as _;
use wasmtime_wasi::p2::bindings::clocks::monotonic_clock;
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};

use super::view::View;

impl View<'_> {
    /// The current moment of the store's monotonic clock.
    pub(super) fn now(&mut self) -> Result<Moment> {
        let nanoseconds = monotonic_clock::Host::now(&mut self.clocks())?;
        Ok(Duration::from_nanos(nanoseconds))
    }

    /// A pollable that becomes ready after `left`; at once if that is zero.
    pub(super) fn after(&mut self, left: Duration) -> Result<Resource<DynPollable>> {
        if left.is_zero() {
            let now = self.table().push(Now)?;
            return subscribe(self.table(), now);
        }
        let nanoseconds = u64::try_from(left.as_nanos()).unwrap_or(u64::MAX);
        monotonic_clock::Host::subscribe_duration(&mut self.clocks(), nanoseconds)
    }
}

/// Ready at every look.
struct Now;

#[async_trait]
impl Pollable for Now {
    async fn ready(&mut self) {}
}
