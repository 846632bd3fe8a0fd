//! Ends that speak TLS natively: rustls with the provider of ring or of aws-lc-rs.

use std::io::{Read, Write};
use std::mem;
use std::sync::Arc;

use anyhow::{Context, Result};
use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, aws_lc_rs, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::NoServerSessionStorage;
use rustls::version::TLS13;
use rustls::{
    CipherSuite, ClientConfig, ClientConnection, HandshakeKind, NamedGroup, RootCertStore,
    ServerConfig, ServerConnection, SupportedProtocolVersion,
};

use crate::connection::{Connection, Maker};
use crate::identity::{Identity, NAME};

/// The library whose cryptography rustls uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Library {
    AwsLc,
    Ring,
}

impl Library {
    pub(crate) const ALL: [Self; 2] = [Self::Ring, Self::AwsLc];

    /// The libraries that know the group: ring has no ML-KEM.
    pub(crate) fn with(group: NamedGroup) -> &'static [Self] {
        match group {
            NamedGroup::X25519MLKEM768 | NamedGroup::secp256r1MLKEM768 => &[Self::AwsLc],
            _ => &Self::ALL,
        }
    }

    /// The name in the names of entries.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::AwsLc => "rustls_aws_lc_rs",
            Self::Ring => "rustls_ring",
        }
    }

    /// The name of the peer, for people.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::AwsLc => "native rustls + aws-lc-rs",
            Self::Ring => "native rustls + ring",
        }
    }
}

/// The terms of a handshake.
#[derive(Clone, Copy)]
pub(crate) struct Terms<'a> {
    pub(crate) identity: &'a Identity,
    pub(crate) version: &'static SupportedProtocolVersion,
    /// The only suite; with `None` the library chooses.
    pub(crate) suite: Option<CipherSuite>,
    /// The only group, so that all sides do the same.
    pub(crate) group: NamedGroup,
    /// Whether sessions are kept and resumed.
    pub(crate) resume: bool,
}

impl<'a> Terms<'a> {
    /// Those of a full handshake of the usual kind.
    pub(crate) const fn usual(identity: &'a Identity) -> Self {
        Self {
            identity,
            version: &TLS13,
            suite: None,
            group: NamedGroup::X25519,
            resume: false,
        }
    }
}

fn provider(library: Library, terms: Terms<'_>) -> Arc<CryptoProvider> {
    let mut provider = match library {
        Library::AwsLc => aws_lc_rs::default_provider(),
        Library::Ring => ring::default_provider(),
    };
    provider
        .kx_groups
        .retain(|group| group.name() == terms.group);
    provider
        .cipher_suites
        .retain(|known| terms.suite.is_none_or(|suite| known.suite() == suite));
    Arc::new(provider)
}

/// A client's configuration that trusts the identity's root.
pub(crate) fn client_config(library: Library, terms: Terms<'_>) -> Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(
        terms.identity.root.as_bytes(),
    )?)?;
    let mut config = ClientConfig::builder_with_provider(provider(library, terms))
        .with_protocol_versions(&[terms.version])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    if !terms.resume {
        config.resumption = Resumption::disabled();
    }
    Ok(Arc::new(config))
}

/// A server's configuration that presents the identity.
pub(crate) fn server_config(library: Library, terms: Terms<'_>) -> Result<Arc<ServerConfig>> {
    let chain = CertificateDer::from_pem_slice(terms.identity.chain.as_bytes())?;
    let key = PrivateKeyDer::from_pem_slice(terms.identity.key.as_bytes())?;
    let mut config = ServerConfig::builder_with_provider(provider(library, terms))
        .with_protocol_versions(&[terms.version])?
        .with_no_client_auth()
        .with_single_cert(vec![chain], key)?;
    if !terms.resume {
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    Ok(Arc::new(config))
}

/// Makes clients.
pub(crate) struct Clients(pub(crate) Arc<ClientConfig>);

impl Maker for Clients {
    fn make(&self) -> Result<Box<dyn Connection>> {
        let connection = ClientConnection::new(Arc::clone(&self.0), ServerName::try_from(NAME)?)?;
        Ok(Box::new(Native::new(connection.into())))
    }
}

/// Makes servers.
pub(crate) struct Servers(pub(crate) Arc<ServerConfig>);

impl Maker for Servers {
    fn make(&self) -> Result<Box<dyn Connection>> {
        let connection = ServerConnection::new(Arc::clone(&self.0))?;
        Ok(Box::new(Native::new(connection.into())))
    }
}

struct Native {
    connection: rustls::Connection,
    arrived: Vec<u8>,
    /// How much of `arrived` the connection has taken.
    taken: usize,
    left: Vec<u8>,
    plaintext: Vec<u8>,
}

impl Native {
    fn new(mut connection: rustls::Connection) -> Self {
        connection.set_buffer_limit(None);
        Self {
            connection,
            arrived: Vec::new(),
            taken: 0,
            left: Vec::new(),
            plaintext: Vec::new(),
        }
    }

    /// Take some of what arrived; returns whether there was any.
    fn receive(&mut self) -> Result<bool> {
        let mut rest = self.arrived.get(self.taken..).unwrap_or_default();
        if rest.is_empty() {
            return Ok(false);
        }
        self.taken += self.connection.read_tls(&mut rest)?;
        self.connection.process_new_packets()?;
        Ok(true)
    }

    fn send(&mut self) -> Result<()> {
        while self.connection.wants_write() {
            self.connection.write_tls(&mut self.left)?;
        }
        Ok(())
    }
}

impl Connection for Native {
    fn handshake(&mut self) -> Result<bool> {
        while self.connection.is_handshaking() && self.receive()? {}
        self.send()?;
        Ok(!self.connection.is_handshaking())
    }

    fn write(&mut self, plaintext: &[u8]) -> Result<()> {
        self.connection.writer().write_all(plaintext)?;
        self.send()
    }

    fn read(&mut self, limit: usize) -> Result<usize> {
        self.plaintext.resize(limit, 0);
        loop {
            // The error of an empty reader says "nothing yet".
            if let Ok(count) = self.connection.reader().read(&mut self.plaintext)
                && count > 0
            {
                return Ok(count);
            }
            if !self.receive()? {
                self.send()?;
                return Ok(0);
            }
        }
    }

    fn arrive(&mut self, ciphertext: &[u8]) {
        self.arrived.drain(..mem::take(&mut self.taken));
        self.arrived.extend_from_slice(ciphertext);
    }

    fn leave(&mut self, ciphertext: &mut Vec<u8>) {
        ciphertext.clear();
        mem::swap(ciphertext, &mut self.left);
    }

    fn has_resumed(&self) -> Option<bool> {
        Some(self.connection.handshake_kind()? == HandshakeKind::Resumed)
    }
}

/// The name of a suite in entries: `chacha20poly1305`.
pub(crate) fn suite_name(suite: CipherSuite) -> Result<&'static str> {
    Ok(match suite {
        CipherSuite::TLS13_AES_128_GCM_SHA256 => "aes128gcm",
        CipherSuite::TLS13_AES_256_GCM_SHA384 => "aes256gcm",
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256 => "chacha20poly1305",
        other => return Err(anyhow::anyhow!("{other:?}")).context("a suite without a name"),
    })
}
