//! A summary of a certificate, for people and for `--json`.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use serde::Serialize;
use sha2::{Digest, Sha256};
use x509_parser::extensions::GeneralName;
use x509_parser::objects::{oid_registry, oid2sn};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::time::ASN1Time;
use x509_parser::x509::{AlgorithmIdentifier, SubjectPublicKeyInfo};

use crate::exit::one_line;

/// The part of a certificate that people look at. It is only shown: the component decides.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    subject: String,
    issuer: String,
    names: Vec<String>,
    not_before: String,
    not_after: String,
    days_left: i64,
    key: String,
    signature: String,
    serial: String,
    sha256: String,
}

impl Summary {
    /// None if the bytes are not a certificate.
    pub(crate) fn of(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let alternative = certificate.subject_alternative_name().ok().flatten();
        let names = alternative.map(|names| names.value.general_names.iter().filter_map(name));
        let validity = certificate.validity();
        let left = validity.not_after.timestamp() - ASN1Time::now().timestamp();
        Some(Self {
            subject: one_line(&certificate.subject().to_string()),
            issuer: one_line(&certificate.issuer().to_string()),
            names: names.map(Iterator::collect).unwrap_or_default(),
            not_before: date(validity.not_before),
            not_after: date(validity.not_after),
            days_left: left.div_euclid(24 * 60 * 60),
            key: key(certificate.public_key()),
            signature: algorithm(&certificate.signature_algorithm),
            serial: hex(certificate.raw_serial()),
            sha256: hex(&Sha256::digest(der)),
        })
    }

    /// The summary in full, with a line for each part, as `openssl s_client -showcerts` and `step
    /// certificate inspect --short` show it.
    pub(crate) fn lines(&self) -> Vec<(&'static str, String)> {
        let left = match self.days_left {
            days @ ..0 => format!("expired {} days ago", -days),
            days => format!("{days} days left"),
        };
        vec![
            ("subject", self.subject.clone()),
            ("issuer", self.issuer.clone()),
            ("names", self.names.join(" ")),
            (
                "valid",
                format!("{} to {}, {left}", self.not_before, self.not_after),
            ),
            ("key", self.key.clone()),
            ("signed", self.signature.clone()),
            ("serial", self.serial.clone()),
            ("sha256", self.sha256.clone()),
        ]
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "subject {:?}, issuer {:?}", self.subject, self.issuer)?;
        if !self.names.is_empty() {
            write!(f, ", for {}", self.names.join(" "))?;
        }
        write!(f, ", valid {} to {}", self.not_before, self.not_after)
    }
}

/// Algorithm and size, such as `id-ecPublicKey, 256 bits`.
fn key(key: &SubjectPublicKeyInfo<'_>) -> String {
    let algorithm = algorithm(&key.algorithm);
    match key.parsed().map_or(0, |key| key.key_size()) {
        0 => algorithm,
        bits => format!("{algorithm}, {bits} bits"),
    }
}

/// The short name of an algorithm, else its object identifier.
fn algorithm(algorithm: &AlgorithmIdentifier<'_>) -> String {
    match oid2sn(&algorithm.algorithm, oid_registry()) {
        Ok(name) => name.to_owned(),
        Err(_) => algorithm.algorithm.to_id_string(),
    }
}

fn hex(bytes: &[u8]) -> String {
    let pairs: Vec<_> = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
    pairs.join(":")
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) | GeneralName::RFC822Name(name) => Some(one_line(name)),
        GeneralName::IPAddress(bytes) => match <[u8; 4]>::try_from(*bytes) {
            Ok(ip) => Some(Ipv4Addr::from(ip).to_string()),
            Err(_) => Some(Ipv6Addr::from(<[u8; 16]>::try_from(*bytes).ok()?).to_string()),
        },
        _ => None,
    }
}

fn date(time: ASN1Time) -> String {
    let time = time.to_datetime();
    let (year, month, day) = time.to_calendar_date();
    format!("{year:04}-{:02}-{day:02}", u8::from(month))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summary_shows_names_and_validity() {
        let names = [
            "example.test".to_owned(),
            "127.0.0.1".to_owned(),
            "::1".to_owned(),
        ];
        let mut parameters = rcgen::CertificateParams::new(names).unwrap();
        parameters.not_before = rcgen::date_time_ymd(2020, 1, 2);
        parameters.not_after = rcgen::date_time_ymd(2049, 12, 31);
        let key = rcgen::KeyPair::generate().unwrap();
        let summary = Summary::of(parameters.self_signed(&key).unwrap().der()).unwrap();
        assert_eq!(summary.names, ["example.test", "127.0.0.1", "::1"]);
        assert_eq!(summary.not_before, "2020-01-02");
        assert_eq!(summary.not_after, "2049-12-31");
        let lines = summary.lines();
        let line = |title| &lines.iter().find(|(name, _)| *name == title).unwrap().1;
        assert!(line("valid").starts_with("2020-01-02 to 2049-12-31, "));
        assert!(line("valid").ends_with(" days left"));
        assert_eq!(line("key"), "id-ecPublicKey, 256 bits");
        assert_eq!(line("signed"), "ecdsa-with-SHA256");
        assert_eq!(line("sha256").len(), 32 * 3 - 1);
    }

    #[test]
    fn what_has_expired_says_so() {
        let mut parameters = rcgen::CertificateParams::new(Vec::new()).unwrap();
        parameters.not_before = rcgen::date_time_ymd(2020, 1, 2);
        parameters.not_after = rcgen::date_time_ymd(2021, 1, 2);
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        let summary = Summary::of(parameters.self_signed(&key).unwrap().der()).unwrap();
        let lines = summary.lines();
        assert!(
            lines.iter().any(|(_, text)| text.contains(", expired ")),
            "{lines:?}"
        );
        assert!(lines.contains(&("key", "ed25519".to_owned())), "{lines:?}");
    }

    #[test]
    fn garbage_has_no_summary() {
        assert!(Summary::of(b"garbage").is_none());
    }
}
