//! `--sigalgs`: signature schemes by the names of IANA and of OpenSSL.

use std::str::FromStr;

use portcullis_host::{Context, Instance};

use super::names::split;
use crate::exit::{Exit, Result};

/// Names of signature schemes in order, as they are written, with `,` or `:` between them. The component
/// knows which schemes exist.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SignatureSchemes(Vec<String>);

impl SignatureSchemes {
    /// Makes the context use these schemes.
    pub(crate) fn set(&self, tls: &mut Instance, context: &Context) -> Result<()> {
        context
            .set_signature_schemes(tls, &self.0)
            .map_err(|failure| Exit::from(failure).context("--sigalgs"))
    }
}

/// OpenSSL's names of the form KEY+HASH, each with IANA's name.
const OTHER_NAMES: [(&str, &str); 9] = [
    ("ECDSA+SHA256", "ecdsa_secp256r1_sha256"),
    ("ECDSA+SHA384", "ecdsa_secp384r1_sha384"),
    ("ECDSA+SHA512", "ecdsa_secp521r1_sha512"),
    ("RSA-PSS+SHA256", "rsa_pss_rsae_sha256"),
    ("RSA-PSS+SHA384", "rsa_pss_rsae_sha384"),
    ("RSA-PSS+SHA512", "rsa_pss_rsae_sha512"),
    ("RSA+SHA256", "rsa_pkcs1_sha256"),
    ("RSA+SHA384", "rsa_pkcs1_sha384"),
    ("RSA+SHA512", "rsa_pkcs1_sha512"),
];

impl FromStr for SignatureSchemes {
    type Err = String;

    fn from_str(list: &str) -> std::result::Result<Self, Self::Err> {
        let iana = |word: &str| {
            let mut names = OTHER_NAMES.into_iter();
            let name = names.find(|(other, _)| other.eq_ignore_ascii_case(word));
            name.map_or(word, |(_, name)| name).to_owned()
        };
        let words = split(list, &[',', ':'], "ed25519,rsa_pss_rsae_sha256")?;
        Ok(Self(words.into_iter().map(iana).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemes_go_by_the_names_of_iana_and_of_openssl() {
        let list = "ed25519:ECDSA+sha256,rsa_pss_rsae_sha256,RSA+SHA512";
        let names = "ed25519 ecdsa_secp256r1_sha256 rsa_pss_rsae_sha256 rsa_pkcs1_sha512";
        let names = names.split(' ').map(str::to_owned).collect();
        assert_eq!(list.parse(), Ok(SignatureSchemes(names)));
        for list in ["", "ed25519,", "ed25519::RSA+SHA256"] {
            assert!(list.parse::<SignatureSchemes>().is_err(), "{list}");
        }
    }
}
