//! A host with several addresses, given by a resolver of the test: the guest tries them side by
//! side.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop"
)]

#[path = "support/embedder.rs"]
mod embedder;
mod support;

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use portcullis_host::add_to_linker_sync;
use wasmtime::StoreLimits;
use wasmtime::component::{Component, Linker, Resource, ResourceType};
use wasmtime_wasi::p2::bindings::sockets::network::{ErrorCode, IpAddress, Network};
use wasmtime_wasi::p2::bindings::sync::Command;
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};
use wasmtime_wasi::{WasiView, async_trait};

use embedder::{Compiled, Embedder, store_with, text};
use support::{Folder, PAGE, example, serve_page};

/// The address of a listener that never answers.
const HOLE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
/// An address without a listener.
const CLOSED: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);

/// The answer of the resolver.
struct Answer(VecDeque<Ipv4Addr>);

#[async_trait]
impl Pollable for Answer {
    async fn ready(&mut self) {}
}

/// Replaces the system's resolver: every name has these addresses.
fn resolve(linker: &mut Linker<Embedder>, addresses: &[Ipv4Addr]) -> wasmtime::Result<()> {
    const STREAM: &str = "resolve-address-stream";
    type Next = Result<Option<IpAddress>, ErrorCode>;
    linker.allow_shadowing(true);
    let mut lookup = linker.instance("wasi:sockets/ip-name-lookup@0.2.12")?;
    lookup.resource(STREAM, ResourceType::host::<Answer>(), |mut store, rep| {
        let table = store.data_mut().ctx().table;
        table.delete(Resource::<Answer>::new_own(rep))?;
        Ok(())
    })?;
    let addresses = VecDeque::from(addresses.to_vec());
    lookup.func_wrap(
        "resolve-addresses",
        move |mut store, (_, _): (Resource<Network>, String)| {
            let answer = Answer(addresses.clone());
            let answer = store.data_mut().ctx().table.push(answer)?;
            Ok((Ok::<_, ErrorCode>(answer),))
        },
    )?;
    lookup.func_wrap(
        &format!("[method]{STREAM}.resolve-next-address"),
        |mut store, (answer,): (Resource<Answer>,)| {
            let next = store.data_mut().ctx().table.get_mut(&answer)?.0.pop_front();
            let next: Next = Ok(next.map(|ip| IpAddr::from(ip).into()));
            Ok((next,))
        },
    )?;
    lookup.func_wrap(
        &format!("[method]{STREAM}.subscribe"),
        |mut store, (answer,): (Resource<Answer>,)| {
            let pollable: Resource<DynPollable> = subscribe(store.data_mut().ctx().table, answer)?;
            Ok((pollable,))
        },
    )
}

/// Runs an example that fetches a page from "localhost", which has these addresses. Returns what it
/// printed, what it reported, and how long it took.
fn fetch(
    program: &str,
    folder: &Folder,
    port: u16,
    addresses: &[Ipv4Addr],
) -> Option<(String, String, Duration)> {
    let compiled = Compiled::plain()?;
    let guest = Component::from_file(&compiled.engine, example(program)?).unwrap();
    let arguments = [program, "localhost", &port.to_string(), "/"];
    let limits = StoreLimits::default();
    let (mut store, stdout, stderr) =
        store_with(&compiled.engine, folder, &arguments, true, limits);
    let mut linker = Linker::new(&compiled.engine);
    wasmtime_wasi::p2::add_to_linker_sync(&mut linker).unwrap();
    resolve(&mut linker, addresses).unwrap();
    add_to_linker_sync(&mut linker, &compiled.component).unwrap();
    let command = Command::instantiate(&mut store, &guest, &linker).unwrap();
    let began = Instant::now();
    // How it ended shows in what it printed.
    let _ = command.wasi_cli_run().call_run(&mut store);
    Some((text(&stdout), text(&stderr), began.elapsed()))
}

/// A listener whose queue is full, and the connections that fill it: the system drops any more.
fn hole(port: u16) -> (TcpListener, Vec<TcpStream>) {
    let address = SocketAddr::from((HOLE, port));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let listener = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(address).unwrap();
        socket.listen(1).unwrap().into_std().unwrap()
    });
    let mut queue = Vec::new();
    while let Ok(socket) = TcpStream::connect_timeout(&address, Duration::from_millis(300)) {
        queue.push(socket);
    }
    (listener, queue)
}

#[test]
fn an_address_that_does_not_answer_holds_up_no_other() {
    // The first program waits in the component, the second by a pollable and `time-left`.
    for program in ["https-client", "https-client-async"] {
        let folder = Folder::new(&format!("addresses-{program}"));
        let (port, serving) = serve_page(&folder, 1);
        let _hole = hole(port);
        let addresses = [HOLE, Ipv4Addr::LOCALHOST];
        let Some((page, told, took)) = fetch(program, &folder, port, &addresses) else {
            return;
        };
        assert_eq!(page, PAGE, "{program}: {told}");
        // The program did wait for the first address, but not until its timer ran out.
        assert!(took > Duration::from_millis(250), "{program}: {took:?}");
        assert!(took < Duration::from_secs(10), "{program}: {took:?}");
        serving.join().unwrap();
    }
}

#[test]
fn an_address_that_answers_first_is_taken_though_it_was_tried_last() {
    let folder = Folder::new("addresses-last");
    let (port, serving) = serve_page(&folder, 1);
    let _hole = hole(port);
    let addresses = [CLOSED, HOLE, CLOSED, Ipv4Addr::LOCALHOST];
    let Some((page, told, took)) = fetch("https-client", &folder, port, &addresses) else {
        return;
    };
    assert_eq!(page, PAGE, "{told}");
    assert!(took < Duration::from_secs(10), "{took:?}");
    serving.join().unwrap();
}

#[test]
fn of_addresses_that_all_fail_the_one_that_answered_is_told() {
    let folder = Folder::new("addresses-none");
    let port = support::free_port();
    // An address without a listener, and the unspecified address.
    let addresses = [CLOSED, Ipv4Addr::UNSPECIFIED];
    let Some((_, told, _)) = fetch("https-client", &folder, port, &addresses) else {
        return;
    };
    assert!(told.contains(&format!("{CLOSED}:{port}")), "{told}");
    assert!(told.contains("refused"), "{told}");
}

#[test]
fn a_name_without_a_usable_address_does_not_resolve() {
    let folder = Folder::new("addresses-nobody");
    for addresses in [&[][..], &[Ipv4Addr::UNSPECIFIED][..]] {
        let Some((_, told, _)) = fetch("https-client", &folder, 443, addresses) else {
            return;
        };
        assert!(told.contains("localhost"), "{told}");
        assert!(told.contains("no such name"), "{told}");
    }
}
