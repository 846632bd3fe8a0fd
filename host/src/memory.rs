//! How much linear memory the instances of a store have, and what ends those that need more.

use std::fmt;

use wasmtime::ResourceLimiter;

/// Bytes of linear memory, of all instances of the store.
pub(crate) struct Memory {
    pub(crate) used: usize,
    limit: usize,
}

impl Memory {
    /// None yet, and so many bytes at most.
    pub(crate) fn new(limit: usize) -> Self {
        Self { used: 0, limit }
    }
}

impl ResourceLimiter for Memory {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let used = self.used.saturating_add(desired.saturating_sub(current));
        // That the memory cannot grow would only be a trap in the end, and one that does not say why.
        if used > self.limit {
            return Err(wasmtime::Error::new(OutOfMemory { limit: self.limit }));
        }
        self.used = used;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        _desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(true)
    }
}

/// Why an instance has ended that needed more memory than it may have
/// ([`Options::memory`](crate::Options::memory)): the error of
/// [`Failure::Trap`](crate::Failure::Trap), and of a [`Program`](crate::Program) that has ended so, can be
/// downcast to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfMemory {
    limit: usize,
}

impl OutOfMemory {
    /// How many bytes it may have.
    pub fn limit(&self) -> usize {
        self.limit
    }
}

impl fmt::Display for OutOfMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the instance has ended, for it needed more memory than the {} bytes that it may have; make a \
             new one, and allow it more or give it less to do at once",
            self.limit
        )
    }
}

impl std::error::Error for OutOfMemory {}
