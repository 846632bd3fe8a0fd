//! Decisions to rustls configuration: `Settings` while they can change, `Config` once they are
//! sealed.

use std::ops::RangeInclusive;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, IpAddr, Ipv4Addr, ServerName};
use rustls::sign::{CertifiedKey, SigningKey};
use rustls::time_provider::{DefaultTimeProvider, TimeProvider};
use rustls::{
    ClientConfig, DistinguishedName, ProtocolVersion, ServerConfig, SupportedProtocolVersion,
    version,
};

use super::chain;
use super::cipher_list::{CipherList, CipherListReport};
use super::credential;
use super::error::{ConfigurationItem, ConfigurationReason, Error, Timer};
use super::group::{self, NamedGroup};
use super::identity::Identities;
use super::pkcs12;
use super::private_key::{KeyKind, private_key};
use super::provider::crypto_provider;
use super::trust::{self, DirectoryReport, TrustRoots};
use super::verifier::{ClientVerifier, NameCheck, ServerVerifier, Verify};
use super::x509::Certificate;

/// Which end of the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Speaks first.
    Client,
    /// Answers.
    Server,
}

/// A protocol version, older below newer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// RFC 5246.
    Tls12,
    /// RFC 8446.
    Tls13,
}

impl From<Version> for ProtocolVersion {
    fn from(version: Version) -> Self {
        match version {
            Version::Tls12 => Self::TLSv1_2,
            Version::Tls13 => Self::TLSv1_3,
        }
    }
}

/// The name sent in SNI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendName {
    /// The verified name.
    Automatic,
    /// None.
    Off,
    /// This one.
    Name(String),
}

/// The name that the peer's certificate must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VerifyName {
    /// The host that the connection is made to.
    Host,
    /// This one.
    Name(String),
    /// Any.
    Unverified,
}

/// What the end of the transport means without close_notify before it (RFC 8446 §6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truncation {
    /// A failure.
    Refused,
    /// The end, once the handshake is done.
    Tolerated,
}

/// Limits in milliseconds; none is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For `Timer::Connect`.
    pub connect: Option<u64>,
    /// For `Timer::Handshake`.
    pub handshake: Option<u64>,
    /// For `Timer::Read`.
    pub read: Option<u64>,
    /// For `Timer::Shutdown`.
    pub shutdown: Option<u64>,
    /// For `Timer::Write`.
    pub write: Option<u64>,
}

/// As long as browsers and package managers are patient with a name whose addresses do not answer.
const HALF_A_MINUTE_MS: u64 = 30_000;

/// The seed's two minutes (P1, P2).
const TWO_MINUTES_MS: u64 = 120_000;

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Some(HALF_A_MINUTE_MS),
            handshake: Some(TWO_MINUTES_MS),
            read: None,
            shutdown: Some(TWO_MINUTES_MS),
            write: None,
        }
    }
}

impl Timeouts {
    /// Set the limit of one timer.
    ///
    /// # Errors
    /// `NotSupported`: nothing would start this timer.
    pub fn set(&mut self, timer: Timer, milliseconds: Option<u64>) -> Result<(), Error> {
        let unknown = |name| Err(Error::NotSupported(format!("a timer for {name}")));
        match timer {
            Timer::Connect => self.connect = milliseconds,
            Timer::Handshake => self.handshake = milliseconds,
            Timer::Read => self.read = milliseconds,
            Timer::Shutdown => self.shutdown = milliseconds,
            Timer::Write => self.write = milliseconds,
            Timer::Resolve => return unknown("name resolution alone"),
            Timer::Idle => return unknown("silence"),
            Timer::Accept => return unknown("accepting"),
        }
        Ok(())
    }
}

/// What a context holds until it is sealed. Each change is atomic.
#[derive(Clone)]
pub struct Settings {
    role: Role,
    lowest: Version,
    highest: Version,
    ciphers: CipherList,
    groups: Vec<NamedGroup>,
    chain: Option<Vec<CertificateDer<'static>>>,
    key: Option<Arc<dyn SigningKey>>,
    /// Besides chain and key.
    more_identities: Vec<Arc<CertifiedKey>>,
    roots: TrustRoots,
    /// In place of the subjects of the trust roots.
    suggested: Option<Vec<DistinguishedName>>,
    verify: Verify,
    server_name: SendName,
    verify_name: VerifyName,
    truncation: Truncation,
    timeouts: Timeouts,
    clock: Arc<dyn TimeProvider>,
}

impl Settings {
    /// Safe as they are: verification, names and web roots for a client.
    #[must_use]
    pub fn secure(role: Role) -> Self {
        Self {
            verify: match role {
                Role::Client => Verify::Required,
                Role::Server => Verify::Unverified,
            },
            server_name: SendName::Automatic,
            roots: TrustRoots::by_default(role == Role::Client),
            ..Self::unverified(role)
        }
    }

    /// Nothing verified, nothing trusted, no name sent.
    #[must_use]
    pub fn unverified(role: Role) -> Self {
        Self {
            role,
            lowest: Version::Tls12,
            highest: Version::Tls13,
            ciphers: CipherList::preferred(),
            groups: NamedGroup::PREFERRED.to_vec(),
            chain: None,
            key: None,
            more_identities: Vec::new(),
            roots: TrustRoots::none(),
            suggested: None,
            verify: Verify::Unverified,
            server_name: SendName::Off,
            verify_name: VerifyName::Host,
            truncation: Truncation::Refused,
            timeouts: Timeouts::default(),
            clock: Arc::new(DefaultTimeProvider),
        }
    }

    /// The role they were made for.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }

    /// Take the time from another clock, in tests.
    pub fn set_clock(&mut self, clock: Arc<dyn TimeProvider>) {
        self.clock = clock;
    }

    /// Choose the versions by a name of the seed (C4).
    pub fn set_protocol(&mut self, name: &str) -> Result<(), Error> {
        let (lowest, highest) = match name {
            "auto" | "sslv2-or-v3" => (Version::Tls12, Version::Tls13),
            "tlsv12" => (Version::Tls12, Version::Tls12),
            "tlsv13" => (Version::Tls13, Version::Tls13),
            "sslv2" | "sslv3" | "tls" | "tlsv1" | "tlsv11" => {
                return Err(Error::UnsupportedProtocol(name.to_owned()));
            }
            _ => {
                return Err(Error::InvalidArgument(format!(
                    "{name:?} is no protocol; use auto, tlsv12 or tlsv13"
                )));
            }
        };
        self.set_versions(lowest, highest)
    }

    /// Choose the lowest and the highest version.
    pub fn set_versions(&mut self, lowest: Version, highest: Version) -> Result<(), Error> {
        if lowest > highest {
            return Err(Error::InvalidArgument(
                "the lowest version is above the highest; swap them".into(),
            ));
        }
        (self.lowest, self.highest) = (lowest, highest);
        Ok(())
    }

    /// Take the suites, and their order, from a cipher list of OpenSSL's (seed K11); its elements
    /// are joined by `:`. Returns the words that had no effect.
    pub fn set_cipher_list(&mut self, words: &[String]) -> Result<CipherListReport, Error> {
        let ciphers = CipherList::parse(&words.join(":"))?;
        ciphers.check(&self.permitted())?;
        self.ciphers = ciphers;
        Ok(self.ciphers.report().clone())
    }

    /// The names of the suites of the permitted versions, in order, TLS 1.3 first.
    #[must_use]
    pub fn cipher_suites(&self) -> Vec<&'static str> {
        self.ciphers.names(&self.permitted())
    }

    /// Choose the key exchange groups and their order by their IANA names.
    pub fn set_groups<Name: AsRef<str>>(&mut self, names: &[Name]) -> Result<(), Error> {
        self.groups = group::parse(names)?;
        Ok(())
    }

    /// The IANA names of the key exchange groups in order.
    #[must_use]
    pub fn groups(&self) -> Vec<&'static str> {
        self.groups.iter().map(|group| group.name()).collect()
    }

    /// Take the certificate chain, own certificate first.
    pub fn load_certificate_chain(&mut self, input: &[u8]) -> Result<(), Error> {
        let mut chain = parse_chain(input)?;
        if let Some(key) = &self.key {
            chain = pair(&chain, key, ConfigurationItem::CertificateChain)?;
        }
        self.chain = Some(chain);
        Ok(())
    }

    /// Take the private key.
    pub fn load_private_key(
        &mut self,
        input: &[u8],
        kind: KeyKind,
        passphrase: Option<&str>,
    ) -> Result<(), Error> {
        let key = private_key(input, kind, passphrase)?;
        if let Some(chain) = &self.chain {
            self.chain = Some(pair(chain, &key, ConfigurationItem::PrivateKey)?);
        }
        self.key = Some(key);
        Ok(())
    }

    /// Take chain and key in one step.
    pub fn load_identity(
        &mut self,
        chain: &[u8],
        key: &[u8],
        passphrase: Option<&str>,
    ) -> Result<(), Error> {
        let (chain, key) = parse_identity(chain, key, passphrase)?;
        (self.chain, self.key) = (Some(chain), Some(key));
        Ok(())
    }

    /// Offer one more chain and key to choose from.
    pub fn add_identity(
        &mut self,
        chain: &[u8],
        key: &[u8],
        passphrase: Option<&str>,
    ) -> Result<(), Error> {
        let (chain, key) = parse_identity(chain, key, passphrase)?;
        self.more_identities
            .push(Arc::new(CertifiedKey::new(chain, key)));
        Ok(())
    }

    /// Take chain and key out of PKCS#12 in one step. Without a passphrase the empty one is tried.
    pub fn load_pkcs12(&mut self, input: &[u8], passphrase: Option<&str>) -> Result<(), Error> {
        let pkcs12::Identity { chain, key } = pkcs12::identity(input, passphrase)?;
        check_x509(&chain, ConfigurationItem::Pkcs12)?;
        (self.chain, self.key) = (Some(chain), Some(key));
        Ok(())
    }

    /// Trust the certificates of the input too; how many were new.
    pub fn add_trust_roots(&mut self, input: &[u8]) -> Result<u32, Error> {
        self.roots.add(input, None)
    }

    /// The same, of an input that comes from a place: a path, for the message of an unknown authority.
    pub fn add_trust_roots_of(&mut self, place: &str, input: &[u8]) -> Result<u32, Error> {
        self.roots.add(input, Some(place))
    }

    /// Trust the certificates of the files of a directory too, each a path and what reading it
    /// gave. Files that hold none are reported; the directory itself is, as its only file, if it
    /// is not there.
    pub fn add_trust_files<B: AsRef<[u8]>>(
        &mut self,
        directory: &str,
        files: impl IntoIterator<Item = (String, Result<B, Error>)>,
    ) -> DirectoryReport {
        self.roots.add_files(directory, files)
    }

    /// Trust the built-in web roots too; how many were new.
    pub fn add_web_roots(&mut self) -> u32 {
        self.roots.add_web_roots()
    }

    /// Whether what is trusted has been left to the default, and whether that matters.
    #[must_use]
    pub fn wants_default_roots(&self) -> bool {
        self.roots.is_default() && self.verify != Verify::Unverified
    }

    /// Suggest the subjects of these certificates to clients, and no others; how many they are.
    pub fn load_suggested_authorities(&mut self, input: &[u8]) -> Result<u32, Error> {
        if self.role == Role::Client {
            return Err(Error::InvalidArgument(
                "a client suggests no authorities; use a server's context".into(),
            ));
        }
        let suggested = trust::suggested_authorities(input)?;
        let count = u32::try_from(suggested.len()).unwrap_or(u32::MAX);
        self.suggested = Some(suggested);
        Ok(count)
    }

    /// Say what is asked of the peer's certificate.
    pub fn set_verify(&mut self, verify: Verify) {
        self.verify = verify;
    }

    /// Choose the name sent in SNI.
    pub fn set_server_name(&mut self, name: SendName) -> Result<(), Error> {
        if let SendName::Name(name) = &name
            && !matches!(parse_name(name), Some(ServerName::DnsName(_)))
        {
            return Err(bad_name(name, "not a DNS name"));
        }
        self.server_name = name;
        Ok(())
    }

    /// Choose the name that the server's certificate must have.
    pub fn set_verify_name(&mut self, name: VerifyName) -> Result<(), Error> {
        if let VerifyName::Name(name) = &name
            && parse_name(name).is_none()
        {
            return Err(bad_name(name, "neither a DNS name nor an IP address"));
        }
        self.verify_name = name;
        Ok(())
    }

    /// Say what the end of the transport without close_notify means (seed E13).
    pub fn set_truncation(&mut self, truncation: Truncation) {
        self.truncation = truncation;
    }

    /// Set the limit of one timer.
    pub fn set_timeout(&mut self, timer: Timer, milliseconds: Option<u64>) -> Result<(), Error> {
        self.timeouts.set(timer, milliseconds)
    }

    /// The configuration that connections are made with, if the whole can work.
    pub fn seal(&self) -> Result<Config, Error> {
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
            roots: self.roots.seal(self.verify != Verify::Unverified)?,
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
        let identities = identities.ok_or_else(|| Error::Other(Some("no identity".into())))?;
        Ok(ServerSide {
            rustls: Arc::new(builder.with_cert_resolver(identities)),
            verifier,
            clock,
        })
    }

    /// None if clients are not asked for certificates.
    fn client_verifier(
        &self,
        provider: &CryptoProvider,
    ) -> Result<Option<Arc<ClientVerifier>>, Error> {
        if self.verify == Verify::Unverified {
            return Ok(None);
        }
        let roots = self.roots.seal(true)?;
        let suggested = match &self.suggested {
            Some(suggested) => suggested.clone(),
            None => trust::suggested_by_default(&roots),
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

    fn permitted(&self) -> RangeInclusive<Version> {
        self.lowest..=self.highest
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

/// A sealed configuration: what listeners and ports share.
#[derive(Debug)]
pub struct Config {
    pub(crate) side: Side,
    /// Where the trust roots come from, in words.
    pub(crate) searched: Arc<str>,
    pub(crate) truncation: Truncation,
    pub(crate) timeouts: Timeouts,
}

#[derive(Debug)]
pub(crate) enum Side {
    Client(ClientSide),
    Server(ServerSide),
}

impl Config {
    /// The role it was made for.
    #[must_use]
    pub fn role(&self) -> Role {
        match self.side {
            Side::Client(_) => Role::Client,
            Side::Server(_) => Role::Server,
        }
    }

    /// The limits that its connections keep.
    #[must_use]
    pub fn timeouts(&self) -> Timeouts {
        self.timeouts
    }
}

/// The client's half of a configuration.
#[derive(Debug)]
pub(crate) struct ClientSide {
    rustls: Arc<ClientConfig>,
    verifier: Arc<ServerVerifier>,
    server_name: SendName,
    pub(crate) clock: Arc<dyn TimeProvider>,
}

/// The server's half of a configuration.
#[derive(Debug)]
pub(crate) struct ServerSide {
    pub(crate) rustls: Arc<ServerConfig>,
    /// None if clients are not asked for certificates.
    pub(crate) verifier: Option<Arc<ClientVerifier>>,
    pub(crate) clock: Arc<dyn TimeProvider>,
}

/// What one client connection is made with.
pub(crate) struct ClientParameters {
    pub(crate) rustls: Arc<ClientConfig>,
    pub(crate) connection_name: ServerName<'static>,
    pub(crate) verifier: Arc<ServerVerifier>,
}

impl ClientSide {
    /// The parameters of a connection to the host. rustls has one name for SNI, for resumption and
    /// for its verifier; where SNI and the verified name differ, ours is told the other.
    pub(crate) fn connection(&self, host: Option<&str>) -> Result<ClientParameters, Error> {
        let host = host.map(parse_host).transpose()?;
        let verified = match &self.verifier.name {
            NameCheck::Fixed(name) => Some(name.clone()),
            NameCheck::Connection | NameCheck::Unverified => host.clone(),
        };
        let sent = match &self.server_name {
            SendName::Automatic => verified,
            SendName::Off => host.clone(),
            SendName::Name(name) => parse_name(name),
        };
        let checks_host = self.verifier.verify != Verify::Unverified
            && self.verifier.name == NameCheck::Connection;
        if host.is_none() && (checks_host || (sent.is_none() && self.rustls.enable_sni)) {
            return Err(Error::InvalidArgument(
                "this context verifies or sends the host's name; give the host".into(),
            ));
        }
        let Some(connection_name) = sent else {
            return Ok(self.nameless());
        };
        let mut verifier = Arc::clone(&self.verifier);
        let mut rustls = Arc::clone(&self.rustls);
        if checks_host
            && host.as_ref() != Some(&connection_name)
            && let Some(host) = host
        {
            let own = ServerVerifier {
                name: NameCheck::Fixed(host),
                ..(*self.verifier).clone()
            };
            verifier = Arc::new(own);
            let mut own = (*self.rustls).clone();
            own.dangerous()
                .set_certificate_verifier(Arc::<ServerVerifier>::clone(&verifier));
            rustls = Arc::new(own);
        }
        Ok(ClientParameters {
            rustls,
            connection_name,
            verifier,
        })
    }

    /// A connection to nobody in particular: a name that SNI never sends, and no resumption, which
    /// would be filed under it.
    fn nameless(&self) -> ClientParameters {
        let mut rustls = (*self.rustls).clone();
        rustls.resumption = Resumption::disabled();
        ClientParameters {
            rustls: Arc::new(rustls),
            connection_name: ServerName::IpAddress(IpAddr::V4(Ipv4Addr::from([0, 0, 0, 0]))),
            verifier: Arc::clone(&self.verifier),
        }
    }
}

fn parse_chain(input: &[u8]) -> Result<Vec<CertificateDer<'static>>, Error> {
    let item = ConfigurationItem::CertificateChain;
    let chain = credential::certificates(item, input)?;
    check_x509(&chain, item)?;
    Ok(chain)
}

/// What peers make of a certificate is theirs: of any version, with any extension, it can be presented.
fn check_x509(chain: &[CertificateDer<'_>], item: ConfigurationItem) -> Result<(), Error> {
    match chain
        .iter()
        .position(|der| Certificate::parse(der).is_err())
    {
        None => Ok(()),
        Some(index) => Err(Error::refused(
            item,
            ConfigurationReason::Malformed,
            format!("certificate {} is not valid X.509", index + 1),
        )),
    }
}

fn parse_identity(
    chain: &[u8],
    key: &[u8],
    passphrase: Option<&str>,
) -> Result<(Vec<CertificateDer<'static>>, Arc<dyn SigningKey>), Error> {
    let chain = parse_chain(chain)?;
    let key = private_key(key, KeyKind::Any, passphrase)?;
    let chain = pair(&chain, &key, ConfigurationItem::PrivateKey)?;
    Ok((chain, key))
}

/// The chain in the order that peers want: the key's certificate first, each followed by its issuer.
fn pair(
    chain: &[CertificateDer<'static>],
    key: &Arc<dyn SigningKey>,
    item: ConfigurationItem,
) -> Result<Vec<CertificateDer<'static>>, Error> {
    chain::ordered(chain, key).ok_or_else(|| {
        let detail = match chain.len() {
            1 => "the certificate holds another public key".to_owned(),
            count => format!("none of the {count} certificates holds the public key"),
        };
        Error::refused(item, ConfigurationReason::KeyMismatch, detail)
    })
}

/// A host as a name; a trailing dot, which DNS allows and certificates never have, goes.
fn parse_host(host: &str) -> Result<ServerName<'static>, Error> {
    parse_name(host).ok_or_else(|| {
        let cure = if host.is_ascii() {
            ""
        } else {
            "; write it in its ASCII form (xn--…)"
        };
        Error::InvalidArgument(format!(
            "{host:?} is neither a DNS name nor an IP address{cure}"
        ))
    })
}

fn parse_name(name: &str) -> Option<ServerName<'static>> {
    let name = name.strip_suffix('.').unwrap_or(name);
    ServerName::try_from(name.to_owned()).ok()
}

fn bad_name(name: &str, why: &str) -> Error {
    Error::refused(
        ConfigurationItem::ServerName,
        ConfigurationReason::Malformed,
        format!("{name:?} is {why}"),
    )
}
