//! How the command ends: the exit status, and one line that says what failed, why, what to do.

use std::fmt;
use std::process::ExitCode;

use portcullis_host::types::{Error, NetworkCode};
use portcullis_host::{Failure, OutOfMemory};
use wasmtime::WasmBacktrace;

pub(crate) type Result<T> = std::result::Result<T, Exit>;

/// What went wrong, as scripts see it. The numbers are documented in `--help`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// TLS or a certificate failed.
    Tls = 1,
    /// The command, or a file that it names, is wrong.
    Usage = 2,
    /// The network failed.
    Network = 3,
    /// Time ran out.
    Timeout = 4,
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(match status {
            Status::Tls => 1,
            Status::Usage => 2,
            Status::Network => 3,
            Status::Timeout => 4,
        })
    }
}

/// A failure that ends the command: its exit status, and the line that explains it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Exit {
    pub(crate) status: Status,
    line: String,
}

impl Exit {
    pub(crate) fn new(status: Status, line: impl fmt::Display) -> Self {
        Self {
            status,
            line: line.to_string(),
        }
    }

    pub(crate) fn usage(line: impl fmt::Display) -> Self {
        Self::new(Status::Usage, line)
    }

    /// A failed handshake. If it was cut, the line says so: no data was read that could be
    /// incomplete.
    pub(crate) fn handshake(failure: Failure) -> Self {
        match failure.error() {
            Some(Error::Truncated) => Self::new(
                Status::Tls,
                "the peer closed the connection in the middle of the handshake; see its log, and \
                 check that it speaks TLS on this port",
            ),
            _ => failure.into(),
        }
    }

    /// A user's program that could not be run, or that trapped. The backtrace of a trap, for the
    /// author of the program, is printed before this line.
    pub(crate) fn program(error: &wasmtime::Error) -> Self {
        match trap(error) {
            Some(cause) => Self::new(Status::Tls, format_args!("it trapped: {cause}")),
            None => Self::usage(format_args!("{error:#}")),
        }
    }

    /// Adds what was being done.
    pub(crate) fn context(mut self, doing: impl fmt::Display) -> Self {
        self.line = format!("{doing}: {}", self.line);
        self
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&one_line(&self.line))
    }
}

/// The cause of a trap; none for another error. The backtrace is printed here, line by line.
fn trap(error: &wasmtime::Error) -> Option<String> {
    let backtrace = error.downcast_ref::<WasmBacktrace>()?;
    for line in backtrace.to_string().lines() {
        eprintln!("{}", one_line(line));
    }
    Some(error.root_cause().to_string())
}

impl From<Failure> for Exit {
    fn from(failure: Failure) -> Self {
        if let Failure::Trap(error) = &failure
            && !error.is::<OutOfMemory>()
            && let Some(cause) = trap(error)
        {
            return Self::new(
                Status::Tls,
                format_args!("the component trapped (a bug; please report it): {cause}"),
            );
        }
        let status = failure.error().map_or(Status::Tls, status);
        Self::new(status, failure)
    }
}

impl From<wasmtime::Error> for Exit {
    fn from(error: wasmtime::Error) -> Self {
        Self::usage(format_args!("{error:#}"))
    }
}

/// Which exit status a typed error has.
pub(crate) fn status(error: &Error) -> Status {
    match error {
        Error::Timeout(_) => Status::Timeout,
        Error::Network(network) => match network.code {
            NetworkCode::TimedOut => Status::Timeout,
            _ => Status::Network,
        },
        Error::InvalidArgument(_)
        | Error::InvalidConfiguration(_)
        | Error::NotSupported(_)
        | Error::UnsupportedProtocol(_) => Status::Usage,
        Error::AlertReceived(_)
        | Error::Certificate(_)
        | Error::Closed
        | Error::EarlyDataRejected
        | Error::Other(_)
        | Error::Protocol(_)
        | Error::Sealed
        | Error::Truncated
        | Error::WantAccept
        | Error::WantConnect
        | Error::WantContext
        | Error::WantRead
        | Error::WantSignature
        | Error::WantVerification
        | Error::WantWrite
        | Error::WantX509Lookup => Status::Tls,
    }
}

/// The text without control characters: parts of it come from peers.
pub(crate) fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use portcullis_host::types::{NetworkError, NetworkOperation, Timer};

    fn network(code: NetworkCode) -> Error {
        Error::Network(NetworkError {
            operation: NetworkOperation::Connect,
            code,
            detail: None,
        })
    }

    #[test]
    fn errors_have_the_documented_status() {
        assert_eq!(status(&Error::Truncated), Status::Tls);
        assert_eq!(status(&Error::AlertReceived(40)), Status::Tls);
        assert_eq!(
            status(&Error::InvalidArgument(String::new())),
            Status::Usage
        );
        assert_eq!(
            status(&network(NetworkCode::ConnectionRefused)),
            Status::Network
        );
        assert_eq!(status(&network(NetworkCode::TimedOut)), Status::Timeout);
        assert_eq!(status(&Error::Timeout(Timer::Handshake)), Status::Timeout);
    }

    #[test]
    fn message_is_one_line_whatever_a_peer_puts_into_it() {
        let exit = Exit::usage("a\nb\u{1b}[2J").context("c");
        assert_eq!(exit.to_string(), "c: a\u{fffd}b\u{fffd}[2J");
    }
}
