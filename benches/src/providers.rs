//! Whole TLS with our provider and with those of others, client and server in one guest: what somebody
//! gets who puts one in the place of another.

use anyhow::{Context, Result, anyhow};
use wasmtime::Store;
use wasmtime::component::{Component, Linker};

use crate::aead::State;
use crate::connection::RECORD;
use crate::identity::{Issued, NAME};
use crate::report::Report;
use crate::rounds::{Side, Watch, megabytes_per_second, rounds};
use crate::stage::{Artifact, Stage};
use bindings::{Group, Identity, Maker, Providers, Suite, Terms};

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

    wasmtime::component::bindgen!({ path: "guests/providers/wit", world: "providers" });
}

/// How many records one pass seals, then opens.
const RECORDS: u32 = 16;
/// How many passes one turn has.
const REPEATS: u32 = 4;

/// More certificates than our provider remembers the signatures of.
const STRANGERS: usize = 160;

/// The others, as entries name them and as readers do.
const PEERS: [(Maker, &str, &str); 2] = [
    (
        Maker::RustCrypto,
        "rustls_rustcrypto",
        "rustls-rustcrypto in the same guest",
    ),
    (Maker::Ring, "ring_wasm", "ring's C in the same guest"),
];

const SUITES: [(Suite, &str); 2] = [
    (Suite::Chacha20Poly1305, "chacha20poly1305"),
    (Suite::Aes128Gcm, "aes128gcm"),
];

/// Key exchange, whether each connection shows another certificate, and the entry's name.
const HANDSHAKES: [(Group, bool, &str); 3] = [
    (Group::X25519, true, "p256"),
    (Group::X25519, false, "p256.again"),
    (Group::Secp256r1, true, "p256.secp256r1"),
];

/// For each figure its part of the entry's name, and its index in what a turn returns.
const OF_RECORDS: [(&str, usize); 3] = [("", 2), (".seal", 0), (".open", 1)];
const OF_HANDSHAKES: [(&str, usize); 3] = [("", 2), (".client", 0), (".server", 1)];

/// The `provider.` entries.
pub(crate) fn measure(stage: &Stage, report: &mut Report) -> Result<()> {
    let Issued {
        root,
        certificates,
        key,
    } = Issued::new(STRANGERS)?;
    let identity = |certificates: &[Vec<u8>]| Identity {
        name: NAME.to_owned(),
        root: root.clone(),
        certificates: certificates.to_vec(),
        key: key.clone(),
    };
    let (known, _) = certificates.split_at(1);
    for (suite, name) in SUITES {
        let group = Group::X25519;
        let terms = |maker| Terms {
            maker,
            suite,
            group,
        };
        let title = format!("records, {name}");
        let name = format!("records.{name}");
        let identity = identity(known);
        let side = |artifact: &Artifact, maker| {
            let mut guest = Guest::new(artifact, terms(maker), &identity)?;
            guest.shake_hands(&mut Watches::default())?;
            Ok(move || guest.records())
        };
        compare(stage, report, "MB/s", (&title, &name), OF_RECORDS, side)?;
    }
    for (group, are_strangers, name) in HANDSHAKES {
        let suite = Suite::Chacha20Poly1305;
        let terms = |maker| Terms {
            maker,
            suite,
            group,
        };
        let title = format!("handshakes, {name}");
        let name = format!("handshake.{name}");
        let identity = identity(if are_strangers { &certificates } else { known });
        let count = stage.plan.handshakes;
        let side = |artifact: &Artifact, maker| {
            let mut guest = Guest::new(artifact, terms(maker), &identity)?;
            Ok(move || guest.handshakes(count))
        };
        compare(stage, report, "1/s", (&title, &name), OF_HANDSHAKES, side)?;
    }
    Ok(())
}

fn compare<T: FnMut() -> Result<Vec<f64>>>(
    stage: &Stage,
    report: &mut Report,
    unit: &'static str,
    (title, name): (&str, &str),
    figures: [(&str, usize); 3],
    side: impl Fn(&Artifact, Maker) -> Result<T>,
) -> Result<()> {
    let mut sides = Vec::new();
    for artifact in &stage.artifacts {
        let suffix = artifact.suffix;
        let ours = side(artifact, Maker::Portcullis)?;
        sides.push(Side::new(format!("ours{suffix}"), ours));
        for (maker, peer, _) in PEERS {
            sides.push(Side::new(format!("{peer}{suffix}"), side(artifact, maker)?));
        }
    }
    let title = format!("providers, {title}");
    let outcome = rounds(&stage.progress, &title, stage.plan.rounds, sides)?;
    for Artifact { suffix, .. } in &stage.artifacts {
        for (part, figure) in figures {
            let ours = outcome.of(&format!("ours{suffix}"), figure)?;
            for (_, peer, title) in PEERS {
                let theirs = outcome.of(&format!("{peer}{suffix}"), figure)?;
                let name = format!("provider.{name}{part}.vs_{peer}{suffix}");
                report.beside(name, unit, ours, (title, theirs));
            }
        }
    }
    Ok(())
}

struct Guest {
    store: Store<State>,
    providers: Providers,
}

/// The time of each end, and of making and dropping both.
#[derive(Default)]
struct Watches {
    client: Watch,
    server: Watch,
    both: Watch,
}

impl Guest {
    fn new(artifact: &Artifact, terms: Terms, identity: &Identity) -> Result<Self> {
        let component: &Component = &artifact.providers;
        let mut linker = Linker::new(component.engine());
        wasmtime_wasi::p2::add_to_linker_sync(&mut linker)?;
        let mut store = Store::new(component.engine(), State::default());
        let providers = Providers::instantiate(&mut store, component, &linker)?;
        succeeded(providers.call_set_up(&mut store, terms, identity)?).context("setting up")?;
        Ok(Self { store, providers })
    }

    /// Makes a connection, and leaves it open.
    fn shake_hands(&mut self, watches: &mut Watches) -> Result<()> {
        let Self { store, providers } = self;
        let made = watches.both.time(|| providers.call_begin(&mut *store))?;
        succeeded(made)?;
        loop {
            let client = watches.client.time(|| providers.call_client(&mut *store))?;
            let server = watches.server.time(|| providers.call_server(&mut *store))?;
            if succeeded(client)? && succeeded(server)? {
                // What a server sends last is for the next connection.
                let read = watches.client.time(|| providers.call_client(&mut *store))?;
                succeeded(read)?;
                return Ok(());
            }
        }
    }

    fn handshakes(&mut self, count: usize) -> Result<Vec<f64>> {
        let mut watches = Watches::default();
        for _ in 0..count {
            self.shake_hands(&mut watches)?;
            let Self { store, providers } = self;
            watches.both.time(|| providers.call_end(&mut *store))?;
        }
        let Watches {
            client,
            server,
            both,
        } = watches;
        let count = f64::from(u32::try_from(count)?);
        let all = client.0 + server.0 + both.0;
        Ok(vec![
            count / client.0.as_secs_f64(),
            count / server.0.as_secs_f64(),
            count / all.as_secs_f64(),
        ])
    }

    fn records(&mut self) -> Result<Vec<f64>> {
        let Self { store, providers } = self;
        let length = u32::try_from(RECORD)?;
        let (mut seal, mut open) = (Watch::default(), Watch::default());
        for _ in 0..REPEATS {
            let sealed = seal.time(|| providers.call_seal_all(&mut *store, RECORDS, length))?;
            succeeded(sealed)?;
            let opened = open.time(|| providers.call_open_all(&mut *store))?;
            succeeded(opened)?;
        }
        let bytes = RECORD * usize::try_from(RECORDS * REPEATS)?;
        Ok(vec![
            megabytes_per_second(bytes, seal.0),
            megabytes_per_second(bytes, open.0),
            megabytes_per_second(2 * bytes, seal.0 + open.0),
        ])
    }
}

fn succeeded<T>(result: Result<T, String>) -> Result<T> {
    result.map_err(|error| anyhow!(error))
}
