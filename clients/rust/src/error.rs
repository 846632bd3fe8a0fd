//! Failures of TLS as `std::io::Error`: which kind, and the typed failure inside.

use std::fmt;
use std::io::{Error as IoError, ErrorKind};

use crate::types::{ConfigurationReason, Error, NetworkCode, explain};

/// A failure of TLS inside an [`std::io::Error`]. It displays as the line of `types.explain`: what
/// failed, why, and what to do.
#[derive(Clone, Debug)]
pub struct TlsError(
    /// What failed, as a variant to match on.
    pub Error,
);

impl TlsError {
    /// The failure inside an error that this crate returned; none of any other error.
    pub fn of(error: &IoError) -> Option<&Error> {
        let inside = error.get_ref()?.downcast_ref::<Self>()?;
        Some(&inside.0)
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&explain(&self.0))
    }
}

impl std::error::Error for TlsError {}

/// The kind is the nearest that there is, and the whole failure is inside, for [`TlsError::of`].
/// What TLS itself refuses is `InvalidData`: a certificate, an alert, a breach of the protocol.
impl From<Error> for IoError {
    fn from(error: Error) -> Self {
        let kind = match &error {
            Error::WantRead | Error::WantWrite | Error::WantConnect | Error::WantAccept => {
                ErrorKind::WouldBlock
            }
            Error::WantX509Lookup | Error::Other(_) => ErrorKind::Other,
            Error::Closed => ErrorKind::BrokenPipe,
            Error::Truncated => ErrorKind::UnexpectedEof,
            Error::Timeout(_) => ErrorKind::TimedOut,
            Error::Certificate(_) | Error::AlertReceived(_) | Error::Protocol(_) => {
                ErrorKind::InvalidData
            }
            Error::Network(network) => network_kind(network.code),
            Error::InvalidConfiguration(configuration) => match configuration.reason {
                ConfigurationReason::NotFound => ErrorKind::NotFound,
                ConfigurationReason::AccessDenied => ErrorKind::PermissionDenied,
                _ => ErrorKind::InvalidInput,
            },
            Error::UnsupportedProtocol(_) => ErrorKind::Unsupported,
            Error::InvalidArgument(_) | Error::Sealed => ErrorKind::InvalidInput,
        };
        Self::new(kind, TlsError(error))
    }
}

fn network_kind(code: NetworkCode) -> ErrorKind {
    match code {
        NetworkCode::AccessDenied => ErrorKind::PermissionDenied,
        NetworkCode::AddressInUse => ErrorKind::AddrInUse,
        NetworkCode::AddressNotBindable => ErrorKind::AddrNotAvailable,
        NetworkCode::ConnectionAborted => ErrorKind::ConnectionAborted,
        NetworkCode::ConnectionRefused => ErrorKind::ConnectionRefused,
        NetworkCode::ConnectionReset => ErrorKind::ConnectionReset,
        NetworkCode::NameUnresolvable => ErrorKind::NotFound,
        NetworkCode::NotSupported => ErrorKind::Unsupported,
        NetworkCode::RemoteUnreachable => ErrorKind::HostUnreachable,
        NetworkCode::TimedOut => ErrorKind::TimedOut,
        NetworkCode::NewSocketLimit
        | NetworkCode::PermanentResolverFailure
        | NetworkCode::TemporaryResolverFailure
        | NetworkCode::Other => ErrorKind::Other,
    }
}
