//! Reads certificates from PEM, DER or PKCS #7.

use std::borrow::Cow;

use base64ct::{Base64, Encoding as _};
use rustls::pki_types::CertificateDer;
use zeroize::Zeroizing;

use super::{ber, pem, pfx};
use crate::error::{ConfigurationItem, ConfigurationReason, Error};
use crate::tls::x509;

/// The certificates in PEM, DER or PKCS #7, in order; other PEM blocks are skipped.
pub(crate) fn certificates(
    item: ConfigurationItem,
    input: &[u8],
) -> Result<Vec<CertificateDer<'static>>, Error> {
    let fail = |reason, detail: &str| Err(Error::refused(item, reason, detail));
    if input.is_empty() {
        return fail(ConfigurationReason::Empty, "0 bytes");
    }
    if !is_pem(input) {
        let der = definite(input);
        if pfx::is_pkcs12(&der) {
            let hint = match item {
                ConfigurationItem::TrustRoots | ConfigurationItem::SuggestedAuthorities => {
                    pfx::HINT_FOR_ROOTS
                }
                _ => pfx::HINT,
            };
            return fail(ConfigurationReason::NoCertificate, hint);
        }
        if let Some(found) = signed(&der) {
            return found.or_else(|what| fail(ConfigurationReason::Malformed, what));
        }
        return match der_length(&der) {
            Some(length) if length == der.len() => Ok(vec![CertificateDer::from(der.into_owned())]),
            length => fail(ConfigurationReason::Malformed, &not_der(input, length)),
        };
    }
    let blocks = pem::blocks(input).map_err(|pem::Malformed(what)| {
        Error::refused(item, ConfigurationReason::Malformed, what)
    })?;
    let mut certificates = Vec::new();
    let mut is_any_distrusted = false;
    for block in &blocks {
        let malformed = |what: &str| {
            let detail = format!("{}, {}: {what}", block.label, block.place);
            fail(ConfigurationReason::Malformed, &detail)
        };
        let is_trusted = match block.label {
            "CERTIFICATE" | "X509 CERTIFICATE" => false,
            // Under this label of OpenSSL's, what the certificate is trusted for follows it.
            "TRUSTED CERTIFICATE" => true,
            "PKCS7" | "PKCS #7 SIGNED DATA" | "CMS" => {
                match signed(&definite(&block.contents)) {
                    Some(Ok(mut found)) => certificates.append(&mut found),
                    Some(Err(what)) => return malformed(what),
                    None => return malformed("no certificates are signed in it"),
                }
                continue;
            }
            _ => continue,
        };
        let contents = block.contents.as_slice();
        // Some authorities send their chains as PKCS #7 under this label.
        if let Some(found) = signed(&definite(contents)) {
            certificates.append(&mut found.or_else(malformed)?);
            continue;
        }
        let der = match der_length(contents) {
            Some(length) if is_trusted => contents.get(..length),
            Some(length) => (length == contents.len()).then_some(contents),
            None => None,
        };
        let Some(der) = der else {
            return malformed("it is cut short, or no certificate");
        };
        let auxiliary = contents.get(der.len()..).unwrap_or_default();
        match x509::is_trusted_for_tls(auxiliary) {
            Ok(false) if item == ConfigurationItem::TrustRoots => is_any_distrusted = true,
            Ok(_) => certificates.push(CertificateDer::from(der.to_vec())),
            Err(x509::Malformed) => return malformed("what follows the certificate is unreadable"),
        }
    }
    if certificates.is_empty() {
        let what = match is_any_distrusted {
            true => "PEM whose certificates are marked as not trusted for TLS",
            false => "PEM without a CERTIFICATE block",
        };
        return fail(ConfigurationReason::NoCertificate, what);
    }
    Ok(certificates)
}

/// The certificates in PKCS #7; `None` if it is something else.
fn signed(der: &[u8]) -> Option<Result<Vec<CertificateDer<'static>>, &'static str>> {
    let found = pfx::signed_certificates(der)?;
    let owned = |der: &&[u8]| CertificateDer::from(der.to_vec());
    Some(match found {
        Ok(found) if found.is_empty() => Err("PKCS#7 without a certificate"),
        Ok(found) => Ok(found.iter().map(owned).collect()),
        Err(_) => Err("PKCS#7 that is not whole"),
    })
}

/// The input as DER, which may be BER of indefinite length, as streams are written.
pub(super) fn definite(input: &[u8]) -> Cow<'_, [u8]> {
    match ber::to_der(input).filter(|_| input.starts_with(INDEFINITE)) {
        Some(der) => Cow::Owned(der.to_vec()),
        None => Cow::Borrowed(input),
    }
}

/// How a SEQUENCE begins that two zeros end (X.690 §8.1.3.6).
const INDEFINITE: &[u8] = &[0x30, 0x80];

/// What is wrong with input that is neither PEM nor one element of DER. `length` is the length that
/// its header gives, if it has one.
pub(super) fn not_der(input: &[u8], length: Option<usize>) -> String {
    match (length, strange(input)) {
        (Some(length), _) if length > input.len() => {
            format!("DER of {length} bytes that ends after {}", input.len())
        }
        (Some(length), _) => format!("DER of {length} bytes, and {} more", input.len() - length),
        (None, Some(what)) => what.to_owned(),
        (None, None) => "neither PEM nor DER".to_owned(),
    }
}

/// Names what people have in place of a PEM or DER file, and how they convert it.
pub(super) fn strange(input: &[u8]) -> Option<&'static str> {
    let text = std::str::from_utf8(input).unwrap_or_default().trim();
    let wide = b"B\0E\0G\0I\0N";
    let wide = input.windows(wide.len()).position(|part| part == wide);
    let is_little = wide.map(|at| at.is_multiple_of(2));
    if input.starts_with(b"\xff\xfe") || is_little == Some(true) {
        Some("UTF-16: convert it with `iconv -f UTF-16LE -t UTF-8 OLD > NEW`")
    } else if input.starts_with(b"\xfe\xff") || is_little == Some(false) {
        Some("UTF-16: convert it with `iconv -f UTF-16BE -t UTF-8 OLD > NEW`")
    } else if input.starts_with(b"\xfe\xed\xfe\xed") {
        Some(
            "a keystore of Java: convert it with `keytool -importkeystore -srckeystore OLD \
             -destkeystore NEW -deststoretype PKCS12`, which load-pkcs12 takes",
        )
    } else if text.starts_with("LS0tLS1CRUdJTi") {
        Some("base64 of PEM: decode it with `base64 -d OLD > NEW`")
    } else if is_base64_der(text) {
        Some("base64 without the lines of PEM around it: decode it with `base64 -d OLD > NEW`")
    } else if is_path(text) {
        Some("a path where the contents belong; pass it as a path")
    } else {
        None
    }
}

/// Whether the text is the name of a file of this kind.
fn is_path(text: &str) -> bool {
    const ENDS: [&str; 8] = [
        ".pem", ".crt", ".cer", ".der", ".key", ".p7b", ".p12", ".pfx",
    ];
    !text.contains('\n') && ENDS.iter().any(|end| text.ends_with(end))
}

/// Says what a text that cannot be a path is: mostly the contents of a file. The text itself must
/// not be shown, because it may be a key.
#[must_use]
pub fn mistaken_path(text: &str) -> Option<&'static str> {
    /// The longest name in bytes that file systems allow.
    const LONGEST: usize = 255;
    if text.contains("-----BEGIN") || text.contains("PRIVATE KEY") {
        Some("PEM text where a path belongs; pass bytes")
    } else if text.contains(char::is_control) {
        Some("the contents of a file where a path belongs; pass bytes")
    } else if text.starts_with("LS0tLS1CRUdJTi") || is_base64_der(text) {
        Some("base64 where a path belongs; decode it, and pass bytes")
    } else if text.split('/').any(|name| name.len() > LONGEST) {
        Some("a text where a path belongs, which it is too long for; pass bytes")
    } else {
        None
    }
}

/// Whether the text is one element of DER in base64, as inside PEM.
fn is_base64_der(text: &str) -> bool {
    // A SEQUENCE begins with this letter, though other things do too.
    if !text.starts_with('M') {
        return false;
    }
    // It may be a key: a buffer that grows would leave pieces of it behind.
    let mut base64 = Zeroizing::new(String::with_capacity(text.len()));
    base64.extend(text.split_whitespace());
    let decoded = Base64::decode_vec(&base64).map(Zeroizing::new);
    decoded.is_ok_and(|der| der_length(&der) == Some(der.len()))
}

/// Whether the input is meant as PEM. DER can hold the armour of PEM by chance.
pub(super) fn is_pem(input: &[u8]) -> bool {
    der_length(input) != Some(input.len()) && !input.starts_with(INDEFINITE) && pem::is_pem(input)
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
        let detail = "CERTIFICATE, block 1, which begins at line 1: it has no -----END line";
        let item = ConfigurationItem::CertificateChain;
        assert_eq!(
            pem,
            Err(Error::refused(item, ConfigurationReason::Malformed, detail))
        );
    }
}
