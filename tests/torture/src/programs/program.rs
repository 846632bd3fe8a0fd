//! A program of ours that runs, as the system sees it.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

/// Words by which a program says that it broke, whatever else it says.
const BROKEN: [&str; 5] = [
    "panicked",
    "wasm trap",
    "wasm backtrace",
    "unreachable",
    "failed to run main module",
];

/// Whether a program says that it broke.
pub(crate) fn is_broken(line: &str) -> bool {
    BROKEN.iter().any(|word| line.contains(word))
}

/// A server that listens. It is ended when the value is dropped.
pub(crate) struct Program {
    child: Child,
    pub(crate) port: u16,
    told: Arc<Told>,
}

/// What a program says on standard error, line by line.
#[derive(Default)]
struct Told {
    lines: Mutex<Vec<String>>,
    comes: Condvar,
}

impl Program {
    /// Starts it, and waits until it says where it listens.
    pub(crate) fn start(mut command: Command) -> Result<Self> {
        command.stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("{command:?}"))?;
        let told = Arc::new(Told::default());
        let errors = child.stderr.take().context("standard error")?;
        let telling = Arc::clone(&told);
        thread::spawn(move || {
            for line in BufReader::new(errors).lines().map_while(Result::ok) {
                let lines = telling.lines.lock();
                lines.unwrap_or_else(PoisonError::into_inner).push(line);
                telling.comes.notify_all();
            }
        });
        let output = child.stdout.take().context("standard output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let port = line.trim().rsplit_once(':').map(|(_, port)| port.parse());
        let mut program = Self {
            child,
            port: 0,
            told,
        };
        program.port = port
            .transpose()?
            .with_context(|| format!("it does not listen: {:?}", program.told()))?;
        Ok(program)
    }

    fn told(&self) -> Vec<String> {
        let lines = self.told.lines.lock();
        lines.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The first line from this one on that is one of these, once it comes.
    pub(crate) fn await_line(
        &self,
        from: usize,
        patience: Duration,
        is_it: impl Fn(&str) -> bool,
    ) -> Result<String> {
        let mut line = None;
        let lines = self.told.lines.lock();
        let lines = lines.unwrap_or_else(PoisonError::into_inner);
        let mut seen = from;
        let waited = self
            .told
            .comes
            .wait_timeout_while(lines, patience, |lines| {
                let more = lines.get(seen..).unwrap_or_default();
                line = more.iter().find(|line| is_it(line)).cloned();
                seen = lines.len().max(from);
                line.is_none()
            });
        drop(waited);
        match line {
            Some(line) => Ok(line),
            None => bail!("it did not say so in {patience:?}"),
        }
    }

    /// Waits until it has said so many lines.
    pub(crate) fn await_lines(&self, count: usize, patience: Duration) {
        let lines = self.told.lines.lock();
        let lines = lines.unwrap_or_else(PoisonError::into_inner);
        let comes = &self.told.comes;
        let waited = comes.wait_timeout_while(lines, patience, |lines| lines.len() < count);
        drop(waited);
    }

    /// How many of its lines have this in them.
    pub(crate) fn said(&self, part: &str) -> usize {
        let lines = self.told.lines.lock();
        let lines = lines.unwrap_or_else(PoisonError::into_inner);
        lines.iter().filter(|line| line.contains(part)).count()
    }

    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        Ok(kill_process(Pid::from_child(&self.child), signal)?)
    }

    /// What it has said that no program of ours may say, and whether it has ended.
    pub(crate) fn complaint(&mut self) -> Option<String> {
        if let Some(line) = self.told().into_iter().find(|line| is_broken(line)) {
            return Some(line);
        }
        match self.child.try_wait() {
            Ok(None) => None,
            ended => Some(format!("it has ended: {ended:?}")),
        }
    }

    /// How many lines it has said on standard error.
    pub(crate) fn lines(&self) -> usize {
        let lines = self.told.lines.lock();
        lines.unwrap_or_else(PoisonError::into_inner).len()
    }

    fn of(&self, name: &str) -> PathBuf {
        format!("/proc/{}/{name}", self.child.id()).into()
    }

    /// A number of kilobytes in the system's view of it: `VmRSS`, `VmHWM`.
    pub(crate) fn memory(&self, name: &str) -> Result<u64> {
        let status = fs::read_to_string(self.of("status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let number = line.and_then(|line| line.trim_matches([':', ' ', '\t']).split(' ').next());
        Ok(number.context("no such number")?.parse()?)
    }

    /// How many descriptors it has.
    pub(crate) fn descriptors(&self) -> Result<usize> {
        Ok(fs::read_dir(self.of("fd"))?.count())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
