//! Why a certificate was refused.

use rustls::pki_types::UnixTime;
use rustls::{CertRevocationListError, CertificateError as Cause, ExtendedKeyPurpose};

use crate::error::{CertificateError, CertificateReason as Reason};
use crate::tls::x509::{Ignorance, Refusal, algorithm_name};

impl CertificateError {
    /// The error for a refusal by our verifier, or by rustls itself.
    pub(super) fn from_rustls(cause: Cause, alert_sent: Option<u8>) -> Self {
        let (mut expected_name, mut names) = (None, Vec::new());
        let (reason, detail) = match cause {
            Cause::BadEncoding => (
                Reason::BadEncoding,
                "it is not X.509, or not DER".to_owned(),
            ),
            Cause::BadSignature => (
                Reason::BadSignature,
                "a signature in its chain, or the one of the handshake, is of another key"
                    .to_owned(),
            ),
            Cause::Expired => (Reason::Expired, "its time is over".to_owned()),
            Cause::ExpiredContext { not_after, .. } => (
                Reason::Expired,
                format!(
                    "it, or an authority above it, was valid until {}",
                    date(not_after)
                ),
            ),
            Cause::NotValidYet => (Reason::NotYetValid, "its time is still to come".to_owned()),
            Cause::NotValidYetContext { not_before, .. } => (
                Reason::NotYetValid,
                format!(
                    "it, or an authority above it, is valid from {}",
                    date(not_before)
                ),
            ),
            Cause::Revoked => (
                Reason::Revoked,
                "it, or an authority above it, was taken back by its issuer".to_owned(),
            ),
            Cause::UnhandledCriticalExtension => (
                Reason::UnhandledExtension,
                "a critical extension in it is not understood".to_owned(),
            ),
            Cause::UnknownIssuer => (
                Reason::UnknownAuthority,
                "no way leads from it to a trust root".to_owned(),
            ),
            Cause::UnknownRevocationStatus => (
                Reason::RevocationUnknown,
                "it is not known whether its authority has taken it back".to_owned(),
            ),
            Cause::ExpiredRevocationList | Cause::ExpiredRevocationListContext { .. } => (
                Reason::RevocationListExpired,
                "the revocation list of its authority is out of date".to_owned(),
            ),
            Cause::UnsupportedSignatureAlgorithmContext {
                signature_algorithm_id: identifier,
                ..
            }
            | Cause::UnsupportedSignatureAlgorithmForPublicKeyContext {
                public_key_algorithm_id: identifier,
                ..
            } => (Reason::UnsupportedAlgorithm, algorithm_name(&identifier)),
            Cause::NotValidForName => (Reason::WrongName, "it has other names".to_owned()),
            Cause::NotValidForNameContext {
                expected,
                presented,
            } => {
                expected_name = Some(expected.to_str().into_owned());
                names = presented;
                (Reason::WrongName, "it has other names".to_owned())
            }
            Cause::InvalidPurpose => (
                Reason::WrongPurpose,
                "its extended key usage is for something else".to_owned(),
            ),
            Cause::InvalidPurposeContext {
                required,
                presented,
            } => (
                Reason::WrongPurpose,
                format!(
                    "its extended key usage is for {}, and not for {required}",
                    purposes(&presented)
                ),
            ),
            Cause::InvalidOcspResponse => (
                Reason::StapleBad,
                "what its authority says of its state (OCSP) is not valid".to_owned(),
            ),
            Cause::ApplicationVerificationFailure => (
                Reason::RejectedByCaller,
                "it is valid, and the application refuses it".to_owned(),
            ),
            Cause::Other(other) => match other.0.downcast_ref::<Refusal>() {
                Some(refusal) => (refusal_reason(refusal), refusal.to_string()),
                None => (Reason::Other, "a check of it failed".to_owned()),
            },
            // Variants that rustls has deprecated, and those that it may add.
            _ => (
                Reason::Other,
                "a check of it failed that is not known here".to_owned(),
            ),
        };
        Self {
            reason,
            expected_name,
            names,
            alert_sent,
            detail: Some(detail),
        }
    }
}

fn refusal_reason(refusal: &Refusal) -> Reason {
    match refusal {
        Refusal::Malformed => Reason::BadEncoding,
        Refusal::Expired { .. } => Reason::Expired,
        Refusal::NotYetValid { .. } => Reason::NotYetValid,
        Refusal::UnknownAuthority => Reason::UnknownAuthority,
        Refusal::Signature | Refusal::HandshakeSignature => Reason::BadSignature,
        Refusal::KeySize(_) | Refusal::Algorithm(_) => Reason::UnsupportedAlgorithm,
        Refusal::Name { .. } => Reason::WrongName,
        Refusal::Purpose { .. }
        | Refusal::AuthorityAsPeer
        | Refusal::NoAuthority
        | Refusal::MayNotSign
        | Refusal::PathLength
        | Refusal::Constraint(_) => Reason::WrongPurpose,
        Refusal::Extension(_) => Reason::UnhandledExtension,
        Refusal::TooComplex => Reason::TooCostly,
        Refusal::Policy => Reason::WrongPolicy,
        Refusal::Pin(_) => Reason::PinMismatch,
        Refusal::Revoked => Reason::Revoked,
        Refusal::RevocationUnknown(ignorance, _) => match ignorance {
            Ignorance::NoList => Reason::RevocationUnknown,
            Ignorance::MayNotSign | Ignorance::OtherKey => Reason::RevocationListBad,
            Ignorance::NotYetValid | Ignorance::Expired => Reason::RevocationListExpired,
        },
    }
}

fn purposes(purposes: &[ExtendedKeyPurpose]) -> String {
    let words: Vec<_> = purposes
        .iter()
        .map(|purpose| match purpose {
            ExtendedKeyPurpose::ClientAuth => "client authentication",
            ExtendedKeyPurpose::ServerAuth => "server authentication",
            ExtendedKeyPurpose::Other(_) => "something else",
        })
        .collect();
    if words.is_empty() {
        "nothing".to_owned()
    } else {
        words.join(", ")
    }
}

/// Why a revocation list was refused, as rustls has it; our verifier says it otherwise.
pub(super) fn revocation_list(cause: &CertRevocationListError) -> &'static str {
    use CertRevocationListError as E;
    match cause {
        E::BadSignature => "the signature of its authority's revocation list is wrong",
        E::UnsupportedSignatureAlgorithmContext { .. }
        | E::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "its authority's revocation list is signed in a way that is not accepted"
        }
        E::InvalidCrlNumber => "the number of its authority's revocation list is not valid",
        E::InvalidRevokedCertSerialNumber => {
            "a serial number in its authority's revocation list is not valid"
        }
        E::IssuerInvalidForCrl => "its authority may not sign revocation lists",
        E::ParseError => "its authority's revocation list cannot be parsed",
        E::UnsupportedCrlVersion => "its authority's revocation list is not of version 2",
        E::UnsupportedCriticalExtension => {
            "a critical extension in its authority's revocation list is not understood"
        }
        E::UnsupportedDeltaCrl => "its authority's revocation list has changes only",
        E::UnsupportedIndirectCrl => "its authority's revocation list is for other authorities too",
        E::UnsupportedRevocationReason => {
            "its authority's revocation list gives a reason that is not known"
        }
        _ => "its authority's revocation list cannot be used",
    }
}

/// The day and second in UTC.
fn date(time: UnixTime) -> String {
    let seconds = time.as_secs();
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (mut year, mut left) = (1970_u64, days);
    let length = |year: u64| {
        let is_leap =
            year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        365 + u64::from(is_leap)
    };
    // No certificate is valid later (RFC 5280 §4.1.2.5).
    while left >= length(year) && year < 10_000 {
        left -= length(year);
        year += 1;
    }
    let february = length(year) - 337;
    let mut month = 1;
    for days in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if left < days {
            break;
        }
        left -= days;
        month += 1;
    }
    format!(
        "{year}-{month:02}-{:02} {:02}:{:02}:{:02} UTC",
        left + 1,
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}

#[cfg(test)]
#[test]
fn dates_are_those_of_the_calendar() {
    use std::time::Duration;
    for (seconds, expected) in [
        (0, "1970-01-01 00:00:00 UTC"),
        (951_825_599, "2000-02-29 11:59:59 UTC"),
        (951_868_800, "2000-03-01 00:00:00 UTC"),
        (1_609_459_199, "2020-12-31 23:59:59 UTC"),
        (253_402_300_799, "9999-12-31 23:59:59 UTC"),
    ] {
        let time = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        assert_eq!(date(time), expected);
    }
}
