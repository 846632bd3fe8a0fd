//! Lists, with those of our suites that OpenSSL 3.0.19 selects for them.

use portcullis::error::ConfigurationReason;

use super::{ALL, outcome, refusal};

/// The expected outcome of a list.
enum Expected {
    /// These suites in this order.
    Suites(&'static str),
    /// None of our suites: OpenSSL selects others, or fails.
    None,
    /// The list cannot be read.
    Malformed,
}

use Expected::{Malformed, None, Suites};

/// The list, its outcome, and the words that have no effect.
const VECTORS: [(&str, Expected, &str); 56] = [
    ("DEFAULT", Suites(ALL), ""),
    ("DEFAULT:!aNULL:!eNULL:!LOW:!EXPORT:!SSLv2", Suites(ALL), ""),
    ("HIGH:!aNULL:!MD5", Suites(ALL), ""),
    ("HIGH:!aNULL:!eNULL", Suites(ALL), ""),
    ("ALL", Suites(ALL), ""),
    ("ALL:@STRENGTH", Suites(ALL), ""),
    ("ECDHE", Suites(ALL), ""),
    (
        "EECDH:EDH:!NULL:!SSLv2:!RC4:!aNULL:!3DES:!IDEA",
        Suites(ALL),
        "",
    ),
    ("kEECDH", Suites(ALL), ""),
    ("AESGCM", Suites("E256 R256 E128 R128"), ""),
    ("CHACHA20", Suites("ECC RCC"), ""),
    ("CHACHA20:AESGCM", Suites("ECC RCC E256 R256 E128 R128"), ""),
    ("ECDHE+AESGCM", Suites("E256 R256 E128 R128"), ""),
    (
        "ECDHE+AESGCM:ECDHE+CHACHA20",
        Suites("E256 R256 E128 R128 ECC RCC"),
        "",
    ),
    (
        "ECDHE+CHACHA20:ECDHE+AESGCM",
        Suites("ECC RCC E256 R256 E128 R128"),
        "",
    ),
    ("aRSA", Suites("R256 RCC R128"), ""),
    ("aECDSA", Suites("E256 ECC E128"), ""),
    ("ECDSA:!AES128", Suites("E256 ECC"), ""),
    ("!aRSA:ALL", Suites("E256 ECC E128"), ""),
    ("ALL:!aRSA", Suites("E256 ECC E128"), ""),
    ("ECDHE:!RSA", Suites(ALL), ""),
    ("ECDHE:-AES128", Suites("E256 R256 ECC RCC"), ""),
    ("ECDHE:-AES128:ECDHE", Suites(ALL), ""),
    ("ECDHE:!AES128:ECDHE", Suites("E256 R256 ECC RCC"), ""),
    ("ECDHE:+AES256", Suites("ECC RCC E128 R128 E256 R256"), ""),
    ("AES128:AES256", Suites("E128 R128 E256 R256"), ""),
    ("AES128:AES256:@STRENGTH", Suites("E256 R256 E128 R128"), ""),
    ("R", None, "R"),
    ("ECDHE-RSA-AES128-GCM-SHA256", Suites("R128"), ""),
    (
        "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384",
        Suites("R128 R256"),
        "",
    ),
    ("SUITEB128", Suites("E128 E256"), ""),
    ("SUITEB128ONLY", Suites("E128"), ""),
    ("SUITEB192", Suites("E256"), ""),
    ("FIPS", Suites("E256 R256 E128 R128"), ""),
    ("SHA256", None, ""),
    ("SHA384", None, ""),
    ("MEDIUM", None, ""),
    ("eNULL", None, ""),
    ("RC4-SHA", None, "RC4-SHA"),
    ("AES256-SHA", None, "AES256-SHA"),
    (
        "AES256-SHA:ECDHE-RSA-AES128-GCM-SHA256",
        Suites("R128"),
        "AES256-SHA",
    ),
    ("NOSUCH", None, "NOSUCH"),
    ("ECDHE:NOSUCH", Suites(ALL), "NOSUCH"),
    ("ECDHE:DEFAULT", Suites(ALL), "DEFAULT"),
    ("DEFAULT:ECDHE", Suites(ALL), ""),
    ("", None, ""),
    ("DEFAULT:@SECLEVEL=2", Suites(ALL), ""),
    ("@SECLEVEL=6:ALL", Malformed, ""),
    ("@FOO:ALL", Malformed, ""),
    ("ALL:!ALL", None, ""),
    ("-ALL", None, ""),
    ("+ALL", None, ""),
    ("PROFILE=SYSTEM", None, "PROFILE=SYSTEM"),
    (
        "@SECLEVEL=2:ECDH+AESGCM:ECDH+CHACHA20:ECDH+AES:DHE+AES:!aNULL:!eNULL:!aDSS:!SHA1:!AESCCM",
        Suites("E256 R256 E128 R128 ECC RCC"),
        "",
    ),
    (
        "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:\
         ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:\
         ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:\
         DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384",
        Suites("E128 R128 E256 R256 ECC RCC"),
        "DHE-RSA-AES128-GCM-SHA256 DHE-RSA-AES256-GCM-SHA384",
    ),
    // The names of TLS 1.3 suites have an effect here; by OpenSSL's rules they would be reported.
    (
        "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256:\
         ECDHE-RSA-AES128-GCM-SHA256:HIGH:!aNULL:!eNULL:!EXPORT:!DES:!RC4:!MD5:!PSK:!SRP:!CAMELLIA",
        Suites("R128 E256 R256 ECC RCC E128"),
        "",
    ),
];

#[test]
fn k11_the_golden_vectors_hold_with_the_words_to_report() {
    for (list, expected, words) in VECTORS {
        let outcome = outcome(list);
        match expected {
            Suites(suites) => {
                let report = outcome.result.unwrap();
                assert_eq!(outcome.tls12, suites, "{list}");
                let reported = [report.unknown, report.unsupported].concat();
                assert_eq!(reported.join(" "), words, "{list}");
            }
            None => {
                let error = refusal(outcome.result);
                assert_eq!(error.reason, ConfigurationReason::NoCipherMatch, "{list}");
                let detail = error.detail.unwrap();
                assert!(
                    words.split(' ').all(|word| detail.contains(word)),
                    "{detail}"
                );
            }
            Malformed => {
                let error = refusal(outcome.result);
                assert_eq!(error.reason, ConfigurationReason::Malformed, "{list}");
            }
        }
    }
}

/// Three of the golden vectors come out otherwise: case does not matter, and IANA's names are
/// words.
#[test]
fn k11_golden_vectors_that_openssl_3_refuses_are_read_by_newer_rules() {
    for (list, suites) in [
        ("ecdhe", ALL),
        ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "R128"),
    ] {
        let outcome = outcome(list);
        assert_eq!(outcome.tls12, suites, "{list}");
        let report = outcome.result.unwrap();
        assert!(report.unknown.is_empty() && report.unsupported.is_empty());
    }
    let tls13_alone = refusal(outcome("TLS_AES_128_GCM_SHA256").result);
    assert_eq!(tls13_alone.reason, ConfigurationReason::NoCipherMatch);
}
