//! A sign of life on the terminal during long work.

use std::fs::{File, Metadata};
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};

const TICK: Duration = Duration::from_millis(120);
/// A transfer that takes no longer shows nothing.
const SHORT: Duration = Duration::from_secs(1);

/// Show `doing` on standard error, if that is a terminal, until the work is done.
pub(crate) fn while_busy<T>(doing: &'static str, work: impl FnOnce() -> T) -> T {
    if !io::stderr().is_terminal() {
        return work();
    }
    let bar = bar(doing);
    let done = work();
    bar.finish_and_clear();
    done
}

fn bar(text: impl Into<std::borrow::Cow<'static, str>>) -> ProgressBar {
    let bar = ProgressBar::new_spinner().with_message(text);
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(TICK);
    bar
}

/// How much of standard input has been sent and how much has been received: on standard error, for a
/// transfer from or to a file that is not short. The line goes away with the value.
pub(crate) struct Transfer {
    /// None if nothing is shown.
    begun: Option<Instant>,
    bar: Option<ProgressBar>,
    told: Instant,
    sent: u64,
    received: u64,
    /// The length of the input, if it has one.
    length: Option<u64>,
}

impl Transfer {
    /// Something is shown if standard error is a terminal that nothing else of this transfer uses: its
    /// input is none, and its output neither a terminal nor a pipe, whose reader may be a pager.
    pub(crate) fn begin() -> Self {
        let (input, output) = (metadata(io::stdin()), metadata(io::stdout()));
        let is_file = |end: &Option<Metadata>| end.as_ref().is_some_and(Metadata::is_file);
        let is_pipe = output.as_ref().is_some_and(|end| end.file_type().is_fifo());
        let is_alone = !io::stdin().is_terminal() && !io::stdout().is_terminal() && !is_pipe;
        let is_shown =
            io::stderr().is_terminal() && is_alone && (is_file(&input) || is_file(&output));
        let now = Instant::now();
        Self {
            begun: is_shown.then_some(now),
            bar: None,
            told: now,
            sent: 0,
            received: 0,
            length: input.filter(Metadata::is_file).map(|input| input.len()),
        }
    }

    pub(crate) fn sent(&mut self, count: usize) {
        self.sent += u64::try_from(count).unwrap_or(u64::MAX);
        self.tell();
    }

    pub(crate) fn received(&mut self, count: usize) {
        self.received += u64::try_from(count).unwrap_or(u64::MAX);
        self.tell();
    }

    fn tell(&mut self) {
        let Some(begun) = self.begun else { return };
        let now = Instant::now();
        if now - begun < SHORT || now - self.told < TICK {
            return;
        }
        self.told = now;
        let text = self.text(now - begun);
        match &self.bar {
            Some(bar) => bar.set_message(text),
            None => self.bar = Some(bar(text)),
        }
    }

    fn text(&self, elapsed: Duration) -> String {
        let Self { sent, received, .. } = self;
        let of = match self.length {
            Some(length) if length > 0 => format!(" of {}", HumanBytes(length)),
            _ => String::new(),
        };
        let millis = u64::try_from(elapsed.as_millis())
            .unwrap_or(u64::MAX)
            .max(1);
        let pace = sent.saturating_add(*received).saturating_mul(1000) / millis;
        format!(
            "sent {}{of}, received {}, {}/s",
            HumanBytes(*sent),
            HumanBytes(*received),
            HumanBytes(pace)
        )
    }
}

impl Drop for Transfer {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// What an open stream is; none if it is closed.
fn metadata(stream: impl AsFd) -> Option<Metadata> {
    let stream = stream.as_fd().try_clone_to_owned().ok()?;
    File::from(stream).metadata().ok()
}
