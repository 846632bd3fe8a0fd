//! Which configuration serves a client, by what its ClientHello says.

use std::sync::Arc;

use rustls::ServerConfig;

use super::client_hello::ClientHello;
use super::config::{Config, ServerSide};

impl Config {
    /// Whether the ClientHello is read before the handshake goes on.
    pub(super) fn reads_hello(&self) -> bool {
        self.server()
            .is_some_and(|side| side.asks || side.without_alpn.is_some() || !side.names.is_empty())
    }

    /// Whether the caller chooses the configuration.
    pub(super) fn asks(&self) -> bool {
        self.server().is_some_and(|side| side.asks)
    }

    /// The configuration for the name that the client asks for, if that has one of its own.
    pub(super) fn for_name(&self, hello: &ClientHello) -> Option<&Arc<Self>> {
        let name = hello.server_name.as_deref()?;
        self.server()?.names.get(name)
    }
}

impl ServerSide {
    /// What rustls is given for this client.
    pub(super) fn for_client(&self, hello: &ClientHello) -> &Arc<ServerConfig> {
        let has_common = || {
            let mut ours = self.rustls.alpn_protocols.iter();
            ours.any(|protocol| hello.alpn.contains(protocol))
        };
        match &self.without_alpn {
            Some(without) if !hello.alpn.is_empty() && !has_common() => without,
            _ => &self.rustls,
        }
    }
}
