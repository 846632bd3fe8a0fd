//! A sign of life on the terminal during long work.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Show `doing` on standard error, if that is a terminal, until the work is done.
pub(crate) fn while_busy<T>(doing: &'static str, work: impl FnOnce() -> T) -> T {
    const TICK: Duration = Duration::from_millis(120);
    if !std::io::stderr().is_terminal() {
        return work();
    }
    let bar = ProgressBar::new_spinner().with_message(doing);
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(TICK);
    let done = work();
    bar.finish_and_clear();
    done
}
