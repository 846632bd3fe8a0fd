//! Walks every variant that the locked versions of rustls have, and asserts that each has a case, a
//! sentence and a cure. `variant` is what rustls itself would print.
//!
//! Over 400 lines: the variants are many.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{ServerName, UnixTime};
use rustls::{
    CertRevocationListError, CertificateError as Refused, EncryptedClientHelloError as Ech,
    Error as Rustls, ExtendedKeyPurpose, InconsistentKeys, InvalidMessage as Invalid, OtherError,
    PeerIncompatible as Incompatible, PeerMisbehaved as Misbehaved,
};

use super::*;
use crate::tls::x509::{Purpose, Refusal};

/// Converts the error, and asserts that its line says something in our words, and how to mend it.
#[track_caller]
fn told(error: Rustls) -> Error {
    let variant = format!("{error:?}");
    // The names in `PeerMisbehaved(TooManyKeyUpdateRequests)`, which must not be in the line.
    let names: Vec<_> = variant
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|name| name.len() > 6 && name.chars().skip(1).any(|c| c.is_ascii_uppercase()))
        // These are names of the standards.
        .filter(|name| !matches!(*name, "ServerHello" | "ClientHello" | "CertificateVerify"))
        .map(str::to_owned)
        .collect();
    let upstream = error.to_string();
    let error = Error::from_rustls(error, Some(40));
    let line = error.to_string();
    for name in names {
        assert!(!line.contains(&name), "{variant}: {line}");
    }
    assert!(!line.contains(&upstream), "{variant}: {line}");
    let (what, cure) = line.rsplit_once("; ").unwrap_or_else(|| panic!("{line}"));
    assert!(
        what.split(' ').count() > 3 && cure.split(' ').count() > 1,
        "{line}"
    );
    for mark in ["{", "::", "\n", "  ", ": :", "; ;"] {
        assert!(!line.contains(mark), "{variant}: {line}");
    }
    let is_ours = matches!(error, Error::Other(_));
    assert!(is_ours || !line.contains("report"), "{variant}: {line}");
    error
}

#[track_caller]
fn reason(error: Rustls) -> ProtocolReason {
    let variant = format!("{error:?}");
    match told(error) {
        Error::Protocol(error) => {
            assert!(error.detail.is_some(), "{variant}");
            assert_ne!(error.detail.as_deref(), Some(peer::UNKNOWN), "{variant}");
            error.reason
        }
        other => panic!("{variant}: {other:?}"),
    }
}

#[test]
fn every_way_to_misbehave_is_a_broken_rule_in_words() {
    use Misbehaved as E;
    let all = [
        E::AttemptedDowngradeToTls12WhenTls13IsSupported,
        E::BadCertChainExtensions,
        E::CipherSuiteDifferedOnRetry,
        E::DisallowedEncryptedExtension,
        E::DuplicateClientHelloExtensions,
        E::DuplicateEncryptedExtensions,
        E::DuplicateHelloRetryRequestExtensions,
        E::DuplicateNewSessionTicketExtensions,
        E::DuplicateServerHelloExtensions,
        E::DuplicateServerNameTypes,
        E::EarlyDataAttemptedInSecondClientHello,
        E::EarlyDataExtensionWithoutResumption,
        E::EarlyDataOfferedWithVariedCipherSuite,
        E::EchAcceptanceVariedAfterRetry,
        E::HandshakeHashVariedAfterRetry,
        E::IllegalHelloRetryRequestWithEmptyCookie,
        E::IllegalHelloRetryRequestWithNoChanges,
        E::IllegalHelloRetryRequestWithOfferedGroup,
        E::IllegalHelloRetryRequestWithUnofferedCipherSuite,
        E::IllegalHelloRetryRequestWithUnofferedNamedGroup,
        E::IllegalHelloRetryRequestWithUnsupportedVersion,
        E::IllegalHelloRetryRequestWithWrongSessionId,
        E::IllegalHelloRetryRequestWithInvalidEch,
        E::IllegalMiddleboxChangeCipherSpec,
        E::IllegalTlsInnerPlaintext,
        E::IncorrectBinder,
        E::InvalidCertCompression,
        E::InvalidMaxEarlyDataSize,
        E::InvalidKeyShare,
        E::KeyEpochWithPendingFragment,
        E::KeyUpdateReceivedInQuicConnection,
        E::MessageInterleavedWithHandshakeMessage,
        E::MissingBinderInPskExtension,
        E::MissingKeyShare,
        E::MissingPskExtensionInSecondClientHello,
        E::MissingPskModesExtension,
        E::MissingQuicTransportParameters,
        E::OfferedDuplicateCertificateCompressions,
        E::OfferedDuplicateKeyShares,
        E::OfferedEarlyDataWithOldProtocolVersion,
        E::OfferedEmptyApplicationProtocol,
        E::OfferedIncorrectCompressions,
        E::PskExtensionMustBeLast,
        E::PskExtensionWithMismatchedIdsAndBinders,
        E::RefusedToFollowHelloRetryRequest,
        E::RejectedEarlyDataInterleavedWithHandshakeMessage,
        E::ResumptionAttemptedWithVariedEms,
        E::ResumptionOfferedWithVariedCipherSuite,
        E::ResumptionOfferedWithVariedEms,
        E::ResumptionOfferedWithIncompatibleCipherSuite,
        E::SelectedDifferentCipherSuiteAfterRetry,
        E::SelectedInvalidPsk,
        E::SelectedTls12UsingTls13VersionExtension,
        E::SelectedUnofferedApplicationProtocol,
        E::SelectedUnofferedCertCompression,
        E::SelectedUnofferedCipherSuite,
        E::SelectedUnofferedCompression,
        E::SelectedUnofferedKxGroup,
        E::SelectedUnofferedPsk,
        E::SelectedUnusableCipherSuiteForVersion,
        E::ServerEchoedCompatibilitySessionId,
        E::ServerHelloMustOfferUncompressedEcPoints,
        E::ServerNameDifferedOnRetry,
        E::ServerNameMustContainOneHostName,
        E::SignedKxWithWrongAlgorithm,
        E::SignedHandshakeWithUnadvertisedSigScheme,
        E::TooManyEmptyFragments,
        E::TooManyKeyUpdateRequests,
        E::TooManyRenegotiationRequests,
        E::TooManyWarningAlertsReceived,
        E::TooMuchEarlyDataReceived,
        E::UnexpectedCleartextExtension,
        E::UnsolicitedCertExtension,
        E::UnsolicitedEncryptedExtension,
        E::UnsolicitedSctList,
        E::UnsolicitedServerHelloExtension,
        E::WrongGroupForKeyShare,
        E::UnsolicitedEchExtension,
    ];
    assert_eq!(all.len(), 78);
    let mut illegal = 0;
    for one in all {
        let expected = match one {
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
        };
        illegal += usize::from(expected == ProtocolReason::IllegalParameter);
        assert_eq!(reason(one.into()), expected);
    }
    assert_eq!(illegal, 55);
}

#[test]
fn every_way_to_have_nothing_in_common_says_what_to_enable() {
    use Incompatible as E;
    use ProtocolReason::{
        CertificateUnsolicited, EchRejected, MissingExtension, NoCommonParameters as Parameters,
        NoCommonVersion as Version, UnsolicitedExtension,
    };
    for (one, expected) in [
        (E::EcPointsExtensionRequired, MissingExtension),
        (E::ExtendedMasterSecretExtensionRequired, MissingExtension),
        (E::IncorrectCertificateTypeExtension, CertificateUnsolicited),
        (E::KeyShareExtensionRequired, MissingExtension),
        (E::NamedGroupsExtensionRequired, MissingExtension),
        (E::NoCertificateRequestSignatureSchemesInCommon, Parameters),
        (E::NoCipherSuitesInCommon, Parameters),
        (E::NoEcPointFormatsInCommon, Parameters),
        (E::NoKxGroupsInCommon, Parameters),
        (E::NoSignatureSchemesInCommon, Parameters),
        (E::NullCompressionRequired, Parameters),
        (E::ServerDoesNotSupportTls12Or13, Version),
        (
            E::ServerSentHelloRetryRequestWithUnknownExtension,
            UnsolicitedExtension,
        ),
        (E::ServerTlsVersionIsDisabledByOurConfig, Version),
        (E::SignatureAlgorithmsExtensionRequired, MissingExtension),
        (E::SupportedVersionsExtensionRequired, Version),
        (E::Tls12NotOffered, Version),
        (E::Tls12NotOfferedOrEnabled, Version),
        (E::Tls13RequiredForQuic, Version),
        (E::UncompressedEcPointsRequired, Parameters),
        (
            E::UnsolicitedCertificateTypeExtension,
            CertificateUnsolicited,
        ),
        (E::ServerRejectedEncryptedClientHello(None), EchRejected),
    ] {
        assert_eq!(reason(one.into()), expected);
    }
}

#[test]
fn every_message_that_cannot_be_parsed_says_what_is_wrong_with_it() {
    use Invalid as E;
    // `UnsupportedKeyExchangeAlgorithm` is not here: it holds a type that rustls does not export.
    for one in [
        E::InvalidCcs,
        E::InvalidContentType,
        E::InvalidCertificateStatusType,
        E::InvalidCertRequest,
        E::InvalidDhParams,
        E::InvalidEmptyPayload,
        E::InvalidKeyUpdate,
        E::InvalidServerName,
        E::MessageTooShort,
        E::MissingData("KeyShareEntry"),
        E::TrailingData("ClientHelloPayload"),
        E::UnexpectedMessage("HandshakePayload"),
        E::UnknownProtocolVersion,
        E::UnsupportedCompression,
        E::UnsupportedCurveType,
        E::EmptyTicketValue,
        E::IllegalEmptyList("CipherSuites"),
        E::IllegalEmptyValue,
        E::DuplicateExtension(43),
        E::PreSharedKeyIsNotFinalExtension,
    ] {
        let Error::Protocol(error) = told(one.into()) else {
            panic!("{one:?}");
        };
        assert_eq!(error.reason, ProtocolReason::Malformed, "{one:?}");
        assert_ne!(
            error.detail.as_deref(),
            Some("a message cannot be parsed"),
            "{one:?}"
        );
    }
    for (one, expected) in [
        (E::MissingKeyExchange, ProtocolReason::MissingExtension),
        (E::NoSignatureSchemes, ProtocolReason::MissingExtension),
        (
            E::UnknownHelloRetryRequestExtension,
            ProtocolReason::UnsolicitedExtension,
        ),
        (
            E::UnknownCertificateExtension,
            ProtocolReason::UnsolicitedExtension,
        ),
        (E::MessageTooLarge, ProtocolReason::TooLarge),
    ] {
        assert_eq!(reason(one.into()), expected);
    }
    // The bound is ours, and the peer may be right.
    let full = io::Error::new(io::ErrorKind::InvalidData, "message buffer full");
    for error in [
        told(E::CertificatePayloadTooLarge.into()),
        told(E::HandshakePayloadTooLarge.into()),
        Error::from_read(&full),
    ] {
        let line = error.to_string();
        assert!(matches!(error, Error::Protocol(e) if e.reason == ProtocolReason::TooLarge));
        assert!(
            line.contains("64 KiB") && line.ends_with("have it send less"),
            "{line}"
        );
    }
}

#[test]
fn every_misplaced_message_is_told_by_its_name() {
    for number in 0..=255 {
        let error = Rustls::InappropriateHandshakeMessage {
            expect_types: vec![HandshakeType::ServerHello, HandshakeType::ServerHello],
            got_type: HandshakeType::from(number),
        };
        let Error::Protocol(error) = Error::from_rustls(error, None) else {
            panic!("{number}");
        };
        let detail = error.detail.unwrap_or_default();
        assert!(detail.starts_with("it sent a"), "{detail}");
        assert!(detail.ends_with(" where a ServerHello belongs"), "{detail}");
        let error = Rustls::InappropriateMessage {
            expect_types: Vec::new(),
            got_type: ContentType::from(number),
        };
        assert_eq!(reason(error), ProtocolReason::UnexpectedMessage);
    }
}

/// Every way to refuse a certificate, ours first, with the reason that is reported for it.
fn refusals() -> Vec<(Rustls, CertificateReason)> {
    use CertificateReason as R;
    let time = UnixTime::since_unix_epoch(Duration::from_secs(1_600_000_000));
    let name = || ServerName::try_from("host.example").expect("a name");
    let ours = [
        (Refusal::Malformed, R::BadEncoding),
        (
            Refusal::Expired {
                now: 2,
                not_after: 1,
            },
            R::Expired,
        ),
        (
            Refusal::NotYetValid {
                now: 1,
                not_before: 2,
            },
            R::NotYetValid,
        ),
        (Refusal::UnknownAuthority, R::UnknownAuthority),
        (Refusal::Signature, R::BadSignature),
        (Refusal::HandshakeSignature, R::BadSignature),
        (Refusal::KeySize(1024), R::UnsupportedAlgorithm),
        (Refusal::Algorithm(algorithm()), R::UnsupportedAlgorithm),
        (
            Refusal::Name {
                expected: name(),
                presented: vec!["other.example".to_owned()],
            },
            R::WrongName,
        ),
        (
            Refusal::Purpose {
                required: Purpose::Server,
                allowed: vec!["client authentication".to_owned()],
            },
            R::WrongPurpose,
        ),
        (Refusal::AuthorityAsPeer, R::WrongPurpose),
        (Refusal::NoAuthority, R::WrongPurpose),
        (Refusal::MayNotSign, R::WrongPurpose),
        (Refusal::PathLength, R::WrongPurpose),
        (
            Refusal::Constraint("host.example".to_owned()),
            R::WrongPurpose,
        ),
        (
            Refusal::Extension("1.2.3".to_owned()),
            R::UnhandledExtension,
        ),
        (Refusal::Policy, R::WrongPolicy),
        (Refusal::TooComplex, R::TooCostly),
    ];
    let theirs = [
        (Refused::BadEncoding, R::BadEncoding),
        (Refused::Expired, R::Expired),
        (
            Refused::ExpiredContext {
                time,
                not_after: time,
            },
            R::Expired,
        ),
        (Refused::NotValidYet, R::NotYetValid),
        (
            Refused::NotValidYetContext {
                time,
                not_before: time,
            },
            R::NotYetValid,
        ),
        (Refused::Revoked, R::Revoked),
        (Refused::UnhandledCriticalExtension, R::UnhandledExtension),
        (Refused::UnknownIssuer, R::UnknownAuthority),
        (Refused::UnknownRevocationStatus, R::RevocationUnknown),
        (Refused::ExpiredRevocationList, R::RevocationListExpired),
        (
            Refused::ExpiredRevocationListContext {
                time,
                next_update: time,
            },
            R::RevocationListExpired,
        ),
        (Refused::BadSignature, R::BadSignature),
        (
            Refused::UnsupportedSignatureAlgorithmContext {
                signature_algorithm_id: vec![6, 3, 42, 3, 4],
                supported_algorithms: Vec::new(),
            },
            R::UnsupportedAlgorithm,
        ),
        (
            Refused::UnsupportedSignatureAlgorithmForPublicKeyContext {
                signature_algorithm_id: Vec::new(),
                public_key_algorithm_id: Vec::new(),
            },
            R::UnsupportedAlgorithm,
        ),
        (Refused::NotValidForName, R::WrongName),
        (
            Refused::NotValidForNameContext {
                expected: name(),
                presented: Vec::new(),
            },
            R::WrongName,
        ),
        (Refused::InvalidPurpose, R::WrongPurpose),
        (
            Refused::InvalidPurposeContext {
                required: ExtendedKeyPurpose::ServerAuth,
                presented: vec![ExtendedKeyPurpose::Other(vec![1, 2, 3])],
            },
            R::WrongPurpose,
        ),
        (Refused::InvalidOcspResponse, R::StapleBad),
        (Refused::ApplicationVerificationFailure, R::RejectedByCaller),
        (
            Refused::Other(OtherError(Arc::new(io::Error::other("x")))),
            R::Other,
        ),
    ];
    let ours = ours.map(|(refusal, reason)| (refusal.into(), reason));
    let theirs = theirs.map(|(refused, reason)| (refused.into(), reason));
    ours.into_iter().chain(theirs).collect()
}

/// RSA with SHA-1.
fn algorithm() -> String {
    crate::tls::x509::algorithm_name(&[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 13, 1, 1, 5, 5, 0])
}

#[test]
fn every_refusal_of_a_certificate_has_its_reason_a_sentence_and_an_alert() {
    assert_eq!(algorithm(), "RSA with SHA-1");
    for (error, expected) in refusals() {
        let variant = format!("{error:?}");
        match told(error) {
            Error::Certificate(error) => {
                assert_eq!(error.reason, expected, "{variant}");
                assert!(
                    error.alert_sent.is_some() && error.detail.is_some(),
                    "{variant}"
                );
            }
            other => panic!("{variant}: {other:?}"),
        }
    }
    assert!(matches!(
        told(Rustls::NoCertificatesPresented),
        Error::Certificate(error) if error.reason == CertificateReason::Missing
    ));
}

#[test]
fn every_fault_of_a_revocation_list_is_told_in_words() {
    use CertRevocationListError as E;
    let mut lines: Vec<_> = [
        E::BadSignature,
        E::UnsupportedSignatureAlgorithmContext {
            signature_algorithm_id: Vec::new(),
            supported_algorithms: Vec::new(),
        },
        E::InvalidCrlNumber,
        E::InvalidRevokedCertSerialNumber,
        E::IssuerInvalidForCrl,
        E::Other(OtherError(Arc::new(io::Error::other("x")))),
        E::ParseError,
        E::UnsupportedCrlVersion,
        E::UnsupportedCriticalExtension,
        E::UnsupportedDeltaCrl,
        E::UnsupportedIndirectCrl,
        E::UnsupportedRevocationReason,
    ]
    .into_iter()
    .map(|one| told(one.into()).to_string())
    .collect();
    lines.dedup();
    assert_eq!(lines.len(), 12);
}

#[test]
fn what_is_our_fault_or_the_hosts_is_no_fault_of_the_peers() {
    for error in [
        Rustls::UnsupportedNameType,
        Rustls::EncryptError,
        Rustls::FailedToGetCurrentTime,
        Rustls::FailedToGetRandomBytes,
        Rustls::HandshakeNotComplete,
        Rustls::BadMaxFragmentSize,
        Rustls::InconsistentKeys(InconsistentKeys::KeyMismatch),
        Rustls::InconsistentKeys(InconsistentKeys::Unknown),
        Rustls::InvalidEncryptedClientHello(Ech::InvalidConfigList),
        Rustls::InvalidEncryptedClientHello(Ech::NoCompatibleConfig),
        Rustls::InvalidEncryptedClientHello(Ech::SniRequired),
        Rustls::General("signing failed".to_owned()),
        Rustls::Other(OtherError(Arc::new(io::Error::other("x")))),
    ] {
        assert!(matches!(told(error), Error::Other(Some(_))));
    }
}

#[test]
fn what_is_left_of_the_peers_faults_has_its_case() {
    use ProtocolReason as P;
    assert_eq!(reason(Rustls::DecryptError), P::BadRecord);
    assert_eq!(reason(Rustls::PeerSentOversizedRecord), P::TooLarge);
    assert_eq!(
        reason(Rustls::NoApplicationProtocol),
        P::NoApplicationProtocol
    );
    let closed = Rustls::AlertReceived(AlertDescription::CloseNotify);
    assert_eq!(Error::from_rustls(closed, None), Error::Closed);
    let failure = Rustls::AlertReceived(AlertDescription::HandshakeFailure);
    assert_eq!(told(failure), Error::AlertReceived(40));
}

#[test]
fn names_that_do_not_fit_are_told_with_the_cure_that_fits() {
    let line = |expected: &'static str, names: &[&str]| {
        let refused = Refused::NotValidForNameContext {
            expected: ServerName::try_from(expected).expect("a name"),
            presented: names.iter().map(|name| (*name).to_owned()).collect(),
        };
        told(refused.into()).to_string()
    };
    let many: Vec<_> = (0..50).map(|number| format!("h{number}.example")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    for (expected, names, part) in [
        (
            "host.example",
            &["other.example"][..],
            "check the host name",
        ),
        ("host.example", &[], "subjectAltName"),
        ("127.0.0.1", &["127.0.0.1"], "as an address (iPAddress)"),
        (
            "2001:db8:1:2:3:4:5:6",
            &["2001:0DB8:1:2:3:4:5:6"],
            "as an address (iPAddress)",
        ),
        ("127.0.0.1", &["127.0.0.2"], "check the host name"),
        ("host.example", &many, "h19.example and 30 more;"),
    ] {
        let line = line(expected, names);
        assert!(line.contains(part), "{line}");
    }
}
