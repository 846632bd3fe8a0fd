//! Sealing: `Settings` become a `Config`, if the whole can work.

use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, KeyLog, NoKeyLog, ServerConfig, SupportedProtocolVersion, version};

use super::alpn::AlpnMismatch;
use super::config::{ClientSide, Config, Handshakes, Role, ServerSide, Side};
use super::credential::identity::Identities;
use super::names::{SendName, VerifyName, bad_name, parse_name};
use super::resumption::Binding;
use super::settings::Settings;
use super::verify::roots;
use super::verify::{ClientVerifier, NameCheck, Roots, ServerVerifier, Verify};
use super::version::Version;
use crate::error::{ConfigurationItem, ConfigurationReason, Error};
use portcullis_provider::crypto_provider;

impl Settings {
    /// The configuration that connections are made with, if the whole can work.
    pub fn seal(&self) -> Result<Config, Error> {
        if self.verify == Verify::Unverified && !self.pins.is_empty() {
            return Err(Error::refused(
                ConfigurationItem::Pins,
                ConfigurationReason::Conflict,
                "verification is off, so nothing would check them",
            ));
        }
        let identities = self.identities()?;
        let side = match self.role {
            Role::Client => Side::Client(self.client(identities)?),
            Role::Server => Side::Server(self.server(identities)?),
        };
        Ok(Config {
            side,
            searched: self.roots.searched(),
            truncation: self.truncation,
            timeouts: self.timeouts,
            is_logged: self.key_log.is_some(),
            handshakes: Handshakes::default(),
        })
    }

    fn identities(&self) -> Result<Option<Arc<Identities>>, Error> {
        let missing =
            |item, detail| Err(Error::refused(item, ConfigurationReason::Missing, detail));
        let first = match (&self.chain, &self.key) {
            (Some(chain), Some(key)) => {
                let pair = CertifiedKey::new(chain.clone(), Arc::clone(key));
                Some(Arc::new(pair))
            }
            (Some(_), None) => {
                return missing(
                    ConfigurationItem::PrivateKey,
                    "a certificate chain was loaded without it",
                );
            }
            (None, Some(_)) => {
                return missing(
                    ConfigurationItem::CertificateChain,
                    "a private key was loaded without it",
                );
            }
            (None, None) => None,
        };
        let all: Vec<_> = first
            .into_iter()
            .chain(self.more_identities.iter().map(Arc::clone))
            .collect();
        if all.is_empty() {
            return match self.role {
                Role::Client => Ok(None),
                // Others serve the clients.
                Role::Server if self.asks || !self.names.is_empty() => Ok(None),
                Role::Server => missing(
                    ConfigurationItem::CertificateChain,
                    "a server needs one and its key",
                ),
            };
        }
        let suites = self.ciphers.supported(&self.permitted());
        Ok(Some(Arc::new(Identities { all, suites })))
    }

    fn client(&self, identities: Option<Arc<Identities>>) -> Result<ClientSide, Error> {
        let provider = self.provider()?;
        let verifier = ServerVerifier {
            roots: self.pinned_roots(self.verify != Verify::Unverified)?,
            verify: self.verify,
            name: match &self.verify_name {
                VerifyName::Host => NameCheck::Connection,
                VerifyName::Name(name) => {
                    NameCheck::Fixed(parse_name(name).ok_or_else(|| bad_name(name, "not a name"))?)
                }
                VerifyName::Unverified => NameCheck::Unverified,
            },
            algorithms: provider.signature_verification_algorithms,
        };
        let verifier = Arc::new(verifier);
        let clock = Arc::clone(&self.clock);
        let builder = ClientConfig::builder_with_details(provider, clock)
            .with_protocol_versions(&self.versions())
            .map_err(|error| Error::Other(Some(error.to_string())))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::<ServerVerifier>::clone(&verifier));
        let mut rustls = match identities {
            Some(identities) => builder.with_client_cert_resolver(identities),
            None => builder.with_no_client_auth(),
        };
        rustls.enable_sni = self.server_name != SendName::Off;
        rustls.alpn_protocols.clone_from(&self.alpn);
        rustls.key_log = self.key_log();
        rustls.resumption = match self.resumption.sessions {
            0 => Resumption::disabled(),
            count => Resumption::in_memory_sessions(count),
        };
        Ok(ClientSide {
            rustls: Arc::new(rustls),
            verifier,
            server_name: self.server_name.clone(),
            clock: Arc::clone(&self.clock),
        })
    }

    fn server(&self, identities: Option<Arc<Identities>>) -> Result<ServerSide, Error> {
        let provider = self.provider()?;
        let clock = Arc::clone(&self.clock);
        let builder = ServerConfig::builder_with_details(Arc::clone(&provider), Arc::clone(&clock))
            .with_protocol_versions(&self.versions())
            .map_err(|error| Error::Other(Some(error.to_string())))?;
        let verifier = self.client_verifier(&provider)?;
        let builder = match &verifier {
            Some(verifier) => {
                builder.with_client_cert_verifier(Arc::<ClientVerifier>::clone(verifier))
            }
            None => builder.with_no_client_auth(),
        };
        let identities = identities.unwrap_or_default();
        let own = match identities.all.as_slice() {
            [only] => only.cert.first().cloned(),
            _ => None,
        };
        let has_identity = !identities.all.is_empty();
        let binding = binding(verifier.as_deref(), &identities);
        let mut rustls = builder.with_cert_resolver(identities);
        rustls.key_log = self.key_log();
        let random = provider.secure_random;
        self.resumption
            .apply(&mut rustls, &clock, verifier.as_ref(), random, binding);
        let tolerates_mismatch =
            self.alpn_mismatch == AlpnMismatch::Tolerated && !self.alpn.is_empty();
        let without_alpn = tolerates_mismatch.then(|| Arc::new(rustls.clone()));
        rustls.alpn_protocols.clone_from(&self.alpn);
        Ok(ServerSide {
            rustls: Arc::new(rustls),
            verifier,
            own,
            has_identity,
            names: Arc::clone(&self.names),
            asks: self.asks,
            without_alpn,
            clock,
        })
    }

    fn key_log(&self) -> Arc<dyn KeyLog> {
        match &self.key_log {
            Some(log) => Arc::<super::KeyLog>::clone(log),
            None => Arc::new(NoKeyLog),
        }
    }

    fn pinned_roots(&self, needed: bool) -> Result<Roots, Error> {
        let mut roots = self.roots.seal(needed)?;
        roots.pins.clone_from(&self.pins);
        Ok(roots)
    }

    /// `None` if clients are not asked for certificates.
    fn client_verifier(
        &self,
        provider: &CryptoProvider,
    ) -> Result<Option<Arc<ClientVerifier>>, Error> {
        if self.verify == Verify::Unverified {
            return Ok(None);
        }
        let roots = self.pinned_roots(true)?;
        let suggested = match &self.suggested {
            Some(suggested) => suggested.clone(),
            None => roots::suggested_by_default(&roots),
        };
        Ok(Some(Arc::new(ClientVerifier {
            roots,
            verify: self.verify,
            suggested,
            algorithms: provider.signature_verification_algorithms,
        })))
    }

    /// The versions that are permitted and have a suite and a group.
    fn versions(&self) -> Vec<&'static SupportedProtocolVersion> {
        [
            (Version::Tls13, &version::TLS13),
            (Version::Tls12, &version::TLS12),
        ]
        .into_iter()
        .filter(|(version, _)| self.permitted().contains(version))
        .filter(|(version, _)| !self.ciphers.names(&(*version..=*version)).is_empty())
        .filter(|(version, _)| self.groups.iter().any(|group| group.is_usable_in(*version)))
        .map(|(_, supported)| supported)
        .collect()
    }

    /// The provider with the suites of the cipher list only and with the groups, in their order.
    fn provider(&self) -> Result<Arc<CryptoProvider>, Error> {
        self.ciphers.check(&self.permitted())?;
        if self.versions().is_empty() {
            return Err(Error::refused(
                ConfigurationItem::Groups,
                ConfigurationReason::NoUsableGroup,
                "TLS 1.3, which they are for, is not permitted or has no cipher suite",
            ));
        }
        Ok(Arc::new(CryptoProvider {
            cipher_suites: self.ciphers.supported(&self.permitted()),
            kx_groups: self.groups.iter().map(|group| group.supported()).collect(),
            ..CryptoProvider::clone(&crypto_provider())
        }))
    }
}

/// What a session of a server's is bound to, wherever it is kept: how clients are verified, by whom,
/// and what the server presents itself.
fn binding(verifier: Option<&ClientVerifier>, identities: &Identities) -> Binding {
    let mut binding = Binding::new();
    if let Some(verifier) = verifier {
        binding.add(format!("{:?}", verifier.verify).as_bytes());
        for anchor in verifier.roots.anchors.iter() {
            binding.add(anchor.subject());
        }
        for root in verifier.roots.whole.iter() {
            binding.add(root);
        }
    }
    for identity in &identities.all {
        binding.add(identity.cert.first().map_or(&[], AsRef::as_ref));
    }
    binding
}
