//! What commands tell on standard output.

use std::fmt;
use std::io::{self, ErrorKind, Write as _};

use crate::exit::{Exit, Result};

/// Prints a line, without colours where nobody sees them. A reader that has closed the output, as
/// `head` does, has seen enough: that is no failure.
pub(crate) fn print(line: impl fmt::Display) -> Result<()> {
    match writeln!(anstream::stdout().lock(), "{line}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(unwritable(&error)),
        _ => Ok(()),
    }
}

fn unwritable(error: &io::Error) -> Exit {
    Exit::usage(format_args!("standard output cannot be written: {error}"))
}
