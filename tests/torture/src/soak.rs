//! The fourth part: very many requests, with connections that come and go, sessions that are resumed and
//! certificates that are renewed, at one server and in one instance of the component. What either holds in
//! the middle it holds in the end.

mod clients;
mod instance;
mod noise;
mod renewal;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use self::clients::{Clients, Counts};
use self::renewal::{Renewal, Renewals};
use crate::names::fits;
use crate::programs::program::Program;
use crate::report::Tally;
use crate::verdict::Verdict;

/// Nothing takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// How many clients there are at once.
const AT_ONCE: usize = 16;

/// What part of the requests is made before memory counts, and when it is looked at.
const LEGS: [u64; 3] = [10, 50, 100];

/// By how much the server's memory may differ between the half and the end, whatever the number of
/// requests: what its allocators have not given back.
const SLACK: u64 = 8 * 1024 * 1024;

/// How many descriptors of connections that are closed are kept until there are newer ones.
const KEPT: usize = 64;

/// How many requests our client makes for so many at the server.
const SHARE: u64 = 4;

const SERVER: &str = "soak of portcullis serve";

/// What is run.
pub(crate) struct Extent<'a> {
    pub(crate) seed: u64,
    /// `server`, or `client`.
    pub(crate) only: Option<&'a str>,
    /// How many requests the server gets.
    pub(crate) requests: u64,
    /// The command `portcullis`.
    pub(crate) command: &'a Path,
    pub(crate) component: &'a Path,
    /// Where certificates are written.
    pub(crate) folder: &'a Path,
}

/// What a process holds.
#[derive(Debug)]
struct Held {
    /// Kilobytes.
    memory: u64,
    descriptors: usize,
}

/// Soaks a server, and an instance.
pub(crate) fn run(extent: &Extent<'_>) -> Result<Vec<(String, Tally)>> {
    let mut tallies = Vec::new();
    let is_wanted = |name: &str| extent.only.is_none_or(|only| fits(only, name));
    if is_wanted("server") {
        let tally = server(extent).context("portcullis serve")?;
        tallies.push((SERVER.to_owned(), tally));
    }
    if is_wanted("client") {
        let tally = instance::run(extent, extent.requests / SHARE).context("one instance")?;
        tallies.push((instance::NAME.to_owned(), tally));
    }
    Ok(tallies)
}

fn server(extent: &Extent<'_>) -> Result<Tally> {
    let name = SERVER;
    let folder = extent.folder.join("soak");
    fs::create_dir_all(&folder)?;
    let renewals = Renewals::new(&folder)?;
    let mut serve = Command::new(extent.command);
    serve.args(["serve", "127.0.0.1:0", "--echo"]);
    renewals.tell(&mut serve);
    let mut program = Program::start(serve)?;
    let enough = program.descriptors()? + KEPT;
    let clients = Clients::new(extent.seed, program.port, &renewals)?;
    let mut tally = Tally::default();
    let begun = Instant::now();
    let mut held = Vec::new();
    for leg in LEGS {
        let requests = extent.requests * leg / 100;
        let failures = soak(&clients, &program, &renewals, requests);
        for failure in failures {
            tally.add("a client", "client", Verdict::Failed(failure));
        }
        let found = settled(&program, enough)?;
        println!(
            "{name}: {} after {:?}; {} kB, {} kB at most, {} descriptors",
            clients.counts,
            begun.elapsed(),
            found.memory,
            program.memory("VmHWM")?,
            found.descriptors
        );
        held.push(found);
    }
    let Counts { connections, .. } = &clients.counts;
    let lines = usize::try_from(clients::number(connections))? + renewals.count();
    program.await_lines(lines, PATIENCE);
    println!(
        "{name}: {} renewals, {} of them refused; {} lines said, {lines} expected",
        renewals.count(),
        renewals.refused(),
        program.lines(),
    );
    let complaint = program.complaint();
    let grown = match held.as_slice() {
        [.., half, end] => half.memory.abs_diff(end.memory) * 1024,
        _ => u64::MAX,
    };
    let are_back = held.iter().all(|held| held.descriptors <= enough);
    let counts = &clients.counts;
    for (holds, what) in [
        (
            complaint.is_none(),
            format!("that it goes on ({complaint:?})"),
        ),
        (
            program.lines() == lines,
            "a line for each connection".to_owned(),
        ),
        (grown <= SLACK, "that memory stays as it is".to_owned()),
        (are_back, "that descriptors are given back".to_owned()),
        (
            counts.is_mixed(),
            "that there were handshakes of every kind".to_owned(),
        ),
        (
            renewals.is_mixed(),
            "that certificates were renewed".to_owned(),
        ),
    ] {
        tally.promise(&what, "program", holds);
    }
    Ok(tally)
}

/// Has clients make requests, until there were so many, while certificates are renewed.
fn soak(
    clients: &Clients<'_>,
    program: &Program,
    renewals: &Renewals,
    requests: u64,
) -> Vec<String> {
    let failures = Mutex::new(Vec::new());
    thread::scope(|scope| {
        let renewal = Renewal::begin(scope, renewals, program, &failures);
        let working: Vec<_> = (0..AT_ONCE)
            .map(|_| scope.spawn(|| clients.work(requests, &failures)))
            .collect();
        for client in working {
            let _ = client.join();
        }
        drop(renewal);
    });
    failures.into_inner().unwrap_or_default()
}

/// What the program holds when its connections have ended.
fn settled(program: &Program, enough: usize) -> Result<Held> {
    let begun = Instant::now();
    while program.descriptors()? > enough && begun.elapsed() < PATIENCE {
        thread::sleep(Duration::from_millis(50));
    }
    Ok(Held {
        memory: program.memory("VmRSS")?,
        descriptors: program.descriptors()?,
    })
}
