//! What a store holds: the WASI context and the resources of one instance.

use std::fmt;

use wasmtime::ResourceLimiter;
use wasmtime::component::{Linker, ResourceTable};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use crate::interrupt::Ends;
use crate::link::{Tls, TlsView};
use crate::streams::drop_output_streams_at_once;

pub(crate) struct State {
    pub(crate) wasi: WasiCtx,
    pub(crate) table: ResourceTable,
    pub(crate) memory: Memory,
    pub(crate) ends: Ends,
    /// For programs that are linked with the component.
    tls: Tls,
}

impl State {
    /// `memory` is how many bytes of linear memory there may be.
    pub(crate) fn new(wasi: WasiCtx, memory: usize, ends: Ends) -> Self {
        Self {
            wasi,
            table: ResourceTable::new(),
            memory: Memory {
                used: 0,
                limit: memory,
            },
            ends,
            tls: Tls::new(),
        }
    }
}

/// Bytes of linear memory, of all instances of the store.
pub(crate) struct Memory {
    pub(crate) used: usize,
    limit: usize,
}

/// Why an instance has ended that needed more memory than it may have.
#[derive(Debug)]
pub(crate) struct OutOfMemory {
    limit: usize,
}

impl fmt::Display for OutOfMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "more memory was needed than the {} bytes that the instance may have; allow more, or \
             give it less to do at once",
            self.limit
        )
    }
}

impl std::error::Error for OutOfMemory {}

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

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl TlsView for State {
    fn tls(&mut self) -> &mut Tls {
        &mut self.tls
    }
}

/// A linker with WASI, in which dropping an output stream does not wait.
pub(crate) fn linker(engine: &wasmtime::Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::<State>::new(engine);
    wasmtime_wasi::p2::add_to_linker_sync(&mut linker)?;
    drop_output_streams_at_once(&mut linker)?;
    Ok(linker)
}

/// A linker with WASI 0.2 and 0.3, for programs whose functions wait as async functions do.
pub(crate) fn concurrent_linker(engine: &wasmtime::Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::<State>::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi::p3::add_to_linker(&mut linker)?;
    Ok(linker)
}
