//! Core types to WIT types and back, in one table.

use std::net::SocketAddr;

use crate::bindings::exports::portcullis::tls::context::{
    CipherListReport, DirectoryReport, FileProblem, KeyKind, ServerName, Truncation, Verify,
    VerifyName,
};
use crate::bindings::exports::portcullis::tls::types as wit;
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
    wit::NamedGroup = core::NamedGroup { X25519Mlkem768, X25519, Secp256r1, Secp384r1 }
    wit::Timer = core::Timer { Connect, Handshake, Read, Shutdown, Write }
    wit::Status = core::Status {
        ZeroReturn, WantRead, WantWrite, WantConnect, WantAccept, WantX509Lookup, Syscall, Ssl,
        None,
    }
    wit::CertificateReason = core::CertificateReason {
        BadEncoding, BadSignature, Expired, Missing, NotYetValid, Revoked, UnknownAuthority,
        UnsupportedAlgorithm, WrongName, WrongPurpose, Other,
    }
    wit::ProtocolReason = core::ProtocolReason {
        BadRecord, Malformed, NotTls, NoCommonParameters, NoCommonVersion, PlainHttp,
        UnexpectedMessage, Other,
    }
    wit::NetworkOperation = core::NetworkOperation {
        Accept, Bind, Connect, Listen, Read, Resolve, Write,
    }
    wit::NetworkCode = core::NetworkCode {
        AccessDenied, AddressInUse, AddressNotBindable, ConnectionAborted, ConnectionRefused,
        ConnectionReset, NameUnresolvable, NewSocketLimit, NotSupported, PermanentResolverFailure,
        RemoteUnreachable, TemporaryResolverFailure, TimedOut, Other,
    }
    wit::ConfigurationItem = core::ConfigurationItem {
        CertificateChain, CipherList, Groups, Pkcs12, PrivateKey, ServerName,
        SuggestedAuthorities, TrustRoots, Versions,
    }
    wit::ConfigurationReason = core::ConfigurationReason {
        AccessDenied, Empty, Encrypted, KeyMismatch, Malformed, Missing, NoCertificate,
        NoCipherMatch, NoPrivateKey, NoUsableGroup, NotFound, PassphraseMissing, PassphraseWrong,
        TooCostly, Unreadable, UnsupportedKeyType, UnsupportedSecurityLevel,
    }
    KeyKind = core::KeyKind { Any, Dh, Dsa, Ec, Ed25519, Rsa }
    Truncation = core::Truncation { Refused, Tolerated }
    Verify = core::Verify { Required, Optional, Unverified }
}

same_fields! {
    wit::CertificateError = core::CertificateError {
        reason, expected_name, names, alert_sent, detail,
    }
    wit::ProtocolError = core::ProtocolError { reason, alert_sent, detail }
    wit::NetworkError = core::NetworkError { operation, code, detail }
    wit::ConfigurationError = core::ConfigurationError { item, reason, detail }
    CipherListReport = core::CipherListReport { unknown, unsupported }
}

/// The error variant: cases without a value, and cases with one.
macro_rules! error_cases {
    ($($wit_plain:ident = $plain:ident),+; $($wit_full:ident = $full:ident),+ $(,)?) => {
        impl From<core::Error> for wit::Error {
            fn from(error: core::Error) -> Self {
                match error {
                    $(core::Error::$plain => Self::$wit_plain,)+
                    $(core::Error::$full(value) => Self::$wit_full(value.into()),)+
                }
            }
        }
        impl From<wit::Error> for core::Error {
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
    WantAccept = WantAccept, WantX509Lookup = WantX509Lookup, Closed = Closed,
    Truncated = Truncated, Sealed = Sealed;
    Timeout = Timeout, Certificate = Certificate, AlertReceived = AlertReceived,
    Protocol = Protocol, Network = Network, InvalidConfiguration = Configuration,
    UnsupportedProtocol = UnsupportedProtocol, InvalidArgument = InvalidArgument, Other = Other,
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
        Self {
            ip: address.ip().to_string(),
            port: address.port(),
        }
    }
}
