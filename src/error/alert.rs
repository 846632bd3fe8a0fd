//! An alert that the peer sent, in words: its name (RFC 8446 §6, RFC 5246 §7.2), why it is sent,
//! and what to do.

use std::fmt;

/// Shows a fatal alert, given by its number, to people.
pub(super) struct AlertLine(pub(super) u8);

impl fmt::Display for AlertLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, why, cure) = words(self.0);
        write!(
            f,
            "the peer refused with alert {} ({name}): {why}; {cure}",
            self.0
        )
    }
}

const CHANGED: &str = "what we sent did not decrypt or verify";
const CHANGED_CURE: &str =
    "it was changed on the way, or one of the two is broken: try again, and see its log";
const NOT_UNDERSTOOD: &str = "it did not understand what we sent";
const OPERATOR: &str = "see its log, and report it to its operator if it is broken";
const OUR_CERTIFICATE: &str = "it does not accept our certificate";
const ITS_CHECKS: &str = "check its names, its usage and its chain, and see the peer's log";

/// Name, reason and cure.
fn words(number: u8) -> (&'static str, &'static str, &'static str) {
    match number {
        0 => ("close_notify", "it has ended the connection", "see its log"),
        10 => (
            "unexpected_message",
            "it did not expect what we sent",
            OPERATOR,
        ),
        20 => ("bad_record_mac", CHANGED, CHANGED_CURE),
        21 => ("decryption_failed", CHANGED, CHANGED_CURE),
        51 => ("decrypt_error", CHANGED, CHANGED_CURE),
        22 => (
            "record_overflow",
            "a record of ours is too long for it",
            OPERATOR,
        ),
        30 => (
            "decompression_failure",
            "it takes what we sent for compressed",
            "turn compression off on it",
        ),
        // OpenSSL also sends it after the handshake, when its wish to renegotiate is refused.
        40 => (
            "handshake_failure",
            "in the handshake, it shares no cipher suite or signature scheme with us, or wants a \
             client certificate; after it, it wanted to renegotiate, which is not done here",
            "enable ECDHE with AES-GCM or ChaCha20-Poly1305 on it, give it a certificate, or turn \
             renegotiation off on it",
        ),
        71 => (
            "insufficient_security",
            "what we offer is not strong enough for it",
            "permit more cipher suites and groups here, or use a longer key",
        ),
        41 => ("no_certificate", "it has no certificate", "give it one"),
        42 => ("bad_certificate", OUR_CERTIFICATE, ITS_CHECKS),
        43 => ("unsupported_certificate", OUR_CERTIFICATE, ITS_CHECKS),
        46 => ("certificate_unknown", OUR_CERTIFICATE, ITS_CHECKS),
        49 => ("access_denied", OUR_CERTIFICATE, ITS_CHECKS),
        44 => (
            "certificate_revoked",
            "our certificate has been revoked",
            "use another",
        ),
        45 => (
            "certificate_expired",
            "our certificate has expired for it",
            "renew it, or check the clocks",
        ),
        47 => (
            "illegal_parameter",
            "a value that we sent is not allowed, or a middlebox changed it",
            OPERATOR,
        ),
        48 => (
            "unknown_ca",
            "it does not trust the authority of our certificate",
            "send the whole chain, or add the authority to its trust roots",
        ),
        50 => ("decode_error", NOT_UNDERSTOOD, OPERATOR),
        60 => (
            "export_restriction",
            "it keeps to rules of export that ended long ago",
            "use a newer TLS library there",
        ),
        70 => (
            "protocol_version",
            "it shares no protocol version with us",
            "enable TLS 1.2 or 1.3 on both sides",
        ),
        80 => ("internal_error", "it failed itself", "see its log"),
        86 => (
            "inappropriate_fallback",
            "it takes us for a client that tries again with an older version",
            "permit its newest version here",
        ),
        90 => (
            "user_canceled",
            "somebody there gave up the connection",
            "try again",
        ),
        100 => (
            "no_renegotiation",
            "it does not renegotiate, and takes something that we sent for that wish",
            OPERATOR,
        ),
        109 => (
            "missing_extension",
            "it misses something in our hello",
            "turn on what it asks for, such as sending its name, and see its log",
        ),
        110 => (
            "unsupported_extension",
            "it did not ask for something that we sent",
            OPERATOR,
        ),
        111 => (
            "certificate_unobtainable",
            "it cannot fetch our certificate",
            OPERATOR,
        ),
        112 => (
            "unrecognized_name",
            "it does not serve the name that was asked for",
            "check the host name, or set the name to send",
        ),
        113 => (
            "bad_certificate_status_response",
            "it does not accept what is said of our certificate's state (OCSP)",
            "see its log",
        ),
        114 => (
            "bad_certificate_hash_value",
            "it has another certificate of ours than it fetched",
            OPERATOR,
        ),
        115 => (
            "unknown_psk_identity",
            "it wants a key that both share beforehand, which is not offered here",
            "enable certificates on it",
        ),
        116 => (
            "certificate_required",
            "it wants a client certificate",
            "give it one",
        ),
        120 => (
            "no_application_protocol",
            "it shares no application protocol with us",
            "offer one that it speaks",
        ),
        121 => (
            "ech_required",
            "it wants its name encrypted, which is not offered here",
            "turn that off on it",
        ),
        // RFC 9846 has this alert; rustls does not name it.
        117 => (
            "general_error",
            "it failed, and says no more",
            "see its log",
        ),
        _ => UNKNOWN,
    }
}

/// For numbers that have no name. A test checks that no alert that rustls names ends here.
const UNKNOWN: (&str, &str, &str) = (
    "which has no name",
    "it gives no more of a reason",
    "see its log",
);

#[cfg(test)]
mod tests {
    use rustls::AlertDescription;

    use super::*;

    #[test]
    fn every_alert_that_has_a_name_has_its_reason_and_cure() {
        let mut named = 0;
        for number in 0..=255 {
            let alert = AlertDescription::from(number);
            let line = AlertLine(number).to_string();
            let Some(variant) = alert.as_str() else {
                assert_eq!(words(number) == UNKNOWN, number != 117, "{number}");
                continue;
            };
            named += 1;
            let (name, why, cure) = words(number);
            assert_ne!(words(number), UNKNOWN, "{variant}");
            assert!(!line.contains(variant), "{line}");
            assert_eq!(name, name.to_ascii_lowercase());
            assert!(why.contains(' ') && cure.len() > 8, "{line}");
            assert!(line.starts_with(&format!("the peer refused with alert {number} (")));
        }
        // RFC 8446, RFC 5246 and the RFCs before and after them have this many.
        assert_eq!(named, 35);
    }
}
