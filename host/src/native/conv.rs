//! Converts core types to WIT types and back, in one table.

use super::bindings::portcullis::tls::context::{
    AlpnMismatch, CipherListReport, DirectoryReport, FileProblem, KeyKind, RevocationScope,
    ServerName, Truncation, UnknownRevocation, Verify, VerifyName,
};
use super::bindings::portcullis::tls::types as wit;

portcullis::wit_conversions!();

/// The length of a read, which cannot be 0.
pub(super) fn read_length(length: u64) -> Result<usize, wit::Error> {
    match usize::try_from(length).unwrap_or(usize::MAX) {
        0 => Err(wit::Error::InvalidArgument(
            "a read of 0 bytes; ask for one at least".to_owned(),
        )),
        length => Ok(length),
    }
}

/// A number of bytes as the interface has it.
pub(super) fn number(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
