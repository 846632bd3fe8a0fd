//! An embedder: an engine and stores of its own, and a client that is linked with the component.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "test files use different parts, and a test that cannot go on should stop"
)]

use std::sync::OnceLock;

use portcullis_host::{EMBEDDED, Tls, TlsView, add_to_linker_async, add_to_linker_sync};
use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime::{Config, Engine, ResourceLimiter, Store};
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::p2::{add_to_linker_async as wasi_async, add_to_linker_sync as wasi_sync};
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use crate::support::{Folder, example};

/// What bounds the memory of a store.
type Limits = Box<dyn ResourceLimiter + Send>;

/// What an embedder keeps in a store.
pub struct Embedder {
    pub wasi: WasiCtx,
    pub table: ResourceTable,
    pub tls: Tls,
    pub limits: Limits,
}

impl WasiView for Embedder {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl TlsView for Embedder {
    fn tls(&mut self) -> &mut Tls {
        &mut self.tls
    }
}

/// An engine and what is compiled for it: the component, and a client that imports it.
pub struct Compiled {
    pub engine: Engine,
    pub component: Component,
    pub client: Component,
}

impl Compiled {
    pub fn new(config: &Config) -> Option<Self> {
        let engine = Engine::new(config).unwrap();
        Some(Self {
            component: Component::new(&engine, EMBEDDED).unwrap(),
            client: Component::from_file(&engine, example("https-client")?).unwrap(),
            engine,
        })
    }

    /// For stores without limits.
    pub fn plain() -> Option<&'static Self> {
        static PLAIN: OnceLock<Option<Compiled>> = OnceLock::new();
        let make = || Self::new(Config::new().wasm_wide_arithmetic(true));
        PLAIN.get_or_init(make).as_ref()
    }

    /// WASI and the component, for guests that hold up their thread.
    pub fn synchronous(&self) -> Linker<Embedder> {
        let mut linker = Linker::new(&self.engine);
        wasi_sync(&mut linker).unwrap();
        add_to_linker_sync(&mut linker, &self.component).unwrap();
        linker
    }

    /// WASI and the component, for guests that hold up no thread.
    pub fn asynchronous(&self) -> Linker<Embedder> {
        let mut linker = Linker::new(&self.engine);
        wasi_async(&mut linker).unwrap();
        add_to_linker_async(&mut linker, &self.component).unwrap();
        linker
    }

    /// For stores that count what is executed, and can be interrupted.
    pub fn limited() -> Option<&'static Self> {
        static LIMITED: OnceLock<Option<Compiled>> = OnceLock::new();
        let make = || {
            let mut config = Config::new();
            config.wasm_wide_arithmetic(true);
            config.consume_fuel(true).epoch_interruption(true);
            Self::new(&config)
        };
        LIMITED.get_or_init(make).as_ref()
    }
}

/// A store for the client, and the pipes that it prints to.
pub fn store(
    engine: &Engine,
    folder: &Folder,
    port: u16,
    trusts: bool,
    limits: impl ResourceLimiter + 'static,
) -> (Store<Embedder>, MemoryOutputPipe, MemoryOutputPipe) {
    let arguments = ["https-client", "localhost", &port.to_string(), "/"];
    store_with(engine, folder, &arguments, trusts, limits)
}

/// The same for another program, with its arguments.
pub fn store_with(
    engine: &Engine,
    folder: &Folder,
    arguments: &[&str],
    trusts: bool,
    limits: impl ResourceLimiter + 'static,
) -> (Store<Embedder>, MemoryOutputPipe, MemoryOutputPipe) {
    let (stdout, stderr) = (MemoryOutputPipe::new(4096), MemoryOutputPipe::new(4096));
    let mut wasi = WasiCtxBuilder::new();
    wasi.args(arguments)
        .stdout(stdout.clone())
        .stderr(stderr.clone())
        .allow_tcp(true)
        .inherit_network()
        .allow_ip_name_lookup(true)
        .preopened_dir(&folder.0, "/folder", FsPerms::ReadOnly)
        .unwrap();
    if trusts {
        wasi.env("SSL_CERT_FILE", "/folder/ca.pem");
    }
    let embedder = Embedder {
        wasi: wasi.build(),
        table: ResourceTable::new(),
        tls: Tls::new(),
        limits: Box::new(limits),
    };
    let mut store = Store::new(engine, embedder);
    store.limiter(|embedder| embedder.limits.as_mut());
    (store, stdout, stderr)
}

/// Runs the client in this store, and returns whether it ended well.
pub fn run(compiled: &Compiled, store: &mut Store<Embedder>) -> wasmtime::Result<bool> {
    let linker = compiled.synchronous();
    let command = wasmtime_wasi::p2::bindings::sync::Command::instantiate(
        &mut *store,
        &compiled.client,
        &linker,
    )?;
    Ok(command.wasi_cli_run().call_run(store)?.is_ok())
}

pub fn text(pipe: &MemoryOutputPipe) -> String {
    String::from_utf8(pipe.contents().to_vec()).unwrap()
}

/// Runs a future to its end on this thread alone.
pub fn on_one_thread<O>(future: impl Future<Output = O>) -> O {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(future)
}
