//! The component in a wasmtime of its own, and its functions.

use std::env;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, ComponentExportIndex, InstancePre, Linker, ResourceTable};
use wasmtime::{Config, Engine, StoreLimits, StoreLimitsBuilder};
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use crate::support::Folder;

/// How much memory an instance may have.
const MEMORY: usize = 256 << 20;

pub(crate) struct State {
    pub(crate) wasi: WasiCtx,
    pub(crate) table: ResourceTable,
    pub(crate) limits: StoreLimits,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

/// A function of the component.
#[derive(Clone)]
pub(crate) struct Function {
    /// Interface and name, without the package and its version.
    pub(crate) name: String,
    pub(crate) index: ComponentExportIndex,
}

impl Function {
    pub(crate) fn blocks(&self) -> bool {
        self.name.contains("blocking-")
    }
}

/// The component, ready to be instantiated.
pub(crate) struct Subject {
    pub(crate) runtime: Runtime,
    pub(crate) engine: Engine,
    pub(crate) instance: InstancePre<State>,
    pub(crate) functions: Vec<Function>,
    pub(crate) folder: Folder,
    /// A certificate in DER.
    pub(crate) certificate: Vec<u8>,
    is_over: Arc<AtomicBool>,
}

impl Drop for Subject {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

impl Subject {
    pub(crate) fn new() -> Self {
        let mut config = Config::new();
        config.wasm_wide_arithmetic(true).epoch_interruption(true);
        let engine = Engine::new(&config).unwrap();
        let named = env::var_os("PORTCULLIS_COMPONENT").map(PathBuf::from);
        let built =
            PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/portcullis-wide.wasm");
        let component = Component::from_file(&engine, named.unwrap_or(built)).unwrap();
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).unwrap();
        let mut functions = Vec::new();
        for (interface, item) in component.component_type().exports(&engine) {
            let ComponentItem::ComponentInstance(instance) = item.ty else {
                continue;
            };
            let outer = component.get_export_index(None, interface).unwrap();
            let short = interface.trim_start_matches("portcullis:tls/");
            let short = short.split('@').next().unwrap();
            for (name, item) in instance.exports(&engine) {
                if let ComponentItem::ComponentFunc(_) = item.ty {
                    let index = component.get_export_index(Some(&outer), name).unwrap();
                    let name = name.rsplit(['[', ']']).next().unwrap();
                    functions.push(Function {
                        name: format!("{short}/{name}"),
                        index,
                    });
                }
            }
        }
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let is_over = Arc::new(AtomicBool::new(false));
        let (ticking, over) = (engine.clone(), Arc::clone(&is_over));
        // Without it a call that computes for ever could not be given up.
        thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                thread::sleep(Duration::from_millis(10));
                ticking.increment_epoch();
            }
        });
        Self {
            runtime: Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()
                .unwrap(),
            instance: linker.instantiate_pre(&component).unwrap(),
            engine,
            functions,
            folder: Folder::new("callers"),
            certificate: made.cert.der().to_vec(),
            is_over,
        }
    }

    pub(crate) fn state(&self) -> State {
        let mut wasi = WasiCtxBuilder::new();
        wasi.allow_tcp(true)
            .allow_udp(false)
            .allow_ip_name_lookup(true)
            .socket_addr_check(|address, _| {
                // A socket that connects is bound to the unspecified address first.
                let ip = address.ip();
                let is_ours = ip.is_loopback() || (ip.is_unspecified() && address.port() == 0);
                Box::pin(async move { is_ours })
            });
        wasi.preopened_dir(&self.folder.0, "/", FsPerms::ReadOnly)
            .unwrap();
        State {
            wasi: wasi.build(),
            table: ResourceTable::new(),
            limits: StoreLimitsBuilder::new().memory_size(MEMORY).build(),
        }
    }
}
