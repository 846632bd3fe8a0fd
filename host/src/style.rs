//! Colour, and signs of life. What is printed through `anstream` loses its colour where it does not
//! go to a terminal, or where `NO_COLOR` is set.

use std::fmt;
use std::io::IsTerminal;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressStyle};

/// A text in a style.
pub(crate) struct Styled<'a>(Style, &'a str);

impl fmt::Display for Styled<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(style, text) = self;
        write!(f, "{style}{text}{style:#}")
    }
}

pub(crate) fn good(text: &str) -> Styled<'_> {
    Styled(AnsiColor::Green.on_default(), text)
}

pub(crate) fn bad(text: &str) -> Styled<'_> {
    Styled(AnsiColor::Red.on_default().bold(), text)
}

pub(crate) fn title(text: &str) -> Styled<'_> {
    Styled(Style::new().bold(), text)
}

/// Says on a terminal what is going on while it takes long; elsewhere nothing.
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
