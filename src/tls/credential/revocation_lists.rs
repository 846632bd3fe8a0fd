//! Reads revocation lists from PEM or DER.

use super::certificates::{definite, der_length, is_pem, not_der};
use super::pem;
use crate::error::{ConfigurationItem, ConfigurationReason, Error};
use crate::tls::x509::{RevocationList, Unusable};

/// The lists in PEM or DER, in order; other PEM blocks are skipped.
pub(crate) fn revocation_lists(input: &[u8]) -> Result<Vec<RevocationList>, Error> {
    if input.is_empty() {
        return Err(refused(ConfigurationReason::Empty, "0 bytes"));
    }
    if !is_pem(input) {
        let der = definite(input);
        let list = RevocationList::parse(&der).map_err(|unusable| match unusable {
            Unusable::Malformed => {
                let detail = match der_length(&der) {
                    Some(length) if length == der.len() => NO_LIST.to_owned(),
                    length => not_der(input, length),
                };
                refused(ConfigurationReason::Malformed, &detail)
            }
            Unusable::Unsupported(what) => refused(ConfigurationReason::Unsupported, &what),
        })?;
        return Ok(vec![list]);
    }
    let blocks = pem::blocks(input)
        .map_err(|pem::Malformed(what)| refused(ConfigurationReason::Malformed, &what))?;
    let mut lists = Vec::new();
    for block in blocks.iter().filter(|block| block.label == "X509 CRL") {
        let fail = |reason, what: &str| {
            let detail = format!("{}, {}: {what}", block.label, block.place);
            refused(reason, &detail)
        };
        let list = RevocationList::parse(&block.contents).map_err(|unusable| match unusable {
            Unusable::Malformed => fail(ConfigurationReason::Malformed, NO_LIST),
            Unusable::Unsupported(what) => fail(ConfigurationReason::Unsupported, &what),
        })?;
        lists.push(list);
    }
    match lists.is_empty() {
        true => Err(refused(
            ConfigurationReason::Missing,
            "PEM without an X509 CRL block",
        )),
        false => Ok(lists),
    }
}

const NO_LIST: &str = "it is cut short, or no revocation list";

fn refused(reason: ConfigurationReason, detail: &str) -> Error {
    Error::refused(ConfigurationItem::RevocationLists, reason, detail)
}
