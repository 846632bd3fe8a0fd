//! Records as the wire has them (RFC 8446 §5.1): a type, a version, a length, a body.

/// The length of a record's header.
pub(crate) const HEADER: usize = 5;

/// Types of content.
pub(crate) const CHANGE_CIPHER_SPEC: u8 = 20;
pub(crate) const ALERT: u8 = 21;
pub(crate) const HANDSHAKE: u8 = 22;
pub(crate) const DATA: u8 = 23;
pub(crate) const HEARTBEAT: u8 = 24;

/// A record of this type.
pub(crate) fn record(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap_or(u16::MAX);
    let mut record = vec![kind, 3, 3];
    record.extend(length.to_be_bytes());
    record.extend(body);
    record
}

/// Takes the first record from the front, if it is whole.
pub(crate) fn take_record(bytes: &mut Vec<u8>) -> Option<Vec<u8>> {
    let (high, low) = (*bytes.get(3)?, *bytes.get(4)?);
    let end = HEADER + usize::from(u16::from_be_bytes([high, low]));
    (bytes.len() >= end).then(|| bytes.drain(..end).collect())
}

/// The type of a record, and what is in it.
pub(crate) fn parts(record: &[u8]) -> Option<(u8, &[u8])> {
    Some((*record.first()?, record.get(HEADER..)?))
}
