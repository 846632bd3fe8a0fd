//! The settings of a context, while it can change. `build` makes a configuration of them.
//!
//! Over 400 lines: the settings are many and short, and what has a syntax stands in a file of its own.

use std::ops::RangeInclusive;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::sign::{CertifiedKey, SigningKey};
use rustls::time_provider::{DefaultTimeProvider, TimeProvider};
use rustls::{DistinguishedName, SignatureScheme};

use super::alpn;
use super::alpn::AlpnMismatch;
use super::by_name::ByName;
use super::cipher_list::{CipherList, CipherListReport};
use super::config::{Config, Role, Truncation};
use super::credential::certificates;
use super::credential::chain;
use super::credential::pkcs12;
use super::credential::private_key::{KeyKind, private_key};
use super::cryptography::Cryptography;
use super::group;
use super::group::NamedGroup;
use super::key_log::KeyLog;
use super::names::{SendName, VerifyName, bad_name, parse_name};
use super::record;
use super::resumption::Resumption;
use super::signature;
use super::timeouts::Timeouts;
use super::verify::Verify;
use super::verify::revocations::Revocations;
use super::verify::roots;
use super::verify::roots::{DirectoryReport, TrustRoots};
use super::version::Version;
use super::x509::{self, Certificate, Malformed, RevocationScope, UnknownRevocation};
use crate::error::{ConfigurationItem, ConfigurationReason, Error, Timer};
use portcullis_provider::hash::Fingerprint;

/// The least plaintext that records can be limited to, as in RFC 8449 §4.
const SHORTEST_RECORD: usize = 64;

/// The most early data that a server takes of a client, which is kept until it is read.
const MOST_EARLY_DATA: u32 = 1 << 20;

/// The settings of a context until it is sealed. Each change is atomic.
#[derive(Clone)]
pub struct Settings {
    pub(super) role: Role,
    pub(super) lowest: Version,
    pub(super) highest: Version,
    pub(super) ciphers: CipherList,
    pub(super) groups: Vec<NamedGroup>,
    /// What handshakes may be signed with, the preferred first.
    pub(super) signature_schemes: Arc<[SignatureScheme]>,
    /// Whose order of cipher suites a server follows.
    pub(super) suite_preference: Role,
    /// Application protocols, the preferred first.
    pub(super) alpn: Vec<Vec<u8>>,
    pub(super) alpn_mismatch: AlpnMismatch,
    /// Configurations for names that clients ask for.
    pub(super) names: Arc<ByName<Arc<Config>>>,
    /// Whether the caller chooses the configuration by the ClientHello.
    pub(super) asks: bool,
    /// Whether a server's writes leave before the client's Finished.
    pub(super) writes_before_finished: bool,
    /// Whether a client may send early data.
    pub(super) offers_early_data: bool,
    /// How many bytes of early data a server takes of each client.
    pub(super) early_data_limit: u32,
    pub(super) chain: Option<Vec<CertificateDer<'static>>>,
    pub(super) key: Option<Arc<dyn SigningKey>>,
    /// The OCSP response that a server presents with the chain.
    pub(super) staple: Option<Vec<u8>>,
    /// Identities besides chain and key.
    pub(super) more_identities: Vec<Arc<CertifiedKey>>,
    pub(super) roots: TrustRoots,
    /// Authorities to suggest in place of the subjects of the trust roots.
    pub(super) suggested: Option<Vec<DistinguishedName>>,
    pub(super) verify: Verify,
    pub(super) server_name: SendName,
    pub(super) verify_name: VerifyName,
    /// The SHA-256 of keys of which the peer's chain must have one.
    pub(super) pins: Vec<Fingerprint>,
    pub(super) revocations: Revocations,
    pub(super) truncation: Truncation,
    /// How many bytes of plaintext a record that is sent has at most.
    pub(super) record_size: usize,
    pub(super) timeouts: Timeouts,
    pub(super) resumption: Resumption,
    /// Where the secrets of connections go; none unless it was asked for.
    pub(super) key_log: Option<Arc<KeyLog>>,
    pub(super) clock: Arc<dyn TimeProvider>,
    pub(super) cryptography: Cryptography,
}

impl Settings {
    /// Settings that are safe as they are: verification, names and web roots for a client.
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

    /// Settings that verify nothing, trust nobody and send no name.
    #[must_use]
    pub fn unverified(role: Role) -> Self {
        Self {
            role,
            lowest: Version::Tls12,
            highest: Version::Tls13,
            ciphers: CipherList::preferred(&[]),
            groups: NamedGroup::PREFERRED.to_vec(),
            signature_schemes: signature::preferred(),
            // Most clients put AES first, which is several times slower in WebAssembly.
            suite_preference: Role::Server,
            alpn: Vec::new(),
            alpn_mismatch: AlpnMismatch::Refused,
            names: Arc::default(),
            asks: false,
            writes_before_finished: false,
            offers_early_data: false,
            early_data_limit: 0,
            chain: None,
            key: None,
            staple: None,
            more_identities: Vec::new(),
            roots: TrustRoots::none(),
            suggested: None,
            verify: Verify::Unverified,
            server_name: SendName::Off,
            verify_name: VerifyName::Host,
            pins: Vec::new(),
            revocations: Revocations::default(),
            truncation: Truncation::Refused,
            record_size: record::LONGEST,
            timeouts: Timeouts::default(),
            resumption: Resumption::default(),
            key_log: None,
            clock: Arc::new(DefaultTimeProvider),
            cryptography: Cryptography::default(),
        }
    }

    /// The role they were made for.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }

    /// Take the time from another clock, in tests and in hosts.
    pub fn set_clock(&mut self, clock: Arc<dyn TimeProvider>) {
        self.clock = clock;
    }

    /// Compute by the code of another provider where it has the same as ours, in hosts that have
    /// faster code. Its order of suites is the order until a cipher list is set, for what is fast here
    /// is slow there. It comes first: keys that are loaded before are not concerned, and a list is lost.
    pub fn set_cryptography(&mut self, substitute: Arc<CryptoProvider>) {
        self.ciphers = CipherList::preferred(&substitute.cipher_suites);
        self.cryptography = Cryptography::by(substitute);
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

    /// Choose the signature schemes of handshakes and their order by their IANA names.
    pub fn set_signature_schemes<Name: AsRef<str>>(&mut self, names: &[Name]) -> Result<(), Error> {
        self.signature_schemes = signature::parse(names)?;
        Ok(())
    }

    /// The IANA names of the signature schemes in order.
    #[must_use]
    pub fn signature_schemes(&self) -> Vec<&'static str> {
        let schemes = self.signature_schemes.iter();
        schemes.map(|scheme| signature::name(*scheme)).collect()
    }

    /// Say whose order of cipher suites a server follows.
    pub fn set_suite_preference(&mut self, role: Role) -> Result<(), Error> {
        self.for_server("a client chooses no cipher suite")?;
        self.suite_preference = role;
        Ok(())
    }

    /// Choose the application protocols, the preferred first (RFC 7301).
    pub fn set_alpn<Name: AsRef<str>>(&mut self, names: &[Name]) -> Result<(), Error> {
        self.alpn = alpn::parse(names)?;
        Ok(())
    }

    /// The application protocols in order.
    #[must_use]
    pub fn alpn(&self) -> Vec<String> {
        let name = |name: &Vec<u8>| String::from_utf8_lossy(name).into_owned();
        self.alpn.iter().map(name).collect()
    }

    /// Say what a server does where no application protocol is in common.
    pub fn set_alpn_mismatch(&mut self, mismatch: AlpnMismatch) -> Result<(), Error> {
        self.for_server("a client takes what the server has chosen, or nothing")?;
        self.alpn_mismatch = mismatch;
        Ok(())
    }

    /// Serve the clients that ask for this name, or for one that a wildcard stands for, with another
    /// configuration.
    pub fn add_name(&mut self, name: &str, config: Arc<Config>) -> Result<(), Error> {
        self.for_server("a client is asked for no name")?;
        if config.role() == Role::Client {
            return Err(Error::InvalidArgument(
                "a client's context serves nobody; use a server's".into(),
            ));
        }
        Arc::make_mut(&mut self.names).add(name, config)
    }

    /// Have the caller choose the configuration by the ClientHello.
    pub fn ask_for_context(&mut self) -> Result<(), Error> {
        self.for_server("a client gets no ClientHello")?;
        self.asks = true;
        Ok(())
    }

    /// Keep at most so many sessions in memory, to resume them.
    pub fn set_session_cache(&mut self, sessions: u32) -> Result<(), Error> {
        self.resumption.set_sessions(sessions)
    }

    /// Resume sessions for so many seconds (RFC 8446 §4.6.1).
    pub fn set_session_lifetime(&mut self, seconds: u32) -> Result<(), Error> {
        self.for_server("a client keeps sessions as long as the server says")?;
        self.resumption.set_lifetime(seconds)
    }

    /// Send so many tickets in TLS 1.3.
    pub fn set_ticket_count(&mut self, tickets: u32) -> Result<(), Error> {
        self.for_server("a client sends no tickets")?;
        self.resumption.set_tickets(tickets)
    }

    /// Keep sessions in tickets under these keys. The first seals, all open.
    pub fn set_ticket_keys<Key: AsRef<[u8]>>(&mut self, keys: &[Key]) -> Result<(), Error> {
        self.for_server("a client has no keys of tickets")?;
        self.resumption.set_keys(keys)
    }

    fn for_server(&self, why: &str) -> Result<(), Error> {
        match self.role {
            Role::Server => Ok(()),
            Role::Client => Err(Error::InvalidArgument(format!(
                "{why}; use a server's context"
            ))),
        }
    }

    /// Have what a server writes leave before the client's Finished (RFC 8446 §4.4.4).
    pub fn write_before_finished(&mut self) -> Result<(), Error> {
        self.for_server("a client's Finished comes before what it writes")?;
        self.writes_before_finished = true;
        Ok(())
    }

    /// Let a client send early data with the sessions that it resumes (RFC 8446 §2.3).
    pub fn offer_early_data(&mut self) -> Result<(), Error> {
        if self.role == Role::Server {
            return Err(Error::InvalidArgument(
                "a server offers no early data; use accept-early-data, or a client's context"
                    .to_owned(),
            ));
        }
        self.offers_early_data = true;
        Ok(())
    }

    /// Have a server take up to so many bytes of early data of each client (RFC 8446 §4.2.10).
    pub fn accept_early_data(&mut self, limit: u32) -> Result<(), Error> {
        self.for_server("a client takes no early data")?;
        if !(1..=MOST_EARLY_DATA).contains(&limit) {
            return Err(Error::InvalidArgument(format!(
                "{limit} bytes of early data; 1 to {MOST_EARLY_DATA} are allowed"
            )));
        }
        self.early_data_limit = limit;
        Ok(())
    }

    /// Have the secrets of connections logged, all to the same log.
    pub fn log_keys(&mut self) -> Arc<KeyLog> {
        Arc::clone(self.key_log.get_or_insert_default())
    }

    /// Take the certificate chain, own certificate first.
    pub fn load_certificate_chain(&mut self, input: &[u8]) -> Result<(), Error> {
        let mut chain = parse_chain(input)?;
        if let Some(key) = &self.key {
            chain = pair(&chain, key, ConfigurationItem::CertificateChain)?;
        }
        self.chain = Some(chain);
        self.staple = None;
        Ok(())
    }

    /// Take the private key.
    pub fn load_private_key(
        &mut self,
        input: &[u8],
        kind: KeyKind,
        passphrase: Option<&str>,
    ) -> Result<(), Error> {
        let key = private_key(input, kind, passphrase, &self.cryptography)?;
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
        let (chain, key) = parse_identity(chain, key, passphrase, &self.cryptography)?;
        self.present(chain, key);
        Ok(())
    }

    /// What was stapled to the chain before is not about this one.
    fn present(&mut self, chain: Vec<CertificateDer<'static>>, key: Arc<dyn SigningKey>) {
        (self.chain, self.key, self.staple) = (Some(chain), Some(key), None);
    }

    /// Offer one more chain and key to choose from.
    pub fn add_identity(
        &mut self,
        chain: &[u8],
        key: &[u8],
        passphrase: Option<&str>,
    ) -> Result<(), Error> {
        let (chain, key) = parse_identity(chain, key, passphrase, &self.cryptography)?;
        self.more_identities
            .push(Arc::new(CertifiedKey::new(chain, key)));
        Ok(())
    }

    /// Take chain and key out of PKCS#12 in one step. Without a passphrase the empty one is tried.
    pub fn load_pkcs12(&mut self, input: &[u8], passphrase: Option<&str>) -> Result<(), Error> {
        let pkcs12::Identity { chain, key } =
            pkcs12::identity(input, passphrase, &self.cryptography)?;
        check_x509(&chain, ConfigurationItem::Pkcs12)?;
        self.present(chain, key);
        Ok(())
    }

    /// Present this OCSP response with the chain that is loaded, until another is (RFC 6066 §8).
    pub fn load_staple(&mut self, response: &[u8]) -> Result<(), Error> {
        self.for_server("a client presents no OCSP response")?;
        let refused =
            |reason, detail| Err(Error::refused(ConfigurationItem::Staple, reason, detail));
        if response.is_empty() {
            return refused(ConfigurationReason::Empty, "it is empty");
        }
        match x509::is_answer(response) {
            Ok(true) => {}
            Ok(false) => {
                let why = "the responder had no answer; ask it again";
                return refused(ConfigurationReason::Malformed, why);
            }
            Err(Malformed) => {
                let why = "it is not an OCSPResponse in DER";
                return refused(ConfigurationReason::Malformed, why);
            }
        }
        if self.chain.is_none() {
            return Err(Error::refused(
                ConfigurationItem::CertificateChain,
                ConfigurationReason::Missing,
                "load the one that the OCSP response is about first",
            ));
        }
        self.staple = Some(response.to_vec());
        Ok(())
    }

    /// Trust the certificates of the input too; returns how many were new.
    pub fn add_trust_roots(&mut self, input: &[u8]) -> Result<u32, Error> {
        self.roots.add(input, None)
    }

    /// The same, for input from a path, which the message of an unknown authority then names.
    pub fn add_trust_roots_of(&mut self, place: &str, input: &[u8]) -> Result<u32, Error> {
        self.roots.add(input, Some(place))
    }

    /// Trust the certificates of the files of a directory too; each file is a path and the result
    /// of reading it. Files without a certificate are reported. A directory that is not there is
    /// given as its only file, and so reported itself.
    pub fn add_trust_files<B: AsRef<[u8]>>(
        &mut self,
        directory: &str,
        files: impl IntoIterator<Item = (String, Result<B, Error>)>,
    ) -> DirectoryReport {
        self.roots.add_files(directory, directory, files)
    }

    /// The same, where the message of an unknown authority has these words for the directory.
    pub fn add_trust_files_of<B: AsRef<[u8]>>(
        &mut self,
        place: &str,
        directory: &str,
        files: impl IntoIterator<Item = (String, Result<B, Error>)>,
    ) -> DirectoryReport {
        self.roots.add_files(place, directory, files)
    }

    /// Where trust roots were found and where not, in words.
    #[must_use]
    pub fn trust_sources(&self) -> Vec<String> {
        self.roots.sources()
    }

    /// Trust the built-in web roots too; returns how many were new.
    pub fn add_web_roots(&mut self) -> u32 {
        self.roots.add_web_roots()
    }

    /// Whether trust is left to the default, and anything is verified by it.
    #[must_use]
    pub fn wants_default_roots(&self) -> bool {
        self.roots.is_default() && self.verify != Verify::Unverified
    }

    /// Suggest the subjects of these certificates to clients, and no others; returns how many they
    /// are.
    pub fn load_suggested_authorities(&mut self, input: &[u8]) -> Result<u32, Error> {
        self.for_server("a client suggests no authorities")?;
        let suggested = roots::suggested_authorities(input)?;
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

    /// Ask for this key in the peer's chain, or for another that is pinned (RFC 7469 §2.4).
    pub fn add_pin(&mut self, fingerprint: &[u8]) -> Result<(), Error> {
        let pin = Fingerprint::try_from(fingerprint).map_err(|_| {
            Error::refused(
                ConfigurationItem::Pins,
                ConfigurationReason::Malformed,
                format!("it has {} bytes", fingerprint.len()),
            )
        })?;
        if !self.pins.contains(&pin) {
            self.pins.push(pin);
        }
        Ok(())
    }

    /// Look at the revocation lists of the input too (RFC 5280 §6.3); returns how many were new.
    pub fn add_revocation_lists(&mut self, input: &[u8]) -> Result<u32, Error> {
        self.revocations.add(input)
    }

    /// Say whose revocation is looked at, and what is done where no list tells.
    pub fn set_revocation_check(&mut self, scope: RevocationScope, unknown: UnknownRevocation) {
        self.revocations.ask(scope, unknown);
    }

    /// Say what the end of the transport without close_notify means (seed E13).
    pub fn set_truncation(&mut self, truncation: Truncation) {
        self.truncation = truncation;
    }

    /// Choose how many bytes of plaintext a record has at most; `None` is as many as a record takes.
    pub fn set_record_size(&mut self, bytes: Option<u32>) -> Result<(), Error> {
        let size = bytes.map_or(record::LONGEST, |bytes| {
            usize::try_from(bytes).unwrap_or(usize::MAX)
        });
        if !(SHORTEST_RECORD..=record::LONGEST).contains(&size) {
            return Err(Error::refused(
                ConfigurationItem::RecordSize,
                ConfigurationReason::Malformed,
                format!("{size} bytes"),
            ));
        }
        self.record_size = size;
        Ok(())
    }

    /// Set the limit of one timer.
    pub fn set_timeout(&mut self, timer: Timer, milliseconds: Option<u64>) -> Result<(), Error> {
        self.timeouts.set(timer, milliseconds)
    }

    pub(super) fn permitted(&self) -> RangeInclusive<Version> {
        self.lowest..=self.highest
    }
}

fn parse_chain(input: &[u8]) -> Result<Vec<CertificateDer<'static>>, Error> {
    let item = ConfigurationItem::CertificateChain;
    let chain = certificates::certificates(item, input)?;
    check_x509(&chain, item)?;
    Ok(chain)
}

/// Checks no more than that each can be parsed: a certificate of any version and with any extension
/// can be presented, and it is for the peer to judge it.
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
    cryptography: &Cryptography,
) -> Result<(Vec<CertificateDer<'static>>, Arc<dyn SigningKey>), Error> {
    let chain = parse_chain(chain)?;
    let key = private_key(key, KeyKind::Any, passphrase, cryptography)?;
    let chain = pair(&chain, &key, ConfigurationItem::PrivateKey)?;
    Ok((chain, key))
}

/// The chain in the order that peers want: the key's certificate first, each followed by its
/// issuer.
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
