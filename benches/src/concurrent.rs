//! Messages over TCP on the loopback interface by guests of WASI 0.3: one program, whose `wasi:tls` is the
//! host's or ours, and beside it the client of WASI 0.2 that is composed with the component.

use std::fs;
use std::path::PathBuf;
use std::process;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use portcullis_bench_link::{Request, What};
use rustls::ClientConfig;
use tokio::runtime::{Builder, Runtime};
use wasmtime::Store;
use wasmtime::component::{Component, Linker};
use wasmtime_wasi::{FsPerms, WasiCtx};

use crate::client::{Client, State};
use crate::identity::{Identity, KeyType, NAME};
use crate::loopback::exchange;
use crate::native::{self, Library, Terms};
use crate::report::Report;
use crate::rounds::{Outcome, Side, of_this_process, rounds};
use crate::server::{self, serve};
use crate::stage::Stage;
use bindings::AsyncDriver;
use bindings::exports::portcullis::bench::async_client::What as GuestWhat;

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

    wasmtime::component::bindgen!({
        path: "guests/link/async-client.wit",
        world: "async-driver",
        exports: { default: async | store },
    });
}

/// Lengths of a message.
const LENGTHS: [(u32, &str); 3] = [(1024, "1k"), (16 * 1024, "16k"), (1024 * 1024, "1m")];

/// The most messages that a round sends one way, however short they are.
const MOST_MESSAGES: u32 = 16_000;

/// The sides.
const OURS: &str = "ours";
const HOSTS: &str = "wasi_tls";
const COMPOSED: &str = "composed";
const WORDS: &str = "composed_words";

/// What the figures are beside: names and titles.
const WASI_TLS: (&str, &str) = (HOSTS, "wasmtime-wasi-tls, WASI 0.3");
const WASI_0_2: (&str, &str) = (COMPOSED, "ours, composed, WASI 0.2, in bytes");
const IN_WORDS: (&str, &str) = (WORDS, "ours, composed, WASI 0.2, in words");

/// The `p3.` entries.
pub(crate) fn measure(stage: &Stage, report: &mut Report) -> Result<()> {
    let identity = Identity::new(KeyType::P256)?;
    let terms = Terms::usual(&identity);
    let port = serve(native::server_config(Library::AwsLc, terms)?)?;
    let config = native::client_config(Library::Ring, terms)?;
    let roots = Roots::new(&identity)?;
    let guests = &stage.guests;
    let mut ours = Concurrent::new(&guests.concurrent_composed, port, &roots, &config)?;
    let mut hosts = Concurrent::new(&guests.concurrent, port, &roots, &config)?;
    let mut bytes = guests.consumer.by_bytes(port, &identity, &config)?;
    let mut words = guests.consumer.composed(port, &identity, &config)?;

    let count = stage.plan.exchanges;
    let sides = [(OURS, &mut ours), (HOSTS, &mut hosts)];
    let sides = sides.map(|(name, client)| Side::new(name, move || exchange(client, 1024, count)));
    let plan = stage.plan;
    let title = "WASI 0.3, latency";
    let outcome = rounds(&stage.progress, title, plan.rounds, sides.into())?;
    for (figure, name) in ["p50", "p99"].into_iter().enumerate() {
        let name = format!("p3.1k.latency.{name}");
        beside(report, &outcome, &name, "µs", figure, WASI_TLS)?;
    }

    for (length, name) in LENGTHS {
        let messages = (plan.one_way / length).clamp(1, MOST_MESSAGES);
        let sides: [(_, &mut dyn Client); 4] = [
            (OURS, &mut ours),
            (HOSTS, &mut hosts),
            (COMPOSED, &mut bytes),
            (WORDS, &mut words),
        ];
        let sides = sides
            .map(|(name, client)| Side::new(name, move || both_ways(client, length, messages)));
        let title = format!("WASI 0.3, {name}");
        let outcome = rounds(&stage.progress, &title, plan.rounds, sides.into())?;
        for (figure, direction) in ["send", "receive"].into_iter().enumerate() {
            for (first, of, unit) in [(0, "", "MB/s"), (2, ".cpu", "MB/s")] {
                for peer in [WASI_TLS, WASI_0_2, IN_WORDS] {
                    let name = format!("p3.{name}.{direction}{of}");
                    beside(report, &outcome, &name, unit, first + figure, peer)?;
                }
            }
        }
    }

    let count = u32::try_from(plan.handshakes)?;
    let sides = [(OURS, &mut ours), (HOSTS, &mut hosts)];
    let sides = sides.map(|(name, client)| Side::new(name, move || handshakes(client, count)));
    let title = "WASI 0.3, handshakes";
    let outcome = rounds(&stage.progress, title, plan.rounds, sides.into())?;
    beside(report, &outcome, "p3.handshake", "1/s", 0, WASI_TLS)?;
    beside(report, &outcome, "p3.handshake.cpu", "1/s", 1, WASI_TLS)
}

fn beside(
    report: &mut Report,
    outcome: &Outcome,
    name: &str,
    unit: &'static str,
    figure: usize,
    (peer, title): (&str, &str),
) -> Result<()> {
    let (ours, theirs) = (outcome.of(OURS, figure)?, outcome.of(peer, figure)?);
    report.beside(format!("{name}.vs_{peer}"), unit, ours, (title, theirs));
    Ok(())
}

/// MB/s, sent and received, then the same by the processor time of the client's end.
fn both_ways(client: &mut dyn Client, length: u32, count: u32) -> Result<Vec<f64>> {
    let (mut by_clock, mut by_processor) = (Vec::new(), Vec::new());
    for what in [What::Send, What::Receive] {
        let request = Request {
            what,
            length,
            count,
        };
        let spent = Spent::of(|| client.run(request).map(drop))?;
        let megabytes = float(request.total()) / 1e6;
        by_clock.push(megabytes / spent.clock.as_secs_f64());
        by_processor.push(megabytes / spent.processor.as_secs_f64());
    }
    by_clock.extend(by_processor);
    Ok(by_clock)
}

/// Connections with a whole handshake, a request for nothing and an end, per second; by the clock and by
/// the processor time of the client's end.
fn handshakes(client: &mut dyn Client, count: u32) -> Result<Vec<f64>> {
    let request = Request {
        what: What::Exchange,
        length: 1,
        count: 0,
    };
    let (mut clock, mut processor) = (Duration::ZERO, Duration::ZERO);
    for _ in 0..count {
        let spent = Spent::of(|| client.run(request).map(drop))?;
        clock += spent.clock;
        processor += spent.processor;
    }
    let count = f64::from(count);
    Ok(vec![
        count / clock.as_secs_f64(),
        count / processor.as_secs_f64(),
    ])
}

/// What one request took.
struct Spent {
    clock: Duration,
    /// That of this process without the server's threads.
    processor: Duration,
}

impl Spent {
    fn of(run: impl FnOnce() -> Result<()>) -> Result<Self> {
        let served = server::served();
        let (start, before) = (Instant::now(), of_this_process());
        run()?;
        let (clock, whole) = (start.elapsed(), of_this_process() - before);
        let by_server = server::spent_since(served)?;
        Ok(Self {
            clock,
            processor: whole.saturating_sub(by_server),
        })
    }
}

/// The authority of the server in a file, for the guest that trusts what `SSL_CERT_FILE` names.
struct Roots(PathBuf);

impl Roots {
    /// The file's name in its directory.
    const FILE: &str = "roots.pem";

    fn new(identity: &Identity) -> Result<Self> {
        let directory = std::env::temp_dir().join(format!("portcullis-bench-{}", process::id()));
        fs::create_dir(&directory)?;
        let roots = Self(directory);
        fs::write(roots.0.join(Self::FILE), &identity.root)?;
        Ok(roots)
    }
}

impl Drop for Roots {
    fn drop(&mut self) {
        // Nothing depends on that it goes.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A guest that makes a connection for each request.
struct Concurrent {
    runtime: Runtime,
    store: Store<State>,
    driver: AsyncDriver,
    port: u16,
}

impl Concurrent {
    fn new(
        component: &Component,
        port: u16,
        roots: &Roots,
        config: &Arc<ClientConfig>,
    ) -> Result<Self> {
        let engine = component.engine();
        let mut linker = Linker::new(engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
        wasmtime_wasi::p3::add_to_linker(&mut linker)?;
        wasmtime_wasi_tls::p3::add_to_linker(&mut linker)?;

        let mut wasi = WasiCtx::builder();
        wasi.inherit_network().allow_tcp(true);
        wasi.env("SSL_CERT_FILE", format!("/roots/{}", Roots::FILE));
        wasi.preopened_dir(&roots.0, "/roots", FsPerms::ReadOnly)?;
        let mut store = Store::new(engine, State::new(wasi.build(), config));
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let driver = AsyncDriver::instantiate_async(&mut store, component, &linker);
        let driver = runtime.block_on(driver)?;
        Ok(Self {
            runtime,
            store,
            driver,
            port,
        })
    }
}

impl Client for Concurrent {
    fn run(&mut self, request: Request) -> Result<Vec<u64>> {
        let Self {
            runtime,
            store,
            driver,
            port,
        } = self;
        let what = match request.what {
            What::Exchange => GuestWhat::Exchange,
            What::Send => GuestWhat::Send,
            What::Receive => GuestWhat::Receive,
        };
        let client = driver.portcullis_bench_async_client();
        let (length, count) = (request.length, request.count);
        let running = store.run_concurrent(async |store| {
            let name = NAME.to_owned();
            client
                .call_run(store, *port, name, what, length, count)
                .await
        });
        let times = runtime.block_on(running)??;
        times.map_err(|reason| anyhow!(reason))
    }
}

fn float(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}
