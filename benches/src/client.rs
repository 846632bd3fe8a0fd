//! The clients on loopback: the component in three ways, the host's own form of its interface,
//! `wasi:tls`, and native rustls.

use std::error::Error;
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result, anyhow};
use portcullis_bench_link::{Link, Request, What};
use portcullis_host::context_types::{Source, VerifyName};
use portcullis_host::types::Role;
use portcullis_host::{
    Context, EMBEDDED_P3, Guest, Instance, Network, Options, Port, Tls, TlsView, native,
};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use tokio_rustls::TlsConnector;
use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime::{Config, Engine, ProfilingStrategy, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_tls::{
    TlsProvider, TlsStream, TlsTransport, WasiTlsCtx, WasiTlsCtxBuilder, WasiTlsCtxView,
    WasiTlsView, p2,
};

use crate::identity::{Identity, NAME};
use bindings::Driver;
use bindings::exports::portcullis::bench::client::What as GuestWhat;

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

    wasmtime::component::bindgen!({ path: "guests/link/client.wit", world: "driver" });
}

/// A client with a connection.
pub(crate) trait Client {
    /// Run the request; returns how many nanoseconds each exchange took.
    fn run(&mut self, request: Request) -> Result<Vec<u64>>;
}

/// Run a request on a link that lives in this process.
fn run_here(request: Request, link: &mut impl Link) -> Result<Vec<u64>> {
    let start = Instant::now();
    let clock = || u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
    request.run(link, clock).map_err(|reason| anyhow!(reason))
}

/// Native rustls over a socket that blocks.
pub(crate) struct Native {
    stream: StreamOwned<ClientConnection, TcpStream>,
    buffer: Vec<u8>,
}

impl Native {
    pub(crate) fn connect(port: u16, config: &Arc<ClientConfig>) -> Result<Self> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        let connection = ClientConnection::new(Arc::clone(config), ServerName::try_from(NAME)?)?;
        let mut stream = StreamOwned::new(connection, stream);
        stream.conn.complete_io(&mut stream.sock)?;
        Ok(Self {
            stream,
            buffer: Vec::new(),
        })
    }
}

impl Link for Native {
    fn write_all(&mut self, message: &[u8]) -> Result<(), String> {
        self.stream
            .write_all(message)
            .map_err(|error| error.to_string())
    }

    fn read(&mut self, limit: usize) -> Result<usize, String> {
        self.buffer.resize(limit, 0);
        match self.stream.read(&mut self.buffer) {
            Ok(0) => Err("the server closed".to_owned()),
            Ok(count) => Ok(count),
            Err(error) => Err(error.to_string()),
        }
    }
}

impl Client for Native {
    fn run(&mut self, request: Request) -> Result<Vec<u64>> {
        run_here(request, self)
    }
}

/// The component, called from the host by its typed interface.
pub(crate) struct Hosted {
    instance: Instance,
    port: Port,
}

impl Hosted {
    pub(crate) fn connect(port: u16, guest: &Guest, identity: &Identity) -> Result<Self> {
        let mut instance = guest.instantiate(Options::new().network(Network::loopback()))?;
        let context = Context::secure(&mut instance, Role::Client)?;
        let roots = Source::Bytes(identity.root.as_bytes().to_vec());
        context.add_trust_roots(&mut instance, &roots)?;
        context.set_verify_name(&mut instance, &VerifyName::Name(NAME.to_owned()))?;
        let port = Port::blocking_connect(&mut instance, &context, "127.0.0.1", port)?;
        port.blocking_handshake(&mut instance)?;
        Ok(Self { instance, port })
    }
}

impl Link for Hosted {
    fn write_all(&mut self, message: &[u8]) -> Result<(), String> {
        let written = self.port.blocking_write_all(&mut self.instance, message);
        written.map_err(|failure| failure.to_string())
    }

    fn read(&mut self, limit: usize) -> Result<usize, String> {
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        let read = self.port.blocking_read(&mut self.instance, limit);
        let plaintext = read.map_err(|failure| failure.to_string())?;
        plaintext
            .map(|plaintext| plaintext.len())
            .ok_or_else(|| "the server closed".to_owned())
    }
}

impl Client for Hosted {
    fn run(&mut self, request: Request) -> Result<Vec<u64>> {
        run_here(request, self)
    }
}

/// The consumer of the component, and the component, compiled for one engine.
pub(crate) struct Consumer {
    alone: Component,
    composed: Component,
    tls: Component,
}

impl Consumer {
    fn new(engine: &Engine, tls: &[u8], consumer: &[u8]) -> Result<Self> {
        Ok(Self {
            composed: Component::new(engine, portcullis_host::compose(consumer, tls)?)?,
            alone: Component::new(engine, consumer)?,
            tls: Component::new(engine, tls)?,
        })
    }

    /// Those of a directory whose guests have the names of their functions, with an
    /// engine that tells `perf` where each function is.
    pub(crate) fn named(directory: &Path) -> Result<Self> {
        let mut config = Config::new();
        config
            .wasm_wide_arithmetic(true)
            .profiler(ProfilingStrategy::PerfMap);
        let engine = Engine::new(&config)?;
        let read = |name: &str| {
            let path = directory.join(name);
            fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
        };
        let tls = read("portcullis.wasm")?;
        let consumer = read("portcullis_bench_consumer.wasm")?;
        Self::new(&engine, &tls, &consumer)
    }

    /// The consumer, which has the component inside.
    pub(crate) fn composed(
        &self,
        port: u16,
        identity: &Identity,
        config: &Arc<ClientConfig>,
    ) -> Result<InGuest> {
        InGuest::connect(&self.composed, By::Itself, port, identity, config)
    }

    /// The same, whose messages go in bytes and not in words: a program without one of our wrappers.
    pub(crate) fn by_bytes(
        &self,
        port: u16,
        identity: &Identity,
        config: &Arc<ClientConfig>,
    ) -> Result<InGuest> {
        InGuest::connect(&self.composed, By::Bytes, port, identity, config)
    }

    /// The consumer, linked with the component when it is instantiated.
    pub(crate) fn linked(
        &self,
        port: u16,
        identity: &Identity,
        config: &Arc<ClientConfig>,
    ) -> Result<InGuest> {
        let by = By::Component(&self.tls);
        InGuest::connect(&self.alone, by, port, identity, config)
    }

    /// The consumer, linked with the host's own form of the interface.
    pub(crate) fn native(
        &self,
        port: u16,
        identity: &Identity,
        config: &Arc<ClientConfig>,
    ) -> Result<InGuest> {
        InGuest::connect(&self.alone, By::Host, port, identity, config)
    }
}

/// The guests that are clients by themselves, compiled.
pub(crate) struct Guests {
    pub(crate) consumer: Consumer,
    wasi_tls: Component,
    tokio_rustls: Option<Component>,
    /// Of WASI 0.3, for the `wasi:tls` of its host.
    pub(crate) concurrent: Component,
    /// The same composed with our component for WASI 0.3.
    pub(crate) concurrent_composed: Component,
}

impl Guests {
    /// Compose the consumers with the components, and compile all.
    pub(crate) fn new(
        tls: &[u8],
        consumer: &[u8],
        wasi_tls: &[u8],
        tokio_rustls: Option<Vec<u8>>,
        concurrent: &[u8],
    ) -> Result<Self> {
        let engine = Engine::new(Config::new().wasm_wide_arithmetic(true))?;
        let composed_p3 = portcullis_host::compose(concurrent, EMBEDDED_P3)?;
        Ok(Self {
            consumer: Consumer::new(&engine, tls, consumer)?,
            wasi_tls: Component::new(&engine, wasi_tls)?,
            tokio_rustls: tokio_rustls
                .map(|guest| Component::new(&engine, guest))
                .transpose()?,
            concurrent: Component::new(&engine, concurrent)?,
            concurrent_composed: Component::new(&engine, composed_p3)?,
        })
    }

    /// A guest that is the same client over the host's `wasi:tls`.
    pub(crate) fn wasi_tls(
        &self,
        port: u16,
        identity: &Identity,
        config: &Arc<ClientConfig>,
    ) -> Result<InGuest> {
        InGuest::connect(&self.wasi_tls, By::Itself, port, identity, config)
    }

    /// A guest that is the same client over tokio-rustls and our cryptography, which are linked into it.
    pub(crate) fn tokio_rustls(
        &self,
        port: u16,
        identity: &Identity,
        config: &Arc<ClientConfig>,
    ) -> Result<InGuest> {
        let guest = self.tokio_rustls.as_ref();
        let guest = guest.context("there is no guest with tokio-rustls")?;
        InGuest::connect(guest, By::Itself, port, identity, config)
    }
}

/// Who gives a guest `portcullis:tls`.
#[derive(Clone, Copy)]
enum By<'a> {
    /// It has it inside, or needs none.
    Itself,
    /// It has it inside, and is told to move bytes.
    Bytes,
    /// The component, linked when the guest is instantiated.
    Component(&'a Component),
    /// The host's own form.
    Host,
}

/// A guest that is a client by itself.
pub(crate) struct InGuest {
    store: Store<State>,
    driver: Driver,
}

impl InGuest {
    fn connect(
        component: &Component,
        by: By<'_>,
        port: u16,
        identity: &Identity,
        config: &Arc<ClientConfig>,
    ) -> Result<Self> {
        let engine = component.engine();
        let mut linker = Linker::new(engine);
        wasmtime_wasi::p2::add_to_linker_sync(&mut linker)?;
        let mut options = p2::LinkOptions::default();
        options.tls(true);
        p2::add_to_linker(&mut linker, &options)?;
        match by {
            By::Itself | By::Bytes => {}
            By::Component(tls) => portcullis_host::add_to_linker_sync(&mut linker, tls)?,
            By::Host => native::add_to_linker_sync(&mut linker)?,
        }

        let mut wasi = WasiCtx::builder();
        wasi.inherit_network().allow_tcp(true);
        if let By::Bytes = by {
            wasi.env("PORTCULLIS_BENCH_BYTES", "1");
        }
        let wasi = wasi.build();
        let mut store = Store::new(engine, State::new(wasi, config));
        let driver = Driver::instantiate(&mut store, component, &linker)?;
        let client = driver.portcullis_bench_client();
        let connected = client.call_connect(&mut store, port, NAME, identity.root.as_bytes())?;
        connected.map_err(|reason| anyhow!(reason))?;
        Ok(Self { store, driver })
    }
}

impl Client for InGuest {
    fn run(&mut self, request: Request) -> Result<Vec<u64>> {
        let what = match request.what {
            What::Exchange => GuestWhat::Exchange,
            What::Send => GuestWhat::Send,
            What::Receive => GuestWhat::Receive,
        };
        let client = self.driver.portcullis_bench_client();
        let run = client.call_run(&mut self.store, what, request.length, request.count);
        run?.map_err(|reason| anyhow!(reason))
    }
}

/// What a guest's store holds.
pub(crate) struct State {
    wasi: WasiCtx,
    portcullis: Tls,
    wasi_tls: WasiTlsCtx,
    table: ResourceTable,
}

impl State {
    /// The host's `wasi:tls` takes the configuration.
    pub(crate) fn new(wasi: WasiCtx, config: &Arc<ClientConfig>) -> Self {
        let provider = Box::new(Provider(Arc::clone(config)));
        Self {
            wasi,
            portcullis: Tls::new(),
            wasi_tls: WasiTlsCtxBuilder::new().provider(provider).build(),
            table: ResourceTable::new(),
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
        &mut self.portcullis
    }
}

impl WasiTlsView for State {
    fn tls(&mut self) -> WasiTlsCtxView<'_> {
        WasiTlsCtxView {
            ctx: &mut self.wasi_tls,
            table: &mut self.table,
        }
    }
}

/// Does what the crate's own `RustlsProvider` does, with roots that can be chosen.
struct Provider(Arc<ClientConfig>);

type Connecting =
    Pin<Box<dyn Future<Output = Result<Box<dyn TlsStream>, wasmtime_wasi_tls::Error>> + Send>>;

impl TlsProvider for Provider {
    fn connect(&self, server_name: String, transport: Box<dyn TlsTransport>) -> Connecting {
        let connector = TlsConnector::from(Arc::clone(&self.0));
        Box::pin(async move {
            let failed = |error: &dyn Error| wasmtime_wasi_tls::Error::msg(error.to_string());
            let name = ServerName::try_from(server_name).map_err(|error| failed(&error))?;
            let stream = connector.connect(name, transport).await;
            let stream = stream.map_err(|error| failed(&error))?;
            let stream: Box<dyn TlsStream> = Box::new(stream);
            Ok(stream)
        })
    }
}
