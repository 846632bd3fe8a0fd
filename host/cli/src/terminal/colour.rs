//! Colour. Text that is printed through `anstream` loses its colour where the output is no
//! terminal, or where `NO_COLOR` is set.

use std::fmt;

use anstyle::{AnsiColor, Style};

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

/// A line to standard error about what is dangerous or hardly meant, and goes on.
pub(crate) fn warn(what: impl fmt::Display) {
    anstream::eprintln!("{}: {what}", bad("warning"));
}
