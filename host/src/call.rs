//! One `tracing` event for each call of a linked guest into the component.

use std::time::Instant;

use wasmtime::Result;
use wasmtime::component::Val;

use crate::types::Error;

/// A call, which is timed if a `tracing` subscriber wants its event. The event is emitted however
/// the call ends: with the outcome of its result, `trap` if it failed, or `cancelled` if the call
/// was dropped before it ended.
pub(crate) struct Call<'a> {
    function: &'a str,
    /// When the call began; none once the event is emitted, or if no subscriber wants it.
    began: Option<Instant>,
}

impl<'a> Call<'a> {
    pub(crate) fn begin(function: &'a str) -> Self {
        let is_enabled = tracing::enabled!(target: "portcullis::call", tracing::Level::DEBUG);
        Self {
            function,
            began: is_enabled.then(Instant::now),
        }
    }

    /// Ends the call with this result, whose outcome goes into the event.
    pub(crate) fn end<R>(
        mut self,
        result: Result<R>,
        outcome: impl FnOnce(&R) -> &str,
    ) -> Result<R> {
        self.emit(result.as_ref().map_or("trap", outcome));
        result
    }

    fn emit(&mut self, outcome: &str) {
        let function = self.function;
        if let Some(began) = self.began.take() {
            let micros = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
            tracing::debug!(target: "portcullis::call", function, outcome, micros);
        }
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.emit("cancelled");
    }
}

/// The outcome of a result, as the event names it.
pub(crate) fn outcome<V>(result: &core::result::Result<V, Error>) -> &'static str {
    match result {
        Ok(_) => "ok",
        Err(error) if crate::failure::is_want(error) => "want",
        Err(_) => "error",
    }
}

/// The outcome of the results of an untyped call.
pub(crate) fn outcome_of_values(results: &[Val]) -> &'static str {
    match results.first() {
        Some(Val::Result(Err(Some(error)))) => match error.as_ref() {
            Val::Variant(case, _) if case.starts_with("want-") => "want",
            _ => "error",
        },
        Some(Val::Result(Err(None))) => "error",
        _ => "ok",
    }
}
