//! Sealing: `Settings` become a `Config`, if the whole can work.

use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::sign::CertifiedKey;
use rustls::{
    ClientConfig, KeyLog, NoKeyLog, ServerConfig, SignatureScheme, SupportedProtocolVersion,
    version,
};

use super::alpn::AlpnMismatch;
use super::config::{ClientSide, Config, Handshakes, Role, ServerSide, Side};
use super::credential::identity::Identities;
use super::names::{SendName, VerifyName, bad_name, parse_name};
use super::record;
use super::resumption::Binding;
use super::settings::Settings;
use super::signature::{self, PermittedKey};
use super::verify::roots;
use super::verify::{ClientVerifier, NameCheck, Roots, ServerVerifier, Verify};
use super::version::Version;
use crate::error::{ConfigurationItem, ConfigurationReason, Error};

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
        let revocation = self.revocations.seal()?;
        if self.verify == Verify::Unverified && revocation.is_some() {
            return Err(Error::refused(
                ConfigurationItem::RevocationLists,
                ConfigurationReason::Conflict,
                "verification is off, so nothing would look at them",
            ));
        }
        self.check_early_data()?;
        let identities = self.identities()?;
        let side = match self.role {
            Role::Client => Side::Client(self.client(identities)?),
            Role::Server => Side::Server(self.server(identities)?),
        };
        Ok(Config {
            side,
            searched: self.roots.searched(),
            truncation: self.truncation,
            record_size: self.record_size,
            timeouts: self.timeouts,
            is_logged: self.key_log.is_some(),
            handshakes: Handshakes::default(),
        })
    }

    /// Early data comes with sessions that TLS 1.3 resumes, of peers that were verified.
    fn check_early_data(&self) -> Result<(), Error> {
        if !self.offers_early_data && self.early_data_limit == 0 {
            return Ok(());
        }
        let why = if !self.permitted().contains(&Version::Tls13) {
            "TLS 1.3, which alone has it, is not permitted"
        } else if self.resumption.sessions == 0 {
            "it comes with resumed sessions, and the session cache is off"
        } else if self.resumption.has_keys() {
            "a ticket opens as often as it is sent, so that replays would not be noticed; leave the \
             ticket keys out, and each session is resumed once"
        } else if self.verify == Verify::Deferred
            || (self.role == Role::Client && self.verify == Verify::Optional)
        {
            "the peer's certificate is judged after the handshake; let the handshake verify it"
        } else {
            return Ok(());
        };
        Err(early_conflict(why))
    }

    fn identities(&self) -> Result<Arc<Identities>, Error> {
        let missing =
            |item, detail| Err(Error::refused(item, ConfigurationReason::Missing, detail));
        let first = match (&self.chain, &self.key) {
            (Some(chain), Some(key)) => {
                let pair = CertifiedKey::new(chain.clone(), Arc::clone(key));
                Some(Arc::new(CertifiedKey {
                    ocsp: self.staple.clone(),
                    ..pair
                }))
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
        // Others may serve its clients.
        let serves = !self.asks && self.names.is_empty();
        if all.is_empty() && self.role == Role::Server && serves {
            return missing(
                ConfigurationItem::CertificateChain,
                "a server needs one and its key",
            );
        }
        let all: Vec<_> = all
            .iter()
            .map(|identity| self.permitted_identity(identity))
            .collect();
        if !all.is_empty() && self.signing_schemes(&all).is_empty() {
            return Err(conflict("the private key signs with none of them"));
        }
        let suites = self.ciphers.supported(&self.permitted());
        Ok(Arc::new(Identities { all, suites }))
    }

    /// The same identity, which signs with the permitted schemes alone.
    fn permitted_identity(&self, identity: &CertifiedKey) -> Arc<CertifiedKey> {
        Arc::new(CertifiedKey {
            key: Arc::new(PermittedKey {
                key: Arc::clone(&identity.key),
                schemes: Arc::clone(&self.signature_schemes),
            }),
            ..identity.clone()
        })
    }

    /// The schemes that one of the identities can sign with.
    fn signing_schemes(&self, identities: &[Arc<CertifiedKey>]) -> Vec<SignatureScheme> {
        let signs = |scheme: &SignatureScheme| {
            let mut keys = identities.iter().map(|identity| &identity.key);
            keys.any(|key| key.choose_scheme(&[*scheme]).is_some())
        };
        self.signature_schemes
            .iter()
            .copied()
            .filter(signs)
            .collect()
    }

    fn client(&self, identities: Arc<Identities>) -> Result<ClientSide, Error> {
        // Servers are asked to sign with any of them.
        let versions = self.versions(&self.signature_schemes)?;
        let provider = self.provider();
        let verifier = ServerVerifier {
            roots: self.sealed_roots(self.verify != Verify::Unverified)?,
            verify: self.verify,
            name: match &self.verify_name {
                VerifyName::Host => NameCheck::Connection,
                VerifyName::Name(name) => {
                    NameCheck::Fixed(parse_name(name).ok_or_else(|| bad_name(name, "not a name"))?)
                }
                VerifyName::Unverified => NameCheck::Unverified,
            },
            algorithms: provider.signature_verification_algorithms,
            schemes: Arc::clone(&self.signature_schemes),
        };
        let verifier = Arc::new(verifier);
        let clock = Arc::clone(&self.clock);
        let mut rustls = ClientConfig::builder_with_details(provider, clock)
            .with_protocol_versions(&versions)
            .map_err(|error| Error::Other(Some(error.to_string())))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::<ServerVerifier>::clone(&verifier))
            .with_client_cert_resolver(identities);
        rustls.max_fragment_size = self.fragment_size();
        rustls.enable_sni = self.server_name != SendName::Off;
        rustls.alpn_protocols.clone_from(&self.alpn);
        rustls.key_log = self.key_log();
        rustls.enable_early_data = self.offers_early_data;
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

    fn server(&self, identities: Arc<Identities>) -> Result<ServerSide, Error> {
        let versions = match identities.all.as_slice() {
            [] => self.versions(&self.signature_schemes)?,
            all => self.versions(&self.signing_schemes(all))?,
        };
        let provider = self.provider();
        let clock = Arc::clone(&self.clock);
        let builder = ServerConfig::builder_with_details(Arc::clone(&provider), Arc::clone(&clock))
            .with_protocol_versions(&versions)
            .map_err(|error| Error::Other(Some(error.to_string())))?;
        let verifier = self.client_verifier(&provider)?;
        if self.writes_before_finished && verifier.is_some() {
            return Err(early_conflict(
                "clients are asked for certificates, which come after what is written before their \
                 Finished; leave one of the two out",
            ));
        }
        let builder = match &verifier {
            Some(verifier) => {
                builder.with_client_cert_verifier(Arc::<ClientVerifier>::clone(verifier))
            }
            None => builder.with_no_client_auth(),
        };
        let own = match identities.all.as_slice() {
            [only] => only.cert.first().cloned(),
            _ => None,
        };
        let has_identity = !identities.all.is_empty();
        let binding = binding(verifier.as_deref(), &identities);
        let mut rustls = builder.with_cert_resolver(identities);
        rustls.max_early_data_size = self.early_data_limit;
        rustls.send_half_rtt_data = self.writes_before_finished;
        rustls.ignore_client_order = self.suite_preference == Role::Server;
        rustls.max_fragment_size = self.fragment_size();
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

    /// The longest record by the count of rustls, which has the header in it.
    fn fragment_size(&self) -> Option<usize> {
        Some(self.record_size + record::HEADER)
    }

    /// The trust roots, with what else is asked of the way to them.
    fn sealed_roots(&self, needed: bool) -> Result<Roots, Error> {
        let mut roots = self.roots.seal(needed)?;
        roots.pins.clone_from(&self.pins);
        roots.revocation = self.revocations.seal()?;
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
        let roots = self.sealed_roots(true)?;
        let suggested = match &self.suggested {
            Some(suggested) => suggested.clone(),
            None => roots::suggested_by_default(&roots),
        };
        Ok(Some(Arc::new(ClientVerifier {
            roots,
            verify: self.verify,
            suggested,
            algorithms: provider.signature_verification_algorithms,
            schemes: Arc::clone(&self.signature_schemes),
        })))
    }

    /// The versions that are permitted and have a suite, a group and one of these schemes.
    fn versions(
        &self,
        schemes: &[SignatureScheme],
    ) -> Result<Vec<&'static SupportedProtocolVersion>, Error> {
        self.ciphers.check(&self.permitted())?;
        let mut versions = vec![
            (Version::Tls13, &version::TLS13),
            (Version::Tls12, &version::TLS12),
        ];
        versions.retain(|(version, _)| {
            self.permitted().contains(version)
                && !self.ciphers.names(&(*version..=*version)).is_empty()
                && self.groups.iter().any(|group| group.is_usable_in(*version))
        });
        if versions.is_empty() {
            return Err(Error::refused(
                ConfigurationItem::Groups,
                ConfigurationReason::NoUsableGroup,
                "TLS 1.3, which they are for, is not permitted or has no cipher suite",
            ));
        }
        versions.retain(|(version, _)| {
            let suites = self.ciphers.supported(&(*version..=*version));
            schemes.iter().any(|scheme| {
                let mut suites = suites.iter();
                let algorithm = signature::algorithm(*scheme);
                signature::is_for(*scheme, *version)
                    && suites.any(|suite| suite.usable_for_signature_algorithm(algorithm))
            })
        });
        if versions.is_empty() {
            return Err(conflict(
                "none is for a version that is permitted, or for its cipher suites; \
                 those of PKCS #1 are for TLS 1.2",
            ));
        }
        Ok(versions
            .into_iter()
            .map(|(_, supported)| supported)
            .collect())
    }

    /// The provider with the suites of the cipher list only and with the groups, in their order.
    fn provider(&self) -> Arc<CryptoProvider> {
        let groups = self.groups.iter().map(|group| group.supported());
        let suites = self.ciphers.supported(&self.permitted());
        Arc::new(self.cryptography.provider(suites, groups.collect()))
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

/// Early data, or half-RTT data, that cannot work with the rest.
fn early_conflict(why: &str) -> Error {
    Error::refused(
        ConfigurationItem::EarlyData,
        ConfigurationReason::Conflict,
        why,
    )
}

/// Signature schemes that cannot work with the rest.
fn conflict(why: &str) -> Error {
    Error::refused(
        ConfigurationItem::SignatureSchemes,
        ConfigurationReason::Conflict,
        why,
    )
}
