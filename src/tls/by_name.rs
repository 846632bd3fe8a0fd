//! Values by DNS names and by wildcards.

use std::collections::BTreeMap;

use rustls::pki_types::DnsName;

use crate::error::{ConfigurationItem, ConfigurationReason, Error};

/// A value for each of some names.
#[derive(Clone, Debug)]
pub(super) struct ByName<T> {
    exact: BTreeMap<String, T>,
    /// By what follows `*.`, which stands for one label.
    wildcards: BTreeMap<String, T>,
}

impl<T> Default for ByName<T> {
    fn default() -> Self {
        Self {
            exact: BTreeMap::new(),
            wildcards: BTreeMap::new(),
        }
    }
}

impl<T> ByName<T> {
    /// Adds a name, or a wildcard.
    pub(super) fn add(&mut self, name: &str, value: T) -> Result<(), Error> {
        let refused = |reason, detail| {
            Err(Error::refused(
                ConfigurationItem::ServerName,
                reason,
                detail,
            ))
        };
        let (values, written) = match name.strip_prefix("*.") {
            Some(parent) => (&mut self.wildcards, parent),
            None => (&mut self.exact, name),
        };
        let Some(key) = normal(written) else {
            let detail = format!("{name:?} is neither a DNS name nor one with *. before it");
            return refused(ConfigurationReason::Malformed, detail);
        };
        if values.contains_key(&key) {
            let detail = format!("{name:?} is there twice");
            return refused(ConfigurationReason::Duplicate, detail);
        }
        values.insert(key, value);
        Ok(())
    }

    /// The value of this name: its own, else that of the wildcard which stands for it.
    pub(super) fn get(&self, name: &str) -> Option<&T> {
        let name = normal(name)?;
        self.exact.get(&name).or_else(|| {
            let (_, parent) = name.split_once('.')?;
            self.wildcards.get(parent)
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.wildcards.is_empty()
    }
}

/// The form in which names are compared: in lower case, and without a dot at the end.
fn normal(name: &str) -> Option<String> {
    let name = name.strip_suffix('.').unwrap_or(name);
    DnsName::try_from(name).ok()?;
    Some(name.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_its_own_comes_before_a_wildcard_which_stands_for_one_label() {
        let mut by_name = ByName::default();
        assert!(by_name.is_empty());
        for (name, value) in [("*.Example.com", 1), ("www.example.com.", 2)] {
            assert_eq!(by_name.add(name, value), Ok(()));
        }
        assert!(!by_name.is_empty());
        for (name, value) in [
            ("mail.example.com", Some(1)),
            ("MAIL.EXAMPLE.COM.", Some(1)),
            ("www.example.com", Some(2)),
            ("a.www.example.com", None),
            ("example.com", None),
            ("192.0.2.1", None),
            ("", None),
        ] {
            assert_eq!(by_name.get(name).copied(), value, "{name}");
        }
    }

    #[test]
    fn what_is_no_name_or_is_there_twice_is_refused() {
        let mut by_name = ByName::default();
        assert_eq!(by_name.add("a.test", 1), Ok(()));
        for (name, reason) in [
            ("A.test.", ConfigurationReason::Duplicate),
            ("*.*.test", ConfigurationReason::Malformed),
            ("a*.test", ConfigurationReason::Malformed),
            ("*", ConfigurationReason::Malformed),
            ("", ConfigurationReason::Malformed),
            ("192.0.2.1", ConfigurationReason::Malformed),
        ] {
            match by_name.add(name, 2) {
                Err(Error::Configuration(refused)) => {
                    assert_eq!(refused.item, ConfigurationItem::ServerName);
                    assert_eq!(refused.reason, reason, "{name}");
                }
                other => panic!("{name}: {other:?}"),
            }
        }
        assert_eq!(by_name.get("a.test"), Some(&1));
    }
}
