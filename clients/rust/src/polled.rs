//! Connections behind the traits of runtimes, which poll: hyper's, and tokio's. The waits are on
//! wstd's reactor all the same.

#[cfg(feature = "hyper")]
mod hyper;
#[cfg(feature = "tokio")]
mod plain;
mod tls;
#[cfg(feature = "tokio")]
mod tokio;

use std::fmt;
use std::future::Future;
use std::io::Result;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// Something that a call waits for, with all that it needs.
type Wait = Pin<Box<dyn Future<Output = Result<()>> + Send + Sync>>;

/// What the calls of one kind wait for between two polls: nothing, or one thing.
#[derive(Default)]
pub(crate) struct Waiting(Option<Wait>);

/// The two kinds of calls, which may come from two tasks. What is waited for are children of the
/// streams: this is dropped before them.
#[derive(Debug, Default)]
pub(crate) struct Polls {
    reads: Waiting,
    writes: Waiting,
    /// A connection in the clear is on its way to send what it has taken.
    #[cfg(feature = "tokio")]
    is_flushing: bool,
}

impl Waiting {
    /// Wait for this from the next [`poll`](Self::poll) on.
    fn begin(&mut self, wait: impl Future<Output = Result<()>> + Send + Sync + 'static) {
        self.0 = Some(Box::pin(wait));
    }

    /// Ready if nothing is waited for any more.
    fn poll(&mut self, task: &mut Context<'_>) -> Poll<Result<()>> {
        let Some(wait) = &mut self.0 else {
            return Poll::Ready(Ok(()));
        };
        let done = ready!(wait.as_mut().poll(task));
        self.0 = None;
        Poll::Ready(done)
    }
}

impl fmt::Debug for Waiting {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self.0 {
            Some(_) => "waiting",
            None => "idle",
        })
    }
}
