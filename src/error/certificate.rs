//! A certificate that was refused, and the line that tells people of it.

use core::net::IpAddr;
use std::fmt;

use super::line::Detail;

/// Why a certificate was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateReason {
    /// Not parseable as X.509.
    BadEncoding,
    /// A signature is wrong.
    BadSignature,
    /// Its time is over.
    Expired,
    /// No certificate was presented.
    Missing,
    /// Nothing was checked.
    NotChecked,
    /// Its time is still to come.
    NotYetValid,
    /// No key of its chain is one of those that were pinned.
    PinMismatch,
    /// A raw public key that is not trusted. Reserved: not returned yet.
    RawKeyUntrusted,
    /// Valid, and refused by the caller. Reserved: not returned yet.
    RejectedByCaller,
    /// The revocation list is not signed by an authority that may.
    RevocationListBad,
    /// The revocation list is too old.
    RevocationListExpired,
    /// Nothing tells whether it is revoked.
    RevocationUnknown,
    /// Revoked by its authority.
    Revoked,
    /// The stapled OCSP response does not hold. Reserved: not returned yet.
    StapleBad,
    /// There is no stapled OCSP response. Reserved: not returned yet.
    StapleMissing,
    /// Its chain takes too much work.
    TooCostly,
    /// Too few logs have it. Reserved: not returned yet.
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
    /// The alert that was sent to the peer.
    pub alert_sent: Option<u8>,
    /// For people.
    pub detail: Option<String>,
}

impl CertificateError {
    /// An error without names and alert.
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
                "has no key that is pinned",
                "do not trust this peer, unless you know that it has changed its key: then pin the \
                 new one",
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
            // For the other reasons the detail adds nothing.
            let detail = match self.reason {
                CertificateReason::Expired
                | CertificateReason::NotChecked
                | CertificateReason::NotYetValid
                | CertificateReason::PinMismatch
                | CertificateReason::RevocationListBad
                | CertificateReason::RevocationListExpired
                | CertificateReason::RevocationUnknown
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

/// Whether an address was asked for and is among the names. It is then there as another kind of
/// name: an address would have matched.
fn is_address_in_words(expected: &str, names: &[String]) -> bool {
    let address = |text: &str| text.parse::<IpAddr>().ok();
    address(expected)
        .is_some_and(|expected| names.iter().any(|name| address(name) == Some(expected)))
}
