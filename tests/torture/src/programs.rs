//! The third part: programs that run, with hostile clients and an honest one over TCP.

mod connect;
mod crowd;
pub(crate) mod doomed;
mod honest;
mod killed;
pub(crate) mod program;
mod target;

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use portcullis::tls::{Role, Version};

use self::honest::Waits;
use self::program::Program;
use self::target::{serve, targets};
use crate::cases::{self, Case, Transcript};
use crate::certs::Certificates;
use crate::hostile::{Ended, Hostile};
use crate::names::fits;
use crate::peer::Peer;
use crate::report::Tally;
use crate::setup::{Ends, Kind, Plan, Setup};
use crate::trick::Trick;
use crate::verdict::Verdict;
use crate::wire::Middle;

/// No connection may last longer: the longest timer of the programs is ten seconds, and they are many on
/// few cores.
const PATIENCE: Duration = Duration::from_secs(40);

/// How many connections are hostile at once.
const AT_ONCE: usize = 24;

/// What a program may keep of a hostile connection that has ended, on average, in bytes.
const KEPT: u64 = 4 * 1024;

/// What it may keep beside, whatever the number: what its allocators have not given back.
const SLACK: u64 = 16 * 1024 * 1024;

/// What is run.
pub(crate) struct Extent<'a> {
    pub(crate) seed: u64,
    pub(crate) only: Option<&'a str>,
    /// How many hostile connections each program gets.
    pub(crate) connections: usize,
    /// How many connections are there at once in the end.
    pub(crate) crowd: usize,
    /// The command `portcullis`.
    pub(crate) command: &'a Path,
    /// The component that is composed with the echo server in Rust.
    pub(crate) plug: Option<&'a Path>,
    /// Where certificates are written, and the composed server.
    pub(crate) folder: &'a Path,
}

/// Tortures each program; the counts are by program.
pub(crate) fn run(extent: &Extent<'_>) -> Result<Vec<(String, Tally)>> {
    let certificates = Certificates::new()?;
    fs::create_dir_all(extent.folder)?;
    let (chain, key) = (
        extent.folder.join("cert.pem"),
        extent.folder.join("key.pem"),
    );
    fs::write(&chain, &certificates.server.certificate_pem)?;
    fs::write(&key, &certificates.server.key_pem)?;
    let root = extent.folder.join("ca.pem");
    fs::write(&root, &certificates.root_pem)?;
    let is_wanted = |name: &str| extent.only.is_none_or(|only| fits(only, name));
    let mut tallies = Vec::new();
    // These are no cases of a transcript, which takes a while to make.
    let is_own = |only: &str| only == "crowd" || only.starts_with("killed/");
    if !extent.only.is_some_and(is_own) {
        let tally = connect::run(extent, &certificates, &root)?;
        tallies.push(("portcullis connect".to_owned(), tally));
        for target in targets(extent, &chain, &key)? {
            let tally = torture(extent, &target.name, target.command, &certificates);
            let tally = tally.with_context(|| target.name.clone())?;
            tallies.push((target.name, tally));
        }
    }
    let setup = setups().pop().context("a set-up")?;
    let ends = Ends::new(setup, &certificates)?;
    let tally = killed::run(extent, &chain, &key, &ends)?;
    tallies.push(("killed peers".to_owned(), tally));
    if is_wanted("crowd") {
        let mut command = serve(extent, &chain, &key);
        command.args(["--max-connections", &(extent.crowd + 100).to_string()]);
        let name = "a crowd at portcullis serve";
        let program = Program::start(command)?;
        let tally = crowd::run(name, program, &ends, extent.crowd)?;
        tallies.push((name.to_owned(), tally));
    }
    Ok(tallies)
}

/// The connections that are made: their handshakes, and few data or many.
fn setups() -> Vec<Setup> {
    let mut setups = Vec::new();
    for kind in [Kind::Plain, Kind::Bulk] {
        for version in [Version::Tls12, Version::Tls13] {
            setups.push(Setup {
                role: Role::Server,
                version,
                kind,
            });
        }
    }
    setups
}

/// What a client of an echo server does.
fn plan(setup: Setup) -> Plan {
    let bytes = match setup.kind {
        Kind::Bulk => 4_000_000,
        _ => 300,
    };
    Plan {
        to_send: bytes,
        chunk: if setup.kind == Kind::Bulk {
            16_384
        } else {
            150
        },
        to_receive: bytes,
        waits: false,
    }
}

/// What is done, one after the other.
const PHASES: [&str; 3] = ["handshakes", "handshakes again", "much data"];

struct Attack<'a> {
    port: u16,
    ends: &'a HashMap<String, Ends>,
}

impl Attack<'_> {
    fn play(&self, case: &Case) -> Result<Ended> {
        let ends = self.ends.get(&case.setup.name()).context("the set-up")?;
        // The keys are a connection's own.
        let ends = ends.again();
        let tricks = [case.to_us.clone(), case.to_peer.clone()];
        let middle = Middle::new(tricks, case.setup, &ends.secrets);
        let peer = Peer::of_echo(ends.peer()?, plan(case.setup));
        Hostile::connect(self.port, peer, middle)?.run(PATIENCE)
    }
}

fn torture(
    extent: &Extent<'_>,
    name: &str,
    command: Command,
    certificates: &Certificates,
) -> Result<Tally> {
    let mut program = Program::start(command)?;
    let mut ends = HashMap::new();
    for setup in setups() {
        ends.insert(setup.name(), Ends::new(setup, certificates)?);
    }
    let attack = Attack {
        port: program.port,
        ends: &ends,
    };
    let honest = setups().pop().context("a set-up")?;
    let honest = ends.get(&honest.name()).context("its ends")?;
    let mut calm = Waits::default();
    // Up to 64 descriptors of closed connections are kept until there are newer ones.
    for _ in 0..100 {
        calm.ask(program.port, honest);
    }
    let mut phases = vec![Vec::new(); PHASES.len()];
    for setup in setups() {
        let control = Case::control(setup);
        let ended = attack.play(&control)?;
        if let Verdict::Failed(why) = judge(&control, &ended) {
            bail!("{}: {why}", control.name);
        }
        let transcript = Transcript::new(setup, ended.to_us, ended.to_peer);
        let all: Vec<_> = transcript
            .cases()?
            .into_iter()
            .filter(is_for_programs)
            .filter(|case| extent.only.is_none_or(|only| fits(only, &case.name)))
            .collect();
        let chosen = match extent.only {
            Some(_) => all,
            None => cases::sample(all, extent.connections / 4, extent.seed, name),
        };
        for (number, case) in chosen.into_iter().enumerate() {
            // Every other connection without much data comes before memory is looked at, and the rest
            // after it.
            let phase = if setup.kind == Kind::Bulk {
                2
            } else {
                number % 2
            };
            phases.get_mut(phase).context("a phase")?.push(case);
        }
    }
    // The case may be one of the clients'.
    if phases.iter().all(Vec::is_empty) {
        return Ok(Tally::default());
    }
    let mut tally = Tally::default();
    let descriptors = program.descriptors()?;
    println!(
        "{name}: an honest client waited {:?} at worst and {:?} on average when nobody was hostile; {} kB",
        calm.worst,
        calm.mean(),
        program.memory("VmRSS")?
    );
    let mut failures = calm.failures;
    let mut kept = Vec::new();
    for (phase, cases) in PHASES.iter().zip(&phases) {
        let waits = under_attack(&attack, cases, honest, &mut tally);
        println!(
            "{name}: {phase}: {} hostile connections, {AT_ONCE} at once; an honest client waited {:?} at \
             worst and {:?} on average in {} exchanges; {} kB now, {} kB at most",
            cases.len(),
            waits.worst,
            waits.mean(),
            waits.count,
            program.memory("VmRSS")?,
            program.memory("VmHWM")?,
        );
        kept.push((cases.len(), program.memory("VmRSS")?));
        failures.extend(waits.failures);
    }
    let begun = Instant::now();
    while program.descriptors()? > descriptors && begun.elapsed() < PATIENCE {
        thread::sleep(Duration::from_millis(50));
    }
    let left = program.descriptors()?;
    println!(
        "{name}: {descriptors} descriptors before, {left} after; {} lines on standard error",
        program.lines(),
    );
    for failure in failures {
        tally.add("honest client", "honest client", Verdict::Failed(failure));
    }
    let complaint = program.complaint();
    let goes_on = format!("that it goes on ({complaint:?})");
    tally.promise(&goes_on, "program", complaint.is_none());
    let are_back = left <= descriptors;
    tally.promise("that all descriptors are given back", "program", are_back);
    if let [(_, first), (count, second), _] = kept.as_slice() {
        let may_grow = KEPT * u64::try_from(*count)? + SLACK;
        let grown = second.saturating_sub(*first) * 1024;
        tally.promise("the bound on what is kept", "program", grown <= may_grow);
    }
    Ok(tally)
}

/// Whether a case ends in time on few cores: bytes that come one by one take milliseconds each.
fn is_for_programs(case: &Case) -> bool {
    let is_bulk = case.setup.kind == Kind::Bulk;
    case.tricks().all(|trick| match trick {
        Trick::Drip(bytes) => !is_bulk && *bytes > 10,
        Trick::Split(bytes) => !is_bulk || *bytes > 3000,
        _ => true,
    })
}

/// Plays the cases while an honest client asks.
fn under_attack(attack: &Attack<'_>, cases: &[Case], honest: &Ends, tally: &mut Tally) -> Waits {
    let stop = AtomicBool::new(false);
    let next = AtomicUsize::new(0);
    let tally = Mutex::new(tally);
    thread::scope(|scope| {
        let asking = scope.spawn(|| Waits::default().ask_until(&stop, attack.port, honest));
        let attackers: Vec<_> = (0..AT_ONCE)
            .map(|_| {
                scope.spawn(|| {
                    while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let verdict = match attack.play(case) {
                            Ok(ended) => judge(case, &ended),
                            Err(error) => Verdict::Failed(format!("{error:#}")),
                        };
                        let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
                        tally.add(&case.name, &case.kind(), verdict);
                    }
                })
            })
            .collect();
        for attacker in attackers {
            let _ = attacker.join();
        }
        stop.store(true, Ordering::Relaxed);
        asking.join().unwrap_or_default()
    })
}

fn judge(case: &Case, ended: &Ended) -> Verdict {
    let failed = |why| Verdict::Failed(format!("{why}: {ended:?}"));
    let may_reset = case
        .tricks()
        .any(|trick| matches!(trick, Trick::Reset(_) | Trick::Break(_)));
    if ended.is_wrong {
        return failed("other bytes came back than were sent");
    }
    if !ended.is_over {
        return failed("the connection was not ended");
    }
    if ended.is_peer_content {
        return Verdict::Correct;
    }
    if !ended.is_harmed {
        return failed("it failed although nothing was changed");
    }
    let reason = ended.failure.as_deref().unwrap_or("ended");
    let reason = reason.split(':').next().unwrap_or_default();
    Verdict::Typed(match may_reset {
        true => "reset by us".to_owned(),
        false => reason.to_owned(),
    })
}
