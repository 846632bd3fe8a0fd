//! Extensions, as certificates, lists and the entries of lists have them (RFC 5280 §4.2, §5.2, §5.3).

use std::collections::BTreeSet;

use super::der::{BOOLEAN, Malformed, OCTET_STRING, OID, Reader, SEQUENCE, boolean, identifier};

/// Gives each extension's OID, whether it is critical, and its value. The list should not be empty, but
/// some encoders make it so.
///
/// # Errors
/// `Malformed`, also of an extension that is there twice; those of `take`.
pub(super) fn each_extension<'a, E: From<Malformed>>(
    list: &'a [u8],
    mut take: impl FnMut(&'a [u8], bool, &'a [u8]) -> Result<(), E>,
) -> Result<(), E> {
    let mut seen = BTreeSet::new();
    let mut list = Reader::new(list);
    while !list.is_empty() {
        let mut extension = Reader::new(list.expect(SEQUENCE)?);
        let oid = identifier(extension.expect(OID)?)?;
        if !seen.insert(oid) {
            return Err(Malformed.into());
        }
        let is_critical = extension.optional(BOOLEAN)?.map(boolean).transpose()?;
        let value = extension.expect(OCTET_STRING)?;
        extension.end()?;
        take(oid, is_critical == Some(true), value)?;
    }
    Ok(())
}
