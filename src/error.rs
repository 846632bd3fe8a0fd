//! The failures of the component: what failed, whose fault it was, and so what to do.

mod alert;
mod certificate;
mod configuration;
mod explain;
mod line;
mod network;
mod protocol;

pub use certificate::{CertificateError, CertificateReason};
pub use configuration::{ConfigurationError, ConfigurationItem, ConfigurationReason};
pub use network::{NetworkCode, NetworkError, NetworkOperation};
pub use protocol::{ProtocolError, ProtocolReason};

/// Every failure of the component. The WIT variant `error` has the same cases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// Nothing to read yet.
    WantRead,
    /// The transport takes no more now.
    WantWrite,
    /// The TCP connection is not there yet.
    WantConnect,
    /// No connection waits to be accepted.
    WantAccept,
    /// Never returned; the seed has it (E7).
    WantX509Lookup,
    /// The caller is to choose a context.
    WantContext,
    /// The caller is to sign. Reserved: not returned yet.
    WantSignature,
    /// The caller is to decide about the peer's certificate. Reserved: not returned yet.
    WantVerification,
    /// Closed by this side, or by the peer in the middle of the handshake.
    Closed,
    /// The transport ended without close_notify (RFC 8446 §6.1).
    Truncated,
    /// A timer ran out.
    Timeout(Timer),
    /// The peer's certificate was refused.
    Certificate(CertificateError),
    /// The peer sent a fatal alert (RFC 8446 §6.2).
    AlertReceived(u8),
    /// The peer broke the protocol.
    Protocol(ProtocolError),
    /// Name resolution or the transport failed.
    Network(NetworkError),
    /// A configuration was refused.
    Configuration(ConfigurationError),
    /// A protocol name that no longer exists.
    UnsupportedProtocol(String),
    /// An argument has no meaning.
    InvalidArgument(String),
    /// The context is sealed.
    Sealed,
    /// This component does not have what was asked for.
    NotSupported(String),
    /// The server did not take early data. Reserved: not returned yet.
    EarlyDataRejected,
    /// Anything else, including a fault of this component.
    Other(Option<String>),
}

/// A limit on how long something may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timer {
    /// Name resolution and TCP connect.
    Connect,
    /// The handshake.
    Handshake,
    /// One read.
    Read,
    /// Sending close_notify.
    Shutdown,
    /// One write or flush.
    Write,
    /// Name resolution. There is no such timer yet.
    Resolve,
    /// Nothing sent or received. There is no such timer yet.
    Idle,
    /// Accepting a connection. There is no such timer yet.
    Accept,
}

/// The seed's statuses (E2 to E10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Closed in a controlled way.
    ZeroReturn,
    /// Try again when there is something to read.
    WantRead,
    /// Try again when the transport takes bytes.
    WantWrite,
    /// Try again when connected.
    WantConnect,
    /// Try again when a connection waits.
    WantAccept,
    /// Never returned.
    WantX509Lookup,
    /// The transport failed.
    Syscall,
    /// TLS or a certificate failed.
    Ssl,
    /// Not classified.
    None,
}

impl Error {
    /// The seed's status of this error (E1).
    #[must_use]
    pub fn status(&self) -> Status {
        match self {
            Self::WantRead => Status::WantRead,
            Self::WantWrite => Status::WantWrite,
            Self::WantConnect => Status::WantConnect,
            Self::WantAccept => Status::WantAccept,
            Self::WantX509Lookup => Status::WantX509Lookup,
            Self::Closed => Status::ZeroReturn,
            Self::Network(_) => Status::Syscall,
            Self::Truncated
            | Self::Certificate(_)
            | Self::AlertReceived(_)
            | Self::Protocol(_)
            | Self::EarlyDataRejected => Status::Ssl,
            Self::Timeout(_)
            | Self::Configuration(_)
            | Self::UnsupportedProtocol(_)
            | Self::InvalidArgument(_)
            | Self::Sealed
            | Self::NotSupported(_)
            | Self::WantContext
            | Self::WantSignature
            | Self::WantVerification
            | Self::Other(_) => Status::None,
        }
    }

    /// Whether this says "call again" and is no failure.
    #[must_use]
    pub fn is_want(&self) -> bool {
        matches!(
            self,
            Self::WantRead
                | Self::WantWrite
                | Self::WantConnect
                | Self::WantAccept
                | Self::WantX509Lookup
                | Self::WantContext
                | Self::WantSignature
                | Self::WantVerification
        )
    }

    /// A configuration that was refused.
    pub fn refused(
        item: ConfigurationItem,
        reason: ConfigurationReason,
        detail: impl Into<String>,
    ) -> Self {
        Self::Configuration(ConfigurationError {
            item,
            reason,
            detail: Some(detail.into()),
        })
    }
}

impl std::error::Error for Error {}
