//! The resource `client-hello`.

use super::bindings::exports::portcullis::tls::client_hello::{Guest, GuestClientHello};
use super::component::Component;
use crate::tls::ClientHello;

/// What a client has said, apart from its connection.
pub(crate) struct Hello(pub(crate) ClientHello);

impl Guest for Component {
    type ClientHello = Hello;
}

impl GuestClientHello for Hello {
    fn server_name(&self) -> Option<String> {
        self.0.server_name.clone()
    }

    fn alpn(&self) -> Vec<String> {
        let text = |name: &Vec<u8>| String::from_utf8_lossy(name).into_owned();
        self.0.alpn.iter().map(text).collect()
    }

    fn legacy_version(&self) -> u16 {
        self.0.legacy_version
    }

    fn versions(&self) -> Vec<u16> {
        self.0.versions.clone()
    }

    fn cipher_suites(&self) -> Vec<u16> {
        self.0.cipher_suites.clone()
    }

    fn groups(&self) -> Vec<u16> {
        self.0.groups.clone()
    }

    fn signature_schemes(&self) -> Vec<u16> {
        self.0.signature_schemes.clone()
    }

    fn extensions(&self) -> Vec<u16> {
        self.0.extensions.clone()
    }
}
