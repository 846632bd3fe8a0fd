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

/// OpenSSL's names where they are others.
fn other_names(group: NamedGroup) -> &'static [&'static str] {
    match group {
        NamedGroup::X25519Mlkem768 | NamedGroup::X25519 => &[],
        NamedGroup::Secp256r1 => &["P-256", "prime256v1"],
        NamedGroup::Secp384r1 => &["P-384"],
    }
}

const ALL: [NamedGroup; 4] = [
    NamedGroup::X25519Mlkem768,
    NamedGroup::X25519,
    NamedGroup::Secp256r1,
    NamedGroup::Secp384r1,
];

/// The group of that name; case does not matter.
fn group(word: &str) -> Result<NamedGroup, String> {
    let is_called = |name: &str| name.eq_ignore_ascii_case(word);
    ALL.into_iter()
        .find(|group| {
            is_called(name(*group)) || other_names(*group).iter().any(|name| is_called(name))
        })
        .ok_or_else(|| {
            let known = ALL.map(name).join(", ").to_lowercase();
            format!("{word:?} is not one of {known}")
        })
}

impl FromStr for Groups {
    type Err = String;

    fn from_str(list: &str) -> Result<Self, Self::Err> {
        let groups = list.split([',', ':']).map(|word| group(word.trim()));
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
