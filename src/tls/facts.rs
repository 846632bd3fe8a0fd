//! What a handshake has agreed on, kept after its session has gone.

use super::config::Version;
use super::error::CertificateError;

/// The facts of one connection; the functions of the same names of `Session` say what they mean.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the functions of Session say it")]
pub struct Facts {
    pub version: Option<Version>,
    pub cipher_suite: Option<String>,
    pub group: Option<&'static str>,
    pub peer_certificates: Vec<Vec<u8>>,
    pub verify_result: Result<(), CertificateError>,
    pub is_truncated: bool,
}

impl Default for Facts {
    /// Of a connection that never came to be.
    fn default() -> Self {
        Self {
            version: None,
            cipher_suite: None,
            group: None,
            peer_certificates: Vec::new(),
            verify_result: Err(CertificateError::not_checked("there was no handshake")),
            is_truncated: false,
        }
    }
}
