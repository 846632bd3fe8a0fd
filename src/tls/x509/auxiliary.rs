//! The trust settings that follow the certificate in OpenSSL's `TRUSTED CERTIFICATE`
//! (`X509_CERT_AUX`): the purposes that it is trusted for, and those that it is not.

use super::der::{Malformed, OID, Reader, SEQUENCE, constructed, only};

/// The purposes of servers and clients (RFC 5280 §4.2.1.12), and any.
const OURS: [&[u8]; 3] = [
    &[0x2b, 6, 1, 5, 5, 7, 3, 1],
    &[0x2b, 6, 1, 5, 5, 7, 3, 2],
    &[0x55, 0x1d, 0x25, 0],
];

/// Whether a certificate with these trust settings may be a trust root of TLS: no purpose of TLS is
/// rejected, and if trusted purposes are listed, one of TLS is among them. Distributions list roots
/// in this form that they do not trust.
pub(crate) fn is_trusted_for_tls(auxiliary: &[u8]) -> Result<bool, Malformed> {
    if auxiliary.is_empty() {
        return Ok(true);
    }
    let mut reader = Reader::new(only(auxiliary, SEQUENCE)?);
    let trusted = reader.optional(SEQUENCE)?;
    let rejected = reader.optional(constructed(0))?;
    Ok(!has_ours(rejected.unwrap_or_default())? && trusted.map_or(Ok(true), has_ours)?)
}

fn has_ours(purposes: &[u8]) -> Result<bool, Malformed> {
    let mut reader = Reader::new(purposes);
    let mut found = false;
    while !reader.is_empty() {
        found |= OURS.contains(&reader.expect(OID)?);
    }
    Ok(found)
}
