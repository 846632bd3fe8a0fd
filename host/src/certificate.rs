//! Handle on a certificate that is taken apart: interface `certificate`.

use wasmtime::component::ResourceAny;

use crate::failure::Failure;
use crate::instance::{Instance, ask, call};

/// One certificate; see resource `certificate` in `wit/certificate.wit` for what each function tells. It
/// says what its issuer wrote into it, and nothing of whether that may be believed.
#[derive(Debug)]
pub struct Certificate(pub(crate) ResourceAny);

#[expect(
    clippy::missing_errors_doc,
    reason = "the errors are those of the WIT functions, and traps"
)]
impl Certificate {
    /// Take one certificate as DER.
    pub fn parse(instance: &mut Instance, der: &[u8]) -> Result<Self, Failure> {
        call!(instance, certificate.call_parse, der).map(Self)
    }

    /// Whom it was made out to, as text of RFC 4514.
    pub fn subject(&self, instance: &mut Instance) -> Result<String, Failure> {
        ask!(instance, certificate.call_subject, self.0)
    }

    /// Who made it out.
    pub fn issuer(&self, instance: &mut Instance) -> Result<String, Failure> {
        ask!(instance, certificate.call_issuer, self.0)
    }

    /// The bytes of the serial number, as DER has them.
    pub fn serial_number(&self, instance: &mut Instance) -> Result<Vec<u8>, Failure> {
        ask!(instance, certificate.call_serial_number, self.0)
    }

    /// The first second that it is valid, from the beginning of 1970.
    pub fn not_before(&self, instance: &mut Instance) -> Result<i64, Failure> {
        ask!(instance, certificate.call_not_before, self.0)
    }

    /// The last second that it is valid, from the beginning of 1970.
    pub fn not_after(&self, instance: &mut Instance) -> Result<i64, Failure> {
        ask!(instance, certificate.call_not_after, self.0)
    }

    /// The DNS names that it is for.
    pub fn dns_names(&self, instance: &mut Instance) -> Result<Vec<String>, Failure> {
        ask!(instance, certificate.call_dns_names, self.0)
    }

    /// The IP addresses that it is for.
    pub fn ip_addresses(&self, instance: &mut Instance) -> Result<Vec<String>, Failure> {
        ask!(instance, certificate.call_ip_addresses, self.0)
    }

    /// The mail addresses that it is for.
    pub fn email_addresses(&self, instance: &mut Instance) -> Result<Vec<String>, Failure> {
        ask!(instance, certificate.call_email_addresses, self.0)
    }

    /// The URIs that it is for.
    pub fn uris(&self, instance: &mut Instance) -> Result<Vec<String>, Failure> {
        ask!(instance, certificate.call_uris, self.0)
    }

    /// What its key may do, by the names of RFC 5280; none if it does not say.
    pub fn key_usage(&self, instance: &mut Instance) -> Result<Option<Vec<String>>, Failure> {
        ask!(instance, certificate.call_key_usage, self.0)
    }

    /// What it is for, by OIDs; none if it does not say.
    pub fn extended_key_usage(
        &self,
        instance: &mut Instance,
    ) -> Result<Option<Vec<String>>, Failure> {
        ask!(instance, certificate.call_extended_key_usage, self.0)
    }

    /// Whether it says that it is an authority's.
    pub fn is_authority(&self, instance: &mut Instance) -> Result<bool, Failure> {
        ask!(instance, certificate.call_is_authority, self.0)
    }

    /// The OID of the algorithm that it is signed by.
    pub fn signature_algorithm(&self, instance: &mut Instance) -> Result<String, Failure> {
        ask!(instance, certificate.call_signature_algorithm, self.0)
    }

    /// The SHA-256 of the certificate.
    pub fn fingerprint(&self, instance: &mut Instance) -> Result<Vec<u8>, Failure> {
        ask!(instance, certificate.call_fingerprint, self.0)
    }

    /// The DER of its SubjectPublicKeyInfo.
    pub fn public_key(&self, instance: &mut Instance) -> Result<Vec<u8>, Failure> {
        ask!(instance, certificate.call_public_key, self.0)
    }

    /// The SHA-256 of its SubjectPublicKeyInfo, for [`Context::add_pin`](crate::Context::add_pin).
    pub fn public_key_fingerprint(&self, instance: &mut Instance) -> Result<Vec<u8>, Failure> {
        ask!(instance, certificate.call_public_key_fingerprint, self.0)
    }

    /// The certificate as it was taken.
    pub fn der(&self, instance: &mut Instance) -> Result<Vec<u8>, Failure> {
        ask!(instance, certificate.call_der, self.0)
    }

    /// Check that it has this DNS name or IP address, as the handshake of a client does.
    pub fn check_name(&self, instance: &mut Instance, name: &str) -> Result<(), Failure> {
        call!(instance, certificate.call_check_name, self.0, name)
    }

    /// Frees it.
    pub fn drop(self, instance: &mut Instance) -> Result<(), Failure> {
        instance.drop_resource(self.0)
    }
}
