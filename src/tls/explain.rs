//! Every error as one line for people: what failed, why, and what to do.

use std::fmt;

use rustls::pki_types::IpAddr;

use super::alert::AlertLine;
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
            Self::WantContext => {
                f.write_str("the client has said whom it wants; choose a context and call again")
            }
            Self::WantSignature => {
                f.write_str("a signature is wanted; have the key's keeper sign and call again")
            }
            Self::WantVerification => f.write_str(
                "the peer's certificate is to be decided about; accept or refuse it and call again",
            ),
            Self::Closed => f.write_str(
                "closed, by this side or by the peer in the handshake; open another connection or \
                 listener",
            ),
            // In the handshake or after it: the line has to be true of both.
            Self::Truncated => f.write_str(
                "the peer ended the connection without close_notify, so it may have been cut; see \
                 the peer's log, and take nothing that came before for the whole",
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
            Self::NotSupported(what) => {
                write!(f, "not supported: {what}; do without, or use a later component")
            }
            Self::EarlyDataRejected => f.write_str(
                "the server did not take what was sent before the handshake was done; send it again",
            ),
            Self::Other(detail) => end(f, "unexpected failure", detail, "please report it"),
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

/// What failed, why, and what to do: the general cure, unless the detail, which must be of our own words,
/// brings one.
fn end(f: &mut fmt::Formatter<'_>, what: &str, detail: &Option<String>, cure: &str) -> fmt::Result {
    write!(f, "{what}{}", Detail(detail.as_deref()))?;
    match detail {
        Some(detail) if detail.contains("; ") => Ok(()),
        _ => write!(f, "; {cure}"),
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
            Self::Read => ("reading", "allow more time, or give the silent peer up"),
            Self::Shutdown => (
                "sending the end of the connection",
                "see why the peer does not read: it may miss the last bytes",
            ),
            Self::Write => (
                "writing",
                "allow more time, or give up a peer that does not read",
            ),
            Self::Resolve => (
                "resolving the host name",
                "check the machine's DNS settings, or allow more time",
            ),
            Self::Idle => (
                "the silence on the connection",
                "allow more time, or keep the connection alive",
            ),
            Self::Accept => (
                "accepting a connection",
                "allow more time, or stop listening",
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
                "has a wrong signature, or the peer does not hold its key",
                "it may be forged: do not trust this peer",
            ),
            CertificateReason::Expired => (
                "has expired",
                "the peer must renew it; check this machine's clock as well",
            ),
            CertificateReason::Missing => (
                "is missing",
                "the peer must present one from a trusted authority",
            ),
            CertificateReason::NotChecked => (
                "was not checked",
                "finish the handshake, and ask the context to verify",
            ),
            CertificateReason::NotYetValid => (
                "is not valid yet",
                "check this machine's clock, and the certificate's dates",
            ),
            CertificateReason::PinMismatch => (
                "is none of those that are pinned",
                "do not trust this peer, unless you know that it has changed its key",
            ),
            CertificateReason::RawKeyUntrusted => (
                "is a public key that is not trusted",
                "add the key to those that are trusted if it is the peer's",
            ),
            CertificateReason::RejectedByCaller => (
                "is valid, and was refused by this program",
                "use another peer, or have it install another certificate",
            ),
            CertificateReason::RevocationListBad => (
                "may be revoked, for the list of its authority is not signed by those who may",
                "load another list",
            ),
            CertificateReason::RevocationListExpired => (
                "may be revoked, for the list of its authority is out of date",
                "load a list of today",
            ),
            CertificateReason::RevocationUnknown => (
                "may be revoked, and nothing tells",
                "load the revocation lists of all authorities above it",
            ),
            CertificateReason::StapleBad => (
                "came with an OCSP response that does not hold",
                "the peer must staple another one",
            ),
            CertificateReason::StapleMissing => (
                "came without the OCSP response that it must have",
                "the peer must turn OCSP stapling on",
            ),
            CertificateReason::TooCostly => (
                "takes too much work to verify",
                "the peer must send fewer certificates, or such with shorter keys",
            ),
            CertificateReason::TransparencyMissing => (
                "is in too few logs of certificate transparency",
                "the peer must install another certificate",
            ),
            CertificateReason::UnhandledExtension => (
                "has a critical extension that is not understood",
                "the peer must install another certificate",
            ),
            CertificateReason::Revoked => (
                "has been revoked",
                "the peer must install another certificate",
            ),
            CertificateReason::UnknownAuthority => (
                "is not from a trusted authority",
                "add the authority to the trust roots if it is yours, or have the peer send an \
                 intermediate certificate that it has left out",
            ),
            CertificateReason::UnsupportedAlgorithm => (
                "or one above it uses a key or signature that is not accepted",
                "the peer must use RSA of 2048 to 8192 bits, ECDSA over P-256, P-384 or P-521, or \
                 Ed25519, with SHA-2",
            ),
            CertificateReason::WrongName => (
                "is for another name",
                "check the host name, or set the name to verify",
            ),
            CertificateReason::WrongPolicy => (
                "was not issued by the policies that an authority above it requires",
                "the peer must install one that was",
            ),
            CertificateReason::WrongPurpose => (
                "was not issued for this use",
                "the peer must install one that was, from an authority that may issue it",
            ),
            CertificateReason::Other => {
                ("was refused", "the peer must install another certificate")
            }
        };
        write!(f, "the peer's certificate {what}")?;
        let Some(expected) = &self.expected_name else {
            // Of the others the reason says all that there is to say.
            let detail = match self.reason {
                CertificateReason::Expired
                | CertificateReason::NotChecked
                | CertificateReason::NotYetValid
                | CertificateReason::RevocationListBad
                | CertificateReason::TooCostly
                | CertificateReason::UnhandledExtension
                | CertificateReason::UnknownAuthority
                | CertificateReason::UnsupportedAlgorithm
                | CertificateReason::WrongPolicy
                | CertificateReason::WrongPurpose
                | CertificateReason::Other => self.detail.as_deref(),
                _ => None,
            };
            return write!(f, "{}; {cure}", Detail(detail));
        };
        write!(f, ": asked for {expected}, it has ")?;
        match self.names.as_slice() {
            [] => f.write_str(
                "no names as subjectAltName, and a common name is not looked at; the peer must \
                 install one that has its name there",
            ),
            names if is_address_in_words(expected, names) => f.write_str(
                "that as a DNS name (dNSName), which an address is not; the peer must install one \
                 that has it as an address (iPAddress)",
            ),
            names => {
                let shown = names.get(..SHOWN_NAMES).unwrap_or(names);
                f.write_str(&shown.join(", "))?;
                match names.len() - shown.len() {
                    0 => {}
                    more => write!(f, " and {more} more")?,
                }
                write!(f, "; {cure}")
            }
        }
    }
}

/// How many names a line shows.
const SHOWN_NAMES: usize = 20;

/// Whether an address was asked for and is among the names: it is there as something else then, or it
/// would have been found.
fn is_address_in_words(expected: &str, names: &[String]) -> bool {
    let address = |text: &str| IpAddr::try_from(text).ok();
    address(expected)
        .is_some_and(|expected| names.iter().any(|name| address(name) == Some(expected)))
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, cure) = match self.reason {
            ProtocolReason::BadCompression => (
                "the peer's compressed certificate does not decompress",
                BROKEN,
            ),
            ProtocolReason::CertificateUnsolicited => (
                "the peer presents a certificate that was not asked for",
                BROKEN,
            ),
            ProtocolReason::Downgrade => (
                "the peer chose an older version than both sides have",
                "something between changes the handshake: use another network, or see the peer's log",
            ),
            ProtocolReason::EchRejected => (
                "the peer has no key for the Encrypted Client Hello",
                "use the keys that it offers in their place, or connect without",
            ),
            ProtocolReason::IllegalParameter => {
                ("the peer sent a value that is not allowed there", BROKEN)
            }
            ProtocolReason::UnknownPskIdentity => (
                "the peer uses a key that is not known here",
                "give both sides the same key",
            ),
            ProtocolReason::MissingExtension => {
                ("the peer left out an extension that must be there", BROKEN)
            }
            ProtocolReason::NoApplicationProtocol => (
                "the peer and we have no application protocol in common",
                "have both sides offer one",
            ),
            ProtocolReason::TooLarge => (
                "the peer sent more at once than is taken",
                "have it send less",
            ),
            ProtocolReason::UnrecognizedName => (
                "the client asks for a name that this server does not have",
                "add an identity for it, or one for all names",
            ),
            ProtocolReason::UnsolicitedExtension => {
                ("the peer sent an extension that was not offered", BROKEN)
            }
            ProtocolReason::BadRecord => (
                "the peer's record does not decrypt",
                "it was changed on the way, or the peer is broken: try again, and see its log",
            ),
            ProtocolReason::Malformed => ("the peer sent a malformed message", BROKEN),
            ProtocolReason::NotTls => (
                "the peer does not speak TLS on this port",
                "check the port, or whether it wants STARTTLS",
            ),
            ProtocolReason::NoCommonParameters => (
                "the peer and we have too little in common",
                "enable ECDHE with AES-GCM or ChaCha20-Poly1305 on it",
            ),
            ProtocolReason::NoCommonVersion => (
                "the peer shares no protocol version with us",
                "enable TLS 1.2 or 1.3 on both sides",
            ),
            ProtocolReason::PlainHttp => (
                "the peer speaks plain HTTP on this port",
                "use HTTPS, and its port for that",
            ),
            ProtocolReason::UnexpectedMessage => ("the peer broke a rule of TLS", BROKEN),
            ProtocolReason::Other => ("the peer's handshake cannot be followed", BROKEN),
        };
        match self.reason {
            // That it is HTTP says more than its first bytes.
            ProtocolReason::PlainHttp => write!(f, "{what}; {cure}"),
            // The detail holds bytes of the peer's.
            ProtocolReason::NotTls => {
                write!(f, "{what}{}; {cure}", Detail(self.detail.as_deref()))
            }
            _ => end(f, what, &self.detail, cure),
        }
    }
}

const BROKEN: &str = "the peer, or something between, is broken: see its log, or tell its operator";

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

impl fmt::Display for ConfigurationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.item {
            ConfigurationItem::CertificateChain => "certificate chain",
            ConfigurationItem::CipherList => "cipher list",
            ConfigurationItem::Groups => "groups",
            ConfigurationItem::Pkcs12 => "PKCS#12",
            ConfigurationItem::PrivateKey => "private key",
            ConfigurationItem::ServerName => "server name",
            ConfigurationItem::SuggestedAuthorities => "suggested authorities",
            ConfigurationItem::TrustRoots => "trust roots",
            ConfigurationItem::Versions => "protocol versions",
            ConfigurationItem::PreSharedKeys => "pre-shared keys",
            ConfigurationItem::RecordSize => "record size",
            ConfigurationItem::Verification => "verification",
            ConfigurationItem::Alpn => "application protocols",
            ConfigurationItem::CertificateCompression => "certificate compression",
            ConfigurationItem::ClientHello => "choice by the ClientHello",
            ConfigurationItem::EarlyData => "early data",
            ConfigurationItem::EncryptedClientHello => "Encrypted Client Hello",
            ConfigurationItem::ExternalSigner => "external signer",
            ConfigurationItem::IdentityNames => "names of identities",
            ConfigurationItem::KeyLog => "key log",
            ConfigurationItem::Pins => "pins",
            ConfigurationItem::RawPublicKey => "raw public key",
            ConfigurationItem::RevocationLists => "revocation lists",
            ConfigurationItem::Session => "session",
            ConfigurationItem::SignatureSchemes => "signature schemes",
            ConfigurationItem::Staple => "OCSP response",
            ConfigurationItem::Tickets => "session tickets",
            ConfigurationItem::Timers => "timers",
            ConfigurationItem::Transparency => "certificate transparency",
            ConfigurationItem::Other => "configuration",
        };
        let (why, cure) = match self.reason {
            ConfigurationReason::AccessDenied => (
                "the path may not be read",
                "check permissions, and the runtime's preopened directories",
            ),
            ConfigurationReason::BadSignature => (
                "a signature in it is wrong",
                "it may be forged: get it from its source again",
            ),
            ConfigurationReason::Conflict => (
                "it does not go together with something else that was set",
                "leave one of them out",
            ),
            ConfigurationReason::Duplicate => ("the same is there twice", "name it once"),
            ConfigurationReason::Expired => ("its time is over", "get a newer one"),
            ConfigurationReason::NotYetValid => (
                "its time is still to come",
                "check this machine's clock, and its dates",
            ),
            ConfigurationReason::UnknownAuthority => (
                "it is not from a trusted authority",
                "add its authority to the trust roots first",
            ),
            ConfigurationReason::UnknownName => ("a name in it is not known", "check the spelling"),
            ConfigurationReason::Other => ("it cannot work", "check it, or leave it out"),
            ConfigurationReason::Empty if self.item == ConfigurationItem::Groups => {
                ("there is none", "name one at least, x25519 for one")
            }
            ConfigurationReason::Empty => ("the input is empty", "give PEM or DER"),
            ConfigurationReason::Encrypted if self.item == ConfigurationItem::Pkcs12 => (
                "encrypted in a way that is not supported",
                "convert it with `openssl pkcs12 -legacy -in OLD -nodes -out PEM`, then `openssl \
                 pkcs12 -export -in PEM -out NEW`",
            ),
            ConfigurationReason::Encrypted => (
                "encrypted in a way that is not supported",
                "convert it with `openssl pkcs8 -topk8`",
            ),
            ConfigurationReason::KeyMismatch => (
                "certificate and private key do not belong together",
                "give the key that the certificate was made for",
            ),
            ConfigurationReason::Malformed if self.item == ConfigurationItem::CipherList => (
                "malformed",
                "write it as ciphers(1) says: words after nothing, !, - or +, then : or ,; \
                 @STRENGTH and @SECLEVEL=0 to 2",
            ),
            ConfigurationReason::Malformed if self.item == ConfigurationItem::Pkcs12 => (
                "the input cannot be parsed",
                "check that it is whole, and PKCS#12",
            ),
            ConfigurationReason::Malformed if self.item == ConfigurationItem::ServerName => (
                "malformed",
                "give a DNS name in ASCII, or an IP address where one is verified",
            ),
            ConfigurationReason::Malformed => (
                "the input cannot be parsed",
                "check that it is whole, and PEM or DER",
            ),
            ConfigurationReason::Missing => ("missing", "add it before the first use"),
            ConfigurationReason::NoCertificate => (
                "the input holds no certificate",
                "give a file with a CERTIFICATE block",
            ),
            ConfigurationReason::NoCipherMatch => (
                "it matches no cipher suite",
                "use DEFAULT, or ECDHE with AESGCM or CHACHA20, or permit TLS 1.3 alone",
            ),
            ConfigurationReason::NoPrivateKey => (
                "the input holds no private key of that kind",
                "give a file with a PRIVATE KEY block",
            ),
            ConfigurationReason::NoUsableGroup => (
                "none is for a version that is spoken",
                "add x25519, or permit TLS 1.3",
            ),
            ConfigurationReason::NotFound => (
                "the path is not there",
                "check it, and the runtime's preopened directories",
            ),
            ConfigurationReason::PassphraseMissing => ("it is encrypted", "give its passphrase"),
            ConfigurationReason::PassphraseWrong => {
                ("this passphrase does not open it", "check the passphrase")
            }
            ConfigurationReason::TooCostly
                if self.item == ConfigurationItem::SuggestedAuthorities =>
            {
                (
                    "they are too many",
                    "suggest fewer, or none: a client then chooses for itself",
                )
            }
            ConfigurationReason::TooCostly => (
                "opening it takes too much work",
                "if it is yours, write it anew with fewer iterations or certificates",
            ),
            ConfigurationReason::Unreadable => ("the path cannot be read", "give a regular file"),
            ConfigurationReason::Unsupported => {
                ("of a form that is not supported", "give it in another form")
            }
            ConfigurationReason::UnsupportedKeyType => (
                "a type or size that is not supported",
                "use RSA of 2048 bits or more, P-256, P-384 or Ed25519",
            ),
            ConfigurationReason::UnsupportedSecurityLevel => (
                "it asks for a security level that cannot be kept",
                "leave the level out or use @SECLEVEL=2, which always holds; !AES128 removes the \
                 suites of 128 bits",
            ),
        };
        write!(f, "{what}: {why}{}; {cure}", Detail(self.detail.as_deref()))
    }
}

#[cfg(test)]
#[path = "explain_tests.rs"]
mod tests;
