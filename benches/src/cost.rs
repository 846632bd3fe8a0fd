//! What the component costs: its size, its start, its memory, and what it executes.

use std::time::Instant;

use anyhow::{Context, Result};
use portcullis_host::{Guest, Options};
use wasmtime::component::Component;

use crate::bulk::{self, Pair, SUITES};
use crate::connection::{Connection, shake_hands};
use crate::handshake::Ends;
use crate::identity::{Identity, KeyType};
use crate::native::{self, Clients, Library, Servers, Terms};
use crate::ours::Ours;
use crate::report::{Report, Samples};
use crate::rounds::{Side, Watch, rounds};
use crate::stage::{Artifact, Stage};

/// How many samples a figure in instructions has, and how many handshakes of a step count at most.
const REPEATS: usize = 5;

/// How many instances are made in one turn.
const INSTANCES: u32 = 20;

/// The `size.`, `instantiate.`, `memory.` and `fuel.` entries.
pub(crate) fn measure(stage: &Stage, report: &mut Report) -> Result<()> {
    let identity = Identity::new(KeyType::P256)?;
    for artifact in &stage.artifacts {
        let name = format!("size.component{}", artifact.suffix);
        report.alone(name, "B", &Samples(vec![float(artifact.bytes.len())?]));
        start(stage, report, artifact)?;
        fuel(stage, report, artifact, &identity)?;
    }
    memory(stage, report, &identity)
}

/// Time a start from the binary, from the compiled form in the cache, and from the compiled form
/// in memory.
fn start(stage: &Stage, report: &mut Report, artifact: &Artifact) -> Result<()> {
    let engine = artifact.aead.engine();
    let sides = vec![
        Side::new("compile", || {
            // Compiling uses all cores, so that the time of this thread says little.
            let before = Instant::now();
            Component::new(engine, &artifact.bytes)?;
            Ok(vec![before.elapsed().as_secs_f64() * 1e3])
        }),
        Side::new("load", || {
            milliseconds(1, || Ok(Guest::from_bytes(&artifact.bytes)?))
        }),
        Side::new("instantiate", || {
            milliseconds(INSTANCES, || {
                Ok(artifact.guest.instantiate(Options::new())?)
            })
        }),
    ];
    // Compiling takes seconds.
    let count = stage.plan.rounds.div_ceil(3);
    let outcome = rounds(&stage.progress, "starting", count, sides)?;
    let suffix = artifact.suffix;
    let (compile, load) = (outcome.of("compile", 0)?, outcome.of("load", 0)?);
    report.alone(format!("instantiate.compile{suffix}"), "ms", compile);
    let beside = ("compiling", compile);
    report.beside(format!("instantiate.load{suffix}"), "ms", load, beside);
    let instantiate = outcome
        .of("instantiate", 0)?
        .map(|milliseconds| milliseconds * 1e3);
    let beside = (beside.0, &compile.map(|milliseconds| milliseconds * 1e3));
    report.beside(
        format!("instantiate.precompiled{suffix}"),
        "µs",
        &instantiate,
        beside,
    );
    Ok(())
}

/// The average time of `count` calls; their results are dropped outside of the measured time.
fn milliseconds<T>(count: u32, what: impl Fn() -> Result<T>) -> Result<Vec<f64>> {
    let mut watch = Watch::default();
    for _ in 0..count {
        drop(watch.time(&what)?);
    }
    Ok(vec![watch.0.as_secs_f64() * 1e3 / f64::from(count)])
}

/// Count instructions, for a handshake and for 1 MiB each way. They do not depend on the machine.
fn fuel(
    stage: &Stage,
    report: &mut Report,
    artifact: &Artifact,
    identity: &Identity,
) -> Result<()> {
    stage.progress.show("counting instructions");
    let suffix = artifact.suffix;
    let terms = Terms::usual(identity);
    let ends = Ends::new(
        Ours::client(&artifact.metered, terms)?,
        Ours::server(&artifact.metered, terms)?,
        terms,
    )?;
    let watch = &mut Watch::default();
    let client = spent(&ends.client, || ends.as_client(watch))?;
    report.alone(
        format!("fuel.handshake.tls13.p256.client{suffix}"),
        "fuel",
        &client,
    );
    let server = spent(&ends.server, || ends.as_server(watch))?;
    report.alone(
        format!("fuel.handshake.tls13.p256.server{suffix}"),
        "fuel",
        &server,
    );
    for suite in SUITES {
        let name = native::suite_name(suite)?;
        let terms = bulk::terms(identity, suite);
        let client = Ours::client(&artifact.metered, terms)?;
        let mut pair = Pair::new(&client, terms)?;
        let seal = spent(&client, || pair.seal(watch))?;
        report.alone(format!("fuel.mib.{name}.seal{suffix}"), "fuel", &seal);
        let open = spent(&client, || pair.open(watch))?;
        report.alone(format!("fuel.mib.{name}.open{suffix}"), "fuel", &open);
    }
    Ok(())
}

fn spent(ours: &Ours, mut what: impl FnMut() -> Result<()>) -> Result<Samples> {
    let mut samples = Samples::default();
    for _ in 0..REPEATS {
        let before = ours.fuel_spent()?;
        what()?;
        let spent = ours.fuel_spent()? - before;
        samples.0.push(float(usize::try_from(spent)?)?);
    }
    Ok(samples)
}

/// Measure how the memory of one instance grows with its idle connections, and how fast the next
/// handshakes are then.
fn memory(stage: &Stage, report: &mut Report, identity: &Identity) -> Result<()> {
    let guest = &stage.preferred()?.guest;
    let terms = Terms::usual(identity);
    let fresh = guest.instantiate(Options::new())?.memory();
    report.alone("memory.instance", "B", &Samples(vec![float(fresh)?]));

    let client = Ours::client(guest, terms)?;
    let peer = Servers(native::server_config(Library::AwsLc, terms)?);
    let of_client = grow(stage, report, "client", &client, |watch| {
        let (ours, _) = shake_hands((&client, watch), (&peer, &mut Watch::default()))?;
        Ok(ours)
    })?;
    let server = Ours::server(guest, terms)?;
    let peer = Clients(native::client_config(Library::AwsLc, terms)?);
    let of_server = grow(stage, report, "server", &server, |watch| {
        let (_, ours) = shake_hands((&peer, &mut Watch::default()), (&server, watch))?;
        Ok(ours)
    })?;
    report.alone(
        "memory.idle_connection.client",
        "B",
        &Samples(vec![of_client]),
    );
    report.alone(
        "memory.idle_connection.server",
        "B",
        &Samples(vec![of_server]),
    );
    let larger = Samples(vec![of_client.max(of_server)]);
    report.alone("memory.idle_connection", "B", &larger);
    Ok(())
}

/// Add idle connections step by step; returns the bytes that one more connection takes.
fn grow(
    stage: &Stage,
    report: &mut Report,
    role: &str,
    ours: &Ours,
    mut connect: impl FnMut(&mut Watch) -> Result<Box<dyn Connection>>,
) -> Result<f64> {
    let mut idle = Vec::new();
    let mut at = Vec::new();
    for &count in stage.plan.connections {
        stage
            .progress
            .show(&format!("idle connections of a {role}: {count}"));
        let mut last = Samples::default();
        while idle.len() < count {
            let mut watch = Watch::default();
            idle.push(connect(&mut watch)?);
            last.0.push(1.0 / watch.0.as_secs_f64());
        }
        // Only the last handshakes count: the first ones had fewer connections beside them.
        let last = Samples(last.0.into_iter().rev().take(REPEATS).collect());
        report.alone(format!("growth.{role}.{count}.handshakes"), "1/s", &last);
        let memory = float(ours.memory())?;
        report.alone(
            format!("growth.{role}.{count}.memory"),
            "B",
            &Samples(vec![memory]),
        );
        at.push((float(count)?, memory));
    }
    let (first, last) = at.first().zip(at.last()).context("no steps")?;
    Ok((last.1 - first.1) / (last.0 - first.0))
}

fn float(count: usize) -> Result<f64> {
    Ok(f64::from(u32::try_from(count)?))
}
