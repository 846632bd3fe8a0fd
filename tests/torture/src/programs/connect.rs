//! `portcullis connect` with hostile servers, one process for each.

use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;

use anyhow::{Context as _, Result, anyhow};
use portcullis::tls::Role;

use super::{Extent, PATIENCE, program};
use crate::cases::{self, Case, Transcript};
use crate::certs::Certificates;
use crate::hostile::{Ended, Hostile};
use crate::memory;
use crate::names::fits;
use crate::pattern;
use crate::peer::Peer;
use crate::report::Tally;
use crate::setup::{Ends, Kind, Setup};
use crate::trick::Trick;
use crate::verdict::Verdict;
use crate::wire::Middle;

/// Each set-up has the cases of a server, divided by this.
const SHARE: usize = 2;

/// Runs the cases.
pub(crate) fn run(extent: &Extent<'_>, certificates: &Certificates, root: &Path) -> Result<Tally> {
    let mut tally = Tally::default();
    let is_ours = |setup: &Setup| setup.role == Role::Client && setup.kind == Kind::Plain;
    for setup in Setup::all().into_iter().filter(is_ours) {
        let control = memory::play(&Case::control(setup), certificates)?;
        let all = Transcript::new(setup, control.to_us, control.to_peer).cases()?;
        let all = all.into_iter().filter(|case| {
            is_in_time(case) && extent.only.is_none_or(|only| fits(only, &case.name))
        });
        let chosen = match extent.only {
            Some(_) => all.collect(),
            None => {
                let count = extent.connections / SHARE;
                cases::sample(all.collect(), count, extent.seed, "portcullis connect")
            }
        };
        for case in chosen {
            let verdict = match play(extent, certificates, root, &case) {
                Ok((ended, output)) => judge(&case, &ended, &output),
                Err(error) => Verdict::Failed(format!("{error:#}")),
            };
            tally.add(&case.name, &case.kind(), verdict);
        }
    }
    Ok(tally)
}

/// Bytes that come one by one take milliseconds each, and a block lasts as long as a timer.
fn is_in_time(case: &Case) -> bool {
    case.tricks().all(|trick| match trick {
        Trick::Drip(bytes) | Trick::Split(bytes) => *bytes > 10,
        Trick::Block(_) => false,
        _ => true,
    })
}

fn play(
    extent: &Extent<'_>,
    certificates: &Certificates,
    root: &Path,
    case: &Case,
) -> Result<(Ended, Output)> {
    let ends = Ends::new(case.setup, certificates)?;
    let (ours, theirs) = case.setup.plans();
    let tricks = [case.to_us.clone(), case.to_peer.clone()];
    let middle = Middle::new(tricks, case.setup, &ends.secrets);
    let peer = Peer::new(ends.peer()?, theirs);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let target = format!("localhost:{}", listener.local_addr()?.port());
    let attack = thread::spawn(move || {
        let (socket, _) = listener.accept()?;
        Hostile::over(socket, peer, middle)?.run(PATIENCE)
    });
    let mut command = Command::new(extent.command);
    command.args(["connect", &target, "--half-close", "--cafile"]);
    command.arg(root);
    for timer in ["handshake", "shutdown", "read", "write"] {
        command.args([&format!("--{timer}-timeout"), "3"]);
    }
    command.stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    let mut input = child.stdin.take().context("standard input")?;
    // A client that has failed does not read it.
    let _ = input.write_all(&pattern::bytes(pattern::OURS, 0..ours.to_send));
    drop(input);
    let output = child.wait_with_output()?;
    let ended = attack
        .join()
        .map_err(|_| anyhow!("the attacker panicked"))??;
    Ok((ended, output))
}

/// The exit status says how it went, and what has come is a part of what was sent.
fn judge(case: &Case, ended: &Ended, output: &Output) -> Verdict {
    let failed = |why| Verdict::Failed(format!("{why}: {output:?}, {ended:?}"));
    let (_, theirs) = case.setup.plans();
    let whole = pattern::bytes(pattern::THEIRS, 0..theirs.to_send);
    let line = String::from_utf8_lossy(&output.stderr);
    if program::is_broken(&line) {
        return failed("it broke");
    }
    if ended.is_wrong || !whole.starts_with(&output.stdout) {
        return failed("other bytes were received than were sent");
    }
    if !ended.is_over {
        return failed("the connection was not ended");
    }
    match output.status.code() {
        Some(0) if output.stdout == whole => Verdict::Correct,
        // A close_notify that is sealed is the server's, which may send less than it meant to.
        Some(0) if ended.is_harmed => Verdict::Typed("ended in order".to_owned()),
        Some(status @ (1 | 3 | 4)) if ended.is_harmed => Verdict::Typed(format!("status {status}")),
        _ => failed("the status is not that of what has happened"),
    }
}
