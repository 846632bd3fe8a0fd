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

impl NetworkError {
    /// What the host says of an operation on something, both of which may be unknown. Its own name for the
    /// failure is told where ours says nothing.
    #[must_use]
    pub fn told(
        operation: NetworkOperation,
        code: NetworkCode,
        name: Option<&str>,
        what: &str,
    ) -> Self {
        let name = name.map(|name| format!("the host says {name}"));
        let parts = [(!what.is_empty()).then(|| what.to_owned()), name];
        let parts: Vec<_> = parts.into_iter().flatten().collect();
        Self {
            operation,
            code,
            detail: (!parts.is_empty()).then(|| parts.join(", ")),
        }
    }

    /// A stream of an established connection has failed. WASI 0.2 tells the exact cause in words only;
    /// `network-error-code` is unstable and not offered by every host.
    #[must_use]
    pub fn lost(operation: NetworkOperation, cause: String) -> Self {
        Self {
            operation,
            code: NetworkCode::ConnectionReset,
            detail: Some(cause),
        }
    }

    /// No connection can be made or accepted, because so many wait to be freed.
    #[must_use]
    pub fn no_room(operation: NetworkOperation, room: usize) -> Self {
        Self {
            operation,
            code: NetworkCode::NewSocketLimit,
            detail: Some(format!(
                "{room} closed connections wait for peers that do not read"
            )),
        }
    }
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
