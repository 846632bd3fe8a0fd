//! The host's own form of the interface, in stores of an embedder of both kinds.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop"
)]

#[path = "support/embedder.rs"]
mod embedder;
mod support;

use portcullis_host::native;
use wasmtime::StoreLimits;
use wasmtime::component::{Component, Linker};
use wasmtime_wasi::p2::bindings::Command;
use wasmtime_wasi::p2::bindings::sync::Command as SyncCommand;
use wasmtime_wasi::p2::{add_to_linker_async as wasi_async, add_to_linker_sync as wasi_sync};

use embedder::{Compiled, Embedder, on_one_thread, store, store_with, text};
use support::{Folder, PAGE, example, serve_echo, serve_page};

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
    let Some(compiled) = Compiled::plain() else {
        return;
    };
    let linker = synchronous(compiled);
    let folder = Folder::new("native");
    for trusts in [true, false] {
        let (port, serving) = serve_page(&folder, 1);
        let limits = StoreLimits::default();
        let (mut store, stdout, stderr) = store(&compiled.engine, &folder, port, trusts, limits);
        let command = SyncCommand::instantiate(&mut store, &compiled.client, &linker).unwrap();
        let outcome = command.wasi_cli_run().call_run(&mut store);
        serving.join().unwrap();
        if trusts {
            assert!(outcome.unwrap().is_ok(), "{}", text(&stderr));
            assert_eq!(text(&stdout), PAGE);
        } else {
            // The command ends by wasi:cli/exit.
            assert!(!outcome.is_ok_and(|ended| ended.is_ok()));
            let told = text(&stderr);
            assert!(told.contains("not from a trusted authority"), "{told}");
        }
    }
}

#[test]
fn guests_wait_for_their_peers_on_one_thread() {
    const GUESTS: usize = 20;
    let Some(compiled) = Compiled::plain() else {
        return;
    };
    let folder = Folder::new("native-many");
    // The server answers nobody before all are there: guests that blocked the thread would wait
    // forever.
    let (port, serving) = serve_page(&folder, GUESTS);
    let linker = asynchronous(compiled);
    on_one_thread(async {
        let linker = &linker;
        let guests = (0..GUESTS).map(|_| {
            let limits = StoreLimits::default();
            let (mut store, stdout, stderr) = store(&compiled.engine, &folder, port, true, limits);
            async move {
                let command = Command::instantiate_async(&mut store, &compiled.client, linker)
                    .await
                    .unwrap();
                let ended = command.wasi_cli_run().call_run(&mut store).await.unwrap();
                assert!(ended.is_ok(), "{}", text(&stderr));
                assert_eq!(text(&stdout), PAGE);
            }
        });
        let local = tokio::task::LocalSet::new();
        let tasks: Vec<_> = guests.map(Box::pin).collect();
        local.run_until(all(tasks)).await;
    });
    serving.join().unwrap();
}

/// Waits for all of these.
async fn all<F: Future<Output = ()> + Unpin>(mut tasks: Vec<F>) {
    std::future::poll_fn(|context| {
        tasks.retain_mut(|task| std::pin::Pin::new(task).poll(context).is_pending());
        match tasks.is_empty() {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
}

#[test]
fn every_function_of_the_interface_is_there_for_both_kinds_of_stores() {
    let (Some(compiled), Some(program)) = (Compiled::plain(), example("portcullis-compat")) else {
        return;
    };
    // The program calls every function, also those of sessions that outlive their ports.
    let program = Component::from_file(&compiled.engine, program).unwrap();
    let folder = Folder::new("native-whole");
    let port = serve_echo(&folder);
    let port = port.to_string();
    let files = ["/folder/ca.pem", "/folder/cert.pem", "/folder/key.pem"];
    let arguments = [&["portcullis-compat", "localhost", &port][..], &files].concat();
    for is_synchronous in [true, false] {
        let limits = StoreLimits::default();
        let (mut store, stdout, stderr) =
            store_with(&compiled.engine, &folder, &arguments, false, limits);
        let ended = if is_synchronous {
            let linker = synchronous(compiled);
            let command = SyncCommand::instantiate(&mut store, &program, &linker).unwrap();
            command.wasi_cli_run().call_run(&mut store).unwrap()
        } else {
            let linker = asynchronous(compiled);
            on_one_thread(async {
                let command = Command::instantiate_async(&mut store, &program, &linker).await;
                let command = command.unwrap();
                command.wasi_cli_run().call_run(&mut store).await.unwrap()
            })
        };
        assert!(ended.is_ok(), "{}{}", text(&stdout), text(&stderr));
    }
}
