//! OpenSSL's cipher lists (ciphers(1), seed K11) over the suites of this component. It knows
//! nothing of connections.

mod parser;
mod suite;
mod word;

use std::ops::RangeInclusive;

use rustls::SupportedCipherSuite;

use self::suite::{Suite, TLS12, TLS13};
use super::version::Version;
use crate::error::{ConfigurationItem, ConfigurationReason, Error};
use portcullis_provider::ALL_CIPHER_SUITES;

/// Suites in order: those of TLS 1.3 and those of TLS 1.2, which a list chooses separately.
#[derive(Clone, Debug)]
pub(super) struct CipherList {
    tls12: Vec<&'static Suite>,
    tls13: Vec<&'static Suite>,
    report: CipherListReport,
}

/// The words of a cipher list that had no effect, as they were written and in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CipherListReport {
    /// Words that are not known.
    pub unknown: Vec<String>,
    /// Suites that exist, but that this component does not have; not those removed by `!`.
    pub unsupported: Vec<String>,
}

impl CipherList {
    /// All suites, those of `order` first and in its order, then in the provider's. It holds until a
    /// list is set.
    pub(super) fn preferred(order: &[SupportedCipherSuite]) -> Self {
        let mut order: Vec<_> = order.iter().map(SupportedCipherSuite::suite).collect();
        for suite in ALL_CIPHER_SUITES {
            if !order.contains(&suite.suite()) {
                order.push(suite.suite());
            }
        }
        let in_order = |suites: &'static [Suite]| {
            let ids = order.iter().copied();
            ids.filter_map(|id| suites.iter().find(|suite| suite.id == id))
                .collect()
        };
        Self {
            tls12: in_order(&TLS12),
            tls13: in_order(&TLS13),
            report: CipherListReport::default(),
        }
    }

    /// The suites that a list selects, possibly none.
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        parser::parse(text)
    }

    /// The words that had no effect.
    pub(super) fn report(&self) -> &CipherListReport {
        &self.report
    }

    /// The names of the suites of these versions, TLS 1.3 first.
    pub(super) fn names(&self, versions: &RangeInclusive<Version>) -> Vec<&'static str> {
        let suites = self.suites(versions);
        suites.iter().map(|suite| suite.name).collect()
    }

    /// The provider's suites of these versions, TLS 1.3 first.
    pub(super) fn supported(
        &self,
        versions: &RangeInclusive<Version>,
    ) -> Vec<SupportedCipherSuite> {
        self.suites(versions)
            .into_iter()
            .filter_map(|suite| ALL_CIPHER_SUITES.iter().find(|one| one.suite() == suite.id))
            .copied()
            .collect()
    }

    /// Refuses a list that leaves these versions without a suite. If TLS 1.2 is among them, it
    /// needs a suite, as in OpenSSL. TLS 1.3 beside it may be left without, if its suites were all
    /// removed by name; then only TLS 1.2 is spoken.
    pub(super) fn check(&self, versions: &RangeInclusive<Version>) -> Result<(), Error> {
        let (needed, name) = if versions.contains(&Version::Tls12) {
            (&self.tls12, "TLS 1.2")
        } else {
            (&self.tls13, "TLS 1.3")
        };
        if !needed.is_empty() {
            return Ok(());
        }
        let mut detail = format!("no suite of {name} is left");
        for (kind, words) in [
            ("unknown", &self.report.unknown),
            ("unsupported", &self.report.unsupported),
        ] {
            if !words.is_empty() {
                detail.push_str(&format!(", {kind}: {}", words.join(" ")));
            }
        }
        let item = ConfigurationItem::CipherList;
        Err(Error::refused(
            item,
            ConfigurationReason::NoCipherMatch,
            detail,
        ))
    }

    fn suites(&self, versions: &RangeInclusive<Version>) -> Vec<&'static Suite> {
        [(Version::Tls13, &self.tls13), (Version::Tls12, &self.tls12)]
            .into_iter()
            .filter(|(version, _)| versions.contains(version))
            .flat_map(|(_, suites)| suites.iter().copied())
            .collect()
    }
}
