//! Why a call into the component failed.

use std::fmt;
use std::io;

use wasmtime::WasmBacktrace;
use wasmtime_wasi::ResourceTableError;

use crate::interrupt::Interrupted;
use crate::memory::OutOfMemory;
use crate::types::Error;

/// Why a call into the component failed.
pub enum Failure {
    /// The component returned an error.
    Tls {
        /// The typed error.
        error: Error,
        /// One line for people: what failed, why, and what to do. Empty for the `want-` cases.
        explanation: String,
    },
    /// The call did not reach the component, because a handle passed to it belongs to another
    /// instance, or because its resource was dropped. The instance can be used as before.
    Misuse(wasmtime::Error),
    /// The embedder has ended the instance ([`Options::interrupt`](crate::Options::interrupt),
    /// [`Options::deadline`](crate::Options::deadline)). It cannot be used any more, and later calls fail
    /// by this or by [`Trap`](Self::Trap).
    Interrupted(Interrupted),
    /// The component trapped, needed more memory than it may have (the error is
    /// [`OutOfMemory`] then), or the host could not do what it was asked for. The
    /// fault is the component's, the host's, or the embedder's, who may have dropped a port before its
    /// pollables; it is never a peer's. The instance cannot be used any more.
    Trap(wasmtime::Error),
}

impl Failure {
    /// The typed error; none for a misuse, an interruption or a trap.
    pub fn error(&self) -> Option<&Error> {
        match self {
            Self::Tls { error, .. } => Some(error),
            Self::Misuse(_) | Self::Interrupted(_) | Self::Trap(_) => None,
        }
    }

    /// Whether this is one of the `want-` cases, which are no failure: wait and call again.
    pub fn is_want(&self) -> bool {
        self.error().is_some_and(is_want)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Trap(trap) = self
            && let Some(cause) = trap.downcast_ref::<OutOfMemory>()
        {
            return cause.fmt(f);
        }
        match self {
            Self::Tls { error, explanation } if explanation.is_empty() => write!(f, "{error:?}"),
            Self::Tls { explanation, .. } => f.write_str(explanation),
            Self::Interrupted(why) => why.fmt(f),
            Self::Misuse(refused) => write!(
                f,
                "a handle is another instance's, or of something that was dropped: {refused:#}"
            ),
            Self::Trap(trap) if has_children(trap) => f.write_str(
                "something was closed or dropped before its pollables, which ends the instance; \
                 drop the pollables first",
            ),
            Self::Trap(trap) if is_entered_again(trap) => {
                f.write_str("the instance has ended by an earlier failure; make a new one")
            }
            Self::Trap(trap) => write!(
                f,
                "the component failed (a bug; please report it): {trap:#}"
            ),
        }
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tls { error, explanation } => write!(f, "{error:?} ({explanation})"),
            Self::Interrupted(why) => write!(f, "{why:?}"),
            Self::Misuse(error) | Self::Trap(error) => write!(f, "{error:?}"),
        }
    }
}

impl std::error::Error for Failure {}

impl From<wasmtime::Error> for Failure {
    fn from(error: wasmtime::Error) -> Self {
        if let Some(why) = error.downcast_ref::<Interrupted>() {
            return Self::Interrupted(*why);
        }
        // If the engine refuses a call before the component runs, what it was given is at fault.
        let has_run = error.is::<wasmtime::Trap>() || error.is::<WasmBacktrace>();
        let is_of_host = error.is::<io::Error>()
            || matches!(error.downcast_ref(), Some(ResourceTableError::Full));
        if has_run || is_of_host || has_children(&error) || error.is::<OutOfMemory>() {
            Self::Trap(error)
        } else {
            Self::Misuse(error)
        }
    }
}

fn has_children(error: &wasmtime::Error) -> bool {
    matches!(error.downcast_ref(), Some(ResourceTableError::HasChildren))
}

fn is_entered_again(error: &wasmtime::Error) -> bool {
    matches!(
        error.downcast_ref(),
        Some(wasmtime::Trap::CannotEnterComponent)
    )
}

pub(crate) fn is_want(error: &Error) -> bool {
    matches!(
        error,
        Error::WantRead
            | Error::WantWrite
            | Error::WantConnect
            | Error::WantAccept
            | Error::WantX509Lookup
            | Error::WantContext
            | Error::WantSignature
            | Error::WantVerification
    )
}
