//! Guests of an embedder's own engine and stores, linked with the component at run time: the limits
//! of wasmtime hold for both, many run on one thread, and calls can be counted.
//!
//! Over 400 lines: the cases are many and short, and share one compiled guest.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop"
)]

#[path = "support/embedder.rs"]
mod embedder;
#[path = "support/scenes.rs"]
mod scenes;
mod support;

use std::fs;
use std::io::Read as _;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use portcullis_host::add_to_linker_sync;
use wasmtime::component::{Component, Linker};
use wasmtime::{ResourceLimiter, StoreLimits, StoreLimitsBuilder, Trap};
use wasmtime_wasi::p2::bindings::Command;
use wasmtime_wasi::p2::{add_to_linker_async as wasi_async, add_to_linker_sync as wasi_sync};

use embedder::{Compiled, Embedder, on_one_thread, run, store, text};
use support::{Folder, PAGE, example, serve_page};

#[test]
fn a_guest_is_linked_with_the_component_when_it_is_instantiated() {
    if let Some(compiled) = Compiled::plain() {
        let linker = compiled.synchronous();
        scenes::a_page_comes_from_a_server_that_is_trusted_only(compiled, &linker, "linked");
    }
}

#[test]
fn many_guests_wait_for_their_peers_on_one_thread() {
    if let Some(compiled) = Compiled::plain() {
        scenes::many_guests_wait_on_one_thread(compiled, &compiled.asynchronous(), "many");
    }
}

#[test]
fn every_function_of_the_interface_is_there_for_both_kinds_of_stores() {
    if let Some(compiled) = Compiled::plain() {
        let linkers = (&compiled.synchronous(), &compiled.asynchronous());
        scenes::every_function_is_there(compiled, linkers, "whole");
    }
}

#[test]
fn a_guest_that_waits_for_a_silent_peer_can_be_given_up() {
    let Some(compiled) = Compiled::plain() else {
        return;
    };
    let folder = Folder::new("silent");
    // The listener accepts, and says nothing.
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
        let command = Command::instantiate_async(&mut store, &compiled.client, &linker)
            .await
            .unwrap();
        let run = command.wasi_cli_run().call_run(&mut store);
        tokio::time::timeout(Duration::from_millis(300), run)
            .await
            .is_err()
    });
    assert!(given_up);
    // The guest had come as far as the handshake, and its socket went with the store.
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

/// Runs a function, and returns what it reported to `tracing` about each call.
fn told<R>(run: impl FnOnce() -> R) -> (R, Vec<String>) {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let writer = Arc::clone(&heard);
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::DEBUG)
        .with_ansi(false)
        .with_writer(move || Heard(Arc::clone(&writer)))
        .finish();
    let result = tracing::subscriber::with_default(subscriber, run);
    let heard = String::from_utf8(heard.lock().unwrap().clone()).unwrap();
    let calls = heard
        .lines()
        .filter(|line| line.contains("portcullis::call"));
    (result, calls.map(str::to_owned).collect())
}

#[test]
fn calls_are_told_to_tracing() {
    let Some(compiled) = Compiled::plain() else {
        return;
    };
    let folder = Folder::new("tracing");
    let (port, serving) = serve_page(&folder, 1);
    let limits = StoreLimits::default();
    let (mut store, ..) = store(&compiled.engine, &folder, port, true, limits);
    let (outcome, calls) = told(|| run(compiled, &mut store));
    assert!(outcome.unwrap());
    serving.join().unwrap();
    let reads = calls.iter().filter(|call| call.contains("blocking-read"));
    let reads: Vec<_> = reads.collect();
    // One read of the page, and one of its end.
    assert_eq!(reads.len(), 2, "{calls:?}");
    for read in reads {
        assert!(read.contains("outcome=\"ok\""), "{read}");
        assert!(read.contains("micros="), "{read}");
    }
}

#[test]
fn a_call_that_runs_out_of_fuel_is_told_to_tracing_as_a_trap() {
    let Some(compiled) = Compiled::limited() else {
        return;
    };
    let folder = Folder::new("tracing-fuel");
    let (port, _serving) = serve_page(&folder, 1);
    let limits = StoreLimits::default();
    let (mut store, ..) = store(&compiled.engine, &folder, port, true, limits);
    store.set_fuel(1_000_000).unwrap();
    store.set_epoch_deadline(1);
    let (outcome, calls) = told(|| run(compiled, &mut store));
    let error = outcome.unwrap_err();
    assert_eq!(error.downcast_ref::<Trap>(), Some(&Trap::OutOfFuel));
    let last = calls.last().unwrap();
    assert!(last.contains("outcome=\"trap\""), "{calls:?}");
}

#[test]
fn a_call_that_is_given_up_is_told_to_tracing_as_cancelled() {
    let Some(compiled) = Compiled::plain() else {
        return;
    };
    let folder = Folder::new("tracing-cancelled");
    // The listener accepts, and says nothing.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let linker = compiled.asynchronous();
    let ((), calls) = told(|| {
        on_one_thread(async {
            let limits = StoreLimits::default();
            let (mut store, ..) = store(&compiled.engine, &folder, port, true, limits);
            let command = Command::instantiate_async(&mut store, &compiled.client, &linker);
            let command = command.await.unwrap();
            let run = command.wasi_cli_run().call_run(&mut store);
            let given_up = tokio::time::timeout(Duration::from_millis(300), run).await;
            assert!(given_up.is_err());
        });
    });
    let last = calls.last().unwrap();
    assert!(last.contains("outcome=\"cancelled\""), "{calls:?}");
    assert!(last.contains("blocking-write-all"), "{calls:?}");
}

/// A writer that keeps what is logged.
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

/// A limit for all memories of a store, as the guide has it.
struct Total {
    bytes: usize,
    limit: usize,
}

impl ResourceLimiter for Total {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let bytes = self.bytes.saturating_add(desired.saturating_sub(current));
        if bytes > self.limit {
            return Ok(false);
        }
        self.bytes = bytes;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(desired <= 100_000)
    }
}

#[test]
fn a_limit_of_each_memory_is_none_of_both_and_a_total_is() {
    // More than the guest or the component needs, and less than both together.
    const LIMIT: usize = 2_300_000;
    let Some(compiled) = Compiled::plain() else {
        return;
    };
    let folder = Folder::new("total");
    let each = StoreLimitsBuilder::new().memory_size(LIMIT).build();
    let (port, serving) = serve_page(&folder, 1);
    let (mut of_each, ..) = store(&compiled.engine, &folder, port, true, each);
    assert!(run(compiled, &mut of_each).unwrap());
    serving.join().unwrap();
    for (limit, is_enough) in [(LIMIT, false), (2 * LIMIT, true)] {
        let (port, serving) = serve_page(&folder, 1);
        let total = Total { bytes: 0, limit };
        let (mut store, ..) = store(&compiled.engine, &folder, port, true, total);
        let outcome = run(compiled, &mut store);
        assert_eq!(outcome.is_ok_and(|ended_well| ended_well), is_enough);
        if is_enough {
            serving.join().unwrap();
        }
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

#[test]
fn synchronous_functions_on_asynchronous_wasi_are_refused_with_the_cure() {
    let Some(compiled) = Compiled::plain() else {
        return;
    };
    let folder = Folder::new("mixed");
    let mut linker = Linker::<Embedder>::new(&compiled.engine);
    wasi_async(&mut linker).unwrap();
    let outcome = add_to_linker_sync(&mut linker, &compiled.component);
    let refusal = outcome.and_then(|()| {
        on_one_thread(async {
            let limits = StoreLimits::default();
            let (mut store, ..) = store(&compiled.engine, &folder, 1, true, limits);
            let command = Command::instantiate_async(&mut store, &compiled.client, &linker);
            command.await?.wasi_cli_run().call_run(&mut store).await
        })
    });
    let refusal = format!("{:?}", refusal.unwrap_err());
    assert!(refusal.contains("add_to_linker_async"), "{refusal}");
}
