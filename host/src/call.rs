//! What is told of each call to `tracing`.

use std::time::Instant;

use wasmtime::Result;
use wasmtime::component::Val;

use crate::types::Error;

/// A call that is timed if somebody listens. It is told however it ends: by its outcome, as `trap` if
/// it failed, and as `cancelled` if it was given up before it ended.
pub(crate) struct Call<'a> {
    function: &'a str,
    /// None when it is told, and where nobody listens.
    began: Option<Instant>,
}

impl<'a> Call<'a> {
    pub(crate) fn begin(function: &'a str) -> Self {
        let is_heard = tracing::enabled!(target: "portcullis::call", tracing::Level::DEBUG);
        Self {
            function,
            began: is_heard.then(Instant::now),
        }
    }

    /// It ended with this result; what it says is told.
    pub(crate) fn end<R>(
        mut self,
        result: Result<R>,
        outcome: impl FnOnce(&R) -> &str,
    ) -> Result<R> {
        self.tell(result.as_ref().map_or("trap", outcome));
        result
    }

    fn tell(&mut self, outcome: &str) {
        let function = self.function;
        if let Some(began) = self.began.take() {
            let micros = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
            tracing::debug!(target: "portcullis::call", function, outcome, micros);
        }
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.tell("cancelled");
    }
}

pub(crate) fn outcome<V>(result: &core::result::Result<V, Error>) -> &'static str {
    match result {
        Ok(_) => "ok",
        Err(error) if crate::failure::is_want(error) => "want",
        Err(_) => "error",
    }
}

/// The same of the results of a call that is not typed.
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
