//! What guests of an embedder have to see, whoever gives them the interface.
#![allow(
    clippy::unwrap_used,
    unreachable_pub,
    reason = "a test that cannot go on should stop"
)]

use wasmtime::StoreLimits;
use wasmtime::component::{Component, Linker};
use wasmtime_wasi::p2::bindings::Command;
use wasmtime_wasi::p2::bindings::sync::Command as SyncCommand;

use crate::embedder::{Compiled, Embedder, on_one_thread, store, store_with, text};
use crate::support::{Folder, PAGE, example, serve_echo, serve_page};

/// A client fetches a page if it trusts the server, and is told why if it does not.
pub fn a_page_comes_from_a_server_that_is_trusted_only(
    compiled: &Compiled,
    linker: &Linker<Embedder>,
    folder: &str,
) {
    let folder = Folder::new(folder);
    for trusts in [true, false] {
        let (port, serving) = serve_page(&folder, 1);
        let limits = StoreLimits::default();
        let (mut store, stdout, stderr) = store(&compiled.engine, &folder, port, trusts, limits);
        let command = SyncCommand::instantiate(&mut store, &compiled.client, linker).unwrap();
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

/// Guests that wait for their peers hold up no thread.
pub fn many_guests_wait_on_one_thread(
    compiled: &Compiled,
    linker: &Linker<Embedder>,
    folder: &str,
) {
    const GUESTS: usize = 20;
    let folder = Folder::new(folder);
    // The server answers nobody before all are there: guests that blocked the thread would wait
    // forever.
    let (port, serving) = serve_page(&folder, GUESTS);
    on_one_thread(async {
        let local = tokio::task::LocalSet::new();
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
        local.run_until(join_all(guests)).await;
    });
    serving.join().unwrap();
}

/// A program that calls every function, also those of sessions that outlive their ports, ends well in a
/// store of each kind.
pub fn every_function_is_there(
    compiled: &Compiled,
    (synchronous, asynchronous): (&Linker<Embedder>, &Linker<Embedder>),
    folder: &str,
) {
    let Some(program) = example("portcullis-compat") else {
        return;
    };
    let program = Component::from_file(&compiled.engine, program).unwrap();
    let folder = Folder::new(folder);
    let port = serve_echo(&folder);
    let port = port.to_string();
    let files = ["/folder/ca.pem", "/folder/cert.pem", "/folder/key.pem"];
    let arguments = [&["portcullis-compat", "localhost", &port][..], &files].concat();
    for is_synchronous in [true, false] {
        let limits = StoreLimits::default();
        let (mut store, stdout, stderr) =
            store_with(&compiled.engine, &folder, &arguments, false, limits);
        let ended = if is_synchronous {
            let command = SyncCommand::instantiate(&mut store, &program, synchronous).unwrap();
            command.wasi_cli_run().call_run(&mut store).unwrap()
        } else {
            on_one_thread(async {
                let command = Command::instantiate_async(&mut store, &program, asynchronous);
                let command = command.await.unwrap();
                command.wasi_cli_run().call_run(&mut store).await.unwrap()
            })
        };
        assert!(ended.is_ok(), "{}{}", text(&stdout), text(&stderr));
    }
}

/// Waits for all futures at once.
async fn join_all(futures: impl Iterator<Item = impl Future<Output = ()>>) {
    let mut waiting: Vec<_> = futures.map(Box::pin).collect();
    std::future::poll_fn(|context| {
        waiting.retain_mut(|future| future.as_mut().poll(context).is_pending());
        if waiting.is_empty() {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
}
