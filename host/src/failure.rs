//! Why a call into the component failed.

use std::fmt;

use crate::types::Error;

/// Why a call into the component failed.
pub enum Failure {
    /// The component said so.
    Tls {
        /// The typed error.
        error: Error,
        /// One line for people: what failed, why, and what to do. Empty for the `want-` cases.
        explanation: String,
    },
    /// The component trapped, or the host could not do what it was asked for. That is a fault of
    /// the component, of the host, or of the embedder, such as dropping a port before its
    /// pollables; it is never a peer's. The instance cannot be used any more.
    Trap(wasmtime::Error),
}

impl Failure {
    /// The typed error, unless it was a trap.
    pub fn error(&self) -> Option<&Error> {
        match self {
            Self::Tls { error, .. } => Some(error),
            Self::Trap(_) => None,
        }
    }

    /// Whether it is no failure, but one of the `want-` cases: wait and call again.
    pub fn is_want(&self) -> bool {
        self.error().is_some_and(is_want)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tls { error, explanation } if explanation.is_empty() => write!(f, "{error:?}"),
            Self::Tls { explanation, .. } => f.write_str(explanation),
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
            Self::Trap(trap) => write!(f, "{trap:?}"),
        }
    }
}

impl std::error::Error for Failure {}

impl From<wasmtime::Error> for Failure {
    fn from(trap: wasmtime::Error) -> Self {
        Self::Trap(trap)
    }
}

pub(crate) fn is_want(error: &Error) -> bool {
    matches!(
        error,
        Error::WantRead | Error::WantWrite | Error::WantConnect | Error::WantAccept
    )
}
