//! A peer that broke the protocol, and the line that tells people of it.

use std::fmt;

use super::line::{Detail, end};

/// How the peer broke the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtocolReason {
    /// A compressed certificate does not decompress. Reserved: not returned yet.
    BadCompression,
    /// A record did not decrypt.
    BadRecord,
    /// A certificate that was not asked for, or of a type that was not offered.
    CertificateUnsolicited,
    /// A lower version than both sides have.
    Downgrade,
    /// The server has no key for the Encrypted Client Hello. Reserved: not returned yet.
    EchRejected,
    /// A value that was not offered, or that the protocol does not allow there.
    IllegalParameter,
    /// A message or record could not be parsed.
    Malformed,
    /// A message without an extension that it must have.
    MissingExtension,
    /// No application protocol in common.
    NoApplicationProtocol,
    /// No suite, group or signature scheme in common.
    NoCommonParameters,
    /// No version in common.
    NoCommonVersion,
    /// The first bytes are not TLS.
    NotTls,
    /// The first bytes are HTTP.
    PlainHttp,
    /// A record or message that is longer than is accepted.
    TooLarge,
    /// A message that does not belong there, or comes too often.
    UnexpectedMessage,
    /// A pre-shared key that is not known. Reserved: not returned yet.
    UnknownPskIdentity,
    /// The client asks for a name that this server does not have.
    UnrecognizedName,
    /// An extension that was not offered.
    UnsolicitedExtension,
    /// Something else.
    Other,
}

/// A peer that broke the protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProtocolError {
    /// How the peer broke the protocol.
    pub reason: ProtocolReason,
    /// The alert that was sent to the peer.
    pub alert_sent: Option<u8>,
    /// For people.
    pub detail: Option<String>,
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
            // The detail holds the first bytes, which say less than that it is HTTP.
            ProtocolReason::PlainHttp => write!(f, "{what}; {cure}"),
            // The detail holds bytes of the peer's, so a `; ` in it brings no cure.
            ProtocolReason::NotTls => {
                write!(f, "{what}{}; {cure}", Detail(self.detail.as_deref()))
            }
            _ => end(f, what, &self.detail, cure),
        }
    }
}

const BROKEN: &str = "the peer, or something between, is broken: see its log, or tell its operator";
