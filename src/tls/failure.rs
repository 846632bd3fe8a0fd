//! Turns the failures that rustls reports into errors of ours, in plain words.
//!
//! The texts of rustls are the names of its variants. A detail with `; ` in it brings its own cure,
//! in place of the general cure of its case.

mod certificate;
mod peer;

use std::io;

use rustls::{
    AlertDescription, ContentType, HandshakeType, InvalidMessage, PeerIncompatible, PeerMisbehaved,
};

use crate::error::{CertificateError, CertificateReason, Error, ProtocolError, ProtocolReason};

/// The bound that rustls has on a message of the handshake, which is no setting.
const TOO_LARGE: &str = "it sent a message of more than 64 KiB in the handshake, which is the most \
                         that is taken, as with a very long certificate chain or very many names \
                         of authorities; have it send less";

impl Error {
    /// The error of a failed rustls connection. `alert_sent` is the alert found in what it wanted
    /// to send, where that was readable.
    pub(crate) fn from_rustls(error: rustls::Error, alert_sent: Option<u8>) -> Self {
        use rustls::Error as E;
        let protocol = |reason, alert_sent: Option<u8>, detail: String| {
            Self::Protocol(ProtocolError {
                reason,
                alert_sent,
                detail: Some(detail),
            })
        };
        let ours = |detail: &str| Self::Other(Some(detail.to_owned()));
        match error {
            E::AlertReceived(AlertDescription::CloseNotify) => Self::Closed,
            E::AlertReceived(alert) => Self::AlertReceived(alert.into()),
            E::InvalidCertificate(cause) => {
                let alert =
                    alert_sent.or_else(|| Some(AlertDescription::from(cause.clone()).into()));
                Self::Certificate(CertificateError::from_rustls(cause, alert))
            }
            E::InvalidCertRevocationList(cause) => Self::Certificate(CertificateError {
                reason: CertificateReason::RevocationListBad,
                expected_name: None,
                names: Vec::new(),
                alert_sent,
                detail: Some(certificate::revocation_list(&cause).to_owned()),
            }),
            E::NoCertificatesPresented => Self::Certificate(CertificateError {
                reason: CertificateReason::Missing,
                expected_name: None,
                names: Vec::new(),
                // In TLS 1.3 the alert leaves encrypted, and cannot be read.
                alert_sent: alert_sent
                    .or_else(|| Some(AlertDescription::CertificateRequired.into())),
                detail: Some("none was presented, and one is required".to_owned()),
            }),
            E::DecryptError => protocol(
                ProtocolReason::BadRecord,
                alert_sent.or_else(|| Some(AlertDescription::BadRecordMac.into())),
                "its protection does not hold".to_owned(),
            ),
            E::PeerIncompatible(cause) => protocol(
                incompatible_reason(&cause),
                alert_sent,
                peer::incompatible(&cause).to_owned(),
            ),
            E::NoApplicationProtocol => protocol(
                ProtocolReason::NoApplicationProtocol,
                // In TLS 1.3 it leaves encrypted.
                alert_sent.or_else(|| Some(AlertDescription::NoApplicationProtocol.into())),
                "it offers application protocols, and none of them is spoken here; have it offer \
                 one that is, or none"
                    .to_owned(),
            ),
            E::PeerMisbehaved(cause) => protocol(
                misbehaved_reason(&cause),
                alert_sent,
                peer::misbehaved(&cause).to_owned(),
            ),
            E::InappropriateMessage {
                expect_types,
                got_type,
            } => protocol(
                ProtocolReason::UnexpectedMessage,
                alert_sent,
                misplaced(&record(got_type), expect_types.into_iter().map(record)),
            ),
            E::InappropriateHandshakeMessage {
                expect_types,
                got_type,
            } => protocol(
                misplaced_reason(got_type, &expect_types),
                alert_sent,
                misplaced(&message(got_type), expect_types.into_iter().map(message)),
            ),
            E::InvalidMessage(
                InvalidMessage::CertificatePayloadTooLarge
                | InvalidMessage::HandshakePayloadTooLarge,
            ) => protocol(ProtocolReason::TooLarge, alert_sent, TOO_LARGE.to_owned()),
            E::InvalidMessage(cause @ InvalidMessage::MessageTooLarge) => {
                protocol(ProtocolReason::TooLarge, alert_sent, peer::invalid(&cause))
            }
            E::InvalidMessage(cause) => {
                protocol(invalid_reason(&cause), alert_sent, peer::invalid(&cause))
            }
            E::PeerSentOversizedRecord => protocol(
                ProtocolReason::TooLarge,
                alert_sent,
                "a record is longer than any may be".to_owned(),
            ),
            E::FailedToGetCurrentTime => ours(
                "the host does not tell the time, without which no certificate can be verified; \
                 allow wasi:clocks, or set the host's clock",
            ),
            E::FailedToGetRandomBytes => {
                ours("the host gives no random bytes; allow wasi:random, or use another runtime")
            }
            E::EncryptError => ours("a record could not be protected"),
            E::HandshakeNotComplete => {
                ours("something was asked for that has to wait for the end of the handshake")
            }
            E::UnsupportedNameType => ours("a name is of a kind that cannot be verified"),
            E::BadMaxFragmentSize => ours("the length of records was set to what it cannot be"),
            E::InconsistentKeys(_) => {
                ours("a private key does not belong to its certificate, or cannot say so")
            }
            E::InvalidEncryptedClientHello(_) => {
                ours("an encrypted ClientHello was asked for, which is not offered")
            }
            // The text of our cryptography or of rustls, for the reader of the report.
            E::General(what) => Self::Other(Some(format!("in the TLS engine: {what}"))),
            E::Other(_) => ours("the cryptography failed"),
            _ => ours("the TLS engine failed for a reason that is not known here"),
        }
    }

    /// The error when rustls takes no more of what the peer sent.
    pub(crate) fn from_read(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::InvalidData {
            return Self::Protocol(ProtocolError {
                reason: ProtocolReason::TooLarge,
                alert_sent: None,
                detail: Some(TOO_LARGE.to_owned()),
            });
        }
        Self::Other(Some(
            "more was read for the TLS engine than it takes".to_owned(),
        ))
    }
}

fn incompatible_reason(cause: &PeerIncompatible) -> ProtocolReason {
    match cause {
        PeerIncompatible::ServerDoesNotSupportTls12Or13
        | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
        | PeerIncompatible::SupportedVersionsExtensionRequired
        | PeerIncompatible::Tls12NotOffered
        | PeerIncompatible::Tls12NotOfferedOrEnabled
        | PeerIncompatible::Tls13RequiredForQuic => ProtocolReason::NoCommonVersion,
        PeerIncompatible::EcPointsExtensionRequired
        | PeerIncompatible::ExtendedMasterSecretExtensionRequired
        | PeerIncompatible::KeyShareExtensionRequired
        | PeerIncompatible::NamedGroupsExtensionRequired
        | PeerIncompatible::SignatureAlgorithmsExtensionRequired => {
            ProtocolReason::MissingExtension
        }
        PeerIncompatible::IncorrectCertificateTypeExtension
        | PeerIncompatible::UnsolicitedCertificateTypeExtension => {
            ProtocolReason::CertificateUnsolicited
        }
        PeerIncompatible::ServerSentHelloRetryRequestWithUnknownExtension => {
            ProtocolReason::UnsolicitedExtension
        }
        PeerIncompatible::ServerRejectedEncryptedClientHello(_) => ProtocolReason::EchRejected,
        _ => ProtocolReason::NoCommonParameters,
    }
}

fn invalid_reason(cause: &InvalidMessage) -> ProtocolReason {
    match cause {
        InvalidMessage::MissingKeyExchange | InvalidMessage::NoSignatureSchemes => {
            ProtocolReason::MissingExtension
        }
        InvalidMessage::UnknownCertificateExtension
        | InvalidMessage::UnknownHelloRetryRequestExtension => ProtocolReason::UnsolicitedExtension,
        _ => ProtocolReason::Malformed,
    }
}

fn misbehaved_reason(cause: &PeerMisbehaved) -> ProtocolReason {
    use PeerMisbehaved as E;
    match cause {
        E::AttemptedDowngradeToTls12WhenTls13IsSupported => ProtocolReason::Downgrade,
        E::InvalidCertCompression => ProtocolReason::BadCompression,
        E::MissingBinderInPskExtension
        | E::MissingKeyShare
        | E::MissingPskExtensionInSecondClientHello
        | E::MissingPskModesExtension
        | E::MissingQuicTransportParameters => ProtocolReason::MissingExtension,
        E::TooMuchEarlyDataReceived => ProtocolReason::TooLarge,
        E::UnsolicitedCertExtension
        | E::UnsolicitedEchExtension
        | E::UnsolicitedEncryptedExtension
        | E::UnsolicitedSctList
        | E::UnsolicitedServerHelloExtension => ProtocolReason::UnsolicitedExtension,
        E::EarlyDataAttemptedInSecondClientHello
        | E::IllegalMiddleboxChangeCipherSpec
        | E::KeyEpochWithPendingFragment
        | E::KeyUpdateReceivedInQuicConnection
        | E::MessageInterleavedWithHandshakeMessage
        | E::RejectedEarlyDataInterleavedWithHandshakeMessage
        | E::TooManyEmptyFragments
        | E::TooManyKeyUpdateRequests
        | E::TooManyRenegotiationRequests
        | E::TooManyWarningAlertsReceived => ProtocolReason::UnexpectedMessage,
        _ => ProtocolReason::IllegalParameter,
    }
}

/// A certificate that is out of place was not asked for, or comes a second time.
fn misplaced_reason(got: HandshakeType, expected: &[HandshakeType]) -> ProtocolReason {
    let is_certificate = |kind: &HandshakeType| {
        matches!(
            kind,
            HandshakeType::Certificate | HandshakeType::CompressedCertificate
        )
    };
    if is_certificate(&got) && !expected.iter().any(is_certificate) {
        ProtocolReason::CertificateUnsolicited
    } else {
        ProtocolReason::UnexpectedMessage
    }
}

fn misplaced(got: &str, expected: impl Iterator<Item = String>) -> String {
    let mut expected: Vec<_> = expected.collect();
    expected.dedup();
    match expected.as_slice() {
        [] => format!("it sent {got}, which does not belong there"),
        expected => format!("it sent {got} where {} belongs", expected.join(" or ")),
    }
}

/// A kind of record (RFC 8446 §5.1).
fn record(kind: ContentType) -> String {
    match kind {
        ContentType::ChangeCipherSpec => "a change of cipher".to_owned(),
        ContentType::Alert => "an alert".to_owned(),
        ContentType::Handshake => "a message of the handshake".to_owned(),
        ContentType::ApplicationData => "data".to_owned(),
        ContentType::Heartbeat => "a heartbeat".to_owned(),
        other => format!("a record of type {}", u8::from(other)),
    }
}

/// A message of the handshake, by the name that RFC 8446 §4 and RFC 5246 §7.4 give it.
fn message(kind: HandshakeType) -> String {
    match kind {
        HandshakeType::HelloRequest => "a request to renegotiate (HelloRequest)",
        HandshakeType::ClientHello => "a ClientHello",
        HandshakeType::ServerHello => "a ServerHello",
        HandshakeType::HelloVerifyRequest => "a HelloVerifyRequest, which is for DTLS,",
        HandshakeType::NewSessionTicket => "a NewSessionTicket",
        HandshakeType::EndOfEarlyData => "an EndOfEarlyData",
        HandshakeType::HelloRetryRequest => "a HelloRetryRequest",
        HandshakeType::EncryptedExtensions => "an EncryptedExtensions",
        HandshakeType::Certificate => "a Certificate",
        HandshakeType::ServerKeyExchange => "a ServerKeyExchange",
        HandshakeType::CertificateRequest => "a CertificateRequest",
        HandshakeType::ServerHelloDone => "a ServerHelloDone",
        HandshakeType::CertificateVerify => "a CertificateVerify",
        HandshakeType::ClientKeyExchange => "a ClientKeyExchange",
        HandshakeType::Finished => "a Finished",
        HandshakeType::CertificateURL => "a CertificateURL",
        HandshakeType::CertificateStatus => "a CertificateStatus",
        HandshakeType::KeyUpdate => "a KeyUpdate",
        HandshakeType::CompressedCertificate => "a CompressedCertificate",
        other => return format!("a message of type {}", u8::from(other)),
    }
    .to_owned()
}

#[cfg(test)]
mod tests;
