//! Record protection by itself: the component's code and RustCrypto's in one guest, and native ring
//! and aws-lc.

use anyhow::{Result, ensure};
use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime::{Config, Engine, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use crate::connection::RECORD;
use crate::report::{Report, Samples};
use crate::rounds::{Side, Watch, megabytes_per_second, rounds};
use crate::stage::{Artifact, Stage};
use bindings::{Aead, Algorithm, Maker};

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

    wasmtime::component::bindgen!({ path: "guests/aead/wit", world: "aead" });
}

/// How many records one pass seals, then opens, in place.
const RECORDS: u32 = 16;
/// How many passes one turn has.
const REPEATS: u32 = 8;

const ALGORITHMS: [(Algorithm, &str); 3] = [
    (Algorithm::Chacha20Poly1305, "chacha20poly1305"),
    (Algorithm::Aes128Gcm, "aes128gcm"),
    (Algorithm::Aes256Gcm, "aes256gcm"),
];

/// For each figure its part of the entry's name, and its index in what `turn` returns. The figure
/// without a part of its own is the speed of both directions together.
const FIGURES: [(&str, usize); 3] = [("", 2), (".seal", 0), (".open", 1)];

/// The `aead.` entries.
pub(crate) fn measure(stage: &Stage, report: &mut Report) -> Result<()> {
    for (algorithm, name) in ALGORITHMS {
        let mut sides = Vec::new();
        for artifact in &stage.artifacts {
            for (maker, title) in [
                (Maker::Portcullis, "ours"),
                (Maker::RustCrypto, "rustcrypto"),
            ] {
                let mut guest = Guest::new(artifact, algorithm, maker)?;
                let title = format!("{title}{}", artifact.suffix);
                sides.push(Side::new(title, move || guest.turn()));
            }
        }
        let mut native = ring_records::Records::new(algorithm)?;
        sides.push(Side::new("ring", move || native.turn()));
        let mut native = aws_lc_records::Records::new(algorithm)?;
        sides.push(Side::new("aws-lc", move || native.turn()));

        let title = format!("AEAD alone, {name}");
        let outcome = rounds(&stage.progress, &title, stage.plan.rounds, sides)?;
        for Artifact { suffix, .. } in &stage.artifacts {
            for (direction, figure) in FIGURES {
                let ours = outcome.of(&format!("ours{suffix}"), figure)?;
                let mut beside = |peer: &str, title: &str, theirs: &Samples| {
                    let name = format!("aead.{name}{direction}.vs_{peer}{suffix}");
                    report.beside(name, "MB/s", ours, (title, theirs));
                };
                let other = outcome.of(&format!("rustcrypto{suffix}"), figure)?;
                beside("rustcrypto_wasm", "RustCrypto in the same guest", other);
                beside("ring_native", "native ring", outcome.of("ring", figure)?);
                beside(
                    "aws_lc_native",
                    "native aws-lc",
                    outcome.of("aws-lc", figure)?,
                );
            }
        }
    }
    Ok(())
}

/// Runs `seal` and `open` alternately; returns the speed of each and of both together, in MB/s.
fn turn(
    mut seal: impl FnMut() -> Result<()>,
    mut open: impl FnMut() -> Result<()>,
) -> Result<Vec<f64>> {
    let (mut sealing, mut opening) = (Watch::default(), Watch::default());
    for _ in 0..REPEATS {
        sealing.time(&mut seal)?;
        opening.time(&mut open)?;
    }
    let bytes = RECORD * usize::try_from(RECORDS * REPEATS)?;
    Ok(vec![
        megabytes_per_second(bytes, sealing.0),
        megabytes_per_second(bytes, opening.0),
        megabytes_per_second(2 * bytes, sealing.0 + opening.0),
    ])
}

struct Guest {
    store: Store<State>,
    aead: Aead,
}

impl Guest {
    fn new(artifact: &Artifact, algorithm: Algorithm, maker: Maker) -> Result<Self> {
        let component = &artifact.aead;
        let mut linker = Linker::new(component.engine());
        wasmtime_wasi::p2::add_to_linker_sync(&mut linker)?;
        let mut store = Store::new(component.engine(), State::default());
        let aead = Aead::instantiate(&mut store, component, &linker)?;
        aead.call_set_up(
            &mut store,
            algorithm,
            maker,
            u32::try_from(RECORD)?,
            RECORDS,
        )?;
        Ok(Self { store, aead })
    }

    fn turn(&mut self) -> Result<Vec<f64>> {
        let Self { store, aead } = self;
        let store = std::cell::RefCell::new(store);
        turn(
            || {
                ensure!(
                    aead.call_seal_all(&mut **store.borrow_mut())?,
                    "sealing was refused"
                );
                Ok(())
            },
            || {
                ensure!(
                    aead.call_open_all(&mut **store.borrow_mut())?,
                    "opening was refused"
                );
                Ok(())
            },
        )
    }
}

/// A guest with several makers' code, compiled as the host compiles the component.
pub(crate) fn compile(guest: &[u8]) -> Result<Component> {
    let mut config = Config::new();
    config.wasm_wide_arithmetic(true);
    Ok(Component::new(&Engine::new(&config)?, guest)?)
}

/// What the host keeps for such a guest.
#[derive(Default)]
pub(crate) struct State {
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

/// The same records by a native library; the two have the same interface.
macro_rules! records {
    ($module:ident, $library:ident) => {
        mod $module {
            use std::cell::RefCell;

            use anyhow::{Result, anyhow};
            use $library::aead::{
                AES_128_GCM, AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey,
            };

            use super::{Algorithm, RECORD, RECORDS};

            /// As long as a record's header.
            const AAD: [u8; 5] = [23, 3, 3, 0x40, 0x11];

            pub(super) struct Records {
                key: LessSafeKey,
                records: RefCell<Vec<Vec<u8>>>,
            }

            impl Records {
                pub(super) fn new(algorithm: Algorithm) -> Result<Self> {
                    let algorithm = match algorithm {
                        Algorithm::Aes128Gcm => &AES_128_GCM,
                        Algorithm::Aes256Gcm => &AES_256_GCM,
                        Algorithm::Chacha20Poly1305 => &CHACHA20_POLY1305,
                    };
                    let key = vec![7; algorithm.key_len()];
                    let key = UnboundKey::new(algorithm, &key).map_err(|_| anyhow!("no key"))?;
                    let record = || {
                        let mut record = Vec::with_capacity(RECORD + algorithm.tag_len());
                        record.resize(RECORD, 0);
                        record
                    };
                    Ok(Self {
                        key: LessSafeKey::new(key),
                        records: RefCell::new((0..RECORDS).map(|_| record()).collect()),
                    })
                }

                pub(super) fn turn(&mut self) -> Result<Vec<f64>> {
                    super::turn(|| self.seal(), || self.open())
                }

                fn seal(&self) -> Result<()> {
                    for (number, record) in (0..).zip(self.records.borrow_mut().iter_mut()) {
                        self.key
                            .seal_in_place_append_tag(nonce(number), Aad::from(AAD), record)
                            .map_err(|_| anyhow!("sealing was refused"))?;
                    }
                    Ok(())
                }

                fn open(&self) -> Result<()> {
                    for (number, record) in (0..).zip(self.records.borrow_mut().iter_mut()) {
                        self.key
                            .open_in_place(nonce(number), Aad::from(AAD), record)
                            .map_err(|_| anyhow!("opening was refused"))?;
                        record.truncate(RECORD);
                    }
                    Ok(())
                }
            }

            fn nonce(number: u32) -> Nonce {
                let mut nonce = [0; 12];
                for (to, from) in nonce.iter_mut().rev().zip(number.to_le_bytes()) {
                    *to = from;
                }
                Nonce::assume_unique_for_key(nonce)
            }
        }
    };
}

records!(ring_records, ring);
records!(aws_lc_records, aws_lc_rs);
