//! rustls with several providers in one guest, so that nothing but the provider differs. Both ends of a
//! connection are here; what one sends, the other reads from memory.

use std::cell::RefCell;
use std::fmt::Display;
use std::io::{Read as _, Write as _};
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::TLS13;
use rustls::{
    CipherSuite, ClientConfig, ClientConnection, NamedGroup, RootCertStore, ServerConfig,
    ServerConnection,
};

use bindings::{Group, Guest, Identity, Maker, Suite, Terms};

#[allow(
    missing_docs,
    unsafe_code,
    reason = "written by wit_bindgen::generate!"
)]
mod bindings {
    use super::Component;

    wit_bindgen::generate!({ path: "wit", world: "providers" });
    export!(Component with_types_in self);
}

struct Component;

thread_local! {
    static BENCH: RefCell<Option<Bench>> = const { RefCell::new(None) };
}

struct Bench {
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
    name: ServerName<'static>,
    connection: Option<Connection>,
}

/// Two ends, and what each has sent and the other has not read.
struct Connection {
    client: ClientConnection,
    server: ServerConnection,
    to_server: Vec<u8>,
    to_client: Vec<u8>,
    plaintext: Vec<u8>,
}

impl Guest for Component {
    fn set_up(terms: Terms, identity: Identity) -> Result<(), String> {
        BENCH.set(Some(Bench::new(terms, identity)?));
        Ok(())
    }

    fn begin() -> Result<(), String> {
        with_bench(|bench| {
            let client = ClientConnection::new(bench.client.clone(), bench.name.clone());
            let server = ServerConnection::new(bench.server.clone());
            bench.connection = Some(Connection {
                client: client.map_err(text)?,
                server: server.map_err(text)?,
                to_server: Vec::new(),
                to_client: Vec::new(),
                plaintext: Vec::new(),
            });
            Ok(())
        })
    }

    fn client() -> Result<bool, String> {
        with_connection(|connection| {
            let Connection { client, .. } = connection;
            let mut received = &mem::take(&mut connection.to_client)[..];
            while !received.is_empty() {
                client.read_tls(&mut received).map_err(text)?;
                client.process_new_packets().map_err(text)?;
            }
            while client.wants_write() {
                client.write_tls(&mut connection.to_server).map_err(text)?;
            }
            Ok(!client.is_handshaking())
        })
    }

    fn server() -> Result<bool, String> {
        with_connection(|connection| {
            let Connection { server, .. } = connection;
            let mut received = &mem::take(&mut connection.to_server)[..];
            while !received.is_empty() {
                server.read_tls(&mut received).map_err(text)?;
                server.process_new_packets().map_err(text)?;
            }
            while server.wants_write() {
                server.write_tls(&mut connection.to_client).map_err(text)?;
            }
            Ok(!server.is_handshaking())
        })
    }

    fn seal_all(count: u32, length: u32) -> Result<(), String> {
        with_connection(|connection| {
            let length = usize::try_from(length).map_err(text)?;
            connection.plaintext.resize(length, 0);
            for _ in 0..count {
                let mut writer = connection.client.writer();
                writer.write_all(&connection.plaintext).map_err(text)?;
                while connection.client.wants_write() {
                    let sent = connection.client.write_tls(&mut connection.to_server);
                    sent.map_err(text)?;
                }
            }
            Ok(())
        })
    }

    fn open_all() -> Result<(), String> {
        with_connection(|connection| {
            let Connection {
                server, plaintext, ..
            } = connection;
            let mut received = connection.to_server.as_slice();
            while !received.is_empty() {
                server.read_tls(&mut received).map_err(text)?;
                let state = server.process_new_packets().map_err(text)?;
                let mut left = state.plaintext_bytes_to_read();
                while left > 0 {
                    left -= server.reader().read(plaintext).map_err(text)?;
                }
            }
            connection.to_server.clear();
            Ok(())
        })
    }

    fn end() {
        BENCH.with_borrow_mut(|bench| {
            if let Some(bench) = bench {
                bench.connection = None;
            }
        });
    }
}

fn with_bench<T>(what: impl FnOnce(&mut Bench) -> Result<T, String>) -> Result<T, String> {
    BENCH.with_borrow_mut(|bench| what(bench.as_mut().ok_or("nothing is set up")?))
}

fn with_connection<T>(
    what: impl FnOnce(&mut Connection) -> Result<T, String>,
) -> Result<T, String> {
    with_bench(|bench| what(bench.connection.as_mut().ok_or("there is no connection")?))
}

fn text(error: impl Display) -> String {
    error.to_string()
}

impl Bench {
    fn new(terms: Terms, identity: Identity) -> Result<Self, String> {
        let mut provider = provider(terms.maker);
        let suite = match terms.suite {
            Suite::Chacha20Poly1305 => CipherSuite::TLS13_CHACHA20_POLY1305_SHA256,
            Suite::Aes128Gcm => CipherSuite::TLS13_AES_128_GCM_SHA256,
        };
        let group = match terms.group {
            Group::X25519 => NamedGroup::X25519,
            Group::Secp256r1 => NamedGroup::secp256r1,
        };
        provider.cipher_suites.retain(|one| one.suite() == suite);
        provider.kx_groups.retain(|one| one.name() == group);
        let provider = Arc::new(provider);

        let mut roots = RootCertStore::empty();
        roots.add(identity.root.into()).map_err(text)?;
        let builder = ClientConfig::builder_with_provider(provider.clone());
        let builder = builder.with_protocol_versions(&[&TLS13]).map_err(text)?;
        let mut client = builder.with_root_certificates(roots).with_no_client_auth();
        client.resumption = Resumption::disabled();

        let key = PrivatePkcs8KeyDer::from(identity.key).into();
        let key = provider.key_provider.load_private_key(key).map_err(text)?;
        let of = |certificate| {
            let chain = vec![CertificateDer::from(certificate)];
            Arc::new(CertifiedKey::new(chain, key.clone()))
        };
        let keys = Turns {
            keys: identity.certificates.into_iter().map(of).collect(),
            next: AtomicUsize::new(0),
        };
        let builder = ServerConfig::builder_with_provider(provider);
        let builder = builder.with_protocol_versions(&[&TLS13]).map_err(text)?;
        let server = builder
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(keys));
        Ok(Self {
            client: Arc::new(client),
            server: Arc::new(server),
            name: ServerName::try_from(identity.name).map_err(text)?,
            connection: None,
        })
    }
}

fn provider(maker: Maker) -> CryptoProvider {
    match maker {
        Maker::Portcullis => (*portcullis_provider::crypto_provider()).clone(),
        Maker::RustCrypto => rustls_rustcrypto::provider(),
        Maker::Ring => rustls::crypto::ring::default_provider(),
    }
}

/// Certificates that are shown in turn.
#[derive(Debug)]
struct Turns {
    keys: Vec<Arc<CertifiedKey>>,
    next: AtomicUsize,
}

impl ResolvesServerCert for Turns {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        self.keys.get(next.checked_rem(self.keys.len())?).cloned()
    }
}
