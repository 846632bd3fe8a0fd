//! What a store holds: the WASI context and the resources of one instance.

use wasmtime::ResourceLimiter;
use wasmtime::component::{Linker, Resource, ResourceTable, ResourceType};
use wasmtime_wasi::p2::{DynOutputStream, OutputStream};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use crate::link::{Tls, TlsView};

pub(crate) struct State {
    pub(crate) wasi: WasiCtx,
    pub(crate) table: ResourceTable,
    pub(crate) memory: Memory,
    /// For programs that are linked with the component.
    tls: Tls,
}

impl State {
    pub(crate) fn new(wasi: WasiCtx) -> Self {
        Self {
            wasi,
            table: ResourceTable::new(),
            memory: Memory::default(),
            tls: Tls::new(),
        }
    }
}

/// How many bytes of linear memory there are. It limits nothing.
#[derive(Default)]
pub(crate) struct Memory(pub(crate) usize);

impl ResourceLimiter for Memory {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.0 += desired.saturating_sub(current);
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

/// A linker with WASI in it.
///
/// wasmtime's own destructor of an output stream waits until everything has been sent. A peer that
/// stops reading would hold up the whole instance with it, so here the stream is dropped at once:
/// the component has waited as long as its timers allow before it comes to that.
pub(crate) fn linker(engine: &wasmtime::Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::<State>::new(engine);
    wasmtime_wasi::p2::add_to_linker_sync(&mut linker)?;
    linker.allow_shadowing(true);
    linker.instance("wasi:io/streams@0.2.12")?.resource(
        "output-stream",
        ResourceType::host::<DynOutputStream>(),
        |mut store, rep| {
            let stream: Resource<Box<dyn OutputStream>> = Resource::new_own(rep);
            store.data_mut().table.delete(stream)?;
            Ok(())
        },
    )?;
    linker.allow_shadowing(false);
    Ok(linker)
}
