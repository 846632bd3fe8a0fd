//! Streams that are dropped: of those that their peers leave full, whether that waits is the embedder's
//! choice; all others are closed there and then.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop"
)]

#[path = "support/embedder.rs"]
mod embedder;
mod support;

use std::future::pending;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::OnceLock;
use std::time::Duration;

use portcullis_host::{EMBEDDED, Tls, drop_output_streams_at_once};
use wasmtime::component::{
    Component, Func, Instance, Linker, Resource, ResourceAny, ResourceTable, Val,
};
use wasmtime::{Config, Engine, Store, StoreLimits};
use wasmtime_wasi::p2::{
    DynInputStream, DynOutputStream, InputStream, OutputStream, Pollable, StreamResult,
};
use wasmtime_wasi::p2::{add_to_linker_async as wasi_async, add_to_linker_sync as wasi_sync};
use wasmtime_wasi::{WasiCtx, async_trait};
use wasmtime_wasi_io::bytes::Bytes;

use embedder::{Embedder, on_one_thread};

/// A connection to a peer that neither sends nor reads, with a write that is under way for ever.
struct Stuck;

#[async_trait]
impl Pollable for Stuck {
    async fn ready(&mut self) {
        pending().await
    }
}

impl InputStream for Stuck {
    fn read(&mut self, _size: usize) -> StreamResult<Bytes> {
        Ok(Bytes::new())
    }
}

#[async_trait]
impl OutputStream for Stuck {
    fn write(&mut self, _bytes: Bytes) -> StreamResult<()> {
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(0)
    }

    async fn cancel(&mut self) {
        // wasmtime's own streams do the same.
        self.ready().await
    }
}

fn compiled() -> &'static (Engine, Component) {
    static COMPILED: OnceLock<(Engine, Component)> = OnceLock::new();
    COMPILED.get_or_init(|| {
        let engine = Engine::new(Config::new().wasm_wide_arithmetic(true)).unwrap();
        let component = Component::new(&engine, EMBEDDED).unwrap();
        (engine, component)
    })
}

fn new_store() -> Store<Embedder> {
    let embedder = Embedder {
        wasi: WasiCtx::builder().build(),
        table: ResourceTable::new(),
        tls: Tls::new(),
        limits: Box::new(StoreLimits::default()),
    };
    Store::new(&compiled().0, embedder)
}

fn function(store: &mut Store<Embedder>, instance: Instance, interface: &str, name: &str) -> Func {
    let interface = format!("portcullis:tls/{interface}@0.2.1");
    let interface = instance.get_export_index(&mut *store, None, &interface);
    let export = instance.get_export_index(&mut *store, interface.as_ref(), name);
    instance.get_func(store, export.unwrap()).unwrap()
}

/// What `port.start` takes: a context, no host, and streams that are stuck.
fn arguments(store: &mut Store<Embedder>, context: ResourceAny) -> [Val; 3] {
    let (input, output): (DynInputStream, DynOutputStream) = (Box::new(Stuck), Box::new(Stuck));
    let input: Resource<DynInputStream> = store.data_mut().table.push(input).unwrap();
    let output: Resource<DynOutputStream> = store.data_mut().table.push(output).unwrap();
    let input = ResourceAny::try_from_resource(input, &mut *store).unwrap();
    let output = ResourceAny::try_from_resource(output, &mut *store).unwrap();
    let transport = [
        ("input", Val::Resource(input)),
        ("output", Val::Resource(output)),
        ("already-read", Val::List(Vec::new())),
    ];
    let transport = transport.map(|(name, value)| (name.to_owned(), value));
    [
        Val::Resource(context),
        Val::Option(None),
        Val::Record(transport.to_vec()),
    ]
}

fn resource(value: &Val) -> ResourceAny {
    match value {
        Val::Resource(resource) => *resource,
        Val::Result(Ok(Some(value))) => resource(value),
        other => panic!("{other:?}"),
    }
}

const CLIENT: &str = "client";

#[test]
fn a_stuck_stream_is_dropped_at_once_in_a_synchronous_store() {
    let (engine, component) = compiled();
    let mut linker = Linker::new(engine);
    wasi_sync(&mut linker).unwrap();
    drop_output_streams_at_once(&mut linker).unwrap();
    let mut store = new_store();
    let instance = linker.instantiate(&mut store, component).unwrap();
    let context = function(
        &mut store,
        instance,
        "context",
        "[static]context.unverified",
    );
    let mut made = [Val::Bool(false)];
    let role = [Val::Enum(CLIENT.to_owned())];
    context.call(&mut store, &role, &mut made).unwrap();
    let arguments = arguments(&mut store, resource(&made[0]));
    let start = function(&mut store, instance, "port", "[static]port.start");
    start.call(&mut store, &arguments, &mut made).unwrap();
    // With wasmtime's own destructor, this would never return.
    resource(&made[0]).resource_drop(&mut store).unwrap();
}

#[test]
fn a_stuck_stream_is_dropped_at_once_in_an_asynchronous_store_and_waited_for_without() {
    let (engine, component) = compiled();
    for at_once in [true, false] {
        let mut linker = Linker::new(engine);
        wasi_async(&mut linker).unwrap();
        if at_once {
            drop_output_streams_at_once(&mut linker).unwrap();
        }
        let ended = on_one_thread(async {
            let mut store = new_store();
            let instance = linker
                .instantiate_async(&mut store, component)
                .await
                .unwrap();
            let context = function(
                &mut store,
                instance,
                "context",
                "[static]context.unverified",
            );
            let mut made = [Val::Bool(false)];
            let role = [Val::Enum(CLIENT.to_owned())];
            context
                .call_async(&mut store, &role, &mut made)
                .await
                .unwrap();
            let arguments = arguments(&mut store, resource(&made[0]));
            let start = function(&mut store, instance, "port", "[static]port.start");
            start
                .call_async(&mut store, &arguments, &mut made)
                .await
                .unwrap();
            let dropped = resource(&made[0]).resource_drop_async(&mut store);
            tokio::time::timeout(Duration::from_millis(500), dropped)
                .await
                .is_ok()
        });
        assert_eq!(ended, at_once);
    }
}

/// What tokio lets a task do before it has to yield. Without budget, streams that are ready say that
/// they are not.
const BUDGET: usize = 128;

/// A client in an asynchronous store with the destructors of wasmtime, connected to a socket of the
/// test.
struct Connected {
    store: Store<Embedder>,
    instance: Instance,
    port: ResourceAny,
    peer: TcpStream,
}

impl Connected {
    async fn new(linker: &Linker<Embedder>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut store = new_store();
        store.data_mut().wasi = WasiCtx::builder().allow_tcp(true).inherit_network().build();
        let instance = linker.instantiate_async(&mut store, &compiled().1).await;
        let instance = instance.unwrap();
        let role = [Val::Enum(CLIENT.to_owned())];
        let name = "[static]context.unverified";
        let context = called(&mut store, instance, "context", name, &role).await;
        let address = listener.local_addr().unwrap();
        let arguments = [
            Val::Resource(resource(&context)),
            Val::String(address.ip().to_string()),
            Val::U16(address.port()),
        ];
        let name = "[static]port.blocking-connect";
        let port = called(&mut store, instance, "port", name, &arguments).await;
        let (peer, _) = listener.accept().unwrap();
        let limit = Some(Duration::from_secs(5));
        peer.set_read_timeout(limit).unwrap();
        Self {
            port: resource(&port),
            store,
            instance,
            peer,
        }
    }

    async fn handshake(&mut self) -> Val {
        let arguments = [Val::Resource(self.port)];
        let name = "[method]port.handshake";
        called(&mut self.store, self.instance, "port", name, &arguments).await
    }
}

async fn called(
    store: &mut Store<Embedder>,
    instance: Instance,
    interface: &str,
    name: &str,
    arguments: &[Val],
) -> Val {
    let mut results = [Val::Bool(false)];
    let function = function(store, instance, interface, name);
    let called = function.call_async(store, arguments, &mut results);
    called.await.unwrap();
    let [result] = results;
    result
}

/// Spends so much of a new budget. What the system has for the task's sockets is known then.
async fn spend(budget: usize) {
    tokio::task::yield_now().await;
    for _ in 0..budget {
        tokio::task::coop::consume_budget().await;
    }
}

/// The budgets that a task may have spent for which this is not so.
fn not_so(holds: impl AsyncFn(&Linker<Embedder>, usize) -> bool) -> Vec<usize> {
    let mut linker = Linker::new(&compiled().0);
    wasi_async(&mut linker).unwrap();
    let fails = |&spent: &usize| !on_one_thread(holds(&linker, spent));
    (0..=BUDGET).filter(fails).collect()
}

#[test]
fn a_dropped_connection_is_closed_however_much_of_its_budget_the_task_has_spent() {
    let left_open = not_so(async |linker, spent| {
        let mut client = Connected::new(linker).await;
        spend(spent).await;
        let dropped = client.port.resource_drop_async(&mut client.store);
        dropped.await.unwrap();
        // The instance stays until the peer has looked.
        matches!(client.peer.read(&mut [0]), Ok(0))
    });
    assert_eq!(left_open, [0; 0]);
}

#[test]
fn an_alert_reaches_the_peer_however_much_of_its_budget_the_task_has_spent() {
    const ALERT: u8 = 21;
    let without = not_so(async |linker, spent| {
        let mut client = Connected::new(linker).await;
        let begun = client.handshake().await;
        assert_eq!(case(&begun), "want-read");
        let mut hello = [0; 4096];
        let _ = client.peer.read(&mut hello).unwrap();
        // A record of the handshake, with a ServerHello that has nothing in it.
        let broken = [22, 3, 3, 0, 4, 2, 0, 0, 0];
        client.peer.write_all(&broken).unwrap();
        spend(spent).await;
        let failed = client.handshake().await;
        assert_eq!(case(&failed), "protocol");
        let mut alert = [0];
        matches!(client.peer.read(&mut alert), Ok(1)) && alert == [ALERT]
    });
    assert_eq!(without, [0; 0]);
}

/// The error's case.
fn case(answer: &Val) -> &str {
    match answer {
        Val::Result(Err(Some(error))) => match &**error {
            Val::Variant(case, _) => case,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}
