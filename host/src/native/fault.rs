//! How a function of the interface fails.

use std::fmt;

use portcullis::error::Error;
use wasmtime::component::ResourceTableError;

use super::bindings::portcullis::tls::types as wit;

/// An error for the guest, or the end of it.
pub enum Fault {
    /// What the interface says.
    Tls(wit::Error),
    /// The guest has broken the rules of the component model, or the host is out of something.
    Trap(wasmtime::Error),
}

impl Fault {
    /// As a function that has to end by itself returns it.
    pub(super) fn settle<T>(result: Result<T, Self>) -> wasmtime::Result<Result<T, wit::Error>> {
        match result {
            Ok(value) => Ok(Ok(value)),
            Err(Self::Tls(error)) => Ok(Err(error)),
            Err(Self::Trap(error)) => Err(error),
        }
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tls(error) => error.fmt(f),
            Self::Trap(error) => error.fmt(f),
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Tls(error.into())
    }
}

impl From<wit::Error> for Fault {
    fn from(error: wit::Error) -> Self {
        Self::Tls(error)
    }
}

impl From<wasmtime::Error> for Fault {
    fn from(error: wasmtime::Error) -> Self {
        Self::Trap(error)
    }
}

impl From<ResourceTableError> for Fault {
    fn from(error: ResourceTableError) -> Self {
        Self::Trap(error.into())
    }
}
