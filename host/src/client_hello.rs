//! Handle on what a client says first: interface `client-hello`.

use wasmtime::component::ResourceAny;

use crate::failure::Failure;
use crate::instance::{Instance, ask};

/// The first message of a client, got by [`Port::client_hello`](crate::Port::client_hello); see resource
/// `client-hello` in `wit/client-hello.wit` for what each function tells. Nothing of it is verified.
#[derive(Debug)]
pub struct ClientHello(pub(crate) ResourceAny);

#[expect(
    clippy::missing_errors_doc,
    reason = "no function fails but by a trap, or by a handle of another instance"
)]
impl ClientHello {
    /// The server's name in SNI.
    pub fn server_name(&self, instance: &mut Instance) -> Result<Option<String>, Failure> {
        ask!(instance, client_hello.call_server_name, self.0)
    }

    /// The application protocols that are offered.
    pub fn alpn(&self, instance: &mut Instance) -> Result<Vec<String>, Failure> {
        ask!(instance, client_hello.call_alpn, self.0)
    }

    /// The version in the head: 0x0303 for TLS 1.2 and 1.3.
    pub fn legacy_version(&self, instance: &mut Instance) -> Result<u16, Failure> {
        ask!(instance, client_hello.call_legacy_version, self.0)
    }

    /// The versions that are offered; empty if the client does not list them.
    pub fn versions(&self, instance: &mut Instance) -> Result<Vec<u16>, Failure> {
        ask!(instance, client_hello.call_versions, self.0)
    }

    /// The cipher suites that are offered, by their numbers.
    pub fn cipher_suites(&self, instance: &mut Instance) -> Result<Vec<u16>, Failure> {
        ask!(instance, client_hello.call_cipher_suites, self.0)
    }

    /// The key exchange groups that are offered, by their numbers.
    pub fn groups(&self, instance: &mut Instance) -> Result<Vec<u16>, Failure> {
        ask!(instance, client_hello.call_groups, self.0)
    }

    /// The signature schemes that are offered, by their numbers.
    pub fn signature_schemes(&self, instance: &mut Instance) -> Result<Vec<u16>, Failure> {
        ask!(instance, client_hello.call_signature_schemes, self.0)
    }

    /// The types of all extensions, in their order.
    pub fn extensions(&self, instance: &mut Instance) -> Result<Vec<u16>, Failure> {
        ask!(instance, client_hello.call_extensions, self.0)
    }

    /// Frees it; the port goes on.
    pub fn drop(self, instance: &mut Instance) -> Result<(), Failure> {
        instance.drop_resource(self.0)
    }
}
