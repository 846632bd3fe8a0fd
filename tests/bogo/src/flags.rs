//! Every option that the runner gives to a shim, and what is done with it. One that is not here fails
//! the test.

/// What is done with an option.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Use {
    /// It is read.
    Set,
    /// It changes nothing here: it says how a program calls BoringSSL, or asks for what is so anyway.
    Neutral,
    /// An expectation about what the interface does not tell. The runner sees most of it by itself.
    Unchecked,
    /// It asks for a feature that is not there.
    Missing(&'static str),
}

/// An option.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flag {
    pub(crate) name: &'static str,
    pub(crate) has_value: bool,
    pub(crate) usage: Use,
}

/// What is known of the option.
pub(crate) fn find(name: &str) -> Option<Flag> {
    ALL.iter().find(|flag| flag.name == name).copied()
}

/// Whether a context is made of it. Sessions belong to a context, so that it cannot differ between
/// connections that share them.
pub(crate) fn is_of_context(name: &str) -> bool {
    CONTEXT.contains(&name)
}

const CONTEXT: [&str; 20] = [
    "-advertise-alpn",
    "-cert-file",
    "-cipher",
    "-curves",
    "-enable-early-data",
    "-host-name",
    "-key-file",
    "-max-send-fragment",
    "-max-version",
    "-min-version",
    "-new-x509-credential",
    "-no-ticket",
    "-no-tls12",
    "-no-tls13",
    "-select-alpn",
    "-signing-prefs",
    "-tls13-ciphers",
    "-trust-cert",
    "-verify-peer",
    "-verify-prefs",
];

const fn set(name: &'static str) -> Flag {
    flag(name, false, Use::Set)
}

const fn set_to(name: &'static str) -> Flag {
    flag(name, true, Use::Set)
}

const fn missing(name: &'static str, feature: &'static str) -> Flag {
    flag(name, false, Use::Missing(feature))
}

const fn missing_to(name: &'static str, feature: &'static str) -> Flag {
    flag(name, true, Use::Missing(feature))
}

const fn flag(name: &'static str, has_value: bool, usage: Use) -> Flag {
    Flag {
        name,
        has_value,
        usage,
    }
}

const ALPS: &str = "application settings (ALPS, a draft)";
const ANCHORS: &str = "trust anchor identifiers (a draft)";
const CALLBACKS: &str = "callbacks in the middle of a handshake";
const CHANNEL_ID: &str = "channel IDs (never standardised)";
const COMPRESSION: &str = "compressed certificates (RFC 8879)";
const DELEGATED: &str = "delegated credentials (RFC 9345)";
const EARLY_WRITES: &str = "early data that is written after the first flight";
const ECH: &str = "Encrypted Client Hello (RFC 9849)";
const FALSE_START: &str = "False Start (RFC 7918)";
const GREASE: &str = "GREASE (RFC 8701)";
const JDK11: &str = "workarounds for JDK 11";
const NPN: &str = "NPN (the forerunner of ALPN)";
const OCSP: &str =
    "stapled responses that are no OCSP responses, or that callbacks choose or judge";
const KEY_SHARES: &str = "key shares chosen apart from the groups";
const PADDING: &str = "padding of the server's choice";
const PAKE: &str = "PAKE (a draft)";
const POLICIES: &str = "compliance policies (FIPS, WPA, CNSA)";
const PSK: &str = "external pre-shared keys (RFC 8446 section 4.2.11, RFC 9258)";
const RAW_KEYS: &str = "raw public keys (RFC 7250)";
const RENEGOTIATION: &str = "renegotiation";
const SCT: &str = "certificate transparency in TLS (RFC 6962)";
const SESSION_CONTEXT: &str = "session ID contexts";
const SRTP: &str = "SRTP (DTLS alone)";
const TICKET_FORMAT: &str = "tickets in a format of the caller's";
const VERDICTS: &str = "a verdict of the caller's on the peer's certificate";

const ALL: &[Flag] = &[
    // What is read.
    set_to("-advertise-alpn"),
    set_to("-cert-file"),
    set("-check-close-notify"),
    set_to("-cipher"),
    set_to("-curves"),
    set_to("-expect-advertised-alpn"),
    set_to("-expect-alpn"),
    set_to("-expect-cipher"),
    set_to("-expect-curve-id"),
    set("-expect-hrr"),
    set("-expect-no-offer-early-data"),
    set("-expect-reject-early-data"),
    set("-expect-accept-early-data"),
    set("-enable-early-data"),
    set("-expect-no-hrr"),
    set("-expect-no-peer-cert"),
    set_to("-expect-peer-cert-file"),
    set_to("-expect-peer-signature-algorithm"),
    set_to("-expect-selected-credential"),
    set_to("-expect-server-name"),
    set("-expect-session-miss"),
    set("-expect-verify-result"),
    set_to("-expect-version"),
    set_to("-export-context"),
    set_to("-export-keying-material"),
    set_to("-export-label"),
    set("-export-traffic-secrets"),
    set("-fail-early-callback"),
    set_to("-host-name"),
    set("-implicit-handshake"),
    set("-ipv6"),
    set_to("-key-file"),
    set("-key-update"),
    set_to("-max-send-fragment"),
    set_to("-max-version"),
    set_to("-min-version"),
    set("-new-x509-credential"),
    set("-no-ticket"),
    set("-no-tls12"),
    set("-no-tls13"),
    set_to("-port"),
    set_to("-read-size"),
    set("-read-with-unfinished-write"),
    set("-reject-alpn"),
    set_to("-repeat-shim-initial-write"),
    set("-require-any-client-certificate"),
    set_to("-resume-count"),
    set_to("-resumption-delay"),
    set_to("-select-alpn"),
    set("-server"),
    set("-server-preference"),
    set_to("-shim-id"),
    set_to("-shim-initial-write"),
    set("-shim-shuts-down"),
    set("-shim-writes-first"),
    set_to("-signing-prefs"),
    set_to("-tls13-ciphers"),
    set_to("-trust-cert"),
    set("-use-early-callback"),
    set("-use-export-context"),
    set("-verify-peer"),
    set_to("-verify-prefs"),
    set("-write-different-record-sizes"),
    // How a program calls BoringSSL, and what is so in any case.
    flag("-async", false, Use::Neutral),
    flag("-decline-alpn", false, Use::Neutral),
    flag("-enable-ocsp-stapling", false, Use::Neutral),
    flag("-forbid-renegotiation-after-handshake", false, Use::Neutral),
    flag("-handshake-never-done", false, Use::Neutral),
    flag("-handshake-twice", false, Use::Neutral),
    flag("-must-match-issuer", false, Use::Neutral),
    flag("-no-op-extra-handshake", false, Use::Neutral),
    flag("-no-tls1", false, Use::Neutral),
    flag("-no-tls11", false, Use::Neutral),
    flag("-partial-write", false, Use::Neutral),
    flag("-permute-extensions", false, Use::Neutral),
    flag("-renegotiate-ignore", false, Use::Neutral),
    flag("-use-custom-verify-callback", false, Use::Neutral),
    flag("-use-ocsp-callback", false, Use::Neutral),
    flag("-use-old-client-cert-callback", false, Use::Neutral),
    // What the interface does not tell.
    flag("-expect-certificate-types", true, Use::Unchecked),
    flag("-expect-cipher-aes", true, Use::Unchecked),
    flag("-expect-cipher-no-aes", true, Use::Unchecked),
    flag("-expect-client-ca-list", true, Use::Unchecked),
    flag("-expect-early-data-reason", true, Use::Unchecked),
    flag("-expect-extended-master-secret", false, Use::Unchecked),
    flag("-expect-msg-callback", true, Use::Unchecked),
    flag("-expect-no-secure-renegotiation", false, Use::Unchecked),
    flag("-expect-no-server-name", false, Use::Unchecked),
    flag("-expect-no-session", false, Use::Unchecked),
    flag("-expect-no-session-id", false, Use::Unchecked),
    flag("-expect-ocsp-response", true, Use::Unchecked),
    flag("-expect-peer-verify-pref", true, Use::Unchecked),
    flag("-expect-secure-renegotiation", false, Use::Unchecked),
    flag("-expect-session-id", false, Use::Unchecked),
    flag("-expect-ticket-age-skew", true, Use::Unchecked),
    flag("-expect-ticket-renewal", false, Use::Unchecked),
    flag("-expect-ticket-supports-early-data", false, Use::Unchecked),
    flag("-expect-total-renegotiations", true, Use::Unchecked),
    // What is not there.
    missing_to("-accepted-peer-cert-types", RAW_KEYS),
    missing("-advertise-empty-npn", NPN),
    missing_to("-advertise-npn", NPN),
    missing("-allow-false-start-without-alpn", FALSE_START),
    missing("-allow-hint-mismatch", "handshake hints"),
    missing(
        "-allow-unknown-alpn-protos",
        "application protocols of a server's that were not offered",
    ),
    missing_to("-alps-use-new-codepoint", ALPS),
    missing_to("-application-settings", ALPS),
    missing_to("-available-client-cert-types", RAW_KEYS),
    missing_to("-available-trust-anchors", ANCHORS),
    missing("-cbc-record-splitting", "cipher suites with CBC"),
    missing_to("-cert-properties", ANCHORS),
    missing("-cnsa-202407", POLICIES),
    missing("-cnsa1-202603", POLICIES),
    missing("-cnsa2-202603", POLICIES),
    missing_to("-curves-flags", "groups of equal preference"),
    missing("-decline-ocsp-callback", OCSP),
    missing("-defer-alps", ALPS),
    missing_to("-delegated-credential", DELEGATED),
    missing("-dtls", "DTLS"),
    missing_to("-early-write-after-message", EARLY_WRITES),
    missing_to("-ech-config-list", ECH),
    missing_to("-ech-is-retry-config", ECH),
    missing_to("-ech-server-config", ECH),
    missing_to("-ech-server-key", ECH),
    missing("-enable-channel-id", CHANNEL_ID),
    missing("-enable-ech-grease", ECH),
    missing("-enable-grease", GREASE),
    missing("-enable-signed-cert-timestamps", SCT),
    missing_to("-expect-channel-id", CHANNEL_ID),
    missing("-expect-ech-accept", ECH),
    missing_to("-expect-ech-name-override", ECH),
    missing_to("-expect-ech-retry-configs", ECH),
    missing_to("-expect-next-proto", NPN),
    missing("-expect-no-ech-name-override", ECH),
    missing("-expect-no-ech-retry-configs", ECH),
    missing("-expect-no-next-proto", NPN),
    missing("-expect-no-peer-match-trust-anchor", ANCHORS),
    missing(
        "-expect-not-resumable-across-names",
        "resumption across names (a draft)",
    ),
    missing_to("-expect-peer-application-settings", ALPS),
    missing_to("-expect-peer-available-trust-anchors", ANCHORS),
    missing_to("-expect-peer-certificate-type", RAW_KEYS),
    missing("-expect-peer-match-trust-anchor", ANCHORS),
    missing_to("-expect-peer-rpk-sha256", RAW_KEYS),
    missing(
        "-expect-resumable-across-names",
        "resumption across names (a draft)",
    ),
    missing("-expect-server-sent-requested-padding", PADDING),
    missing(
        "-expect-sha256-client-cert",
        "sessions that keep a hash of the client's certificate",
    ),
    missing_to("-expect-signed-cert-timestamps", SCT),
    missing("-fail-cert-callback", CALLBACKS),
    missing_to("-fail-cert-callback-alert", CALLBACKS),
    missing("-fail-ddos-callback", CALLBACKS),
    missing("-fail-early-callback-ech-rewind", ECH),
    missing("-fail-ocsp-callback", OCSP),
    missing("-fallback-scsv", "the fallback SCSV (RFC 7507)"),
    missing("-false-start", FALSE_START),
    missing("-fips-202205", POLICIES),
    missing("-fips-202609", POLICIES),
    missing("-install-cert-compression-algs", COMPRESSION),
    missing("-install-ddos-callback", CALLBACKS),
    missing_to("-install-one-cert-compression-alg", COMPRESSION),
    missing("-jdk11-workaround", JDK11),
    missing_to("-key-shares", KEY_SHARES),
    missing_to(
        "-max-cert-list",
        "a limit of the caller's on the length of chains",
    ),
    missing("-new-delegated-credential", DELEGATED),
    missing("-new-psk-credential", PSK),
    missing("-new-rpk-credential", RAW_KEYS),
    missing("-new-spake2plusv1-credential", PAKE),
    missing("-no-key-shares", KEY_SHARES),
    missing(
        "-no-legacy-server-connect",
        "a refusal of peers without RFC 5746",
    ),
    missing(
        "-no-server-name-ack",
        "a server that does not confirm the name",
    ),
    missing_to("-ocsp-response", OCSP),
    missing_to("-pake-client-id", PAKE),
    missing_to("-pake-context", PAKE),
    missing_to("-pake-password", PAKE),
    missing_to("-pake-server-id", PAKE),
    missing("-peek-then-read", "reading without taking"),
    missing_to("-psk", PSK),
    missing_to("-psk-identity", PSK),
    missing_to("-psk-importer-context", PSK),
    missing_to("-psk-importer-identity", PSK),
    missing_to("-psk-importer-key", PSK),
    missing("-psk-importer-sha256", PSK),
    missing("-psk-importer-sha384", PSK),
    missing("-quic", "QUIC"),
    missing("-reject-unusable-ech-config", ECH),
    missing("-renegotiate-explicit", RENEGOTIATION),
    missing("-renegotiate-freely", RENEGOTIATION),
    missing("-renegotiate-once", RENEGOTIATION),
    missing("-renew-ticket", TICKET_FORMAT),
    missing_to("-request-server-padding", PADDING),
    missing_to("-requested-trust-anchors", ANCHORS),
    missing(
        "-resumption-across-names-enabled",
        "resumption across names (a draft)",
    ),
    missing(
        "-retain-only-sha256-client-cert",
        "sessions that keep a hash of the client's certificate",
    ),
    missing("-reverify-on-resume", VERDICTS),
    missing(
        "-select-empty-alpn",
        "an application protocol without a name",
    ),
    missing("-select-empty-next-proto", NPN),
    missing_to("-select-next-proto", NPN),
    missing("-send-alert", "alerts of the caller's after the handshake"),
    missing_to("-send-channel-id", CHANNEL_ID),
    missing_to(
        "-server-supported-groups-hint",
        "a guess of the server's groups",
    ),
    missing("-server-supports-padding", PADDING),
    missing_to("-session-id-context", SESSION_CONTEXT),
    missing("-set-ocsp-in-callback", OCSP),
    missing_to("-signed-cert-timestamps", SCT),
    missing("-skip-ticket", TICKET_FORMAT),
    missing_to("-srtp-profiles", SRTP),
    missing_to("-ticket-key", TICKET_FORMAT),
    missing(
        "-tls-unique",
        "the channel binding tls-unique, which TLS 1.3 does not have",
    ),
    missing_to(
        "-tls13-ciphers-flags",
        "groups of suites of equal preference",
    ),
    missing_to(
        "-use-client-ca-list",
        "authorities to suggest as names, without certificates",
    ),
    missing(
        "-use-exporter-between-reads",
        "exporting in the middle of a record",
    ),
    missing("-use-ticket-aead-callback", TICKET_FORMAT),
    missing("-use-ticket-callback", TICKET_FORMAT),
    missing("-verify-fail", VERDICTS),
    missing("-wpa-202304", POLICIES),
    missing("-wrong-pake-role", PAKE),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_stands_once_and_those_of_a_context_are_read() {
        for (index, flag) in ALL.iter().enumerate() {
            let first = ALL.iter().position(|other| other.name == flag.name);
            assert_eq!(first, Some(index), "{}", flag.name);
        }
        for name in CONTEXT {
            assert!(
                matches!(find(name).map(|flag| flag.usage), Some(Use::Set)),
                "{name}"
            );
        }
    }
}
