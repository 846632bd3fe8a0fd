//! Conversions between the types of the core and those that bindings make of `wit/`. The bindings of
//! the component and those of a host have types of the same names, which are no types of the core's.

/// Conversions both ways between enums whose cases have the same names.
#[doc(hidden)]
#[macro_export]
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
#[doc(hidden)]
#[macro_export]
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

/// The error variant: cases without a value, and cases with one.
#[doc(hidden)]
#[macro_export]
macro_rules! error_cases {
    ($($wit_plain:ident = $plain:ident),+; $($wit_full:ident = $full:ident),+ $(,)?) => {
        impl From<$crate::error::Error> for wit::Error {
            fn from(error: $crate::error::Error) -> Self {
                match error {
                    $($crate::error::Error::$plain => Self::$wit_plain,)+
                    $($crate::error::Error::$full(value) => Self::$wit_full(value.into()),)+
                }
            }
        }
        impl From<wit::Error> for $crate::error::Error {
            fn from(error: wit::Error) -> Self {
                match error {
                    $(wit::Error::$wit_plain => Self::$plain,)+
                    $(wit::Error::$wit_full(value) => Self::$full(value.into()),)+
                }
            }
        }
    };
}

/// Defines the conversions. In scope are the module `wit` with the bindings of the interface `types`, and
/// the types of the interface `context`.
#[macro_export]
macro_rules! wit_conversions {
    () => {
        $crate::same_cases! {
            wit::Role = $crate::tls::Role { Client, Server }
            wit::Version = $crate::tls::Version { Tls12, Tls13 }
            wit::Timer = $crate::error::Timer {
                Connect, Handshake, Read, Shutdown, Write, Resolve, Idle, Accept,
            }
            wit::Status = $crate::error::Status {
                ZeroReturn, WantRead, WantWrite, WantConnect, WantAccept, WantX509Lookup, Syscall, Ssl,
                None,
            }
            wit::CertificateReason = $crate::error::CertificateReason {
                BadEncoding, BadSignature, Expired, Missing, NotChecked, NotYetValid, PinMismatch,
                RawKeyUntrusted, RejectedByCaller, RevocationListBad, RevocationListExpired,
                RevocationUnknown, Revoked, StapleBad,
                StapleMissing, TooCostly, TransparencyMissing, UnhandledExtension, UnknownAuthority,
                UnsupportedAlgorithm, WrongName, WrongPolicy, WrongPurpose, Other,
            }
            wit::ProtocolReason = $crate::error::ProtocolReason {
                BadCompression, BadRecord, CertificateUnsolicited, Downgrade, EchRejected,
                IllegalParameter, Malformed,
                MissingExtension, NoApplicationProtocol, NoCommonParameters, NoCommonVersion, NotTls,
                PlainHttp, TooLarge, UnexpectedMessage, UnknownPskIdentity, UnrecognizedName, UnsolicitedExtension, Other,
            }
            wit::NetworkOperation = $crate::error::NetworkOperation {
                Accept, Bind, Connect, Listen, Read, Resolve, Shutdown, Write, Other,
            }
            wit::NetworkCode = $crate::error::NetworkCode {
                AccessDenied, AddressInUse, AddressNotBindable, ConnectionAborted, ConnectionBroken,
                ConnectionRefused, ConnectionReset, NameUnresolvable, NewSocketLimit, NotSupported,
                OutOfMemory, PermanentResolverFailure,
                RemoteUnreachable, TemporaryResolverFailure, TimedOut, Other,
            }
            wit::ConfigurationItem = $crate::error::ConfigurationItem {
                Alpn, CertificateChain, CertificateCompression, CipherList, ClientHello, EarlyData,
                EncryptedClientHello, ExternalSigner, Groups, IdentityNames, KeyLog, Pins, Pkcs12,
                PreSharedKeys, PrivateKey, RawPublicKey, RecordSize, RevocationLists, ServerName, Session, SignatureSchemes, Staple,
                SuggestedAuthorities, Tickets, Timers, Transparency, TrustRoots, Verification, Versions, Other,
            }
            wit::ConfigurationReason = $crate::error::ConfigurationReason {
                AccessDenied, BadSignature, Conflict, Duplicate, Empty, Encrypted, Expired, KeyMismatch,
                Malformed, Missing, NoCertificate, NoCipherMatch, NoPrivateKey, NoUsableGroup, NotYetValid,
                NotFound, PassphraseMissing, PassphraseWrong, TooCostly, UnknownAuthority, UnknownName,
                Unreadable, Unsupported, UnsupportedKeyType, UnsupportedSecurityLevel, Other,
            }
            KeyKind = $crate::tls::KeyKind { Any, Dh, Dsa, Ec, Ed25519, Ed448, MlDsa, Rsa }
            AlpnMismatch = $crate::tls::AlpnMismatch { Refused, Tolerated }
            RevocationScope = $crate::tls::RevocationScope { Chain, OwnCertificate }
            Truncation = $crate::tls::Truncation { Refused, Tolerated }
            UnknownRevocation = $crate::tls::UnknownRevocation { Refused, Accepted }
            Verify = $crate::tls::Verify { Required, Optional, Deferred, Unverified }
        }

        $crate::same_fields! {
            wit::CertificateError = $crate::error::CertificateError {
                reason, expected_name, names, alert_sent, detail,
            }
            wit::ProtocolError = $crate::error::ProtocolError { reason, alert_sent, detail }
            wit::NetworkError = $crate::error::NetworkError { operation, code, detail }
            wit::ConfigurationError = $crate::error::ConfigurationError { item, reason, detail }
            CipherListReport = $crate::tls::CipherListReport { unknown, unsupported }
        }

        $crate::error_cases! {
            WantRead = WantRead, WantWrite = WantWrite, WantConnect = WantConnect,
            WantAccept = WantAccept, WantX509Lookup = WantX509Lookup, WantContext = WantContext,
            WantSignature = WantSignature, WantVerification = WantVerification, Closed = Closed, Truncated = Truncated, Sealed = Sealed,
            EarlyDataRejected = EarlyDataRejected;
            Timeout = Timeout, Certificate = Certificate, AlertReceived = AlertReceived,
            Protocol = Protocol, Network = Network, InvalidConfiguration = Configuration,
            UnsupportedProtocol = UnsupportedProtocol, InvalidArgument = InvalidArgument,
            NotSupported = NotSupported, Other = Other,
        }

        impl From<ServerName> for $crate::tls::SendName {
            fn from(name: ServerName) -> Self {
                match name {
                    ServerName::Automatic => Self::Automatic,
                    ServerName::Off => Self::Off,
                    ServerName::Name(name) => Self::Name(name),
                }
            }
        }

        impl From<VerifyName> for $crate::tls::VerifyName {
            fn from(name: VerifyName) -> Self {
                match name {
                    VerifyName::Host => Self::Host,
                    VerifyName::Name(name) => Self::Name(name),
                    VerifyName::Unverified => Self::Unverified,
                }
            }
        }

        impl From<$crate::tls::DirectoryReport> for DirectoryReport {
            fn from(report: $crate::tls::DirectoryReport) -> Self {
                let problem = |problem: $crate::tls::FileProblem| FileProblem {
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

        impl From<std::net::SocketAddr> for wit::Address {
            fn from(address: std::net::SocketAddr) -> Self {
                let zone = match address {
                    std::net::SocketAddr::V6(address) => address.scope_id(),
                    std::net::SocketAddr::V4(_) => 0,
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
    };
}
