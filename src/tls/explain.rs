//! Every error as one line for people: what failed, why, and what to do.

use std::fmt;

use rustls::AlertDescription;

use super::error::{
    CertificateError, CertificateReason, ConfigurationError, ConfigurationItem,
    ConfigurationReason, Error, NetworkCode, NetworkError, NetworkOperation, ProtocolError,
    ProtocolReason, Timer,
};

/// One line: what failed, why, and what to do.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WantRead => f.write_str("nothing to read yet; wait on subscribe and call again"),
            Self::WantWrite => {
                f.write_str("no room to write yet; wait on subscribe-write and call again")
            }
            Self::WantConnect => f.write_str("not connected yet; wait on subscribe and call again"),
            Self::WantAccept => {
                f.write_str("no connection waits; wait on the listener's subscribe and call again")
            }
            Self::WantX509Lookup => f.write_str("a certificate look-up is pending; call again"),
            Self::Closed => f.write_str("the connection or listener is closed; open another"),
            Self::Truncated => f.write_str(
                "the peer's data ended without close_notify, so it may be cut short; treat what \
                 was read as partial",
            ),
            Self::Timeout(timer) => write!(f, "{timer}"),
            Self::Certificate(e) => write!(f, "{e}"),
            Self::AlertReceived(number) => write!(f, "{}", AlertLine(*number)),
            Self::Protocol(e) => write!(f, "{e}"),
            Self::Network(e) => write!(f, "{e}"),
            Self::Configuration(e) => write!(f, "{e}"),
            Self::UnsupportedProtocol(name) => write!(
                f,
                "the protocol {name} is obsolete and not supported; use auto, tlsv12 or tlsv13"
            ),
            Self::InvalidArgument(why) => write!(f, "invalid argument: {why}"),
            Self::Sealed => f.write_str(
                "the context is sealed by its first use; change it before, or make another",
            ),
            Self::Other(detail) => {
                write!(
                    f,
                    "unexpected failure{}; please report it",
                    Detail(detail.as_deref())
                )
            }
        }
    }
}

/// `: detail`, or nothing.
struct Detail<'a>(Option<&'a str>);

impl fmt::Display for Detail<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(detail) => write!(f, ": {detail}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, cure) = match self {
            Self::Connect => (
                "connecting",
                "check address and firewall, or allow more time",
            ),
            Self::Handshake => (
                "the TLS handshake",
                "check that the peer speaks TLS on this port, or allow more time",
            ),
            Self::Read => ("reading", "the peer is silent; allow more time or give up"),
            Self::Shutdown => (
                "sending the end of the connection",
                "the peer does not read; it may miss the last bytes",
            ),
            Self::Write => (
                "writing",
                "the peer does not read; allow more time or give up",
            ),
        };
        write!(f, "{what} took longer than its timer allows; {cure}")
    }
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, cure) = match self.reason {
            CertificateReason::BadEncoding => (
                "is not valid X.509",
                "the peer must install another certificate",
            ),
            CertificateReason::BadSignature => (
                "has a wrong signature",
                "it may be forged; do not trust this peer",
            ),
            CertificateReason::Expired => (
                "has expired",
                "the peer must renew it; check this machine's clock as well",
            ),
            CertificateReason::Missing => (
                "is missing",
                "the peer must present one from a trusted authority",
            ),
            CertificateReason::NotYetValid => (
                "is not valid yet",
                "check this machine's clock, and the certificate's dates",
            ),
            CertificateReason::Revoked => (
                "has been revoked",
                "the peer must install another certificate",
            ),
            CertificateReason::UnknownAuthority => (
                "is not from a trusted authority",
                "add the authority to the trust roots if it is yours; the peer may also have left \
                 out an intermediate certificate",
            ),
            CertificateReason::UnsupportedAlgorithm => (
                "uses a key or signature that is not accepted",
                "the peer must use RSA of 2048 bits or more, ECDSA or Ed25519, with SHA-2",
            ),
            CertificateReason::WrongName => (
                "is for another name",
                "check the host name, or set the name to verify",
            ),
            CertificateReason::WrongPurpose => (
                "was not issued for this use",
                "the peer needs an end-entity certificate with the right extended key usage",
            ),
            CertificateReason::Other => {
                ("was refused", "the peer must install another certificate")
            }
        };
        write!(f, "the peer's certificate {what}")?;
        if let Some(expected) = &self.expected_name {
            write!(f, ": asked for {expected}, it has ")?;
            match self.names.as_slice() {
                [] => f.write_str("no names")?,
                names => f.write_str(&names.join(", "))?,
            }
        } else if matches!(self.reason, CertificateReason::Other) {
            write!(f, "{}", Detail(self.detail.as_deref()))?;
        }
        write!(f, "; {cure}")
    }
}

/// An alert that the peer sent, in words.
struct AlertLine(u8);

impl fmt::Display for AlertLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let alert = AlertDescription::from(self.0);
        let cure = match alert {
            AlertDescription::CertificateRequired => "it wants a client certificate; give it one",
            AlertDescription::UnknownCA
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::AccessDenied => {
                "it does not accept our certificate; check certificate, chain and its trust roots"
            }
            AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity => {
                "it shares no cipher suite or signature scheme with us, or wants a client \
                 certificate"
            }
            AlertDescription::ProtocolVersion => "it shares no protocol version with us",
            AlertDescription::UnrecognisedName => "it does not serve the name that was asked for",
            AlertDescription::NoApplicationProtocol => "it shares no application protocol with us",
            _ => "see its log for the reason",
        };
        write!(
            f,
            "the peer refused with alert {} ({alert:?}); {cure}",
            self.0
        )
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, cure) = match self.reason {
            ProtocolReason::BadRecord => (
                "the peer's record does not decrypt",
                "it was changed on the way, or the peer is broken",
            ),
            ProtocolReason::Malformed => {
                ("the peer sent a malformed message", "the peer is broken")
            }
            ProtocolReason::NotTls => (
                "the peer does not speak TLS on this port",
                "check the port, or whether it wants STARTTLS",
            ),
            ProtocolReason::NoCommonParameters => (
                "the peer shares no cipher suite, group or signature scheme with us",
                "enable ECDHE with AES-GCM or ChaCha20-Poly1305 on it",
            ),
            ProtocolReason::NoCommonVersion => (
                "the peer shares no protocol version with us",
                "enable TLS 1.2 or 1.3 on both sides",
            ),
            ProtocolReason::PlainHttp => (
                "the peer speaks plain HTTP on this port",
                "use its HTTPS port",
            ),
            ProtocolReason::UnexpectedMessage => {
                ("the peer broke a rule of TLS", "the peer is broken")
            }
            ProtocolReason::Other => ("the peer broke the protocol", "the peer is broken"),
        };
        f.write_str(what)?;
        if !matches!(
            self.reason,
            ProtocolReason::NotTls | ProtocolReason::PlainHttp
        ) {
            write!(f, "{}", Detail(self.detail.as_deref()))?;
        }
        write!(f, "; {cure}")
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
            NetworkOperation::Write => "writing to the network",
        };
        let (why, cure) = match self.code {
            NetworkCode::AccessDenied => (
                "access denied",
                "allow this address in the runtime's network policy",
            ),
            NetworkCode::AddressInUse => ("address in use", "choose another port, or port 0"),
            NetworkCode::AddressNotBindable => (
                "not an address of this machine",
                "use an address of a local interface",
            ),
            NetworkCode::ConnectionAborted => ("connection aborted", "try again"),
            NetworkCode::ConnectionRefused => (
                "connection refused",
                "check host and port, and that the server runs",
            ),
            NetworkCode::ConnectionReset => (
                "connection lost",
                "see the peer's log; what was read may be partial",
            ),
            NetworkCode::NameUnresolvable => ("no such name", "check the spelling"),
            NetworkCode::NewSocketLimit => ("no more sockets", "close some, or raise the limit"),
            NetworkCode::NotSupported => ("not supported here", "use a runtime that offers it"),
            NetworkCode::PermanentResolverFailure => {
                ("the resolver failed", "check the machine's DNS settings")
            }
            NetworkCode::RemoteUnreachable => ("no route", "check network and address"),
            NetworkCode::TemporaryResolverFailure => ("the resolver failed for now", "try again"),
            NetworkCode::TimedOut => ("no answer", "check address and firewall"),
            NetworkCode::Other => ("failed", "see the detail"),
        };
        write!(f, "{what}: {why}{}; {cure}", Detail(self.detail.as_deref()))
    }
}

impl fmt::Display for ConfigurationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.item {
            ConfigurationItem::CertificateChain => "certificate chain",
            ConfigurationItem::Pkcs12 => "PKCS#12",
            ConfigurationItem::PrivateKey => "private key",
            ConfigurationItem::ServerName => "server name",
            ConfigurationItem::TrustRoots => "trust roots",
            ConfigurationItem::Versions => "protocol versions",
        };
        let (why, cure) = match self.reason {
            ConfigurationReason::AccessDenied => (
                "may not be read",
                "check permissions, and the runtime's preopened directories",
            ),
            ConfigurationReason::Empty => ("is empty", "give PEM or DER"),
            ConfigurationReason::Encrypted if self.item == ConfigurationItem::Pkcs12 => (
                "is encrypted in a way that is not supported",
                "convert it with `openssl pkcs12 -legacy -in OLD -nodes -out PEM`, then `openssl \
                 pkcs12 -export -in PEM -out NEW`",
            ),
            ConfigurationReason::Encrypted => (
                "is encrypted in a way that is not supported",
                "convert it with `openssl pkcs8 -topk8`",
            ),
            ConfigurationReason::KeyMismatch => (
                "do not belong together",
                "give the key that the certificate was made for",
            ),
            ConfigurationReason::Malformed if self.item == ConfigurationItem::Pkcs12 => {
                ("cannot be parsed", "check that it is whole, and DER")
            }
            ConfigurationReason::Malformed => {
                ("cannot be parsed", "check that it is whole, and PEM or DER")
            }
            ConfigurationReason::Missing => ("is missing", "set it before the first use"),
            ConfigurationReason::NoCertificate => (
                "holds no certificate",
                "give a file with a CERTIFICATE block",
            ),
            ConfigurationReason::NoPrivateKey => (
                "holds no private key of that kind",
                "give a file with a PRIVATE KEY block",
            ),
            ConfigurationReason::NotFound => (
                "is not there",
                "check the path, and the runtime's preopened directories",
            ),
            ConfigurationReason::PassphraseMissing => ("is encrypted", "give its passphrase"),
            ConfigurationReason::PassphraseWrong => {
                ("is not opened by this passphrase", "check the passphrase")
            }
            ConfigurationReason::TooCostly => (
                "takes too much work to open",
                "if it is yours, write it anew with fewer iterations or certificates",
            ),
            ConfigurationReason::Unreadable => ("cannot be read", "see the detail"),
            ConfigurationReason::UnsupportedKeyType => (
                "is of a type or size that is not supported",
                "use RSA of 2048 bits or more, P-256, P-384 or Ed25519",
            ),
        };
        write!(f, "{what} {why}{}; {cure}", Detail(self.detail.as_deref()))
    }
}
