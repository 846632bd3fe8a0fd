//! The measures of records.

/// The header: type, version, and the length of what follows (RFC 8446 §5.1).
pub(super) const HEADER: usize = 5;

/// The most plaintext (RFC 8446 §5.1).
pub(super) const LONGEST: usize = 16 * 1024;
