//! Every error as one line for people: what failed, why, and what to do.

use std::fmt;

use super::alert::AlertLine;
use super::line::end;
use super::{Error, Timer};

/// One line: what failed, why, and what to do.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WantRead => f.write_str("nothing to read yet; wait on subscribe and call again"),
            Self::WantWrite => {
                f.write_str("no room to write yet; wait on subscribe-write and call again")
            }
            Self::WantConnect => f.write_str("not connected yet; wait on subscribe and call again"),
            Self::WantAccept => {
                f.write_str("no connection waits; wait on the listener's subscribe and call again")
            }
            Self::WantX509Lookup => f.write_str("a certificate look-up is pending; call again"),
            Self::WantContext => {
                f.write_str("the client has said whom it wants; choose a context and call again")
            }
            Self::WantSignature => {
                f.write_str("a signature is wanted; have the key's keeper sign and call again")
            }
            Self::WantVerification => f.write_str(
                "the peer's certificate is to be decided about; accept or refuse it and call again",
            ),
            Self::Closed => f.write_str(
                "closed, by this side or by the peer in the handshake; open another connection or \
                 listener",
            ),
            // This happens in the handshake or after it: the line has to be true of both.
            Self::Truncated => f.write_str(
                "the peer ended the connection without close_notify, so it may have been cut; see \
                 the peer's log, and take nothing that came before for the whole",
            ),
            Self::Timeout(timer) => write!(f, "{timer}"),
            Self::Certificate(e) => write!(f, "{e}"),
            Self::AlertReceived(number) => write!(f, "{}", AlertLine(*number)),
            Self::Protocol(e) => write!(f, "{e}"),
            Self::Network(e) => write!(f, "{e}"),
            Self::Configuration(e) => write!(f, "{e}"),
            Self::UnsupportedProtocol(name) => write!(
                f,
                "the protocol {name} is obsolete and not supported; use auto, tlsv12 or tlsv13"
            ),
            Self::InvalidArgument(why) => write!(f, "invalid argument: {why}"),
            Self::Sealed => f.write_str(
                "the context is sealed by its first use; change it before, or make another",
            ),
            Self::NotSupported(what) => {
                write!(f, "not supported: {what}; do without, or use a later component")
            }
            Self::EarlyDataRejected => f.write_str(
                "the server did not take what was sent before the handshake was done; send it again",
            ),
            Self::Other(detail) => end(f, "unexpected failure", detail, "please report it"),
        }
    }
}

impl fmt::Display for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, cure) = match self {
            Self::Connect => (
                "connecting",
                "check address and firewall, or allow more time",
            ),
            Self::Handshake => (
                "the TLS handshake",
                "check that the peer speaks TLS on this port, or allow more time",
            ),
            Self::Read => ("reading", "allow more time, or give the silent peer up"),
            Self::Shutdown => (
                "sending the end of the connection",
                "see why the peer does not read: it may miss the last bytes",
            ),
            Self::Write => (
                "writing",
                "allow more time, or give up a peer that does not read",
            ),
            Self::Resolve => (
                "resolving the host name",
                "check the machine's DNS settings, or allow more time",
            ),
            Self::Idle => (
                "the silence on the connection",
                "allow more time, or keep the connection alive",
            ),
            Self::Accept => (
                "accepting a connection",
                "allow more time, or stop listening",
            ),
        };
        write!(f, "{what} took longer than its timer allows; {cure}")
    }
}

#[cfg(test)]
#[path = "explain_tests.rs"]
mod tests;
