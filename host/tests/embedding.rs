//! Guests of an embedder's own engine and stores, linked with the component at run time: the limits
//! of wasmtime hold for both, many run on one thread, and calls can be counted.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop"
)]

mod support;

use std::fs;
use std::io::Read as _;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use portcullis_host::{EMBEDDED, Tls, TlsView, add_to_linker_async, add_to_linker_sync};
use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime::{Config, Engine, Store, StoreLimits, StoreLimitsBuilder, Trap};
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::p2::{add_to_linker_async as wasi_async, add_to_linker_sync as wasi_sync};
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use support::{Folder, PAGE, example, serve_page};

/// What an embedder keeps in a store.
struct Embedder {
    wasi: WasiCtx,
    table: ResourceTable,
    tls: Tls,
    limits: StoreLimits,
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
struct Compiled {
    engine: Engine,
    component: Component,
    client: Component,
}

impl Compiled {
    fn new(config: &Config) -> Option<Self> {
        let engine = Engine::new(config).unwrap();
        Some(Self {
            component: Component::new(&engine, EMBEDDED).unwrap(),
            client: Component::from_file(&engine, example("https-client")?).unwrap(),
            engine,
        })
    }

    /// For stores without limits.
    fn plain() -> Option<&'static Self> {
        static PLAIN: OnceLock<Option<Compiled>> = OnceLock::new();
        let make = || Self::new(Config::new().wasm_wide_arithmetic(true));
        PLAIN.get_or_init(make).as_ref()
    }

    /// WASI and the component, for guests that hold up no thread.
    fn asynchronous(&self) -> Linker<Embedder> {
        let mut linker = Linker::new(&self.engine);
        wasi_async(&mut linker).unwrap();
        add_to_linker_async(&mut linker, &self.component).unwrap();
        linker
    }

    /// For stores that count what is executed, and can be interrupted.
    fn limited() -> Option<&'static Self> {
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

/// A store for the client, and what it will have printed.
fn store(
    engine: &Engine,
    folder: &Folder,
    port: u16,
    trusts: bool,
    limits: StoreLimits,
) -> (Store<Embedder>, MemoryOutputPipe, MemoryOutputPipe) {
    let (stdout, stderr) = (MemoryOutputPipe::new(4096), MemoryOutputPipe::new(4096));
    let mut wasi = WasiCtxBuilder::new();
    wasi.args(&["https-client", "localhost", &port.to_string(), "/"])
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
        limits,
    };
    let mut store = Store::new(engine, embedder);
    store.limiter(|embedder| &mut embedder.limits);
    (store, stdout, stderr)
}

/// Run the client in this store; whether it ended well.
fn run(compiled: &Compiled, store: &mut Store<Embedder>) -> wasmtime::Result<bool> {
    let mut linker = Linker::new(&compiled.engine);
    wasi_sync(&mut linker)?;
    add_to_linker_sync(&mut linker, &compiled.component)?;
    let command = wasmtime_wasi::p2::bindings::sync::Command::instantiate(
        &mut *store,
        &compiled.client,
        &linker,
    )?;
    Ok(command.wasi_cli_run().call_run(store)?.is_ok())
}

fn text(pipe: &MemoryOutputPipe) -> String {
    String::from_utf8(pipe.contents().to_vec()).unwrap()
}

#[test]
fn a_guest_is_linked_with_the_component_when_it_is_instantiated() {
    let Some(compiled) = Compiled::plain() else {
        return;
    };
    let folder = Folder::new("linked");
    for trusts in [true, false] {
        let (port, serving) = serve_page(&folder, 1);
        let limits = StoreLimits::default();
        let (mut store, stdout, stderr) = store(&compiled.engine, &folder, port, trusts, limits);
        let outcome = run(compiled, &mut store);
        serving.join().unwrap();
        if trusts {
            assert!(outcome.unwrap(), "{}", text(&stderr));
            assert_eq!(text(&stdout), PAGE);
        } else {
            // The command ends by wasi:cli/exit.
            assert!(!outcome.is_ok_and(|ended_well| ended_well));
            let told = text(&stderr);
            assert!(told.contains("not from a trusted authority"), "{told}");
        }
    }
}

#[test]
fn many_guests_wait_for_their_peers_on_one_thread() {
    const GUESTS: usize = 20;
    let Some(compiled) = Compiled::plain() else {
        return;
    };
    let folder = Folder::new("many");
    // It answers nobody before all are there: guests that held up the thread would wait forever.
    let (port, serving) = serve_page(&folder, GUESTS);
    let linker = compiled.asynchronous();
    on_one_thread(async {
        let local = tokio::task::LocalSet::new();
        let linker = &linker;
        let guests = (0..GUESTS).map(|_| {
            let limits = StoreLimits::default();
            let (mut store, stdout, stderr) = store(&compiled.engine, &folder, port, true, limits);
            async move {
                let command = wasmtime_wasi::p2::bindings::Command::instantiate_async(
                    &mut store,
                    &compiled.client,
                    linker,
                )
                .await
                .unwrap();
                let ended = command.wasi_cli_run().call_run(&mut store).await.unwrap();
                assert!(ended.is_ok(), "{}", text(&stderr));
                assert_eq!(text(&stdout), PAGE);
            }
        });
        local.run_until(join_all(guests)).await;
    });
    serving.join().unwrap();
}

/// Run it to its end on this thread alone.
fn on_one_thread<O>(future: impl Future<Output = O>) -> O {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(future)
}

/// Wait for all at once.
async fn join_all(futures: impl Iterator<Item = impl Future<Output = ()>>) {
    let mut waiting: Vec<_> = futures.map(Box::pin).collect();
    std::future::poll_fn(|context| {
        waiting.retain_mut(|future| future.as_mut().poll(context).is_pending());
        if waiting.is_empty() {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
}

#[test]
fn a_guest_that_waits_for_a_silent_peer_can_be_given_up() {
    let Some(compiled) = Compiled::plain() else {
        return;
    };
    let folder = Folder::new("silent");
    // It accepts, and says nothing.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let linker = compiled.asynchronous();
    let given_up = on_one_thread(async {
        let (mut store, ..) = store(
            &compiled.engine,
            &folder,
            port,
            true,
            StoreLimits::default(),
        );
        let command = wasmtime_wasi::p2::bindings::Command::instantiate_async(
            &mut store,
            &compiled.client,
            &linker,
        )
        .await
        .unwrap();
        let run = command.wasi_cli_run().call_run(&mut store);
        tokio::time::timeout(Duration::from_millis(300), run)
            .await
            .is_err()
    });
    assert!(given_up);
    // It had come as far as the handshake, and its socket went with the store.
    let (mut peer, _) = listener.accept().unwrap();
    let mut hello = Vec::new();
    peer.read_to_end(&mut hello).unwrap();
    assert_eq!(hello.first(), Some(&22));
}

#[test]
fn the_limits_of_a_store_hold_for_the_component() {
    let Some(compiled) = Compiled::plain() else {
        return;
    };
    let folder = Folder::new("memory");
    for (bytes, is_enough) in [(256 << 10, false), (64 << 20, true)] {
        let limits = StoreLimitsBuilder::new().memory_size(bytes).build();
        let (port, serving) = serve_page(&folder, 1);
        let (mut store, stdout, _) = store(&compiled.engine, &folder, port, true, limits);
        let outcome = run(compiled, &mut store);
        if is_enough {
            assert!(outcome.unwrap());
            assert_eq!(text(&stdout), PAGE);
            serving.join().unwrap();
        } else {
            let error = format!("{:?}", outcome.unwrap_err());
            assert!(error.contains("memory"), "{error}");
        }
    }
}

#[test]
fn the_component_spends_the_fuel_of_the_store_and_heeds_its_epoch() {
    let Some(compiled) = Compiled::limited() else {
        return;
    };
    let folder = Folder::new("fuel");
    for (fuel, epochs, stops) in [
        (1_000_000, 1, Some(Trap::OutOfFuel)),
        (u64::MAX, 0, Some(Trap::Interrupt)),
        (u64::MAX, 1, None),
    ] {
        let (port, serving) = serve_page(&folder, 1);
        let (mut store, stdout, _) = store(
            &compiled.engine,
            &folder,
            port,
            true,
            StoreLimits::default(),
        );
        store.set_fuel(fuel).unwrap();
        store.set_epoch_deadline(epochs);
        let outcome = run(compiled, &mut store);
        match stops {
            Some(trap) => {
                let error = outcome.unwrap_err();
                assert_eq!(error.downcast_ref::<Trap>(), Some(&trap), "{error:?}");
            }
            None => {
                assert!(outcome.unwrap());
                assert_eq!(text(&stdout), PAGE);
                serving.join().unwrap();
            }
        }
    }
}

#[test]
fn calls_are_told_to_tracing() {
    let Some(compiled) = Compiled::plain() else {
        return;
    };
    let folder = Folder::new("tracing");
    let heard = Arc::new(Mutex::new(Vec::new()));
    let writer = Arc::clone(&heard);
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::DEBUG)
        .with_ansi(false)
        .with_writer(move || Heard(Arc::clone(&writer)))
        .finish();
    let (port, serving) = serve_page(&folder, 1);
    let (mut store, ..) = store(
        &compiled.engine,
        &folder,
        port,
        true,
        StoreLimits::default(),
    );
    tracing::subscriber::with_default(subscriber, || {
        assert!(run(compiled, &mut store).unwrap());
    });
    serving.join().unwrap();
    let heard = String::from_utf8(heard.lock().unwrap().clone()).unwrap();
    let reads: Vec<_> = heard
        .lines()
        .filter(|line| line.contains("portcullis::call") && line.contains("blocking-read"))
        .collect();
    // The page, and its end.
    assert_eq!(reads.len(), 2, "{heard}");
    for read in reads {
        assert!(read.contains("outcome=\"ok\""), "{read}");
        assert!(read.contains("micros="), "{read}");
    }
}

/// Keeps what is told.
struct Heard(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Heard {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn linking_what_is_not_the_component_is_refused() {
    let Some(compiled) = Compiled::plain() else {
        return;
    };
    let mut linker = Linker::<Embedder>::new(&compiled.engine);
    wasi_sync(&mut linker).unwrap();
    let other = Component::new(
        &compiled.engine,
        fs::read(example("https-client").unwrap()).unwrap(),
    )
    .unwrap();
    assert!(add_to_linker_sync(&mut linker, &other).is_err());
    add_to_linker_sync(&mut linker, &compiled.component).unwrap();
}
