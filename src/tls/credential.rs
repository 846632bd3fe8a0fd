//! PEM or DER to certificates.

use rustls::pki_types::CertificateDer;

use super::error::{ConfigurationItem, ConfigurationReason, Error};
use super::{pem, pfx, pkcs12};

/// The certificates in PEM or DER, in order; other PEM blocks are skipped.
pub(crate) fn certificates(
    item: ConfigurationItem,
    input: &[u8],
) -> Result<Vec<CertificateDer<'static>>, Error> {
    let fail = |reason, detail: &str| Err(Error::refused(item, reason, detail));
    if input.is_empty() {
        return fail(ConfigurationReason::Empty, "0 bytes");
    }
    if !is_pem(input) {
        if pfx::is_pkcs12(input) {
            return fail(ConfigurationReason::NoCertificate, pkcs12::HINT);
        }
        return match der_length(input) {
            Some(length) if length == input.len() => Ok(vec![CertificateDer::from(input.to_vec())]),
            Some(_) => fail(
                ConfigurationReason::Malformed,
                "DER of another length than it says",
            ),
            None => fail(ConfigurationReason::Malformed, "neither PEM nor DER"),
        };
    }
    let Ok(blocks) = pem::blocks(input) else {
        return fail(
            ConfigurationReason::Malformed,
            "a PEM block without end or with bad base64",
        );
    };
    let certificates: Vec<_> = blocks
        .iter()
        .filter_map(|block| match block.label {
            "CERTIFICATE" | "X509 CERTIFICATE" => Some(block.contents.as_slice()),
            // What OpenSSL's own label adds after the certificate is cut off.
            "TRUSTED CERTIFICATE" => {
                let contents = block.contents.as_slice();
                let own = der_length(contents).and_then(|length| contents.get(..length));
                Some(own.unwrap_or(contents))
            }
            _ => None,
        })
        .map(|der| CertificateDer::from(der.to_vec()))
        .collect();
    if certificates.is_empty() {
        return fail(
            ConfigurationReason::NoCertificate,
            "PEM without a CERTIFICATE block",
        );
    }
    Ok(certificates)
}

/// Whether the input is meant as PEM. DER can hold its armour by chance.
pub(super) fn is_pem(input: &[u8]) -> bool {
    der_length(input) != Some(input.len()) && pem::is_pem(input)
}

/// The length of the DER SEQUENCE at the start of the input, header included (X.690 §8.1.3).
pub(super) fn der_length(input: &[u8]) -> Option<usize> {
    let (&0x30, rest) = input.split_first()? else {
        return None;
    };
    let (&first, rest) = rest.split_first()?;
    if first < 0x80 {
        return Some(2 + usize::from(first));
    }
    let count = usize::from(first & 0x7f);
    if count == 0 || count > 3 {
        return None;
    }
    let length = rest
        .get(..count)?
        .iter()
        .fold(0, |length, byte| (length << 8) | usize::from(*byte));
    Some(2 + count + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn der_that_holds_the_armour_of_pem_is_der() {
        let armour = b"-----BEGIN CERTIFICATE-----";
        let der = [&[0x30, 27][..], armour].concat();
        let found = certificates(ConfigurationItem::CertificateChain, &der).unwrap();
        assert_eq!(found, [CertificateDer::from(der.clone())]);
        // Without the bytes before it, it is a block without end.
        let pem = certificates(ConfigurationItem::CertificateChain, armour);
        let detail = "a PEM block without end or with bad base64";
        let item = ConfigurationItem::CertificateChain;
        assert_eq!(
            pem,
            Err(Error::refused(item, ConfigurationReason::Malformed, detail))
        );
    }
}
