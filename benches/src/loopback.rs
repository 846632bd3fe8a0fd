//! Messages over TCP on the loopback interface, every client against the same native server.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Result, bail};
use portcullis_bench_link::{Request, What};
use rustls::{CipherSuite, ClientConfig};

use crate::bulk::SUITES;
use crate::client::{Client, Hosted, Native};
use crate::identity::{Identity, KeyType};
use crate::native::{self, Library, Terms};
use crate::report::{Report, Samples, quantile};
use crate::rounds::{Outcome, Side, rounds};
use crate::server::serve;
use crate::stage::Stage;

/// Lengths of a message.
const LENGTHS: [(u32, &str); 4] = [
    (1, "1b"),
    (1024, "1k"),
    (16 * 1024, "16k"),
    (1024 * 1024, "1m"),
];

/// The most messages that a round sends one way, however short they are.
const MOST_MESSAGES: u32 = 4_000;

/// The names of our clients.
const LINKED: &str = "linked";
const COMPOSED: &str = "composed";
const HOSTED: &str = "hosted";
const NATIVE: &str = "native";
/// They and what their entries' names have for them.
pub(crate) const OURS: [(&str, &str); 4] = [
    (LINKED, ""),
    (COMPOSED, ".composed"),
    (HOSTED, ".hosted"),
    (NATIVE, ".native"),
];
/// The one that has TLS linked into it, which is beside the others with OpenSSL alone.
pub(crate) const TOKIO: (&str, &str) = ("tokio_rustls", ".tokio_rustls");
const WASI_TLS: &str = "wasi_tls";
const RUSTLS: &str = "rustls_ring";
/// The peers, with their titles.
pub(crate) const PEERS: [(&str, &str); 2] = [
    (WASI_TLS, "wasmtime-wasi-tls"),
    (RUSTLS, "native rustls + ring"),
];

/// The figures of a side's turn.
const P50: usize = 0;
const P99: usize = 1;
const SEND: usize = 2;
const RECEIVE: usize = 3;

/// The `latency.` and `throughput.` entries.
pub(crate) fn measure(stage: &Stage, report: &mut Report) -> Result<()> {
    let identity = Identity::new(KeyType::P256)?;
    // Each side chooses its suite itself, as it does for its users.
    let own = Loop::new(&identity, None)?;
    for (length, name) in LENGTHS {
        let outcome = own.compare(stage, name, length)?;
        for (client, of) in OURS {
            for (percentile, figure) in [("p50", P50), ("p99", P99)] {
                let entry = format!("latency.{name}.{percentile}{of}");
                beside(report, &outcome, &entry, "µs", (client, figure))?;
            }
            for (direction, figure) in [("send", SEND), ("receive", RECEIVE)] {
                let entry = format!("throughput.{name}.{direction}{of}");
                beside(report, &outcome, &entry, "MB/s", (client, figure))?;
            }
        }
        if length >= 16 * 1024 {
            for (direction, figure) in [("send", SEND), ("receive", RECEIVE)] {
                let entry = format!("throughput.{name}.{direction}.composed.vs_linked");
                let ours = outcome.of(COMPOSED, figure)?;
                let linked = ("the same, linked", outcome.of(LINKED, figure)?);
                report.beside(entry, "MB/s", ours, linked);
            }
        }
        if length == 16 * 1024 {
            one_way(report, &outcome, "throughput.oneway", LINKED)?;
            one_way(report, &outcome, "throughput.oneway.composed", COMPOSED)?;
        }
    }
    for suite in SUITES {
        let name = native::suite_name(suite)?;
        let one = Loop::new(&identity, Some(suite))?;
        let outcome = one.compare(stage, name, 16 * 1024)?;
        for (direction, figure) in [("send", SEND), ("receive", RECEIVE)] {
            let entry = format!("throughput.{name}.{direction}");
            beside(report, &outcome, &entry, "MB/s", (LINKED, figure))?;
        }
    }
    Ok(())
}

fn beside(
    report: &mut Report,
    outcome: &Outcome,
    name: &str,
    unit: &'static str,
    (client, figure): (&str, usize),
) -> Result<()> {
    let ours = outcome.of(client, figure)?;
    for (peer, title) in PEERS {
        let theirs = outcome.of(peer, figure)?;
        report.beside(format!("{name}.vs_{peer}"), unit, ours, (title, theirs));
    }
    Ok(())
}

/// Report the direction in which the ratio to the peer is worse.
fn one_way(report: &mut Report, outcome: &Outcome, name: &str, client: &str) -> Result<()> {
    let (peer, title) = PEERS[0];
    let direction = |figure| -> Result<(&Samples, &Samples)> {
        Ok((outcome.of(client, figure)?, outcome.of(peer, figure)?))
    };
    let (send, receive) = (direction(SEND)?, direction(RECEIVE)?);
    let (ours, theirs) = if send.0.ratio_to(send.1) < receive.0.ratio_to(receive.1) {
        send
    } else {
        receive
    };
    report.beside(format!("{name}.vs_{peer}"), "MB/s", ours, (title, theirs));
    Ok(())
}

/// A server and what the clients need to know of it.
struct Loop<'a> {
    port: u16,
    identity: &'a Identity,
    client: Arc<ClientConfig>,
}

impl<'a> Loop<'a> {
    fn new(identity: &'a Identity, suite: Option<CipherSuite>) -> Result<Self> {
        let terms = Terms {
            suite,
            ..Terms::usual(identity)
        };
        Ok(Self {
            port: serve(native::server_config(Library::AwsLc, terms)?)?,
            identity,
            client: native::client_config(Library::Ring, terms)?,
        })
    }

    fn compare(&self, stage: &Stage, title: &str, length: u32) -> Result<Outcome> {
        let clients = clients().map(|name| {
            Ok((
                name,
                connect(stage, name, self.port, self.identity, &self.client)?,
            ))
        });
        let clients = clients.collect::<Result<Vec<_>>>()?;
        let plan = stage.plan;
        // Many exchanges of a long message take long and tell no more.
        let exchanges = (plan.exchanges * 1024 / length).clamp(plan.exchanges / 10, plan.exchanges);
        let messages = (plan.one_way / length).clamp(1, MOST_MESSAGES);
        let sides = clients.into_iter().map(|(name, mut client)| {
            Side::new(name, move || {
                let mut figures = exchange(&mut *client, length, exchanges)?;
                for what in [What::Send, What::Receive] {
                    let count = messages;
                    figures.push(one_direction(
                        &mut *client,
                        Request {
                            what,
                            length,
                            count,
                        },
                    )?);
                }
                Ok(figures)
            })
        });
        rounds(
            &stage.progress,
            &format!("loopback, {title}"),
            plan.rounds,
            sides.collect(),
        )
    }
}

/// The names of all clients.
pub(crate) fn clients() -> impl Iterator<Item = &'static str> {
    OURS.into_iter().chain(PEERS).map(|(name, _)| name)
}

/// Connects the client of this name.
pub(crate) fn connect(
    stage: &Stage,
    name: &str,
    port: u16,
    identity: &Identity,
    config: &Arc<ClientConfig>,
) -> Result<Box<dyn Client>> {
    let guests = &stage.guests;
    Ok(match name {
        LINKED => Box::new(guests.consumer.linked(port, identity, config)?),
        COMPOSED => Box::new(guests.consumer.composed(port, identity, config)?),
        HOSTED => {
            let guest = &stage.preferred()?.guest;
            Box::new(Hosted::connect(port, guest, identity)?)
        }
        NATIVE => Box::new(guests.consumer.native(port, identity, config)?),
        name if name == TOKIO.0 => Box::new(guests.tokio_rustls(port, identity, config)?),
        WASI_TLS => Box::new(guests.wasi_tls(port, identity, config)?),
        RUSTLS => Box::new(Native::connect(port, config)?),
        _ => bail!("no client is called {name}"),
    })
}

/// Median and 99th percentile in µs.
pub(crate) fn exchange(client: &mut dyn Client, length: u32, count: u32) -> Result<Vec<f64>> {
    let what = What::Exchange;
    // The first exchange has the request's header before it, and is not counted.
    let times = client.run(Request {
        what,
        length,
        count: count + 1,
    })?;
    let mut times: Vec<f64> = times
        .into_iter()
        .skip(1)
        .map(|nanoseconds| f64::from(u32::try_from(nanoseconds).unwrap_or(u32::MAX)) / 1e3)
        .collect();
    times.sort_by(f64::total_cmp);
    Ok(vec![quantile(&times, 0.5), quantile(&times, 0.99)])
}

/// MB/s from the request to its end.
fn one_direction(client: &mut dyn Client, request: Request) -> Result<f64> {
    let before = Instant::now();
    client.run(request)?;
    let bytes = f64::from(u32::try_from(request.total())?);
    Ok(bytes / 1e6 / before.elapsed().as_secs_f64())
}
