//! Tries what the interfaces for WASI 0.3 promise: `async-check HOST PORT`, where an echo server is.
//! With `SSL_CERT_FILE` it trusts the certificates of that file. `async-check SCENARIO FOLDER [PORT]`
//! plays one part against a peer of the caller's, with the certificates of the folder.
#![cfg(target_os = "wasi")]

mod connector;
mod net;
mod peer;
mod port;
mod scenario;
mod streams;

use std::future::Future;

mod bindings {
    #![allow(unsafe_code, reason = "written by wit_bindgen::generate!")]

    wit_bindgen::generate!({
        // `drop-in` is not in the world: it concerns all who share the instance.
        inline: "
            package portcullis:check;
            world check {
                include portcullis:tls-async/command@0.1.0;
                import portcullis:tls-async/drop-in@0.1.0;
            }
        ",
        path: ["../../../wit", "../../../wit/p3"],
        generate_all,
    });

    export!(Check);

    pub(crate) struct Check;
}

/// Where the echo server is.
#[derive(Clone)]
struct Echo {
    host: String,
    port: u16,
}

/// What did not hold.
type Outcome = Result<(), String>;

impl bindings::exports::wasi::cli0_3_0::run::Guest for bindings::Check {
    async fn run() -> Result<(), ()> {
        let arguments: Vec<_> = std::env::args().skip(1).collect();
        let (host, port) = match arguments.as_slice() {
            [name, folder] if folder.parse::<u16>().is_err() => {
                return play(name, folder, None).await;
            }
            [name, folder, port] => return play(name, folder, port.parse().ok()).await,
            [host, port] => (host, port),
            _ => {
                eprintln!("usage: async-check HOST PORT | SCENARIO FOLDER [PORT]");
                return Err(());
            }
        };
        let Ok(port) = port.parse() else {
            eprintln!("{port} is not a port; give one from 1 to 65535");
            return Err(());
        };
        let host = host.clone();
        check(&Echo { host, port }).await
    }
}

async fn play(name: &str, folder: &str, port: Option<u16>) -> Result<(), ()> {
    let folder = scenario::Folder(folder.to_owned());
    let played = scenario::play(name, &folder, port).await;
    played.map_err(|why| eprintln!("{name}: {why}"))
}

async fn check(echo: &Echo) -> Result<(), ()> {
    let mut all = Tally::default();
    all.count("a port echoes", port::echoes(echo)).await;
    all.count("a session is resumed", port::resumes(echo)).await;
    all.count("a port tells why it refused", port::refuses(echo))
        .await;
    all.count("a port works over streams", port::works_over_streams(echo))
        .await;
    all.count("a port is started once", port::is_started_once(echo))
        .await;
    all.count("timers run out", port::times_out()).await;
    all.count(
        "a connect that is given up frees its socket",
        port::gives_up(),
    )
    .await;
    all.count("a peer that is cut off is no end", port::is_cut_off())
        .await;
    all.count(
        "a connector carries 64 MiB both ways",
        connector::carries(echo),
    )
    .await;
    all.count(
        "a connector checks the name",
        connector::checks_the_name(echo),
    )
    .await;
    all.count(
        "a connector is set up first",
        connector::is_set_up_first(echo),
    )
    .await;
    all.count("a connector tells a failure", connector::tells_a_failure())
        .await;
    all.count(
        "a connector is dropped anywhere",
        connector::is_dropped_anywhere(echo),
    )
    .await;
    all.count(
        "a context is put under connectors",
        connector::takes_a_context(echo),
    )
    .await;
    println!("{} checks, {} failed", all.checks, all.failed);
    match all.failed {
        0 => Ok(()),
        _ => Err(()),
    }
}

#[derive(Default)]
struct Tally {
    checks: u32,
    failed: u32,
}

impl Tally {
    async fn count(&mut self, what: &str, check: impl Future<Output = Outcome>) {
        self.checks += 1;
        match check.await {
            Ok(()) => println!("ok {what}"),
            Err(why) => {
                self.failed += 1;
                println!("failed: {what}: {why}");
            }
        }
    }
}

/// An outcome of what is not as it should be.
fn expect(holds: bool, what: impl FnOnce() -> String) -> Outcome {
    match holds {
        true => Ok(()),
        false => Err(what()),
    }
}
