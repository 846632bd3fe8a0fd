//! The component of world `engine-provider`, in a host that has no `wasi:sockets`.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop"
)]

mod support;

use std::path::PathBuf;

use support::skip;
use wasmtime::component::{Component, Linker, ResourceAny, ResourceTable};
use wasmtime::{Engine, Store};
use wasmtime_wasi::cli::{WasiCli, WasiCliView as _};
use wasmtime_wasi::filesystem::{WasiFilesystem, WasiFilesystemView as _};
use wasmtime_wasi::p2::bindings::{cli, filesystem, random, sync};
use wasmtime_wasi::random::WasiRandom;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

mod bindings {
    #![allow(
        missing_docs,
        unreachable_pub,
        unused_qualifications,
        clippy::all,
        clippy::as_conversions,
        clippy::or_fun_call,
        clippy::use_self,
        reason = "written by wasmtime::component::bindgen!"
    )]
    wasmtime::component::bindgen!({ path: "../wit", world: "engine-provider" });
}

use bindings::EngineProvider;
use bindings::exports::portcullis::tls::context::{Role, Source};
use bindings::exports::portcullis::tls::types::Error;

/// What `std` brings on this target, and randomness.
const IMPORTS: [&str; 17] = [
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stderr",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stderr",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:filesystem/preopens",
    "wasi:filesystem/types",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
];

struct State {
    wasi: WasiCtx,
    table: ResourceTable,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

/// The component that `cargo xtask test` names, or the one that `cargo xtask build` has made.
fn component() -> Option<PathBuf> {
    let named = std::env::var_os("PORTCULLIS_ENGINE").map(PathBuf::from);
    let built = || {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
        root.join("target/portcullis-engine.wasm")
    };
    Some(named.unwrap_or_else(built)).filter(|path| path.is_file())
}

/// A linker without sockets.
fn linker(engine: &Engine) -> Linker<State> {
    let mut linker = Linker::new(engine);
    let l = &mut linker;
    wasmtime_wasi::p2::add_to_linker_proxy_interfaces_sync(l).unwrap();
    cli::environment::add_to_linker::<State, WasiCli>(l, State::cli).unwrap();
    cli::exit::add_to_linker::<State, WasiCli>(l, State::cli).unwrap();
    cli::terminal_input::add_to_linker::<State, WasiCli>(l, State::cli).unwrap();
    cli::terminal_output::add_to_linker::<State, WasiCli>(l, State::cli).unwrap();
    cli::terminal_stdin::add_to_linker::<State, WasiCli>(l, State::cli).unwrap();
    cli::terminal_stdout::add_to_linker::<State, WasiCli>(l, State::cli).unwrap();
    cli::terminal_stderr::add_to_linker::<State, WasiCli>(l, State::cli).unwrap();
    filesystem::preopens::add_to_linker::<State, WasiFilesystem>(l, State::filesystem).unwrap();
    sync::filesystem::types::add_to_linker::<State, WasiFilesystem>(l, State::filesystem).unwrap();
    random::insecure_seed::add_to_linker::<State, WasiRandom>(l, |state| state.wasi.random())
        .unwrap();
    linker
}

#[test]
fn engines_talk_in_a_host_without_sockets() {
    let Some(path) = component() else {
        skip("there is no portcullis-engine.wasm; run `cargo xtask build`");
        return;
    };
    let engine = Engine::default();
    let component = Component::from_file(&engine, path).unwrap();
    let component_type = component.component_type();
    let imports = component_type.imports(&engine).map(|(name, _)| name);
    let imports: Vec<_> = imports
        .filter(|name| !name.starts_with("wasi:random/"))
        .collect();
    for name in &imports {
        assert!(
            IMPORTS
                .iter()
                .any(|allowed| name.starts_with(&format!("{allowed}@"))),
            "{name}"
        );
    }

    let state = State {
        wasi: WasiCtx::builder().build(),
        table: ResourceTable::new(),
    };
    let mut store = Store::new(&engine, state);
    let store = &mut store;
    let tls = EngineProvider::instantiate(&mut *store, &component, &linker(&engine)).unwrap();
    let contexts = tls.portcullis_tls_context().context();
    let engines = tls.portcullis_tls_engine().engine();

    let key = rcgen::KeyPair::generate().unwrap();
    let names = ["tls.test".to_owned()];
    let chain = rcgen::CertificateParams::new(names)
        .unwrap()
        .self_signed(&key)
        .unwrap();
    let pem = |text: String| Source::Bytes(text.into_bytes());
    let (chain, key) = (pem(chain.pem()), pem(key.serialize_pem()));
    let client = contexts.call_secure(&mut *store, Role::Client).unwrap();
    contexts
        .call_add_trust_roots(&mut *store, client, &chain)
        .unwrap()
        .unwrap();
    let server = contexts.call_secure(&mut *store, Role::Server).unwrap();
    contexts
        .call_load_identity(&mut *store, server, &chain, &key, None)
        .unwrap()
        .unwrap();

    let start = engines
        .call_start(&mut *store, client, Some("tls.test"))
        .unwrap();
    let client = start.unwrap();
    let server = engines
        .call_start(&mut *store, server, None)
        .unwrap()
        .unwrap();
    let mut heard = None;
    for _ in 0..10 {
        for (from, to) in [(client, server), (server, client)] {
            let wire = engines
                .call_take_ciphertext(&mut *store, from, u64::MAX)
                .unwrap();
            let taken = engines.call_put_ciphertext(&mut *store, to, &wire).unwrap();
            assert_eq!(taken, u64::try_from(wire.len()).unwrap());
        }
        match engines.call_write(&mut *store, client, b"hello").unwrap() {
            Ok(count) => assert_eq!(count, 5),
            Err(Error::WantRead | Error::WantWrite) => {}
            Err(other) => panic!("{other:?}"),
        }
        if let Ok(plaintext) = engines.call_read(&mut *store, server, 5).unwrap() {
            heard = plaintext;
            break;
        }
    }
    assert_eq!(heard.unwrap(), b"hello");
    let handles: [ResourceAny; 2] = [client, server];
    for handle in handles {
        handle.resource_drop(&mut *store).unwrap();
    }
}
