//! The guests that are measured, and how much is measured of them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use portcullis_host::Guest;
use wasmtime::component::Component;

use crate::aead;
use crate::client::Guests;
use crate::mirror;
use crate::progress::Progress;

/// How much is done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Rounds of every section.
    pub(crate) rounds: usize,
    /// Handshakes of a side in one round.
    pub(crate) handshakes: usize,
    /// Exchanges of a message in one round.
    pub(crate) exchanges: u32,
    /// Bytes that are sent one way in one round.
    pub(crate) one_way: u32,
    /// How many idle connections one instance has, step by step.
    pub(crate) connections: &'static [usize],
}

impl Plan {
    /// Enough to trust.
    pub(crate) const FULL: Self = Self {
        rounds: 15,
        handshakes: 10,
        exchanges: 400,
        one_way: 64 * 1024 * 1024,
        connections: &[1, 10, 100, 1_000, 10_000],
    };

    /// Enough to see that it works.
    pub(crate) const QUICK: Self = Self {
        rounds: 5,
        handshakes: 3,
        exchanges: 100,
        one_way: 64 * 1024 * 1024,
        connections: &[1, 10, 100, 500],
    };
}

/// The guests of one build.
pub(crate) struct Artifact {
    /// The end of its entries' names; empty for the artifact that the host prefers.
    pub(crate) suffix: &'static str,
    pub(crate) bytes: Vec<u8>,
    pub(crate) guest: Guest,
    pub(crate) metered: Guest,
    pub(crate) aead: Component,
    pub(crate) providers: Component,
}

impl Artifact {
    fn load(directory: &Path, suffix: &'static str) -> Result<Self> {
        let bytes = read(directory, "portcullis.wasm")?;
        Ok(Self {
            suffix,
            guest: Guest::from_bytes(&bytes)?,
            metered: Guest::metered(&bytes)?,
            aead: aead::compile(&read(directory, "portcullis_bench_aead.wasm")?)?,
            providers: aead::compile(&read(directory, "portcullis_bench_providers.wasm")?)?,
            bytes,
        })
    }
}

/// Everything that the sections need.
pub(crate) struct Stage {
    pub(crate) plan: Plan,
    /// The one that the host prefers comes first.
    pub(crate) artifacts: Vec<Artifact>,
    /// The host's own form of the interface, behind a component that does nothing but call it.
    native: Guest,
    pub(crate) guests: Guests,
    pub(crate) progress: Progress,
    /// Where the guests with the names of their functions are.
    pub(crate) named: Option<PathBuf>,
    /// The command `portcullis`.
    pub(crate) command: Option<PathBuf>,
}

impl Stage {
    /// Load and compile the guests of the directories.
    pub(crate) fn new(
        plan: Plan,
        baseline: &Path,
        wide: Option<&PathBuf>,
        named: Option<PathBuf>,
        command: Option<PathBuf>,
    ) -> Result<Self> {
        let progress = Progress::new();
        progress.show("compiling the guests");
        let mut artifacts = Vec::new();
        if let Some(wide) = wide {
            artifacts.push(Artifact::load(wide, "")?);
        }
        let suffix = if wide.is_some() { ".baseline" } else { "" };
        artifacts.push(Artifact::load(baseline, suffix)?);
        let preferred = artifacts.first().context("no artifact")?;
        let consumer = read(baseline, "portcullis_bench_consumer.wasm")?;
        let wasi_tls = read(baseline, "portcullis_bench_wasi_tls.wasm")?;
        let concurrent = read(baseline, "portcullis_bench_wasi_tls_p3.wasm")?;
        let tokio_rustls = wide.map(|wide| read(wide, "portcullis_bench_tokio_rustls.wasm"));
        let guests = Guests::new(
            &preferred.bytes,
            &consumer,
            &wasi_tls,
            tokio_rustls.transpose()?,
            &concurrent,
        )?;
        let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
        Ok(Self {
            plan,
            artifacts,
            native: Guest::from_bytes(&mirror::component(&wit))?,
            guests,
            progress,
            named,
            command,
        })
    }

    /// What is called by the typed interface, each with the end of its entries' names: the artifacts,
    /// and the host's own form.
    pub(crate) fn forms(&self) -> impl Iterator<Item = (&'static str, &Guest)> {
        let artifacts = self.artifacts.iter();
        artifacts
            .map(|artifact| (artifact.suffix, &artifact.guest))
            .chain([(".native", &self.native)])
    }

    /// The artifact that the host prefers.
    pub(crate) fn preferred(&self) -> Result<&Artifact> {
        self.artifacts.first().context("no artifact")
    }
}

fn read(directory: &Path, name: &str) -> Result<Vec<u8>> {
    let path = directory.join(name);
    fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
}
