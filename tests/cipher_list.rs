//! Cipher lists as OpenSSL reads them, over the suites of this component.
#![allow(
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop"
)]

mod support;

#[path = "cipher_list/golden.rs"]
mod golden;
#[path = "cipher_list/openssl.rs"]
mod openssl;

use portcullis::error::{ConfigurationError, ConfigurationItem, ConfigurationReason, Error};
use portcullis::tls::{CipherListReport, Role, Settings, Version};
use support::certs::{Authority, Leaf};
use support::pair::{Pair, client_settings, seal, server_settings};

/// The suites of TLS 1.2 by short names, in OpenSSL's order.
const SHORT: [(&str, &str); 6] = [
    ("E256", "ECDHE-ECDSA-AES256-GCM-SHA384"),
    ("R256", "ECDHE-RSA-AES256-GCM-SHA384"),
    ("ECC", "ECDHE-ECDSA-CHACHA20-POLY1305"),
    ("RCC", "ECDHE-RSA-CHACHA20-POLY1305"),
    ("E128", "ECDHE-ECDSA-AES128-GCM-SHA256"),
    ("R128", "ECDHE-RSA-AES128-GCM-SHA256"),
];
const ALL: &str = "E256 R256 ECC RCC E128 R128";

const A256: &str = "TLS_AES_256_GCM_SHA384";
const CC: &str = "TLS_CHACHA20_POLY1305_SHA256";
const A128: &str = "TLS_AES_128_GCM_SHA256";

/// What a list makes of new settings.
struct Outcome {
    result: Result<CipherListReport, Error>,
    tls12: String,
    tls13: Vec<&'static str>,
}

fn set(settings: &mut Settings, list: &[&str]) -> Result<CipherListReport, Error> {
    let words: Vec<String> = list.iter().map(|word| (*word).to_owned()).collect();
    settings.set_cipher_list(&words)
}

fn outcome(list: &str) -> Outcome {
    let mut settings = Settings::unverified(Role::Client);
    let result = set(&mut settings, &[list]);
    let (tls13, tls12) = by_version(&settings);
    Outcome {
        result,
        tls12: tls12.join(" "),
        tls13,
    }
}

/// The names of TLS 1.3, and the short ones of TLS 1.2.
fn by_version(settings: &Settings) -> (Vec<&'static str>, Vec<&'static str>) {
    let (tls13, tls12): (Vec<_>, Vec<_>) = settings
        .cipher_suites()
        .into_iter()
        .partition(|name| name.starts_with("TLS_"));
    let short = |name| SHORT.iter().find(|(_, long)| *long == name).unwrap().0;
    (tls13, tls12.into_iter().map(short).collect())
}

/// The suites of TLS 1.2 that a list selects.
#[track_caller]
fn selected(list: &str) -> String {
    let outcome = outcome(list);
    outcome.result.unwrap();
    outcome.tls12
}

/// The suites of TLS 1.3 that a list leaves beside all of TLS 1.2.
#[track_caller]
fn selected13(list: &str) -> Vec<&'static str> {
    let outcome = outcome(&format!("DEFAULT:{list}"));
    assert_eq!(outcome.result, Ok(CipherListReport::default()), "{list}");
    outcome.tls13
}

#[track_caller]
fn refusal<T: std::fmt::Debug>(result: Result<T, Error>) -> ConfigurationError {
    match result {
        Err(Error::Configuration(error)) => {
            assert_eq!(error.item, ConfigurationItem::CipherList);
            error
        }
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn reason(list: &str) -> ConfigurationReason {
    refusal(outcome(list).result).reason
}

#[test]
fn k12_default_is_all_suites_in_openssls_order() {
    let outcome = outcome("DEFAULT");
    assert_eq!(outcome.tls12, ALL);
    assert_eq!(outcome.tls13, [A256, CC, A128]);
}

#[test]
fn k12_without_a_list_chacha20_leads() {
    let (tls13, tls12) = by_version(&Settings::secure(Role::Client));
    assert_eq!(tls13, [CC, A128, A256]);
    assert_eq!(tls12, ["ECC", "RCC", "E128", "R128", "E256", "R256"]);
}

#[test]
fn k11_a_list_is_joined_by_colons() {
    let mut settings = Settings::secure(Role::Client);
    set(&mut settings, &["DEFAULT", "!aRSA", "+ECDSA+AES256"]).unwrap();
    assert_eq!(by_version(&settings).1, ["ECC", "E128", "E256"]);
    set(&mut settings, &["ECDHE:!AES", "!ECDSA"]).unwrap();
    assert_eq!(by_version(&settings).1, ["RCC"]);
    let empty = refusal(set(&mut settings, &[]));
    assert_eq!(empty.reason, ConfigurationReason::NoCipherMatch);
}

#[test]
fn k11_case_does_not_matter() {
    for (one, other) in [
        ("DEFAULT:!aRSA", "default:!ARSA"),
        ("ECDHE:-AES128:ECDHE", "ecdhe:-aes128:EcDhE"),
        ("AES128:AES256:@STRENGTH", "aes128:aes256:@strength"),
        ("ALL:@SECLEVEL=2", "all:@seclevel=2"),
        ("SUITEB128", "suiteb128"),
        ("ECDHE-RSA-AES128-GCM-SHA256", "ecdhe-rsa-aes128-gcm-sha256"),
    ] {
        assert_eq!(selected(one), selected(other));
    }
    assert_eq!(selected13("tls_aes_128_gcm_sha256"), [A128]);
}

#[test]
fn k11_every_suite_goes_by_its_openssl_and_its_iana_name() {
    for (short, name) in SHORT {
        assert_eq!(selected(name), short);
        let iana = name
            .replace("AES", "AES-")
            .replace("ECDSA-", "ECDSA-WITH-")
            .replace("RSA-", "RSA-WITH-")
            .replace("POLY1305", "POLY1305-SHA256")
            .replace('-', "_");
        assert_eq!(selected(&format!("TLS_{iana}")), short, "{iana}");
        let removed = selected(&format!("ALL:!TLS_{iana}"));
        assert!(!removed.contains(short), "{removed}");
    }
}

#[test]
fn k11_every_class_holds_its_suites() {
    for (words, held) in [
        (
            &[
                "ALL", "HIGH", "TLSv1.2", "ECDHE", "EECDH", "ECDH", "kECDHE", "kEECDH",
            ][..],
            ALL,
        ),
        (&["AESGCM", "AES", "FIPS"], "E256 R256 E128 R128"),
        (&["aRSA"], "R256 RCC R128"),
        (&["aECDSA", "ECDSA"], "E256 ECC E128"),
        (&["CHACHA20"], "ECC RCC"),
        (&["AES256"], "E256 R256"),
        (&["AES128"], "E128 R128"),
        (&["SUITEB128C2"], "E256"),
    ] {
        for word in words {
            assert_eq!(selected(word), held, "{word}");
        }
    }
}

#[test]
fn k11_classes_without_a_suite_of_ours_are_known() {
    let none = "RSA kRSA DH DHE EDH ADH kDHE kEDH AECDH aNULL eNULL NULL COMPLEMENTOFALL \
        COMPLEMENTOFDEFAULT MEDIUM LOW EXP EXPORT DSS aDSS aDH kECDH SSLv2 SSLv3 TLSv1 TLSv1.0 CBC \
        AESCCM AESCCM8 ARIA ARIAGCM CAMELLIA 3DES DES RC4 RC2 IDEA SEED MD5 SHA SHA1 SHA256 SHA384 \
        PSK kPSK aPSK SRP GOST";
    for word in none.split_whitespace() {
        for list in [format!("ALL:!{word}"), format!("{word}:ALL")] {
            let outcome = outcome(&list);
            assert_eq!(outcome.result, Ok(CipherListReport::default()), "{list}");
            assert_eq!(outcome.tls12, ALL, "{list}");
        }
    }
}

#[test]
fn k11_words_without_effect_are_reported_by_kind() {
    let report = outcome("NOSUCH:AES256-SHA:ECDHE:TLS_RSA_WITH_AES_128_CBC_SHA:!typo+AES").result;
    let report = report.unwrap();
    assert_eq!(report.unknown, ["NOSUCH", "typo"]);
    let unsupported = ["AES256-SHA", "TLS_RSA_WITH_AES_128_CBC_SHA"];
    assert_eq!(report.unsupported, unsupported);
    // Removing a suite that is not there has the effect that was asked for.
    let removed = outcome("ALL:!AES256-SHA:!RC4-MD5:!TLS_AES_128_CCM_SHA256").result;
    assert_eq!(removed, Ok(CipherListReport::default()));
    let tls13 = outcome("ALL:TLS_AES_128_CCM_SHA256").result.unwrap();
    assert_eq!(tls13.unsupported, ["TLS_AES_128_CCM_SHA256"]);
    let misspelt = "ECDHE-RSA-AES128-GCM-SHA265 TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA265 ECDHE-AES128";
    for word in misspelt.split_whitespace() {
        let report = outcome(&format!("ALL:{word}")).result.unwrap();
        assert_eq!(report.unknown, [word]);
    }
}

#[test]
fn k11_tls13_suites_are_a_list_of_their_own() {
    let all = vec![A256, CC, A128];
    assert_eq!(selected13("AES128"), all);
    assert_eq!(selected13("!CHACHA20:@STRENGTH"), all);
    assert_eq!(selected13(&format!("{A128}:{CC}")), [A128, CC]);
    assert_eq!(selected13(&format!("!{CC}")), [A256, A128]);
    assert_eq!(selected13(&format!("-{A256}")), [CC, A128]);
    assert_eq!(selected13(&format!("+{A256}")), [CC, A128, A256]);
    assert_eq!(selected13(&format!("{A256}:{A128}:+{A256}")), [A128, A256]);
    assert_eq!(selected13(&format!("-{A128}:{A128}")), [A128]);
    assert_eq!(selected13(&format!("!{A128}:{A128}:{CC}")), [CC]);
    // Joined to another word it selects nothing, as in OpenSSL, which does not know the word.
    let joined = outcome(&format!("ALL:{A128}+AES:AES+{A128}"));
    assert_eq!(joined.result.unwrap().unknown, [A128, A128]);
    assert_eq!(joined.tls13, all);
}

#[test]
fn k11_a_list_without_tls12_serves_tls13_alone_and_only_it() {
    let list = [A128];
    let mut settings = Settings::secure(Role::Client);
    let refused = refusal(set(&mut settings, &list));
    assert_eq!(refused.reason, ConfigurationReason::NoCipherMatch);
    settings.set_protocol("tlsv13").unwrap();
    set(&mut settings, &list).unwrap();
    assert_eq!(settings.cipher_suites(), [A128]);
    assert!(settings.seal().is_ok());
    // Versions that are chosen later meet it at the seal.
    settings.set_protocol("auto").unwrap();
    let sealed = refusal(settings.seal());
    assert_eq!(sealed.reason, ConfigurationReason::NoCipherMatch);
}

#[test]
fn k11_tls13_without_a_suite_is_not_offered_and_tls12_is() {
    let none = format!("DEFAULT:!{A256}:!{CC}:!{A128}");
    let authority = Authority::root("Root");
    let mut client = client_settings(authority.der());
    set(&mut client, &[&none]).unwrap();
    let server = seal(&server_settings(&authority.issue(&Leaf::server())));
    let pair = Pair::new(&seal(&client), &server).handshake();
    assert_eq!(pair.client.version(), Some(Version::Tls12));
    client.set_protocol("tlsv13").unwrap();
    let alone = refusal(client.seal());
    assert_eq!(alone.reason, ConfigurationReason::NoCipherMatch);
    assert!(alone.detail.unwrap().contains("TLS 1.3"));
}

#[test]
fn k11_a_server_follows_its_own_list_or_its_clients() {
    let authority = Authority::root("Root");
    let identity = authority.issue(&Leaf::server());
    for own in [["AES256:CHACHA20", A256, CC], ["CHACHA20:AES256", CC, A256]] {
        let mut server = server_settings(&identity);
        set(&mut server, &own).unwrap();
        for preference in [None, Some(Role::Server), Some(Role::Client)] {
            let mut server = server.clone();
            if let Some(role) = preference {
                server.set_suite_preference(role).unwrap();
            }
            let server = seal(&server);
            for list in [["CHACHA20:AES256", CC, A256], ["AES256:CHACHA20", A256, CC]] {
                let decides = match preference {
                    Some(Role::Client) => list,
                    _ => own,
                };
                let mut client = client_settings(authority.der());
                set(&mut client, &list).unwrap();
                let pair = Pair::new(&seal(&client), &server).handshake();
                let suite = pair.client.cipher_suite().unwrap();
                assert_eq!(suite, decides[1], "{preference:?}");
                client.set_protocol("tlsv12").unwrap();
                let pair = Pair::new(&seal(&client), &server).handshake();
                let suite = pair.server.cipher_suite().unwrap();
                let is_chacha = decides[0].starts_with("CHACHA20");
                assert_eq!(suite.contains("CHACHA20"), is_chacha, "{preference:?}");
            }
        }
    }
}

#[test]
fn k11_a_failure_leaves_the_old_list() {
    let mut settings = Settings::secure(Role::Client);
    set(&mut settings, &["CHACHA20", A128]).unwrap();
    let before = settings.cipher_suites();
    for list in ["NOSUCH", "ALL:!ALL", "AES:@FOO", "AES:*", "AES:@SECLEVEL=3"] {
        refusal(set(&mut settings, &[list]));
        assert_eq!(settings.cipher_suites(), before, "{list}");
    }
    set(&mut settings, &["AES256"]).unwrap();
    assert_ne!(settings.cipher_suites(), before);
}

#[test]
fn k11_security_levels_that_are_not_kept_are_refused() {
    for level in ["0", "1", "2"] {
        assert_eq!(selected(&format!("ALL:@SECLEVEL={level}")), ALL);
    }
    for level in ["3", "4", "5"] {
        let refused = outcome(&format!("ALL:@SECLEVEL={level}")).result;
        let text = refused.as_ref().unwrap_err().to_string();
        assert!(text.contains("@SECLEVEL=2"), "{text}");
        let reason = refusal(refused).reason;
        assert_eq!(reason, ConfigurationReason::UnsupportedSecurityLevel);
    }
}

#[test]
fn k11_what_is_no_list_is_malformed() {
    for list in [
        "@FOO:ALL",
        "@",
        "ALL:@",
        "@SECLEVEL=6",
        "@SECLEVEL=",
        "@SECLEVEL=22",
        "ALL:*",
        "*",
        "ALL\t",
        "ALL\n",
        "!",
        "ALL:!",
        "+",
        "-:ALL",
        "!!ALL",
        "++ALL",
        "AES+",
        "AES+:ALL",
        "ALL:é",
        "\0",
    ] {
        assert_eq!(reason(list), ConfigurationReason::Malformed, "{list:?}");
    }
}

/// The answers are those of OpenSSL 3.0.19.
#[test]
fn k11_what_follows_a_word_without_a_separator_is_done_unless_the_word_is_at_odds() {
    for list in [
        "AES!ALL:ECDHE",
        "SHA384!ALL:ECDHE",
        "ECDHE-RSA-AES128-GCM-SHA256+TLSv1!ALL:ECDHE",
    ] {
        assert_eq!(reason(list), ConfigurationReason::NoCipherMatch, "{list}");
    }
    for list in [
        "NOSUCH*!ALL:ECDHE",
        "EXPORT!ALL:ECDHE",
        "AES128+CHACHA20!ALL:ECDHE",
        "TLSv1.2+TLSv1!ALL:ECDHE",
        "ECDHE-RSA-AES128-GCM-SHA256+LOW!ALL:ECDHE",
    ] {
        assert_eq!(selected(list), ALL, "{list}");
    }
}

#[test]
fn refusals_name_the_words_and_the_cure() {
    let text = |list| outcome(list).result.unwrap_err().to_string();
    let none = text("NOSUCH:AES256-SHA:RC4");
    for part in ["cipher list", "NOSUCH", "AES256-SHA", "DEFAULT"] {
        assert!(none.contains(part), "{none}");
    }
    let malformed = text("ALL:*");
    for part in ["cipher list", "'*' at byte 4", "ciphers(1)"] {
        assert!(malformed.contains(part), "{malformed}");
    }
}
