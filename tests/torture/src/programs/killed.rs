//! Peers that are killed: clients of a server that goes on, and servers of `portcullis connect`.

use std::env;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use clap::ValueEnum as _;

use super::doomed::{CLIENTS, Doomed};
use super::honest::Waits;
use super::program::{self, Program};
use super::target::serve;
use super::{Extent, PATIENCE};
use crate::kebab::kebab;
use crate::names::fits;
use crate::pattern;
use crate::report::Tally;
use crate::setup::Ends;
use crate::verdict::Verdict;

/// How many processes with clients are killed, one after the other.
const PROCESSES: usize = 10;

/// How many connections there are first: up to 64 descriptors of closed connections are kept until there
/// are newer ones.
const CALM: u32 = 100;

/// Parts of the lines that say that the end came in the middle of the handshake, or of data.
const CUT: &str = "in the middle of the handshake";
const TRUNCATED: &str = "without close_notify";

const RESET: &str = "connection lost";

/// What a server is doing when it is killed, and what `connect` has to say then: the exit status, and a
/// part of the line. The system sends a reset for a process that has not read everything.
const SERVERS: [(Doomed, &[(i32, &str)]); 6] = [
    (Doomed::ServerDeaf, &[(3, RESET)]),
    (Doomed::ServerMute, &[(1, CUT)]),
    // Whether it has read our change_cipher_spec is a matter of time.
    (Doomed::ServerHalf, &[(1, CUT), (3, RESET)]),
    (Doomed::ServerIdle, &[(1, TRUNCATED)]),
    (Doomed::ServerRecord, &[(1, TRUNCATED)]),
    (Doomed::ServerTalking, &[(1, TRUNCATED)]),
];

/// Kills clients and servers.
pub(crate) fn run(extent: &Extent<'_>, chain: &Path, key: &Path, ends: &Ends) -> Result<Tally> {
    let mut tally = Tally::default();
    let is_wanted = |name: &str| extent.only.is_none_or(|only| fits(only, name));
    if is_wanted("killed/clients") {
        clients(extent, serve(extent, chain, key), ends, &mut tally).context("killed clients")?;
    }
    for (what, ends) in SERVERS {
        let name = format!("killed/{}", kebab(&what));
        if !is_wanted(&name) {
            continue;
        }
        let verdict = match killed_server(extent, what) {
            Ok(output) => judge(&output, what, ends),
            Err(error) => Verdict::Failed(format!("{error:#}")),
        };
        tally.add(&name, "server", verdict);
    }
    if is_wanted("killed/serve") {
        let verdict = match killed_serve(extent, chain, key) {
            Ok(output) => judge(&output, Doomed::ServerIdle, &[(1, TRUNCATED)]),
            Err(error) => Verdict::Failed(format!("{error:#}")),
        };
        tally.add("killed/serve", "server", verdict);
    }
    Ok(tally)
}

fn clients(extent: &Extent<'_>, serve: Command, ends: &Ends, tally: &mut Tally) -> Result<()> {
    let name = "killed clients of portcullis serve";
    let mut program = Program::start(serve)?;
    let mut waits = Waits::default();
    while waits.count < CALM {
        waits.ask(program.port, ends);
    }
    let (descriptors, before) = (program.descriptors()?, program.memory("VmRSS")?);
    for _ in 0..PROCESSES {
        let mut process = Process::start(extent, Doomed::Clients, program.port)?;
        process.is_ready()?;
        waits.ask(program.port, ends);
        process.kill()?;
        waits.ask(program.port, ends);
    }
    let begun = Instant::now();
    while program.descriptors()? > descriptors && begun.elapsed() < PATIENCE {
        thread::sleep(Duration::from_millis(20));
    }
    let left = program.descriptors()?;
    let killed = CLIENTS * PROCESSES;
    let lines = killed + usize::try_from(waits.count)?;
    program.await_lines(lines, PATIENCE);
    let words = [CUT, TRUNCATED, RESET];
    let said = words.map(|words| program.said(words));
    println!(
        "{name}: {killed} clients in {PROCESSES} processes; {descriptors} descriptors before, {left} after; \
         {before} kB before, {} kB after; an honest client waited {:?} at worst; {words:?} was said {said:?} times",
        program.memory("VmRSS")?,
        waits.worst,
    );
    for failure in waits.failures {
        tally.add("honest client", "honest client", Verdict::Failed(failure));
    }
    let complaint = program.complaint();
    for (holds, what) in [
        (
            complaint.is_none(),
            format!("that it goes on ({complaint:?})"),
        ),
        (
            left <= descriptors,
            "that all descriptors are given back".to_owned(),
        ),
        (
            program.lines() == lines,
            format!(
                "a line for each of {lines} connections, not {}",
                program.lines()
            ),
        ),
        (
            said.iter().sum::<usize>() == killed,
            format!("the reason for each of {killed}, not {said:?}"),
        ),
    ] {
        tally.promise(&what, "program", holds);
    }
    Ok(())
}

fn killed_server(extent: &Extent<'_>, what: Doomed) -> Result<Output> {
    let mut process = Process::start(extent, what, 0)?;
    let line = process.line()?;
    let port = line.rsplit_once(':').context("where it listens")?.1;
    let child = connect(extent, port.parse()?)?;
    process.is_ready()?;
    process.kill()?;
    ended(child)
}

/// `portcullis serve`, which has answered.
fn killed_serve(extent: &Extent<'_>, chain: &Path, key: &Path) -> Result<Output> {
    let program = Program::start(serve(extent, chain, key))?;
    let mut child = connect(extent, program.port)?;
    let input = child.stdin.as_mut().context("standard input")?;
    input.write_all(&pattern::bytes(pattern::OURS, 0..1000))?;
    input.flush()?;
    let mut first = [0; 1];
    let output = child.stdout.as_mut().context("standard output")?;
    output.read_exact(&mut first)?;
    ensure!(
        first.as_slice() == pattern::bytes(pattern::OURS, 0..1),
        "another byte"
    );
    drop(program);
    let mut output = ended(child)?;
    output.stdout.splice(0..0, first);
    Ok(output)
}

/// A client whose input does not end.
fn connect(extent: &Extent<'_>, port: u16) -> Result<Child> {
    let mut connect = Command::new(extent.command);
    connect.args(["connect", &format!("localhost:{port}"), "--cafile"]);
    connect.arg(extent.folder.join("ca.pem"));
    for timer in ["handshake", "shutdown", "read", "write"] {
        connect.args([&format!("--{timer}-timeout"), "30"]);
    }
    connect.stdin(Stdio::piped());
    connect.stdout(Stdio::piped()).stderr(Stdio::piped());
    Ok(connect.spawn()?)
}

fn ended(mut child: Child) -> Result<Output> {
    let input = child.stdin.take();
    let output = child.wait_with_output()?;
    drop(input);
    Ok(output)
}

/// The status and the line are those of what has happened, and what was written is what was sent.
fn judge(output: &Output, what: Doomed, ends: &[(i32, &str)]) -> Verdict {
    let line = String::from_utf8_lossy(&output.stderr);
    let failed = |why: &str| {
        let length = output.stdout.len();
        let code = output.status.code();
        Verdict::Failed(format!("{why}: status {code:?}, {length} bytes, {line:?}"))
    };
    let whole = pattern::bytes(pattern::OURS, 0..output.stdout.len());
    let least = match what {
        Doomed::ServerIdle => 1000,
        Doomed::ServerTalking => 1,
        _ => 0,
    };
    if program::is_broken(&line) {
        return failed("it broke");
    }
    if output.stdout != whole || output.stdout.len() < least {
        return failed("other bytes were received than were sent");
    }
    let code = output.status.code();
    let is_told = |(status, words): &(i32, &str)| code == Some(*status) && line.contains(words);
    match ends.iter().find(|end| is_told(end)) {
        Some((status, _)) => Verdict::Typed(format!("status {status}")),
        None => failed("that is not what has happened"),
    }
}

/// A process that is to be killed.
struct Process {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Process {
    fn start(extent: &Extent<'_>, what: Doomed, port: u16) -> Result<Self> {
        let what = what.to_possible_value().context("its name")?;
        let mut command = Command::new(env::current_exe()?);
        command.args(["--doomed", what.get_name(), "--port", &port.to_string()]);
        command.arg("--folder").arg(extent.folder);
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let output = child.stdout.take().context("standard output")?;
        Ok(Self {
            child,
            output: BufReader::new(output),
        })
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        Ok(line.trim().to_owned())
    }

    fn is_ready(&mut self) -> Result<()> {
        match self.line()?.as_str() {
            "ready" => Ok(()),
            line => bail!("it says {line:?}"),
        }
    }

    fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
