//! What a certificate says, for people and for `--json`.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use serde::Serialize;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::time::ASN1Time;

use crate::exit::one_line;

/// The part of a certificate that people look at. It is shown, never decided on: what counts is
/// what the component found.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    subject: String,
    issuer: String,
    names: Vec<String>,
    not_before: String,
    not_after: String,
}

impl Summary {
    /// None if it is no certificate.
    pub(crate) fn of(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let alternative = certificate.subject_alternative_name().ok().flatten();
        let names = alternative.map(|names| names.value.general_names.iter().filter_map(name));
        Some(Self {
            subject: one_line(&certificate.subject().to_string()),
            issuer: one_line(&certificate.issuer().to_string()),
            names: names.map(Iterator::collect).unwrap_or_default(),
            not_before: date(certificate.validity().not_before),
            not_after: date(certificate.validity().not_after),
        })
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
    }

    #[test]
    fn garbage_has_no_summary() {
        assert!(Summary::of(b"garbage").is_none());
    }
}
