//! `--groups`: key exchange groups by the names of IANA and of OpenSSL.

use std::str::FromStr;

use portcullis_host::{Context, Instance};

use super::names::split;
use crate::exit::{Exit, Result};

/// Names of groups in order, as they are written, with `,` or `:` between them. The component knows
/// which groups exist.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Groups(Vec<String>);

impl Groups {
    /// Makes the context use these groups.
    pub(crate) fn set(&self, tls: &mut Instance, context: &Context) -> Result<()> {
        context
            .set_groups(tls, &self.0)
            .map_err(|failure| Exit::from(failure).context("--groups"))
    }
}

/// OpenSSL's names that differ from IANA's, each with IANA's name.
const OTHER_NAMES: [(&str, &str); 3] = [
    ("P-256", "secp256r1"),
    ("prime256v1", "secp256r1"),
    ("P-384", "secp384r1"),
];

/// IANA's name for one of OpenSSL's, in any case; any other word as it is.
fn iana(word: &str) -> &str {
    OTHER_NAMES
        .into_iter()
        .find(|(other, _)| other.eq_ignore_ascii_case(word))
        .map_or(word, |(_, name)| name)
}

impl FromStr for Groups {
    type Err = String;

    fn from_str(list: &str) -> std::result::Result<Self, Self::Err> {
        let words = split(list, &[',', ':'], "x25519,secp256r1")?;
        Ok(Self(
            words
                .into_iter()
                .map(|word| iana(word).to_owned())
                .collect(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_go_by_the_names_of_iana_and_of_openssl() {
        for (list, names) in [
            (
                "x25519mlkem768,x25519,secp256r1,secp384r1",
                "x25519mlkem768 x25519 secp256r1 secp384r1",
            ),
            (
                "X25519MLKEM768:X25519:P-256:P-384",
                "X25519MLKEM768 X25519 secp256r1 secp384r1",
            ),
            (
                "X25519MLKEM768, X25519, prime256v1, SECP384R1",
                "X25519MLKEM768 X25519 secp256r1 SECP384R1",
            ),
            ("p-384", "secp384r1"),
            // The component decides which groups exist.
            ("x448", "x448"),
        ] {
            let names = names.split(' ').map(str::to_owned).collect();
            assert_eq!(list.parse(), Ok(Groups(names)), "{list}");
        }
        for list in ["", ",", "x25519,", ":x25519", "x25519,,P-256"] {
            let refused = list.parse::<Groups>().unwrap_err();
            assert!(refused.contains("a name is missing"), "{list}: {refused}");
        }
    }
}
