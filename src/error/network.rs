//! A failure of the network, and the line that tells people of it.

use std::fmt;

use super::line::Detail;

/// What was being done on the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the operations say it")]
pub enum NetworkOperation {
    Accept,
    Bind,
    Connect,
    Listen,
    Read,
    Resolve,
    Shutdown,
    Write,
    Other,
}

/// Why the network failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of wasi:sockets")]
pub enum NetworkCode {
    AccessDenied,
    AddressInUse,
    AddressNotBindable,
    ConnectionAborted,
    ConnectionBroken,
    ConnectionRefused,
    ConnectionReset,
    NameUnresolvable,
    NewSocketLimit,
    NotSupported,
    OutOfMemory,
    PermanentResolverFailure,
    RemoteUnreachable,
    TemporaryResolverFailure,
    TimedOut,
    Other,
}

/// A failure of name resolution or of the transport.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkError {
    /// What was being done.
    pub operation: NetworkOperation,
    /// Why it failed.
    pub code: NetworkCode,
    /// For people.
    pub detail: Option<String>,
}

impl fmt::Display for NetworkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.operation {
            NetworkOperation::Accept => "accepting a connection",
            NetworkOperation::Bind => "binding the address",
            NetworkOperation::Connect => "connecting",
            NetworkOperation::Listen => "listening",
            NetworkOperation::Read => "reading from the network",
            NetworkOperation::Resolve => "resolving the host name",
            NetworkOperation::Shutdown => "shutting the connection down",
            NetworkOperation::Write => "writing to the network",
            NetworkOperation::Other => "using the network",
        };
        let (why, cure) = match self.code {
            NetworkCode::AccessDenied if self.operation == NetworkOperation::Resolve => (
                "access denied",
                "allow the runtime to look names up, as wasmtime does by \
                 -S allow-ip-name-lookup",
            ),
            NetworkCode::AccessDenied => (
                "access denied",
                "allow this address in the runtime's network policy, and mind that ports below \
                 1024 need privileges",
            ),
            NetworkCode::AddressInUse => ("address in use", "choose another port, or port 0"),
            NetworkCode::AddressNotBindable => (
                "not an address of this machine",
                "use an address of a local interface",
            ),
            NetworkCode::ConnectionAborted => ("connection aborted", "try again"),
            NetworkCode::ConnectionBroken => {
                ("connection broken", "see the peer's log, or try again")
            }
            NetworkCode::OutOfMemory => ("no more memory", "close connections, or allow more"),
            NetworkCode::ConnectionRefused => (
                "connection refused",
                "check host and port, and that the server runs",
            ),
            NetworkCode::ConnectionReset => ("connection lost", "see the peer's log, or try again"),
            NetworkCode::NameUnresolvable => ("no such name", "check the spelling"),
            NetworkCode::NewSocketLimit => ("no more sockets", "close some, or raise the limit"),
            NetworkCode::NotSupported => ("not supported here", "use a runtime that offers it"),
            NetworkCode::PermanentResolverFailure => (
                "the resolver failed",
                "check the machine's DNS settings, and that the runtime allows name lookup",
            ),
            NetworkCode::RemoteUnreachable => ("no route", "check network and address"),
            NetworkCode::TemporaryResolverFailure => ("the resolver failed for now", "try again"),
            NetworkCode::TimedOut => ("no answer", "check address and firewall"),
            NetworkCode::Other => (
                "failed in an unexpected way",
                "try again, and check the host's limits and its log",
            ),
        };
        write!(f, "{what}: {why}{}; {cure}", Detail(self.detail.as_deref()))
    }
}
