//! Why a certificate is refused, in words.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{ServerName, UnixTime};
use rustls::{CertificateError, OtherError};

use super::der::Malformed;
use super::purpose::Purpose;
use super::text::hexadecimal;
use portcullis_provider::hash::Fingerprint;

/// Why a certificate, or the way from it to a trust root, is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It is not X.509.
    Malformed,
    /// Its last second was this one.
    Expired { now: i64, not_after: i64 },
    /// Its first second will be this one.
    NotYetValid { now: i64, not_before: i64 },
    /// No way leads to a trust root.
    UnknownAuthority,
    /// A signature in a certificate is not its issuer's.
    Signature,
    /// The signature of the handshake is not of the certificate's key.
    HandshakeSignature,
    /// An RSA key of this size in bits is not accepted.
    KeySize(usize),
    /// A key or signature of this kind is not accepted.
    Algorithm(String),
    /// It has other names.
    Name {
        expected: ServerName<'static>,
        presented: Vec<String>,
    },
    /// Its extended key usage, or that of an authority above it, is for other purposes.
    Purpose {
        required: Purpose,
        allowed: Vec<String>,
    },
    /// An authority's certificate is presented as the peer's own.
    AuthorityAsPeer,
    /// A certificate that would have to be an authority's is not.
    NoAuthority,
    /// An authority's key usage does not include signing certificates.
    MayNotSign,
    /// More authorities follow than one above them allows.
    PathLength,
    /// A name is outside what an authority above may issue for.
    Constraint(String),
    /// The critical extension with this OID is not understood.
    Extension(String),
    /// An authority requires policies, and they do not hold all the way down.
    Policy,
    /// No key on the way to a trust root is pinned; this is the peer's own.
    Pin(Fingerprint),
    /// Its authority, or one above it, has taken back what it issued.
    Revoked,
    /// No list of the authority with this name tells of a certificate on the path.
    RevocationUnknown(Ignorance, String),
    /// The verification would take too much work.
    TooComplex,
}

/// Why no list tells whether a certificate is revoked; of several reasons the last counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ignorance {
    NoList,
    MayNotSign,
    OtherKey,
    NotYetValid,
    Expired,
}

impl Refusal {
    /// The refusal of an algorithm, from the contents of a signature's or a key's
    /// AlgorithmIdentifier.
    pub(super) fn unsupported(identifier: &[u8]) -> Self {
        Self::Algorithm(algorithm_name(identifier))
    }

    /// How much the refusal says to people: of all paths that were tried, the refusal of the one
    /// that came furthest is reported.
    pub(super) fn rank(&self) -> u8 {
        match self {
            Self::TooComplex => 13,
            Self::Pin(_) => 12,
            Self::Revoked => 11,
            Self::RevocationUnknown(..) => 10,
            Self::Expired { .. } | Self::NotYetValid { .. } => 9,
            Self::Name { .. } | Self::AuthorityAsPeer => 8,
            Self::Signature | Self::HandshakeSignature => 7,
            Self::Purpose { .. } => 6,
            Self::Constraint(_) | Self::Policy => 5,
            Self::PathLength => 4,
            Self::NoAuthority | Self::MayNotSign => 3,
            Self::KeySize(_) | Self::Algorithm(_) | Self::Extension(_) => 2,
            Self::Malformed => 1,
            Self::UnknownAuthority => 0,
        }
    }
}

impl From<Malformed> for Refusal {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

/// rustls chooses the alert for the peer by these errors.
impl From<Refusal> for rustls::Error {
    fn from(refusal: Refusal) -> Self {
        let error = match refusal {
            Refusal::Malformed => CertificateError::BadEncoding,
            Refusal::Expired { now, not_after } => CertificateError::ExpiredContext {
                time: unix(now),
                not_after: unix(not_after),
            },
            Refusal::NotYetValid { now, not_before } => CertificateError::NotValidYetContext {
                time: unix(now),
                not_before: unix(not_before),
            },
            Refusal::UnknownAuthority => CertificateError::UnknownIssuer,
            Refusal::Signature | Refusal::HandshakeSignature => CertificateError::BadSignature,
            Refusal::Revoked => CertificateError::Revoked,
            Refusal::Name {
                expected,
                presented,
            } => CertificateError::NotValidForNameContext {
                expected,
                presented,
            },
            other => CertificateError::Other(OtherError(Arc::new(other))),
        };
        error.into()
    }
}

fn unix(seconds: i64) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(seconds.try_into().unwrap_or(0)))
}

impl std::error::Error for Refusal {}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("it is not X.509, or not DER"),
            Self::Expired { .. } => f.write_str("its time is over"),
            Self::NotYetValid { .. } => f.write_str("its time is still to come"),
            Self::UnknownAuthority => f.write_str("no way leads to a trust root"),
            Self::Signature => f.write_str("a signature in it is not its issuer's"),
            Self::HandshakeSignature => {
                f.write_str("the handshake was signed with another key than the certificate's")
            }
            Self::KeySize(bits) => write!(f, "an RSA key of {bits} bits"),
            Self::Algorithm(name) => f.write_str(name),
            Self::Name { .. } => f.write_str("it has other names"),
            Self::Purpose { required, allowed } => write!(
                f,
                "its extended key usage, or that of an authority above it, is for {}, and not for \
                 {required}",
                allowed.join(", ")
            ),
            Self::AuthorityAsPeer => f.write_str(
                "it is an authority's, and not a server's or client's own (CA:TRUE)",
            ),
            Self::NoAuthority => f.write_str(
                "it was issued with a certificate that is no authority's (CA:TRUE is missing there)",
            ),
            Self::MayNotSign => f.write_str(
                "it was issued with a certificate whose key usage does not include signing \
                 certificates (keyCertSign is missing there)",
            ),
            Self::PathLength => f.write_str(
                "an authority above it allows fewer authorities below itself (its path length is \
                 too short)",
            ),
            Self::Constraint(name) => write!(
                f,
                "an authority above it may not issue for {name} (its name constraints)"
            ),
            Self::Extension(oid) => {
                write!(f, "a critical extension in it is not understood (OID {oid})")
            }
            Self::Policy => f.write_str(
                "an authority above it requires certificate policies that are not kept all the \
                 way down, or maps anyPolicy",
            ),
            Self::Pin(own) => write!(
                f,
                "no key of its chain is pinned, and the SHA-256 of its own is {}",
                hexadecimal(own).trim_start_matches('#')
            ),
            Self::Revoked => f.write_str("its issuer has taken it back"),
            Self::RevocationUnknown(ignorance, authority) => match ignorance {
                Ignorance::NoList => write!(f, "no list of {authority} is about it"),
                Ignorance::MayNotSign => write!(
                    f,
                    "the key usage of {authority} does not include signing lists (cRLSign is \
                     missing there)"
                ),
                Ignorance::OtherKey => {
                    write!(f, "the list of {authority} is not signed with its key")
                }
                Ignorance::NotYetValid => {
                    write!(f, "the time of the list of {authority} is still to come")
                }
                Ignorance::Expired => write!(f, "the time of the list of {authority} is over"),
            },
            Self::TooComplex => f.write_str(
                "the certificates that were sent with it lead to too many ways to verify them",
            ),
        }
    }
}

/// The dotted form of an OID's contents; for contents that are no OID, words that say so.
pub(super) fn dotted(oid: &[u8]) -> String {
    arcs(oid).unwrap_or_else(|| "that is none".to_owned())
}

/// The dotted form of an OID's contents; none of contents that are no OID, or that have an arc of more
/// than 64 bits.
pub(super) fn arcs(oid: &[u8]) -> Option<String> {
    let mut arcs: Vec<u64> = Vec::new();
    let mut arc = 0_u64;
    for byte in oid {
        arc = arc.checked_mul(128)? | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            if arcs.is_empty() {
                let root = (arc / 40).min(2);
                arcs.push(root);
                arc -= root * 40;
            }
            arcs.push(arc);
            arc = 0;
        }
    }
    let words: Vec<_> = arcs.iter().map(u64::to_string).collect();
    Some(words.join("."))
}

/// The name that people know for the algorithm of an AlgorithmIdentifier's contents.
pub(crate) fn algorithm_name(identifier: &[u8]) -> String {
    use super::der::{OID, Reader};
    let mut reader = Reader::new(identifier);
    let oid = dotted(reader.expect(OID).unwrap_or_default());
    let parameter = reader.expect(OID).map(dotted).unwrap_or_default();
    let name = match (oid.as_str(), parameter.as_str()) {
        ("1.2.840.113549.1.1.1", _) => "an RSA key with a signature of another kind",
        ("1.2.840.113549.1.1.2" | "1.2.840.113549.1.1.4", _) => "RSA with MD2 or MD5",
        ("1.2.840.113549.1.1.5" | "1.3.14.3.2.29", _) => "RSA with SHA-1",
        ("1.2.840.113549.1.1.14", _) => "RSA with SHA-224",
        ("1.2.840.113549.1.1.10", _) => {
            "an RSA-PSS key, or an RSA-PSS signature whose salt is not as long as its hash"
        }
        ("1.2.840.10045.2.1", "1.3.132.0.10") => "a key on the curve secp256k1",
        ("1.2.840.10045.2.1", curve) if curve.starts_with("1.3.36.3.3.2.8.") => {
            "a key on a Brainpool curve"
        }
        ("1.2.840.10045.2.1", "1.2.840.10045.3.1.1") => "a key on the curve P-192",
        ("1.2.840.10045.2.1", "1.3.132.0.33") => "a key on the curve P-224",
        ("1.2.840.10045.2.1", "1.2.840.10045.3.1.7" | "1.3.132.0.34" | "1.3.132.0.35") => {
            "an ECDSA key with a signature of another kind"
        }
        ("1.2.840.10045.2.1", _) => "a key on a curve that is not known",
        ("1.2.840.10045.4.1", _) => "ECDSA with SHA-1",
        ("1.2.840.10045.4.3.1", _) => "ECDSA with SHA-224",
        ("1.2.840.10040.4.1" | "1.2.840.10040.4.3", _) => "DSA",
        ("1.3.101.112", _) => "an Ed25519 key with a signature of another kind",
        ("1.3.101.113", _) => "Ed448",
        (oid, _) if oid.starts_with("2.16.840.1.101.3.4.3.") => {
            return format!("a post-quantum signature or another of NIST's (OID {oid})");
        }
        (oid, _) => return format!("an algorithm that is not known (OID {oid})"),
    };
    name.to_owned()
}
