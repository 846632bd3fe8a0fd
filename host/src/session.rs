//! Handle on the facts of a connection: interface `session`.

use wasmtime::component::ResourceAny;

use crate::failure::Failure;
use crate::instance::{Instance, ask, call};
use crate::types::{CertificateError, Version};

/// What a handshake has agreed on, got by [`Port::session`](crate::Port::session) or
/// [`Engine::session`](crate::Engine::session); see resource `session` in `wit/session.wit` for what
/// each function tells. The facts are there once the handshake is done, and stay after the connection
/// has ended and after its port or engine was dropped.
#[derive(Debug)]
pub struct Session(pub(crate) ResourceAny);

#[expect(
    clippy::missing_errors_doc,
    reason = "the errors are those of the WIT functions, and traps"
)]
impl Session {
    /// The negotiated version; none before the handshake is done.
    pub fn version(&self, instance: &mut Instance) -> Result<Option<Version>, Failure> {
        ask!(instance, session.call_version, self.0)
    }

    /// The negotiated cipher suite by its IANA name; none before the handshake is done.
    pub fn cipher_suite(&self, instance: &mut Instance) -> Result<Option<String>, Failure> {
        ask!(instance, session.call_cipher_suite, self.0)
    }

    /// The negotiated key exchange group by its IANA name; none before the handshake is done, and
    /// where TLS 1.2 resumed a session.
    pub fn group(&self, instance: &mut Instance) -> Result<Option<String>, Failure> {
        ask!(instance, session.call_group, self.0)
    }

    /// The signature scheme by which the peer has proved that it holds its key, by its IANA name.
    pub fn signature_scheme(&self, instance: &mut Instance) -> Result<Option<String>, Failure> {
        ask!(instance, session.call_signature_scheme, self.0)
    }

    /// The same of this side.
    pub fn own_signature_scheme(&self, instance: &mut Instance) -> Result<Option<String>, Failure> {
        ask!(instance, session.call_own_signature_scheme, self.0)
    }

    /// The certificates that this side has presented, as DER, its own first.
    pub fn own_certificates(&self, instance: &mut Instance) -> Result<Vec<Vec<u8>>, Failure> {
        ask!(instance, session.call_own_certificates, self.0)
    }

    /// Whether the server has asked for a client's certificate; none before the handshake is done, and
    /// where it resumed a session.
    pub fn was_certificate_requested(
        &self,
        instance: &mut Instance,
    ) -> Result<Option<bool>, Failure> {
        ask!(instance, session.call_was_certificate_requested, self.0)
    }

    /// The application protocol that was agreed on; none before the handshake is done, and where one
    /// side offers none.
    pub fn alpn(&self, instance: &mut Instance) -> Result<Option<String>, Failure> {
        ask!(instance, session.call_alpn, self.0)
    }

    /// The server's name that the client has sent in SNI.
    pub fn server_name(&self, instance: &mut Instance) -> Result<Option<String>, Failure> {
        ask!(instance, session.call_server_name, self.0)
    }

    /// Whether the handshake has resumed an earlier session; none before it is done.
    pub fn is_resumed(&self, instance: &mut Instance) -> Result<Option<bool>, Failure> {
        ask!(instance, session.call_is_resumed, self.0)
    }

    /// Whether the server has asked for another key share first; none before the handshake is done,
    /// and where it resumed a session.
    pub fn was_retried(&self, instance: &mut Instance) -> Result<Option<bool>, Failure> {
        ask!(instance, session.call_was_retried, self.0)
    }

    /// Whether the server has taken early data; none if a client wrote none, and of a server that took
    /// none.
    pub fn was_early_data_accepted(
        &self,
        instance: &mut Instance,
    ) -> Result<Option<bool>, Failure> {
        ask!(instance, session.call_was_early_data_accepted, self.0)
    }

    /// Whether the secrets of this connection are in a key log.
    pub fn is_logged(&self, instance: &mut Instance) -> Result<bool, Failure> {
        ask!(instance, session.call_is_logged, self.0)
    }

    /// Keying material of a length in bytes, for a protocol inside the connection.
    pub fn export_keying_material(
        &self,
        instance: &mut Instance,
        label: &str,
        context: Option<&[u8]>,
        length: u64,
    ) -> Result<Vec<u8>, Failure> {
        call!(
            instance,
            session.call_export_keying_material,
            self.0,
            label,
            context,
            length
        )
    }

    /// The channel binding of a name: `tls-exporter` or `tls-server-end-point`.
    pub fn channel_binding(&self, instance: &mut Instance, name: &str) -> Result<Vec<u8>, Failure> {
        call!(instance, session.call_channel_binding, self.0, name)
    }

    /// The peer's certificates as DER, its own first.
    pub fn peer_certificates(&self, instance: &mut Instance) -> Result<Vec<Vec<u8>>, Failure> {
        ask!(instance, session.call_peer_certificates, self.0)
    }

    /// What came of checking the peer's certificate: ok only if it presented one that passed every
    /// check that the context asks for; else the check that failed, `Missing` or `NotChecked`.
    pub fn verify_result(
        &self,
        instance: &mut Instance,
    ) -> Result<Result<(), CertificateError>, Failure> {
        ask!(instance, session.call_verify_result, self.0)
    }

    /// Whether the transport ended without close_notify after the handshake, tolerated or not.
    pub fn is_truncated(&self, instance: &mut Instance) -> Result<bool, Failure> {
        ask!(instance, session.call_is_truncated, self.0)
    }

    /// Frees the session; the connection goes on.
    pub fn drop(self, instance: &mut Instance) -> Result<(), Failure> {
        instance.drop_resource(self.0)
    }
}
