//! What can fail, whose fault it was, and so what to do.

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
    /// Never made; the seed has it (E7).
    WantX509Lookup,
    /// The caller is to choose a context. Not made yet.
    WantContext,
    /// The caller is to sign. Not made yet.
    WantSignature,
    /// The caller is to decide about the peer's certificate. Not made yet.
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
    /// There is no such thing here.
    NotSupported(String),
    /// The server did not take early data. Not made yet.
    EarlyDataRejected,
    /// Anything else, a fault of ours included.
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

/// Why a certificate was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateReason {
    /// Not parseable as X.509.
    BadEncoding,
    /// A signature is wrong.
    BadSignature,
    /// Its time is over.
    Expired,
    /// None was presented.
    Missing,
    /// Nothing was checked.
    NotChecked,
    /// Its time is still to come.
    NotYetValid,
    /// Not one of those that were pinned. Not made yet.
    PinMismatch,
    /// A raw public key that is not trusted. Not made yet.
    RawKeyUntrusted,
    /// Valid, and refused by the caller. Not made yet.
    RejectedByCaller,
    /// The revocation list is not signed by those who may. Not made yet.
    RevocationListBad,
    /// The revocation list is too old. Not made yet.
    RevocationListExpired,
    /// Nothing tells whether it is revoked. Not made yet.
    RevocationUnknown,
    /// Revoked by its authority. Not made yet.
    Revoked,
    /// The stapled OCSP response does not hold. Not made yet.
    StapleBad,
    /// There is no stapled OCSP response. Not made yet.
    StapleMissing,
    /// Its chain takes too much work.
    TooCostly,
    /// Too few logs have it. Not made yet.
    TransparencyMissing,
    /// A critical extension that is not understood.
    UnhandledExtension,
    /// No chain to a trust root.
    UnknownAuthority,
    /// An algorithm or key size that is not accepted.
    UnsupportedAlgorithm,
    /// Not the name that was asked for.
    WrongName,
    /// Policies that are required do not hold.
    WrongPolicy,
    /// Not issued for this use.
    WrongPurpose,
    /// Another check failed.
    Other,
}

/// A refused certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateError {
    /// The check that failed.
    pub reason: CertificateReason,
    /// The name that was asked for.
    pub expected_name: Option<String>,
    /// With `WrongName`: the names that the certificate has.
    pub names: Vec<String>,
    /// The alert that was put to the peer.
    pub alert_sent: Option<u8>,
    /// For people.
    pub detail: Option<String>,
}

impl CertificateError {
    /// Without names and alert.
    pub(crate) fn plain(reason: CertificateReason, detail: &str) -> Self {
        Self {
            reason,
            expected_name: None,
            names: Vec::new(),
            alert_sent: None,
            detail: Some(detail.to_owned()),
        }
    }

    pub(crate) fn not_checked(why: &str) -> Self {
        Self::plain(CertificateReason::NotChecked, why)
    }
}

/// How the peer broke the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtocolReason {
    /// A compressed certificate does not decompress. Not made yet.
    BadCompression,
    /// A record did not decrypt.
    BadRecord,
    /// A certificate that nobody asked for, or of a type that was not offered.
    CertificateUnsolicited,
    /// A lower version than both sides have.
    Downgrade,
    /// The server has no key for the Encrypted Client Hello. Not made yet.
    EchRejected,
    /// A value that was not offered, or that the protocol does not allow there.
    IllegalParameter,
    /// A message or record could not be parsed.
    Malformed,
    /// A message without an extension that it must have.
    MissingExtension,
    /// No application protocol in common. Not made yet.
    NoApplicationProtocol,
    /// No suite, group or signature scheme in common.
    NoCommonParameters,
    /// No version in common.
    NoCommonVersion,
    /// The first bytes are not TLS.
    NotTls,
    /// The first bytes are HTTP.
    PlainHttp,
    /// A record or message that is longer than what is taken.
    TooLarge,
    /// A message that does not belong there, or comes too often.
    UnexpectedMessage,
    /// A pre-shared key that is not known. Not made yet.
    UnknownPskIdentity,
    /// The client asks for a name that nobody here has. Not made yet.
    UnrecognizedName,
    /// An extension that was not offered.
    UnsolicitedExtension,
    /// Something else.
    Other,
}

/// A peer that broke the protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProtocolError {
    /// How.
    pub reason: ProtocolReason,
    /// The alert that was put to the peer.
    pub alert_sent: Option<u8>,
    /// For people.
    pub detail: Option<String>,
}

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

/// What was being configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the settings say it")]
pub enum ConfigurationItem {
    Alpn,
    CertificateChain,
    CertificateCompression,
    CipherList,
    ClientHello,
    EarlyData,
    EncryptedClientHello,
    ExternalSigner,
    Groups,
    IdentityNames,
    KeyLog,
    Pins,
    Pkcs12,
    PreSharedKeys,
    PrivateKey,
    RawPublicKey,
    RecordSize,
    RevocationLists,
    ServerName,
    Session,
    SignatureSchemes,
    Staple,
    SuggestedAuthorities,
    Tickets,
    Timers,
    Transparency,
    TrustRoots,
    Verification,
    Versions,
    Other,
}

/// Why a configuration was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigurationReason {
    /// The path may not be read.
    AccessDenied,
    /// A signature in it is wrong. Not made yet.
    BadSignature,
    /// It cannot go together with something else that was set.
    Conflict,
    /// The same is there twice.
    Duplicate,
    /// There are no bytes, or nothing is in the list.
    Empty,
    /// Encrypted in a way that is not supported.
    Encrypted,
    /// Its time is over. Not made yet.
    Expired,
    /// The key does not belong to the certificate.
    KeyMismatch,
    /// Not parseable, or cut short.
    Malformed,
    /// Something that has to be there is not.
    Missing,
    /// Readable, without a certificate.
    NoCertificate,
    /// No suite is left for a version that is permitted.
    NoCipherMatch,
    /// Readable, without a private key of the kind asked for.
    NoPrivateKey,
    /// No group is for a version that is permitted.
    NoUsableGroup,
    /// Its time is still to come. Not made yet.
    NotYetValid,
    /// The path does not exist, or no preopened directory leads to it.
    NotFound,
    /// The passphrase is missing.
    PassphraseMissing,
    /// The passphrase does not open the key.
    PassphraseWrong,
    /// Opening it takes more work or memory than a file may ask for.
    TooCostly,
    /// It is from an authority that is not trusted. Not made yet.
    UnknownAuthority,
    /// A name that is not known.
    UnknownName,
    /// The path cannot be read for another reason.
    Unreadable,
    /// Readable, and of a form that is not supported. Not made yet.
    Unsupported,
    /// A key type or size that no suite can use.
    UnsupportedKeyType,
    /// A security level above what is checked.
    UnsupportedSecurityLevel,
    /// Something else.
    Other,
}

/// A refused configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigurationError {
    /// What was being set.
    pub item: ConfigurationItem,
    /// Why it was refused.
    pub reason: ConfigurationReason,
    /// For people.
    pub detail: Option<String>,
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

    pub(crate) fn refused(
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
