//! The resource `certificate`.

pub use portcullis::tls::Certificate;
use wasmtime::Result as Trappable;
use wasmtime::component::Resource;

use super::bindings::portcullis::tls::certificate::{Host, HostCertificate};
use super::fault::Fault;
use super::view::View;

type This = Resource<Certificate>;

impl Host for View<'_> {}

impl HostCertificate for View<'_> {
    fn parse(&mut self, der: Vec<u8>) -> Result<This, Fault> {
        Ok(self.table().push(Certificate::parse(der)?)?)
    }

    fn subject(&mut self, this: This) -> Trappable<String> {
        Ok(self.table().get(&this)?.subject())
    }

    fn issuer(&mut self, this: This) -> Trappable<String> {
        Ok(self.table().get(&this)?.issuer())
    }

    fn serial_number(&mut self, this: This) -> Trappable<Vec<u8>> {
        Ok(self.table().get(&this)?.serial_number())
    }

    fn not_before(&mut self, this: This) -> Trappable<i64> {
        Ok(self.table().get(&this)?.validity().0)
    }

    fn not_after(&mut self, this: This) -> Trappable<i64> {
        Ok(self.table().get(&this)?.validity().1)
    }

    fn dns_names(&mut self, this: This) -> Trappable<Vec<String>> {
        Ok(self.table().get(&this)?.dns_names())
    }

    fn ip_addresses(&mut self, this: This) -> Trappable<Vec<String>> {
        Ok(self.table().get(&this)?.ip_addresses())
    }

    fn email_addresses(&mut self, this: This) -> Trappable<Vec<String>> {
        Ok(self.table().get(&this)?.email_addresses())
    }

    fn uris(&mut self, this: This) -> Trappable<Vec<String>> {
        Ok(self.table().get(&this)?.uris())
    }

    fn key_usage(&mut self, this: This) -> Trappable<Option<Vec<String>>> {
        Ok(self.table().get(&this)?.key_usage())
    }

    fn extended_key_usage(&mut self, this: This) -> Trappable<Option<Vec<String>>> {
        Ok(self.table().get(&this)?.extended_key_usage())
    }

    fn is_authority(&mut self, this: This) -> Trappable<bool> {
        Ok(self.table().get(&this)?.is_authority())
    }

    fn signature_algorithm(&mut self, this: This) -> Trappable<String> {
        Ok(self.table().get(&this)?.signature_algorithm())
    }

    fn fingerprint(&mut self, this: This) -> Trappable<Vec<u8>> {
        Ok(self.table().get(&this)?.fingerprint().to_vec())
    }

    fn public_key(&mut self, this: This) -> Trappable<Vec<u8>> {
        Ok(self.table().get(&this)?.public_key())
    }

    fn public_key_fingerprint(&mut self, this: This) -> Trappable<Vec<u8>> {
        Ok(self.table().get(&this)?.public_key_fingerprint().to_vec())
    }

    fn der(&mut self, this: This) -> Trappable<Vec<u8>> {
        Ok(self.table().get(&this)?.der().to_vec())
    }

    fn check_name(&mut self, this: This, name: String) -> Result<(), Fault> {
        Ok(self.table().get(&this)?.check_name(&name)?)
    }

    fn drop(&mut self, this: This) -> Trappable<()> {
        self.table().delete(this)?;
        Ok(())
    }
}
