//! The resource `certificate`.

use super::bindings::exports::portcullis::tls::certificate::{
    Certificate as CertificateHandle, Guest, GuestCertificate,
};
use super::bindings::exports::portcullis::tls::types::Error as WitError;
use super::component::Component;
use crate::tls::Certificate;

impl Guest for Component {
    type Certificate = Certificate;
}

impl GuestCertificate for Certificate {
    fn parse(der: Vec<u8>) -> Result<CertificateHandle, WitError> {
        Ok(CertificateHandle::new(Self::parse(der)?))
    }

    fn subject(&self) -> String {
        self.subject()
    }

    fn issuer(&self) -> String {
        self.issuer()
    }

    fn serial_number(&self) -> Vec<u8> {
        self.serial_number()
    }

    fn not_before(&self) -> i64 {
        self.validity().0
    }

    fn not_after(&self) -> i64 {
        self.validity().1
    }

    fn dns_names(&self) -> Vec<String> {
        self.dns_names()
    }

    fn ip_addresses(&self) -> Vec<String> {
        self.ip_addresses()
    }

    fn email_addresses(&self) -> Vec<String> {
        self.email_addresses()
    }

    fn uris(&self) -> Vec<String> {
        self.uris()
    }

    fn key_usage(&self) -> Option<Vec<String>> {
        self.key_usage()
    }

    fn extended_key_usage(&self) -> Option<Vec<String>> {
        self.extended_key_usage()
    }

    fn is_authority(&self) -> bool {
        self.is_authority()
    }

    fn signature_algorithm(&self) -> String {
        self.signature_algorithm()
    }

    fn fingerprint(&self) -> Vec<u8> {
        self.fingerprint().to_vec()
    }

    fn public_key(&self) -> Vec<u8> {
        self.public_key()
    }

    fn public_key_fingerprint(&self) -> Vec<u8> {
        self.public_key_fingerprint().to_vec()
    }

    fn der(&self) -> Vec<u8> {
        self.der().to_vec()
    }

    fn check_name(&self, name: String) -> Result<(), WitError> {
        Ok(self.check_name(&name)?)
    }
}
