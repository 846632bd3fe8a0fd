//! Turns failures of the store's network into errors of ours.

use portcullis::endpoint::no_host;
use portcullis::error::{Error, NetworkCode, NetworkError, NetworkOperation};
use wasmtime_wasi::p2::StreamError;
use wasmtime_wasi::p2::bindings::sockets::network::ErrorCode;

/// The message about a failed stream, which is one line.
pub(super) fn told(cause: &wasmtime::Error) -> String {
    let all = cause.to_string();
    all.lines().next().unwrap_or_default().to_owned()
}

pub(super) fn lost_writing(error: StreamError) -> NetworkError {
    let cause = match error {
        StreamError::Closed => "closed by the peer".to_owned(),
        StreamError::LastOperationFailed(cause) | StreamError::Trap(cause) => told(&cause),
    };
    NetworkError::lost(NetworkOperation::Write, cause)
}

pub(super) fn failure(operation: NetworkOperation, code: ErrorCode, what: &str) -> NetworkError {
    let ours = match code {
        ErrorCode::AccessDenied => NetworkCode::AccessDenied,
        ErrorCode::AddressInUse => NetworkCode::AddressInUse,
        ErrorCode::AddressNotBindable => NetworkCode::AddressNotBindable,
        ErrorCode::ConnectionAborted => NetworkCode::ConnectionAborted,
        ErrorCode::ConnectionRefused => NetworkCode::ConnectionRefused,
        ErrorCode::ConnectionReset => NetworkCode::ConnectionReset,
        ErrorCode::NameUnresolvable => NetworkCode::NameUnresolvable,
        ErrorCode::NewSocketLimit | ErrorCode::OutOfMemory => NetworkCode::NewSocketLimit,
        ErrorCode::NotSupported => NetworkCode::NotSupported,
        ErrorCode::PermanentResolverFailure => NetworkCode::PermanentResolverFailure,
        ErrorCode::RemoteUnreachable => NetworkCode::RemoteUnreachable,
        ErrorCode::TemporaryResolverFailure => NetworkCode::TemporaryResolverFailure,
        ErrorCode::Timeout => NetworkCode::TimedOut,
        ErrorCode::Unknown
        | ErrorCode::InvalidArgument
        | ErrorCode::ConcurrencyConflict
        | ErrorCode::NotInProgress
        | ErrorCode::WouldBlock
        | ErrorCode::InvalidState
        | ErrorCode::DatagramTooLarge => NetworkCode::Other,
    };
    let name = (ours == NetworkCode::Other).then(|| name(code));
    NetworkError::told(operation, ours, name, what)
}

/// The name of a code that is none of the network's.
fn name(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::InvalidArgument => "invalid-argument",
        ErrorCode::ConcurrencyConflict => "concurrency-conflict",
        ErrorCode::NotInProgress => "not-in-progress",
        ErrorCode::WouldBlock => "would-block",
        ErrorCode::InvalidState => "invalid-state",
        ErrorCode::DatagramTooLarge => "datagram-too-large",
        _ => "unknown",
    }
}

/// The error for a resolver that fails at once. It has had no time to ask a server, so the policy
/// refuses: wasmtime calls a look-up that was not granted a permanent failure.
pub(super) fn resolve_failure(code: ErrorCode, host: &str) -> Error {
    let refused = NetworkError {
        operation: NetworkOperation::Resolve,
        code: NetworkCode::AccessDenied,
        detail: Some(host.to_owned()),
    };
    match code {
        ErrorCode::AccessDenied | ErrorCode::PermanentResolverFailure => Error::Network(refused),
        ErrorCode::InvalidArgument => no_host(host),
        code => Error::Network(failure(NetworkOperation::Resolve, code, host)),
    }
}
