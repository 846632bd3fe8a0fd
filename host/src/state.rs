//! What a store holds: the WASI context and the resources of one instance.

use wasmtime::component::{Linker, ResourceTable};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use crate::interrupt::Ends;
use crate::link::{Tls, TlsView};
use crate::memory::Memory;
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
            memory: Memory::new(memory),
            ends,
            tls: Tls::new(),
        }
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
