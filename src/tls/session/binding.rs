//! Keying material for what runs inside the connection: exporters and channel bindings.

use super::Session;
use crate::error::Error;
use crate::tls::config::Side;
use crate::tls::version::Version;
use crate::tls::x509::Certificate;
use portcullis_provider::end_point;

/// The most that one call exports: more than any use takes, and a bound for the allocation.
const MOST_EXPORTED: usize = 16 * 1024;

/// The longest label in TLS 1.3, where `tls13 ` comes before it (RFC 8446 §7.1).
const LONGEST_LABEL: usize = 249;

/// Labels of the protocol itself, which derive other secrets (RFC 5705 §4).
const RESERVED_LABELS: [&str; 4] = [
    "client finished",
    "server finished",
    "master secret",
    "key expansion",
];

/// The length of `tls-exporter` (RFC 9266 §3).
const BINDING: u64 = 32;

impl Session {
    /// Keying material that both sides derive alike, and nobody else can (RFC 5705; RFC 8446 §7.5).
    ///
    /// # Errors
    /// `WantRead` before the handshake is done; `InvalidArgument` of a length of 0 or above 16 KiB, or
    /// above what the hash of TLS 1.3 gives, of a context above 65,535 bytes, and of a label that is
    /// reserved, or above 249 bytes in TLS 1.3.
    pub fn export_keying_material(
        &self,
        label: &str,
        context: Option<&[u8]>,
        length: u64,
    ) -> Result<Vec<u8>, Error> {
        if !self.is_established() {
            return Err(Error::WantRead);
        }
        let invalid = |why: String| Err(Error::InvalidArgument(why));
        let exported = usize::try_from(length).unwrap_or(usize::MAX);
        let (most, longest_label) = self.export_limits();
        if !(1..=most).contains(&exported) {
            return invalid(format!(
                "{length} bytes of keying material; ask for 1 to {most}"
            ));
        }
        if label.len() > longest_label {
            return invalid(format!(
                "a label of an exporter has at most {longest_label} bytes in TLS 1.3"
            ));
        }
        if RESERVED_LABELS.contains(&label) {
            return invalid(format!(
                "the label {label:?} is for secrets of TLS itself; use EXPORTER- and a name"
            ));
        }
        let longest = usize::from(u16::MAX);
        if context.is_some_and(|context| context.len() > longest) {
            return invalid(format!(
                "a context of an exporter has at most {longest} bytes"
            ));
        }
        self.connection
            .export_keying_material(vec![0; exported], label.as_bytes(), context)
            .map_err(|error| Error::from_rustls(error, None))
    }

    /// How many bytes can be exported, and how long a label may be.
    fn export_limits(&self) -> (usize, usize) {
        let suite = self.connection.negotiated_cipher_suite();
        match suite.and_then(|suite| suite.tls13()) {
            // RFC 5869 §2.3.
            Some(suite) => {
                let most = 255 * suite.common.hash_provider.output_len();
                (most.min(MOST_EXPORTED), LONGEST_LABEL)
            }
            None => (MOST_EXPORTED, usize::MAX),
        }
    }

    /// The channel binding of this name, for authentication inside the connection (RFC 5056).
    ///
    /// # Errors
    /// `WantRead` before the handshake is done; `NotSupported` of `tls-unique`, of `tls-exporter` in
    /// TLS 1.2, and of `tls-server-end-point` where the server's certificate is not known or its
    /// signature has no hash function; `InvalidArgument` of another name.
    pub fn channel_binding(&self, name: &str) -> Result<Vec<u8>, Error> {
        if !self.is_established() {
            return Err(Error::WantRead);
        }
        match name {
            // In TLS 1.2 it is safe with the extended master secret alone (RFC 9266 §4.2), and rustls
            // does not tell whether that was agreed on.
            "tls-exporter" if self.version() == Some(Version::Tls13) => {
                self.export_keying_material("EXPORTER-Channel-Binding", Some(b""), BINDING)
            }
            "tls-exporter" => Err(Error::NotSupported(
                "tls-exporter in TLS 1.2; use tls-server-end-point, or TLS 1.3".to_owned(),
            )),
            "tls-server-end-point" => self.server_end_point(),
            "tls-unique" => Err(Error::NotSupported(
                "tls-unique, which TLS 1.3 does not have and TLS 1.2 broke; use tls-exporter or \
                 tls-server-end-point"
                    .to_owned(),
            )),
            _ => Err(Error::InvalidArgument(format!(
                "{name:?} is no channel binding; use tls-exporter or tls-server-end-point"
            ))),
        }
    }

    fn server_end_point(&self) -> Result<Vec<u8>, Error> {
        let unsupported = |why: &str| Error::NotSupported(format!("{why}; use tls-exporter"));
        let certificate = match &self.config.side {
            Side::Client(_) => self.peer_certificates().first(),
            Side::Server(side) => self.own_certificates().first().or(side.own.as_ref()),
        };
        let certificate = certificate.ok_or_else(|| {
            unsupported("tls-server-end-point of a resumed session of several identities")
        })?;
        Certificate::parse(certificate)
            .ok()
            .and_then(|parsed| end_point(parsed.signature_algorithm(), certificate))
            .ok_or_else(|| {
                unsupported(
                    "tls-server-end-point of a certificate whose signature has no hash function",
                )
            })
    }
}
