//! The connections that are tortured: who is who, and what the handshake is like. The peer is rustls
//! with ring.

use std::sync::Arc;

use anyhow::{Result, anyhow};
use portcullis::tls::{Config, Role, Settings, Verify, Version};
use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::ServerName;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{
    ClientConfig, ClientConnection, Connection, RootCertStore, ServerConfig, ServerConnection,
    SupportedCipherSuite, SupportedProtocolVersion,
};

use crate::certs::{Certificates, NAME};
use crate::keys::Secrets;

/// What the handshake is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A server with a certificate.
    Plain,
    /// The client has a certificate too.
    Mutual,
    /// A session that was had before is resumed.
    Resumed,
    /// The server asks for another key share (RFC 8446 §4.1.4).
    Retried,
    /// Our server chooses its context by the ClientHello.
    Asking,
    /// Much is sent both ways at once.
    Bulk,
}

/// A connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Setup {
    pub(crate) role: Role,
    pub(crate) version: Version,
    pub(crate) kind: Kind,
}

/// What one side sends, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) to_send: usize,
    /// How much is written at once.
    pub(crate) chunk: usize,
    pub(crate) to_receive: usize,
    /// It sends when it has received everything.
    pub(crate) waits: bool,
}

impl Setup {
    /// All that are tortured.
    pub(crate) fn all() -> Vec<Self> {
        let kinds = [
            Kind::Plain,
            Kind::Mutual,
            Kind::Resumed,
            Kind::Retried,
            Kind::Asking,
            Kind::Bulk,
        ];
        let mut all = Vec::new();
        for kind in kinds {
            for role in [Role::Client, Role::Server] {
                for version in [Version::Tls12, Version::Tls13] {
                    let is_none = (kind == Kind::Retried && version == Version::Tls12)
                        || (kind == Kind::Asking && role == Role::Client);
                    if !is_none {
                        all.push(Self {
                            role,
                            version,
                            kind,
                        });
                    }
                }
            }
        }
        all
    }

    /// Its name.
    pub(crate) fn name(&self) -> String {
        let role = match self.role {
            Role::Client => "client",
            Role::Server => "server",
        };
        let version = match self.version {
            Version::Tls12 => "tls12",
            Version::Tls13 => "tls13",
        };
        let kind = format!("{:?}", self.kind).to_lowercase();
        format!("{role}-{version}-{kind}")
    }

    /// What our side sends, and what the peer does.
    pub(crate) fn plans(&self) -> (Plan, Plan) {
        let (question, answer, chunk) = match self.kind {
            Kind::Bulk => (400_000, 600_000, 16 * 1024),
            _ => (150, 450, 150),
        };
        let plan = |to_send, to_receive, is_server| Plan {
            to_send,
            chunk,
            to_receive,
            waits: is_server && self.kind != Kind::Bulk,
        };
        let client = plan(question, answer, false);
        let server = plan(answer, question, true);
        match self.role {
            Role::Client => (client, server),
            Role::Server => (server, client),
        }
    }
}

/// The two ends of connections of one set-up, which resume each other's sessions.
pub(crate) struct Ends {
    pub(crate) ours: Arc<Config>,
    /// What our server asks for `ours`, where it asks.
    pub(crate) asking: Option<Arc<Config>>,
    theirs: Theirs,
    pub(crate) secrets: Arc<Secrets>,
}

enum Theirs {
    Client(Arc<ClientConfig>),
    Server(Arc<ServerConfig>),
}

impl Ends {
    pub(crate) fn new(setup: Setup, certificates: &Certificates) -> Result<Self> {
        let secrets = Arc::new(Secrets::default());
        let asking = match setup.kind {
            Kind::Asking => {
                let mut asking = Settings::unverified(Role::Server);
                asking.ask_for_context().map_err(refused)?;
                Some(Arc::new(asking.seal().map_err(refused)?))
            }
            _ => None,
        };
        Ok(Self {
            ours: Arc::new(ours(setup, certificates)?),
            asking,
            theirs: match setup.role {
                Role::Client => Theirs::Server(server(setup, certificates, &secrets)?),
                Role::Server => Theirs::Client(client(setup, certificates, &secrets)?),
            },
            secrets,
        })
    }

    /// The same configurations, with secrets of their own.
    pub(crate) fn again(&self) -> Self {
        let secrets = Arc::new(Secrets::default());
        Self {
            ours: Arc::clone(&self.ours),
            asking: self.asking.clone(),
            theirs: match &self.theirs {
                Theirs::Client(config) => {
                    let mut config = ClientConfig::clone(config);
                    config.key_log = Arc::<Secrets>::clone(&secrets);
                    Theirs::Client(Arc::new(config))
                }
                Theirs::Server(config) => {
                    let mut config = ServerConfig::clone(config);
                    config.key_log = Arc::<Secrets>::clone(&secrets);
                    Theirs::Server(Arc::new(config))
                }
            },
            secrets,
        }
    }

    /// The name of the host, where our side is the client.
    pub(crate) fn host(&self) -> Option<&'static str> {
        matches!(self.theirs, Theirs::Server(_)).then_some(NAME)
    }

    /// A new connection of the peer's.
    pub(crate) fn peer(&self) -> Result<Connection> {
        Ok(match &self.theirs {
            Theirs::Client(config) => {
                let name = ServerName::try_from(NAME)?;
                ClientConnection::new(Arc::clone(config), name)?.into()
            }
            Theirs::Server(config) => ServerConnection::new(Arc::clone(config))?.into(),
        })
    }
}

fn refused(error: portcullis::error::Error) -> anyhow::Error {
    anyhow!("our side refuses its configuration: {error}")
}

fn ours(setup: Setup, certificates: &Certificates) -> Result<Config> {
    let mut settings = Settings::secure(setup.role);
    let identity = match setup.role {
        Role::Client => &certificates.client,
        Role::Server => &certificates.server,
    };
    if setup.role == Role::Server || setup.kind == Kind::Mutual {
        let (chain, key) = (&identity.certificate_pem, &identity.key_pem);
        let loaded = settings.load_identity(chain.as_bytes(), key.as_bytes(), None);
        loaded.map_err(refused)?;
    }
    if setup.role == Role::Client || setup.kind == Kind::Mutual {
        let roots = settings.add_trust_roots(&certificates.root);
        roots.map_err(refused)?;
        settings.set_verify(Verify::Required);
    }
    let versions = settings.set_versions(setup.version, setup.version);
    versions.map_err(refused)?;
    if setup.kind == Kind::Retried && setup.role == Role::Server {
        settings.set_groups(&["secp384r1"]).map_err(refused)?;
    }
    settings.seal().map_err(refused)
}

/// The cryptography of the peer: one suite, whose protection the middle can apply too.
fn provider(setup: Setup) -> Arc<CryptoProvider> {
    let mut provider = ring::default_provider();
    let is_chacha = |suite: &SupportedCipherSuite| {
        let name = suite.suite().as_str().unwrap_or_default();
        name.contains("CHACHA20")
    };
    provider.cipher_suites.retain(is_chacha);
    if setup.kind == Kind::Retried && setup.role == Role::Client {
        provider.kx_groups = vec![ring::kx_group::SECP384R1];
    }
    Arc::new(provider)
}

fn versions(setup: Setup) -> [&'static SupportedProtocolVersion; 1] {
    match setup.version {
        Version::Tls12 => [&rustls::version::TLS12],
        Version::Tls13 => [&rustls::version::TLS13],
    }
}

fn roots(certificates: &Certificates) -> Result<Arc<RootCertStore>> {
    let mut roots = RootCertStore::empty();
    roots.add(certificates.root.clone())?;
    Ok(Arc::new(roots))
}

fn server(
    setup: Setup,
    certificates: &Certificates,
    secrets: &Arc<Secrets>,
) -> Result<Arc<ServerConfig>> {
    let provider = provider(setup);
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&versions(setup))?;
    let builder = match setup.kind {
        Kind::Mutual => {
            let roots = roots(certificates)?;
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
            builder.with_client_cert_verifier(verifier.build()?)
        }
        _ => builder.with_no_client_auth(),
    };
    let identity = &certificates.server;
    let chain = vec![identity.certificate.clone()];
    let mut config = builder.with_single_cert(chain, identity.key())?;
    if setup.kind != Kind::Resumed {
        config.session_storage = Arc::new(NoServerSessionStorage {});
    }
    config.key_log = Arc::<Secrets>::clone(secrets);
    Ok(Arc::new(config))
}

fn client(
    setup: Setup,
    certificates: &Certificates,
    secrets: &Arc<Secrets>,
) -> Result<Arc<ClientConfig>> {
    let builder = ClientConfig::builder_with_provider(provider(setup))
        .with_protocol_versions(&versions(setup))?
        .with_root_certificates(roots(certificates)?);
    let mut config = match setup.kind {
        Kind::Mutual => {
            let identity = &certificates.client;
            let chain = vec![identity.certificate.clone()];
            builder.with_client_auth_cert(chain, identity.key())?
        }
        _ => builder.with_no_client_auth(),
    };
    if setup.kind != Kind::Resumed {
        config.resumption = Resumption::disabled();
    }
    config.key_log = Arc::<Secrets>::clone(secrets);
    Ok(Arc::new(config))
}
