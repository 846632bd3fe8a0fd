//! How a peer broke the protocol, or has nothing in common with us.

use rustls::{InvalidMessage, PeerIncompatible, PeerMisbehaved};

const RESUMPTION: &str = "what it resumes does not fit what was agreed before";
const RETRY: &str = "its HelloRetryRequest asks for nothing that it could (RFC 8446 section 4.1.4)";
const TWICE: &str = "it sent an extension twice in one message";
const UNASKED: &str = "it sent an extension that was not asked for";
const CHANGED: &str = "its second hello does not fit its first";
const EARLY_DATA: &str = "it sent early data that it was not allowed to send";

/// What is wrong with a message that is not valid.
pub(super) fn invalid(cause: &InvalidMessage) -> String {
    use InvalidMessage as E;
    let words = match cause {
        E::CertificatePayloadTooLarge | E::HandshakePayloadTooLarge => {
            "a message of the handshake is longer than 64 KiB"
        }
        E::InvalidCcs => "a change of cipher holds something else",
        E::InvalidContentType => "a record is of a type that does not exist",
        E::InvalidCertificateStatusType => "it gives the state of a certificate in an unknown form",
        E::InvalidCertRequest => "it asks for a certificate in a context of its own",
        E::InvalidDhParams => "its share for Diffie-Hellman cannot be parsed",
        E::InvalidEmptyPayload => "a record is empty that may not be",
        E::InvalidKeyUpdate => "a KeyUpdate holds something else",
        E::InvalidServerName => "the name that it asks for is none",
        E::MessageTooLarge => "a record is longer than any may be",
        E::MessageTooShort => "a message is shorter than it has to be",
        E::MissingData(what) => return format!("a message ends before its {}", part(what)),
        E::MissingKeyExchange => "it does not say which groups it supports",
        E::NoSignatureSchemes => "it supports no signature scheme",
        E::TrailingData(what) => {
            return format!(
                "something follows where a message ends, at its {}",
                part(what)
            );
        }
        E::UnexpectedMessage(_) => "a message is of another type than it has to be",
        E::UnknownProtocolVersion => "a record is of a version that does not exist",
        E::UnsupportedCompression => "it wants to compress, which TLS gave up as unsafe",
        E::UnsupportedCurveType => "it uses a curve that has no name",
        E::UnsupportedKeyExchangeAlgorithm(_) => "it exchanges keys in a way that was not offered",
        E::EmptyTicketValue => "a session ticket is empty",
        E::IllegalEmptyList(what) => {
            return format!("a list is empty that may not be: {}", part(what));
        }
        E::IllegalEmptyValue => "a value is empty that may not be",
        E::DuplicateExtension(number) => {
            return format!("{TWICE} (number {number})");
        }
        E::PreSharedKeyIsNotFinalExtension => "its pre-shared keys are not the last extension",
        E::UnknownHelloRetryRequestExtension => "a HelloRetryRequest has an unknown extension",
        E::UnknownCertificateExtension => "a Certificate has an unknown extension",
        _ => "a message cannot be parsed",
    };
    words.to_owned()
}

/// The name that rustls gives a part of a message, in words: `client hello payload` for
/// `ClientHelloPayload`.
fn part(name: &str) -> String {
    let mut words = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase()
            && words.ends_with(|before: char| before.is_ascii_lowercase())
        {
            words.push(' ');
        }
        words.push(letter.to_ascii_lowercase());
    }
    words
}

/// What the peer lacks that we need. Most texts bring their own cure, because what to enable
/// differs.
pub(super) fn incompatible(cause: &PeerIncompatible) -> &'static str {
    use PeerIncompatible as E;
    match cause {
        E::EcPointsExtensionRequired
        | E::NoEcPointFormatsInCommon
        | E::UncompressedEcPointsRequired => {
            "it does not take curve points in uncompressed form; use a newer TLS library there"
        }
        E::ExtendedMasterSecretExtensionRequired => {
            "it does not bind its keys to the handshake (RFC 7627); use a newer TLS library there"
        }
        E::IncorrectCertificateTypeExtension | E::UnsolicitedCertificateTypeExtension => {
            "it wants a form of certificate other than X.509; have it use X.509"
        }
        E::KeyShareExtensionRequired => {
            "it sent no share of a key for TLS 1.3; use another TLS library there"
        }
        E::NamedGroupsExtensionRequired => {
            "it does not say which groups it has; enable X25519, P-256 or P-384 on it"
        }
        E::NoCertificateRequestSignatureSchemesInCommon => {
            "it asks for a client certificate and takes no signature of our key; give us a key of a \
             kind that it takes, such as RSA or P-256"
        }
        E::NoCipherSuitesInCommon => {
            "no cipher suite is enabled on both sides; enable ECDHE with AES-GCM or \
             ChaCha20-Poly1305 on it, or give a server a certificate for the keys that it takes"
        }
        E::NoKxGroupsInCommon => {
            "no key exchange group is enabled on both sides; enable X25519, P-256 or P-384 on it"
        }
        E::NoSignatureSchemesInCommon => {
            "no signature scheme is enabled on both sides; enable RSA-PSS, ECDSA or Ed25519 with \
             SHA-2 on it, or give the server a certificate with another kind of key"
        }
        E::NullCompressionRequired => "it insists on compression; turn that off on it",
        E::ServerDoesNotSupportTls12Or13 => "it answered with TLS 1.1 or older",
        E::ServerSentHelloRetryRequestWithUnknownExtension => {
            "its HelloRetryRequest has an extension that is not known; use another TLS library there"
        }
        E::ServerTlsVersionIsDisabledByOurConfig => {
            "it answered with a version that is turned off here"
        }
        E::SignatureAlgorithmsExtensionRequired => {
            "it does not say which signatures it takes; enable RSA-PSS, ECDSA or Ed25519 with SHA-2 \
             on it"
        }
        E::SupportedVersionsExtensionRequired => {
            "it does not offer TLS 1.3, which alone is on here"
        }
        E::Tls12NotOffered => "it does not offer TLS 1.2, which alone is on here",
        E::Tls12NotOfferedOrEnabled => "it offers TLS 1.2 at most, which is turned off here",
        E::Tls13RequiredForQuic => "it does not speak TLS 1.3",
        E::ServerRejectedEncryptedClientHello(_) => {
            "it refused an encrypted ClientHello; connect without"
        }
        _ => "something that TLS needs is missing on it; use another TLS library there",
    }
}

/// Which rule the peer broke.
pub(super) fn misbehaved(cause: &PeerMisbehaved) -> &'static str {
    use PeerMisbehaved as E;
    match cause {
        E::AttemptedDowngradeToTls12WhenTls13IsSupported => {
            "it, or something between, goes back to TLS 1.2 although both sides have TLS 1.3 (RFC \
             8446 section 4.1.3)"
        }
        E::BadCertChainExtensions => "a certificate has extensions in TLS that were not asked for",
        E::CipherSuiteDifferedOnRetry | E::SelectedDifferentCipherSuiteAfterRetry => {
            "it chose another cipher suite than before its HelloRetryRequest"
        }
        E::DisallowedEncryptedExtension => {
            "an extension is encrypted that belongs into the ServerHello"
        }
        E::DuplicateClientHelloExtensions
        | E::DuplicateEncryptedExtensions
        | E::DuplicateHelloRetryRequestExtensions
        | E::DuplicateNewSessionTicketExtensions
        | E::DuplicateServerHelloExtensions => TWICE,
        E::DuplicateServerNameTypes | E::ServerNameMustContainOneHostName => {
            "it asks for more than one name, or for none"
        }
        E::EarlyDataAttemptedInSecondClientHello
        | E::EarlyDataExtensionWithoutResumption
        | E::EarlyDataOfferedWithVariedCipherSuite
        | E::OfferedEarlyDataWithOldProtocolVersion => EARLY_DATA,
        E::TooMuchEarlyDataReceived => "it sent more early data than it was allowed",
        E::RejectedEarlyDataInterleavedWithHandshakeMessage => {
            "it mixed early data with messages of the handshake"
        }
        E::InvalidMaxEarlyDataSize => "it allows a length of early data that cannot be",
        E::EchAcceptanceVariedAfterRetry
        | E::IllegalHelloRetryRequestWithInvalidEch
        | E::UnsolicitedEchExtension => {
            "it answered an encrypted ClientHello that was not sent, or in two ways"
        }
        E::HandshakeHashVariedAfterRetry
        | E::RefusedToFollowHelloRetryRequest
        | E::ServerNameDifferedOnRetry
        | E::MissingPskExtensionInSecondClientHello => CHANGED,
        E::IllegalHelloRetryRequestWithEmptyCookie
        | E::IllegalHelloRetryRequestWithNoChanges
        | E::IllegalHelloRetryRequestWithOfferedGroup
        | E::IllegalHelloRetryRequestWithUnofferedCipherSuite
        | E::IllegalHelloRetryRequestWithUnofferedNamedGroup
        | E::IllegalHelloRetryRequestWithUnsupportedVersion
        | E::IllegalHelloRetryRequestWithWrongSessionId => RETRY,
        E::IllegalMiddleboxChangeCipherSpec => "it sent a change of cipher where none may be",
        E::IllegalTlsInnerPlaintext => "a record holds nothing but padding",
        E::IncorrectBinder => "it does not hold the key of the session that it resumes",
        E::InvalidCertCompression
        | E::OfferedDuplicateCertificateCompressions
        | E::SelectedUnofferedCertCompression => {
            "it compressed its certificate in a way that was not offered, or wrongly"
        }
        E::InvalidKeyShare => "its share of the key is not valid",
        E::WrongGroupForKeyShare => "its share of the key is for another group than it chose",
        E::MissingKeyShare => "it sent no share of a key",
        E::OfferedDuplicateKeyShares => "it sent two shares of a key for one group",
        E::KeyEpochWithPendingFragment | E::MessageInterleavedWithHandshakeMessage => {
            "something comes in the middle of a message of the handshake"
        }
        E::KeyUpdateReceivedInQuicConnection | E::MissingQuicTransportParameters => {
            "it takes this for QUIC"
        }
        E::MissingBinderInPskExtension
        | E::MissingPskModesExtension
        | E::PskExtensionMustBeLast
        | E::PskExtensionWithMismatchedIdsAndBinders => {
            "it offers to resume a session without all that belongs to it"
        }
        E::OfferedEmptyApplicationProtocol => "it offers an application protocol without a name",
        E::OfferedIncorrectCompressions => "it offers compression in TLS 1.3",
        E::ResumptionAttemptedWithVariedEms
        | E::ResumptionOfferedWithVariedCipherSuite
        | E::ResumptionOfferedWithVariedEms
        | E::ResumptionOfferedWithIncompatibleCipherSuite => RESUMPTION,
        E::SelectedInvalidPsk | E::SelectedUnofferedPsk => {
            "it resumes a session that was not offered"
        }
        E::SelectedTls12UsingTls13VersionExtension => {
            "it chose TLS 1.2 in the way that is for TLS 1.3"
        }
        E::SelectedUnofferedApplicationProtocol => {
            "it chose an application protocol that was not offered"
        }
        E::SelectedUnofferedCipherSuite => "it chose a cipher suite that was not offered",
        E::SelectedUnofferedCompression => "it chose a compression that was not offered",
        E::SelectedUnofferedKxGroup => "it chose a key exchange group that was not offered",
        E::SelectedUnusableCipherSuiteForVersion => {
            "it chose a cipher suite that is not for the version that it chose"
        }
        E::ServerEchoedCompatibilitySessionId => "it resumes a session that does not exist",
        E::ServerHelloMustOfferUncompressedEcPoints => {
            "it does not take curve points in uncompressed form"
        }
        E::SignedKxWithWrongAlgorithm => {
            "it signed its share of the key in a way that does not fit the cipher suite"
        }
        E::SignedHandshakeWithUnadvertisedSigScheme => {
            "it signed the handshake in a way that was not offered"
        }
        E::TooManyEmptyFragments => "it sends empty records and nothing else",
        E::TooManyKeyUpdateRequests => "it changes its keys all the time",
        E::TooManyRenegotiationRequests => {
            "it asks again and again to renegotiate, which is refused; turn renegotiation off on it"
        }
        E::TooManyWarningAlertsReceived => "it sends warnings and nothing else",
        E::UnexpectedCleartextExtension => {
            "an extension is in the open that belongs into what is encrypted"
        }
        E::UnsolicitedCertExtension
        | E::UnsolicitedEncryptedExtension
        | E::UnsolicitedSctList
        | E::UnsolicitedServerHelloExtension => UNASKED,
        _ => UNKNOWN,
    }
}

/// For rules that a later rustls may report. A test checks that none of today's ends here.
pub(super) const UNKNOWN: &str = "a rule that is not known here by name";
