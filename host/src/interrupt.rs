//! What ends an instance from outside: another thread, or the time.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::sync::watch;

/// Ends instances, from any thread: those that were made with it
/// ([`Options::interrupt`](crate::Options::interrupt)). Clones are the same interrupt.
///
/// ```
/// use portcullis_host::{EMBEDDED, Failure, Guest, Interrupt, Interrupted, Options};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let interrupt = Interrupt::new();
/// let guest = Guest::interruptible(EMBEDDED)?;
/// let mut tls = guest.instantiate(Options::new().interrupt(&interrupt))?;
/// let (_never, pollable) = tls.signal()?;
/// let other = std::thread::spawn(move || interrupt.raise());
/// let ended = tls.poll(&[&pollable], None);
/// assert!(matches!(ended, Err(Failure::Interrupted(Interrupted::Raised))));
/// # other.join().map_err(|_| "the other thread failed")?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Interrupt(watch::Sender<bool>);

impl Interrupt {
    /// One that is not raised.
    pub fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    /// End the instances that were made with it, for good: what each of them is doing, and otherwise
    /// the next call, fails by [`Failure::Interrupted`](crate::Failure::Interrupted). A wait ends at
    /// once, a computation within some 10 ms; an operation on a file is finished first. This does not
    /// block, and does nothing the second time. Instances that are made with it later cannot be.
    pub fn raise(&self) {
        self.0.send_replace(true);
    }

    /// Whether it has been raised.
    pub fn is_raised(&self) -> bool {
        *self.0.borrow()
    }
}

impl Default for Interrupt {
    fn default() -> Self {
        Self::new()
    }
}

/// Why an instance was ended from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interrupted {
    /// [`Interrupt::raise`] was called.
    Raised,
    /// It has been there for as long as it may
    /// ([`Options::deadline`](crate::Options::deadline)).
    Late(Duration),
}

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Raised => f.write_str("the instance was interrupted by its host; make a new one"),
            Self::Late(limit) => write!(
                f,
                "the instance has been there for the {} s that it may; make a new one, or allow more",
                limit.as_secs_f64()
            ),
        }
    }
}

impl std::error::Error for Interrupted {}

/// What may end an instance.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ends {
    interrupt: Option<Interrupt>,
    /// When it ends, and how long that is after it was made.
    late: Option<(Instant, Duration)>,
}

impl Ends {
    /// For an instance that is made now.
    pub(crate) fn new(interrupt: Option<Interrupt>, limit: Option<Duration>) -> Self {
        // A moment that the clock cannot tell never comes.
        let until = limit.and_then(|limit| Some((Instant::now().checked_add(limit)?, limit)));
        Self {
            interrupt,
            late: until,
        }
    }

    /// Whether there is anything that may end it.
    pub(crate) fn is_none(&self) -> bool {
        self.interrupt.is_none() && self.late.is_none()
    }

    /// Fails if it is to end.
    pub(crate) fn check(&self) -> Result<(), Interrupted> {
        if self.interrupt.as_ref().is_some_and(Interrupt::is_raised) {
            return Err(Interrupted::Raised);
        }
        match self.late {
            Some((until, limit)) if Instant::now() >= until => Err(Interrupted::Late(limit)),
            _ => Ok(()),
        }
    }

    /// The outcome of the work, unless the instance is to end first.
    pub(crate) async fn before<T>(&self, work: impl Future<Output = T>) -> Result<T, Interrupted> {
        if self.is_none() {
            return Ok(work.await);
        }
        let (mut work, mut end) = (pin!(work), pin!(self.come()));
        poll_fn(|context| {
            // The end goes first: an instance that is never without work ends too.
            if let Poll::Ready(why) = end.as_mut().poll(context) {
                return Poll::Ready(Err(why));
            }
            work.as_mut().poll(context).map(Ok)
        })
        .await
    }

    /// Waits for the end, for ever if there is none.
    async fn come(&self) -> Interrupted {
        let mut raised = pin!(async {
            match &self.interrupt {
                Some(interrupt) => {
                    // The sender is ours, so this does not fail.
                    let _ = interrupt.0.subscribe().wait_for(|raised| *raised).await;
                    Interrupted::Raised
                }
                None => std::future::pending().await,
            }
        });
        let mut late = pin!(async {
            match self.late {
                Some((until, limit)) => {
                    tokio::time::sleep_until(until.into()).await;
                    Interrupted::Late(limit)
                }
                None => std::future::pending().await,
            }
        });
        poll_fn(|context| match raised.as_mut().poll(context) {
            Poll::Pending => late.as_mut().poll(context),
            ready => ready,
        })
        .await
    }
}
