//! The host's own form of the interface, in stores of an embedder of both kinds.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop"
)]

#[path = "support/embedder.rs"]
mod embedder;
#[path = "support/scenes.rs"]
mod scenes;
mod support;

use portcullis_host::native;
use wasmtime::component::Linker;
use wasmtime_wasi::p2::{add_to_linker_async as wasi_async, add_to_linker_sync as wasi_sync};

use embedder::{Compiled, Embedder};

fn synchronous(compiled: &Compiled) -> Linker<Embedder> {
    let mut linker = Linker::new(&compiled.engine);
    wasi_sync(&mut linker).unwrap();
    native::add_to_linker_sync(&mut linker).unwrap();
    linker
}

fn asynchronous(compiled: &Compiled) -> Linker<Embedder> {
    let mut linker = Linker::new(&compiled.engine);
    wasi_async(&mut linker).unwrap();
    native::add_to_linker_async(&mut linker).unwrap();
    linker
}

#[test]
fn a_guest_fetches_a_page_from_a_server_that_it_trusts_only() {
    if let Some(compiled) = Compiled::plain() {
        let linker = synchronous(compiled);
        scenes::a_page_comes_from_a_server_that_is_trusted_only(compiled, &linker, "native");
    }
}

#[test]
fn guests_wait_for_their_peers_on_one_thread() {
    if let Some(compiled) = Compiled::plain() {
        scenes::many_guests_wait_on_one_thread(compiled, &asynchronous(compiled), "native-many");
    }
}

#[test]
fn every_function_of_the_interface_is_there_for_both_kinds_of_stores() {
    if let Some(compiled) = Compiled::plain() {
        let linkers = (&synchronous(compiled), &asynchronous(compiled));
        scenes::every_function_is_there(compiled, linkers, "native-whole");
    }
}
