//! The resource `client-hello`.

pub use portcullis::tls::ClientHello;
use wasmtime::Result as Trappable;
use wasmtime::component::Resource;

use super::bindings::portcullis::tls::client_hello::{Host, HostClientHello};
use super::view::View;

type This = Resource<ClientHello>;

impl Host for View<'_> {}

impl HostClientHello for View<'_> {
    fn server_name(&mut self, this: This) -> Trappable<Option<String>> {
        Ok(self.table().get(&this)?.server_name.clone())
    }

    fn alpn(&mut self, this: This) -> Trappable<Vec<String>> {
        let text = |name: &Vec<u8>| String::from_utf8_lossy(name).into_owned();
        Ok(self.table().get(&this)?.alpn.iter().map(text).collect())
    }

    fn legacy_version(&mut self, this: This) -> Trappable<u16> {
        Ok(self.table().get(&this)?.legacy_version)
    }

    fn versions(&mut self, this: This) -> Trappable<Vec<u16>> {
        Ok(self.table().get(&this)?.versions.clone())
    }

    fn cipher_suites(&mut self, this: This) -> Trappable<Vec<u16>> {
        Ok(self.table().get(&this)?.cipher_suites.clone())
    }

    fn groups(&mut self, this: This) -> Trappable<Vec<u16>> {
        Ok(self.table().get(&this)?.groups.clone())
    }

    fn signature_schemes(&mut self, this: This) -> Trappable<Vec<u16>> {
        Ok(self.table().get(&this)?.signature_schemes.clone())
    }

    fn extensions(&mut self, this: This) -> Trappable<Vec<u16>> {
        Ok(self.table().get(&this)?.extensions.clone())
    }

    fn drop(&mut self, this: This) -> Trappable<()> {
        self.table().delete(this)?;
        Ok(())
    }
}
