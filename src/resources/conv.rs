//! Converts core types to WIT types and back, in one table.

use std::net::SocketAddr;

use super::bindings::exports::portcullis::tls::context::{
    AlpnMismatch, CipherListReport, DirectoryReport, FileProblem, KeyKind, RevocationScope,
    ServerName, Truncation, UnknownRevocation, Verify, VerifyName,
};
use super::bindings::exports::portcullis::tls::types as wit;
use crate::error;
use crate::tls as core;

/// Conversions both ways between enums whose cases have the same names.
macro_rules! same_cases {
    ($($wit:path = $core:path { $($case:ident),+ $(,)? })+) => {$(
        impl From<$core> for $wit {
            fn from(value: $core) -> Self {
                match value {
                    $(<$core>::$case => Self::$case,)+
                }
            }
        }
        impl From<$wit> for $core {
            fn from(value: $wit) -> Self {
                match value {
                    $(<$wit>::$case => Self::$case,)+
                }
            }
        }
    )+};
}

/// The same for records whose fields have the same names.
macro_rules! same_fields {
    ($($wit:path = $core:path { $($field:ident),+ $(,)? })+) => {$(
        impl From<$core> for $wit {
            fn from(value: $core) -> Self {
                Self { $($field: value.$field.into()),+ }
            }
        }
        impl From<$wit> for $core {
            fn from(value: $wit) -> Self {
                Self { $($field: value.$field.into()),+ }
            }
        }
    )+};
}

same_cases! {
    wit::Role = core::Role { Client, Server }
    wit::Version = core::Version { Tls12, Tls13 }
    wit::Timer = error::Timer {
        Connect, Handshake, Read, Shutdown, Write, Resolve, Idle, Accept,
    }
    wit::Status = error::Status {
        ZeroReturn, WantRead, WantWrite, WantConnect, WantAccept, WantX509Lookup, Syscall, Ssl,
        None,
    }
    wit::CertificateReason = error::CertificateReason {
        BadEncoding, BadSignature, Expired, Missing, NotChecked, NotYetValid, PinMismatch,
        RawKeyUntrusted, RejectedByCaller, RevocationListBad, RevocationListExpired,
        RevocationUnknown, Revoked, StapleBad,
        StapleMissing, TooCostly, TransparencyMissing, UnhandledExtension, UnknownAuthority,
        UnsupportedAlgorithm, WrongName, WrongPolicy, WrongPurpose, Other,
    }
    wit::ProtocolReason = error::ProtocolReason {
        BadCompression, BadRecord, CertificateUnsolicited, Downgrade, EchRejected,
        IllegalParameter, Malformed,
        MissingExtension, NoApplicationProtocol, NoCommonParameters, NoCommonVersion, NotTls,
        PlainHttp, TooLarge, UnexpectedMessage, UnknownPskIdentity, UnrecognizedName, UnsolicitedExtension, Other,
    }
    wit::NetworkOperation = error::NetworkOperation {
        Accept, Bind, Connect, Listen, Read, Resolve, Shutdown, Write, Other,
    }
    wit::NetworkCode = error::NetworkCode {
        AccessDenied, AddressInUse, AddressNotBindable, ConnectionAborted, ConnectionBroken,
        ConnectionRefused, ConnectionReset, NameUnresolvable, NewSocketLimit, NotSupported,
        OutOfMemory, PermanentResolverFailure,
        RemoteUnreachable, TemporaryResolverFailure, TimedOut, Other,
    }
    wit::ConfigurationItem = error::ConfigurationItem {
        Alpn, CertificateChain, CertificateCompression, CipherList, ClientHello, EarlyData,
        EncryptedClientHello, ExternalSigner, Groups, IdentityNames, KeyLog, Pins, Pkcs12,
        PreSharedKeys, PrivateKey, RawPublicKey, RecordSize, RevocationLists, ServerName, Session, SignatureSchemes, Staple,
        SuggestedAuthorities, Tickets, Timers, Transparency, TrustRoots, Verification, Versions, Other,
    }
    wit::ConfigurationReason = error::ConfigurationReason {
        AccessDenied, BadSignature, Conflict, Duplicate, Empty, Encrypted, Expired, KeyMismatch,
        Malformed, Missing, NoCertificate, NoCipherMatch, NoPrivateKey, NoUsableGroup, NotYetValid,
        NotFound, PassphraseMissing, PassphraseWrong, TooCostly, UnknownAuthority, UnknownName,
        Unreadable, Unsupported, UnsupportedKeyType, UnsupportedSecurityLevel, Other,
    }
    KeyKind = core::KeyKind { Any, Dh, Dsa, Ec, Ed25519, Ed448, MlDsa, Rsa }
    AlpnMismatch = core::AlpnMismatch { Refused, Tolerated }
    RevocationScope = core::RevocationScope { Chain, OwnCertificate }
    Truncation = core::Truncation { Refused, Tolerated }
    UnknownRevocation = core::UnknownRevocation { Refused, Accepted }
    Verify = core::Verify { Required, Optional, Deferred, Unverified }
}

same_fields! {
    wit::CertificateError = error::CertificateError {
        reason, expected_name, names, alert_sent, detail,
    }
    wit::ProtocolError = error::ProtocolError { reason, alert_sent, detail }
    wit::NetworkError = error::NetworkError { operation, code, detail }
    wit::ConfigurationError = error::ConfigurationError { item, reason, detail }
    CipherListReport = core::CipherListReport { unknown, unsupported }
}

/// The error variant: cases without a value, and cases with one.
macro_rules! error_cases {
    ($($wit_plain:ident = $plain:ident),+; $($wit_full:ident = $full:ident),+ $(,)?) => {
        impl From<error::Error> for wit::Error {
            fn from(error: error::Error) -> Self {
                match error {
                    $(error::Error::$plain => Self::$wit_plain,)+
                    $(error::Error::$full(value) => Self::$wit_full(value.into()),)+
                }
            }
        }
        impl From<wit::Error> for error::Error {
            fn from(error: wit::Error) -> Self {
                match error {
                    $(wit::Error::$wit_plain => Self::$plain,)+
                    $(wit::Error::$wit_full(value) => Self::$full(value.into()),)+
                }
            }
        }
    };
}

error_cases! {
    WantRead = WantRead, WantWrite = WantWrite, WantConnect = WantConnect,
    WantAccept = WantAccept, WantX509Lookup = WantX509Lookup, WantContext = WantContext,
    WantSignature = WantSignature, WantVerification = WantVerification, Closed = Closed, Truncated = Truncated, Sealed = Sealed,
    EarlyDataRejected = EarlyDataRejected;
    Timeout = Timeout, Certificate = Certificate, AlertReceived = AlertReceived,
    Protocol = Protocol, Network = Network, InvalidConfiguration = Configuration,
    UnsupportedProtocol = UnsupportedProtocol, InvalidArgument = InvalidArgument,
    NotSupported = NotSupported, Other = Other,
}

impl From<ServerName> for core::SendName {
    fn from(name: ServerName) -> Self {
        match name {
            ServerName::Automatic => Self::Automatic,
            ServerName::Off => Self::Off,
            ServerName::Name(name) => Self::Name(name),
        }
    }
}

impl From<VerifyName> for core::VerifyName {
    fn from(name: VerifyName) -> Self {
        match name {
            VerifyName::Host => Self::Host,
            VerifyName::Name(name) => Self::Name(name),
            VerifyName::Unverified => Self::Unverified,
        }
    }
}

impl From<core::DirectoryReport> for DirectoryReport {
    fn from(report: core::DirectoryReport) -> Self {
        let problem = |problem: core::FileProblem| FileProblem {
            path: problem.path,
            reason: problem.reason.into(),
            detail: problem.detail,
        };
        Self {
            added: report.added,
            files: report.files,
            problems: report.problems.into_iter().map(problem).collect(),
        }
    }
}

impl From<SocketAddr> for wit::Address {
    fn from(address: SocketAddr) -> Self {
        let zone = match address {
            SocketAddr::V6(address) => address.scope_id(),
            SocketAddr::V4(_) => 0,
        };
        Self {
            ip: match zone {
                0 => address.ip().to_string(),
                zone => format!("{}%{zone}", address.ip()),
            },
            port: address.port(),
        }
    }
}

/// The length of a read, which cannot be 0.
pub(crate) fn read_length(length: u64) -> Result<usize, wit::Error> {
    match usize::try_from(length).unwrap_or(usize::MAX) {
        0 => Err(wit::Error::InvalidArgument(
            "a read of 0 bytes; ask for one at least".into(),
        )),
        length => Ok(length),
    }
}

/// A number of bytes as the interface has it.
pub(crate) fn number(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
