//! `--groups`: key exchange groups by the names that other programs give them.

use std::str::FromStr;

use portcullis_host::types::NamedGroup;

/// Groups in order, as they are written: with `,` or `:` between them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Groups(pub(crate) Vec<NamedGroup>);

/// The name that IANA has for it.
pub(crate) fn name(group: NamedGroup) -> &'static str {
    match group {
        NamedGroup::X25519Mlkem768 => "X25519MLKEM768",
        NamedGroup::X25519 => "x25519",
        NamedGroup::Secp256r1 => "secp256r1",
        NamedGroup::Secp384r1 => "secp384r1",
    }
}

/// IANA's name first, then OpenSSL's; case does not matter.
const NAMES: [(NamedGroup, &[&str]); 4] = [
    (NamedGroup::X25519Mlkem768, &["x25519mlkem768"]),
    (NamedGroup::X25519, &["x25519"]),
    (NamedGroup::Secp256r1, &["secp256r1", "P-256", "prime256v1"]),
    (NamedGroup::Secp384r1, &["secp384r1", "P-384"]),
];

impl FromStr for Groups {
    type Err = String;

    fn from_str(list: &str) -> Result<Self, Self::Err> {
        let groups = list.split([',', ':']).map(|word| {
            let is_it = |name: &&str| name.eq_ignore_ascii_case(word.trim());
            let found = NAMES.iter().find(|(_, names)| names.iter().any(is_it));
            found.map(|(group, _)| *group).ok_or_else(|| {
                let known: Vec<_> = NAMES
                    .iter()
                    .filter_map(|(_, names)| names.first())
                    .collect();
                let known = known.into_iter().copied().collect::<Vec<_>>().join(", ");
                format!("{:?} is not one of {known}", word.trim())
            })
        });
        groups.collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_go_by_the_names_of_iana_and_of_openssl() {
        use NamedGroup::{Secp256r1, Secp384r1, X25519, X25519Mlkem768};
        let all = [X25519Mlkem768, X25519, Secp256r1, Secp384r1];
        for list in [
            "x25519mlkem768,x25519,secp256r1,secp384r1",
            "X25519MLKEM768:X25519:P-256:P-384",
            "X25519MLKEM768, X25519, prime256v1, SECP384R1",
        ] {
            assert_eq!(list.parse(), Ok(Groups(all.to_vec())), "{list}");
        }
        assert_eq!("P-384".parse(), Ok(Groups(vec![Secp384r1])));
        for list in ["", "x25519,", "x448", "x25519 P-256"] {
            let refused = list.parse::<Groups>().unwrap_err();
            assert!(
                refused.ends_with("x25519mlkem768, x25519, secp256r1, secp384r1"),
                "{refused}"
            );
        }
    }
}
