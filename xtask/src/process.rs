//! Runs other programs: says what is being done, and keeps the status of a program that failed.
//! This file knows no particular program.

use std::fmt;
use std::io::{self, IsTerminal};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitCode, ExitStatus, Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};

/// A program that ran and failed; carries its status to the end of `main`.
#[derive(Debug)]
pub(crate) struct Failed {
    command: String,
    status: ExitStatus,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` failed ({})", self.command, self.status)
    }
}

impl std::error::Error for Failed {}

/// The status to exit with: that of the program that failed, 128 and its number if a signal ended
/// it, or 1 if the failure was our own.
pub(crate) fn exit_code(error: &anyhow::Error) -> ExitCode {
    let status = error.downcast_ref::<Failed>().map(|failed| failed.status);
    let code = status.and_then(|s| s.code().or_else(|| s.signal().map(|signal| 128 + signal)));
    code.and_then(|code| u8::try_from(code).ok())
        .map_or(ExitCode::FAILURE, ExitCode::from)
}

/// Say in one line what begins now.
pub(crate) fn announce(step: &str) {
    eprintln!("xtask: {step}");
}

/// Run a program that shows its own progress, with our input and output.
pub(crate) fn run(step: &str, command: &mut Command) -> Result<()> {
    announce(step);
    let status = command
        .status()
        .with_context(|| format!("cannot start `{}`", line(command)))?;
    check(command, status)
}

/// Run a program whose output is only worth reading when it fails: with a spinner on a terminal,
/// and its output shown on failure.
pub(crate) fn run_quietly(step: &str, command: &mut Command) -> Result<()> {
    let spinner = io::stderr().is_terminal().then(|| spinner(step));
    if spinner.is_none() {
        announce(step);
    }
    let output = output(command.stdin(Stdio::null()));
    if let Some(spinner) = spinner {
        spinner.finish();
    }
    let output = output?;
    if !output.status.success() {
        eprint!("{}", String::from_utf8_lossy(&output.stdout));
        eprint!("{}", String::from_utf8_lossy(&output.stderr));
    }
    check(command, output.status)
}

/// What a program prints to standard output; its standard error goes to ours.
pub(crate) fn capture(command: &mut Command) -> Result<Vec<u8>> {
    let output = output(command.stderr(Stdio::inherit()))?;
    check(command, output.status)?;
    Ok(output.stdout)
}

/// Whether a program can be started and succeeds; says nothing either way.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    output(command.stdin(Stdio::null())).is_ok_and(|output| output.status.success())
}

fn output(command: &mut Command) -> Result<Output> {
    command
        .output()
        .with_context(|| format!("cannot start `{}`", line(command)))
}

fn check(command: &Command, status: ExitStatus) -> Result<()> {
    if status.success() {
        return Ok(());
    }
    Err(Failed {
        command: line(command),
        status,
    }
    .into())
}

/// The command as a user would type it; a word of several lines is left out.
fn line(command: &Command) -> String {
    let variables = command.get_envs().filter_map(|(name, value)| {
        Some(format!(
            "{}={}",
            name.to_string_lossy(),
            quoted(&value?.to_string_lossy())
        ))
    });
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words = words.map(|word| quoted(&word.to_string_lossy()));
    variables.chain(words).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@".contains(c);
    if word.contains('\n') {
        "'…'".to_owned()
    } else if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

fn spinner(step: &str) -> ProgressBar {
    const TICK: Duration = Duration::from_millis(120);
    let spinner = ProgressBar::new_spinner().with_message(format!("xtask: {step}"));
    if let Ok(style) = ProgressStyle::with_template("{msg} {spinner} {elapsed}") {
        spinner.set_style(style);
    }
    spinner.enable_steady_tick(TICK);
    spinner
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failing_program_gives_its_status_and_its_line() {
        let error = run_quietly("fails", Command::new("sh").args(["-c", "exit 7"])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`sh -c 'exit 7'` failed (exit status: 7)"
        );
        assert_eq!(exit_code(&error), ExitCode::from(7));
    }

    #[test]
    fn program_ended_by_a_signal_gives_128_and_its_number() {
        let error = run_quietly("dies", Command::new("sh").args(["-c", "kill -9 $$"])).unwrap_err();
        assert_eq!(exit_code(&error), ExitCode::from(137));
    }
}
