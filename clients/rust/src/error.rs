//! Failures of TLS: the variant of the interface, and the same as `std::io::Error`.

use std::fmt;
use std::io::{Error as IoError, ErrorKind};

use crate::errors::explain;
use crate::types::{
    CertificateReason, ConfigurationError, ConfigurationItem, ConfigurationReason, NetworkCode,
    NetworkError, ProtocolError, Timer,
};

/// What failed, whose fault it was, and so what to do: the variant `types.error` of the interface.
/// Strings inside are for people, and not to be parsed.
///
/// `Display` and `Debug` are the line of `errors.explain`, so that a `main` that returns a failure
/// tells what to do; `{:#?}` is the structure.
#[derive(Clone)]
pub enum Error {
    /// Not a failure: nothing to read yet. Wait on `subscribe`, call again.
    WantRead,
    /// Not a failure: the transport takes no more now. Wait on `subscribe_write`, call again.
    WantWrite,
    /// Not a failure: the TCP connection is not there yet. Wait on `subscribe`, call again.
    WantConnect,
    /// Not a failure: no connection waits to be accepted. Wait on the listener's `subscribe`.
    WantAccept,
    /// Kept for the seed's sake; nothing returns it.
    WantX509Lookup,
    /// Not a failure: the caller is to choose a context by what the client has said. Nothing
    /// returns it yet.
    WantContext,
    /// Not a failure: the caller is to sign by a key that it keeps elsewhere. Nothing returns it
    /// yet.
    WantSignature,
    /// Not a failure: the caller is to decide about the peer's certificate before the handshake
    /// goes on. Nothing returns it yet.
    WantVerification,
    /// This side closed the port or listener, or the peer closed in the handshake.
    Closed,
    /// The peer's bytes ended in the handshake, or without close_notify after it: what was read may
    /// be cut short by an attacker.
    Truncated,
    /// The named timer ran out. The connection is unusable, but for `read`.
    Timeout(Timer),
    /// The peer's certificate was refused.
    Certificate(CertificateError),
    /// The peer refused: the number of its fatal alert (RFC 8446 section 6.2).
    AlertReceived(u8),
    /// The peer broke TLS, speaks something else, or shares no parameters with us.
    Protocol(ProtocolError),
    /// Name resolution or the transport failed.
    Network(NetworkError),
    /// What was loaded or set cannot work; the old state stands.
    InvalidConfiguration(ConfigurationError),
    /// A protocol name that no longer exists.
    UnsupportedProtocol(String),
    /// An argument has no meaning; holds the reason.
    InvalidArgument(String),
    /// The context is sealed: change it before its first use, or a copy of it.
    Sealed,
    /// The component, or this version of TLS, has no such thing; holds what it is.
    NotSupported(String),
    /// The server did not take what was sent before the handshake was done: send it again (RFC 8446
    /// section 4.2.10). Nothing returns it yet.
    EarlyDataRejected,
    /// Anything else; holds what is known.
    Other(Option<String>),
}

/// A refused certificate: the record `types.certificate-error` of the interface. `Display` and
/// `Debug` are those of [`Error::Certificate`]. It converts into that and into [`std::io::Error`],
/// so a `?` behind [`verify_result`](crate::Session::verify_result) refuses the peer.
#[derive(Clone)]
pub struct CertificateError {
    /// The check that failed.
    pub reason: CertificateReason,
    /// The name that was asked for, if any.
    pub expected_name: Option<String>,
    /// With [`WrongName`](CertificateReason::WrongName): the names that the certificate has.
    pub names: Vec<String>,
    /// The number of the alert that was sent to the peer, if one was.
    pub alert_sent: Option<u8>,
    /// For people.
    pub detail: Option<String>,
}

impl CertificateError {
    fn structure(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("CertificateError")
            .field("reason", &self.reason)
            .field("expected_name", &self.expected_name)
            .field("names", &self.names)
            .field("alert_sent", &self.alert_sent)
            .field("detail", &self.detail)
            .finish()
    }
}

impl fmt::Display for CertificateError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Error::Certificate(self.clone()), formatter)
    }
}

/// The line for people; with `{:#?}` the structure, for programmers.
impl fmt::Debug for CertificateError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if formatter.alternate() {
            self.structure(formatter)
        } else {
            fmt::Display::fmt(self, formatter)
        }
    }
}

impl std::error::Error for CertificateError {}

impl From<CertificateError> for Error {
    fn from(refusal: CertificateError) -> Self {
        Self::Certificate(refusal)
    }
}

impl From<CertificateError> for IoError {
    fn from(refusal: CertificateError) -> Self {
        Error::from(refusal).into()
    }
}

/// How the detail of an unknown authority begins, if this crate knows whom the context trusts.
const SEARCHED: &str = "searched: ";

impl Error {
    /// The same failure; if an authority was not found, the detail says where it was searched for.
    pub(crate) fn searched(mut self, sources: &str) -> Self {
        match &mut self {
            Self::Certificate(refusal) if refusal.reason == CertificateReason::UnknownAuthority => {
                refusal.detail = Some(format!("{SEARCHED}{sources}"));
            }
            Self::InvalidConfiguration(refusal)
                if refusal.item == ConfigurationItem::TrustRoots
                    && refusal.reason == ConfigurationReason::Missing =>
            {
                refusal.detail = Some(format!("{SEARCHED}{sources}"));
            }
            _ => {}
        }
        self
    }

    /// What the line of the component does not say.
    fn addition(&self, line: &str) -> Option<&str> {
        let Self::Certificate(refusal) = self else {
            return None;
        };
        let detail = refusal.detail.as_deref()?;
        let is_missing = detail.starts_with(SEARCHED) && !line.contains(detail);
        is_missing.then_some(detail)
    }

    fn structure(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, value): (_, Option<&dyn fmt::Debug>) = match self {
            Self::WantRead => ("WantRead", None),
            Self::WantWrite => ("WantWrite", None),
            Self::WantConnect => ("WantConnect", None),
            Self::WantAccept => ("WantAccept", None),
            Self::WantX509Lookup => ("WantX509Lookup", None),
            Self::WantContext => ("WantContext", None),
            Self::WantSignature => ("WantSignature", None),
            Self::WantVerification => ("WantVerification", None),
            Self::Closed => ("Closed", None),
            Self::Truncated => ("Truncated", None),
            Self::Timeout(timer) => ("Timeout", Some(timer)),
            Self::Certificate(refusal) => ("Certificate", Some(refusal)),
            Self::AlertReceived(number) => ("AlertReceived", Some(number)),
            Self::Protocol(breach) => ("Protocol", Some(breach)),
            Self::Network(failure) => ("Network", Some(failure)),
            Self::InvalidConfiguration(refusal) => ("InvalidConfiguration", Some(refusal)),
            Self::UnsupportedProtocol(name) => ("UnsupportedProtocol", Some(name)),
            Self::InvalidArgument(why) => ("InvalidArgument", Some(why)),
            Self::Sealed => ("Sealed", None),
            Self::NotSupported(what) => ("NotSupported", Some(what)),
            Self::EarlyDataRejected => ("EarlyDataRejected", None),
            Self::Other(detail) => ("Other", Some(detail)),
        };
        match value {
            Some(value) => formatter.debug_tuple(name).field(value).finish(),
            None => formatter.write_str(name),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = explain(self);
        formatter.write_str(&line)?;
        match self.addition(&line) {
            Some(addition) => write!(formatter, "; {addition}"),
            None => Ok(()),
        }
    }
}

/// The line for people, as `main` prints it; with `{:#?}` the structure, for programmers.
impl fmt::Debug for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if formatter.alternate() {
            self.structure(formatter)
        } else {
            fmt::Display::fmt(self, formatter)
        }
    }
}

impl std::error::Error for Error {}

/// A failure of TLS inside an [`std::io::Error`]. It displays as the line of `errors.explain`: what
/// failed, why, and what to do. So does its `Debug`, which is what a `main` prints that returns it.
#[derive(Clone)]
pub struct TlsError(
    /// What failed, as a variant to match on.
    pub Error,
);

impl TlsError {
    /// The failure inside an error that this crate returned, also where another error has been put
    /// around it; none of any other error.
    pub fn of(error: &IoError) -> Option<&Error> {
        let mut inside: &(dyn std::error::Error + 'static) = error.get_ref()?;
        loop {
            if let Some(found) = inside.downcast_ref::<Self>() {
                return Some(&found.0);
            }
            if let Some(found) = inside.downcast_ref::<Error>() {
                return Some(found);
            }
            inside = match inside.downcast_ref::<IoError>() {
                Some(error) => error.get_ref()?,
                None => inside.source()?,
            };
        }
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, formatter)
    }
}

impl fmt::Debug for TlsError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, formatter)
    }
}

impl std::error::Error for TlsError {}

impl From<Error> for TlsError {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl From<TlsError> for IoError {
    fn from(error: TlsError) -> Self {
        error.0.into()
    }
}

/// The kind is the nearest that there is, and the whole failure is inside, for [`TlsError::of`].
/// What TLS itself refuses is `InvalidData`: a certificate, an alert, a breach of the protocol.
impl From<Error> for IoError {
    fn from(error: Error) -> Self {
        let kind = match &error {
            Error::WantRead | Error::WantWrite | Error::WantConnect | Error::WantAccept => {
                ErrorKind::WouldBlock
            }
            // To wait would not help: the caller has something to do.
            Error::WantX509Lookup
            | Error::WantContext
            | Error::WantSignature
            | Error::WantVerification => ErrorKind::Other,
            Error::EarlyDataRejected | Error::Other(_) => ErrorKind::Other,
            Error::Closed => ErrorKind::BrokenPipe,
            Error::Truncated => ErrorKind::UnexpectedEof,
            Error::Timeout(_) => ErrorKind::TimedOut,
            Error::Certificate(_) | Error::AlertReceived(_) | Error::Protocol(_) => {
                ErrorKind::InvalidData
            }
            Error::Network(network) => network_kind(network.code),
            Error::InvalidConfiguration(refusal) => configuration_kind(refusal.reason),
            Error::UnsupportedProtocol(_) | Error::NotSupported(_) => ErrorKind::Unsupported,
            Error::InvalidArgument(_) | Error::Sealed => ErrorKind::InvalidInput,
        };
        Self::new(kind, TlsError(error))
    }
}

fn configuration_kind(reason: ConfigurationReason) -> ErrorKind {
    match reason {
        ConfigurationReason::AccessDenied => ErrorKind::PermissionDenied,
        ConfigurationReason::NotFound => ErrorKind::NotFound,
        ConfigurationReason::BadSignature
        | ConfigurationReason::Conflict
        | ConfigurationReason::Duplicate
        | ConfigurationReason::Empty
        | ConfigurationReason::Encrypted
        | ConfigurationReason::Expired
        | ConfigurationReason::KeyMismatch
        | ConfigurationReason::Malformed
        | ConfigurationReason::Missing
        | ConfigurationReason::NoCertificate
        | ConfigurationReason::NoCipherMatch
        | ConfigurationReason::NoPrivateKey
        | ConfigurationReason::NoUsableGroup
        | ConfigurationReason::NotYetValid
        | ConfigurationReason::Unreadable
        | ConfigurationReason::UnsupportedKeyType
        | ConfigurationReason::UnsupportedSecurityLevel
        | ConfigurationReason::PassphraseMissing
        | ConfigurationReason::PassphraseWrong
        | ConfigurationReason::TooCostly
        | ConfigurationReason::UnknownAuthority
        | ConfigurationReason::UnknownName
        | ConfigurationReason::Unsupported
        | ConfigurationReason::Other => ErrorKind::InvalidInput,
    }
}

fn network_kind(code: NetworkCode) -> ErrorKind {
    match code {
        NetworkCode::AccessDenied => ErrorKind::PermissionDenied,
        NetworkCode::AddressInUse => ErrorKind::AddrInUse,
        NetworkCode::AddressNotBindable => ErrorKind::AddrNotAvailable,
        NetworkCode::ConnectionAborted => ErrorKind::ConnectionAborted,
        NetworkCode::ConnectionBroken => ErrorKind::BrokenPipe,
        NetworkCode::ConnectionRefused => ErrorKind::ConnectionRefused,
        NetworkCode::ConnectionReset => ErrorKind::ConnectionReset,
        NetworkCode::NameUnresolvable => ErrorKind::NotFound,
        NetworkCode::NotSupported => ErrorKind::Unsupported,
        NetworkCode::OutOfMemory => ErrorKind::OutOfMemory,
        NetworkCode::RemoteUnreachable => ErrorKind::HostUnreachable,
        NetworkCode::TimedOut => ErrorKind::TimedOut,
        NetworkCode::NewSocketLimit
        | NetworkCode::PermanentResolverFailure
        | NetworkCode::TemporaryResolverFailure
        | NetworkCode::Other => ErrorKind::Other,
    }
}
