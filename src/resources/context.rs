//! The resource `context`, and the functions of `errors` and `defaults`.
//!
//! Over 400 lines: the functions of the interface are many, and only convert.

use std::cell::RefCell;
use std::sync::Arc;

use super::bindings::exports::portcullis::tls::context::{
    AlpnMismatch, CipherListReport, Context as ContextHandle, ContextBorrow, DirectoryReport,
    Guest, GuestContext, KeyKind, RevocationScope, ServerName, Source, Truncation,
    UnknownRevocation, Verify, VerifyName,
};
use super::bindings::exports::portcullis::tls::defaults::Guest as DefaultsGuest;
use super::bindings::exports::portcullis::tls::errors::Guest as ErrorsGuest;
use super::bindings::exports::portcullis::tls::key_log::KeyLog as KeyLogHandle;
use super::bindings::exports::portcullis::tls::types::{
    Error as WitError, Role, Status, Timer, Version,
};
use super::component::Component;
use super::fs;
use super::key_log::KeyLogOfContext;
use zeroize::Zeroizing;

use crate::error::{ConfigurationItem, Error};
use crate::files::add_environment_roots;
use crate::tls::{Config, Settings, supported_groups, supported_signature_schemes};

/// Holds settings until the first use, and a configuration that is final from then on.
pub(crate) struct Context {
    state: RefCell<State>,
}

enum State {
    Open(Settings),
    /// The configuration that connections are made with, and the settings that it came from, for
    /// copies.
    Sealed(Arc<Config>, Settings),
}

thread_local! {
    /// The directory that `set-default-authority-directory` chose. It belongs to the instance, as
    /// the seed's parameter belongs to the program.
    static DEFAULT_AUTHORITY_DIRECTORY: RefCell<Option<String>> = const { RefCell::new(None) };
}

impl Context {
    /// The configuration for a listener or port. Seals the context.
    pub(crate) fn config(&self) -> Result<Arc<Config>, Error> {
        let mut state = self.state.borrow_mut();
        let (config, settings) = match &*state {
            State::Sealed(config, _) => return Ok(Arc::clone(config)),
            State::Open(settings) => (seal(settings)?, settings.clone()),
        };
        *state = State::Sealed(Arc::clone(&config), settings);
        Ok(config)
    }

    /// The same, for a connection that this side begins.
    #[cfg(any(feature = "sockets", feature = "p3"))]
    pub(crate) fn client_config(&self) -> Result<Arc<Config>, Error> {
        self.config_of(Role::Client, "connecting needs a client's context")
    }

    /// The same, for connections that others begin.
    #[cfg(any(feature = "sockets", feature = "p3"))]
    pub(crate) fn server_config(&self) -> Result<Arc<Config>, Error> {
        self.config_of(Role::Server, "a listener needs a server's context")
    }

    #[cfg(any(feature = "sockets", feature = "p3"))]
    fn config_of(&self, role: Role, else_: &str) -> Result<Arc<Config>, Error> {
        let config = self.config()?;
        match Role::from(config.role()) == role {
            true => Ok(config),
            false => Err(Error::InvalidArgument(else_.to_owned())),
        }
    }

    fn open(settings: Settings) -> ContextHandle {
        ContextHandle::new(Self {
            state: RefCell::new(State::Open(settings)),
        })
    }

    /// The settings as they are, open or sealed.
    fn settings<T>(&self, look: impl FnOnce(&Settings) -> T) -> T {
        match &*self.state.borrow() {
            State::Open(settings) | State::Sealed(_, settings) => look(settings),
        }
    }

    /// A number of the configuration; 0 while there is none.
    fn sealed(&self, look: impl FnOnce(&Config) -> u64) -> u64 {
        match &*self.state.borrow() {
            State::Open(_) => 0,
            State::Sealed(config, _) => look(config),
        }
    }

    fn change<T>(
        &self,
        change: impl FnOnce(&mut Settings) -> Result<T, Error>,
    ) -> Result<T, WitError> {
        match &mut *self.state.borrow_mut() {
            State::Open(settings) => change(settings).map_err(WitError::from),
            State::Sealed(..) => Err(WitError::Sealed),
        }
    }

    fn take_identity(
        &self,
        chain: Source,
        key: Source,
        passphrase: Option<String>,
        take: impl FnOnce(&mut Settings, &[u8], &[u8], Option<&str>) -> Result<(), Error>,
    ) -> Result<(), WitError> {
        let passphrase = passphrase.map(Zeroizing::new);
        self.change(|settings| {
            let chain = contents(ConfigurationItem::CertificateChain, chain)?;
            let key = contents(ConfigurationItem::PrivateKey, key)?;
            take(
                settings,
                &chain,
                &key,
                passphrase.as_ref().map(|p| p.as_str()),
            )
        })
    }
}

fn seal(settings: &Settings) -> Result<Arc<Config>, Error> {
    let directory = DEFAULT_AUTHORITY_DIRECTORY.with_borrow(Option::clone);
    match directory {
        Some(directory) if settings.wants_default_roots() => {
            let mut settings = settings.clone();
            add_trust_directory(&mut settings, &directory)?;
            settings.seal()
        }
        _ => settings.seal(),
    }
    .map(Arc::new)
}

fn add_trust_directory(
    settings: &mut Settings,
    path: &str,
) -> Result<crate::tls::DirectoryReport, Error> {
    let files = fs::read_directory(ConfigurationItem::TrustRoots, path)?;
    Ok(settings.add_trust_files(path, files))
}

impl GuestContext for Context {
    fn secure(role: Role) -> ContextHandle {
        Self::open(Settings::secure(role.into()))
    }

    fn unverified(role: Role) -> ContextHandle {
        Self::open(Settings::unverified(role.into()))
    }

    fn copy(&self) -> ContextHandle {
        Self::open(self.settings(Settings::clone))
    }

    fn role(&self) -> Role {
        self.settings(Settings::role).into()
    }

    fn set_protocol(&self, name: String) -> Result<(), WitError> {
        self.change(|settings| settings.set_protocol(&name))
    }

    fn set_versions(&self, lowest: Version, highest: Version) -> Result<(), WitError> {
        self.change(|settings| settings.set_versions(lowest.into(), highest.into()))
    }

    fn set_cipher_list(&self, words: Vec<String>) -> Result<CipherListReport, WitError> {
        self.change(|settings| settings.set_cipher_list(&words).map(Into::into))
    }

    fn cipher_suites(&self) -> Vec<String> {
        owned(&self.settings(Settings::cipher_suites))
    }

    fn set_groups(&self, groups: Vec<String>) -> Result<(), WitError> {
        self.change(|settings| settings.set_groups(&groups))
    }

    fn groups(&self) -> Vec<String> {
        owned(&self.settings(Settings::groups))
    }

    fn set_signature_schemes(&self, schemes: Vec<String>) -> Result<(), WitError> {
        self.change(|settings| settings.set_signature_schemes(&schemes))
    }

    fn signature_schemes(&self) -> Vec<String> {
        owned(&self.settings(Settings::signature_schemes))
    }

    fn set_suite_preference(&self, role: Role) -> Result<(), WitError> {
        self.change(|settings| settings.set_suite_preference(role.into()))
    }

    fn set_alpn(&self, protocols: Vec<String>) -> Result<(), WitError> {
        self.change(|settings| settings.set_alpn(&protocols))
    }

    fn alpn(&self) -> Vec<String> {
        self.settings(Settings::alpn)
    }

    fn set_alpn_mismatch(&self, mismatch: AlpnMismatch) -> Result<(), WitError> {
        self.change(|settings| settings.set_alpn_mismatch(mismatch.into()))
    }

    fn load_certificate_chain(&self, source: Source) -> Result<(), WitError> {
        self.change(|settings| {
            let chain = contents(ConfigurationItem::CertificateChain, source)?;
            settings.load_certificate_chain(&chain)
        })
    }

    fn load_private_key(
        &self,
        source: Source,
        kind: KeyKind,
        passphrase: Option<String>,
    ) -> Result<(), WitError> {
        let passphrase = passphrase.map(Zeroizing::new);
        self.change(|settings| {
            let key = contents(ConfigurationItem::PrivateKey, source)?;
            settings.load_private_key(&key, kind.into(), passphrase.as_ref().map(|p| p.as_str()))
        })
    }

    fn load_identity(
        &self,
        chain: Source,
        key: Source,
        passphrase: Option<String>,
    ) -> Result<(), WitError> {
        self.take_identity(chain, key, passphrase, Settings::load_identity)
    }

    fn add_identity(
        &self,
        chain: Source,
        key: Source,
        passphrase: Option<String>,
    ) -> Result<(), WitError> {
        self.take_identity(chain, key, passphrase, Settings::add_identity)
    }

    fn load_pkcs12(&self, source: Source, passphrase: Option<String>) -> Result<(), WitError> {
        let passphrase = passphrase.map(Zeroizing::new);
        self.change(|settings| {
            let file = contents(ConfigurationItem::Pkcs12, source)?;
            settings.load_pkcs12(&file, passphrase.as_ref().map(|p| p.as_str()))
        })
    }

    fn load_staple(&self, source: Source) -> Result<(), WitError> {
        self.change(|settings| settings.load_staple(&contents(ConfigurationItem::Staple, source)?))
    }

    fn add_name(&self, name: String, context: ContextBorrow<'_>) -> Result<(), WitError> {
        // It may be this context, which is then sealed, and cannot be changed.
        let config = context.get::<Self>().config()?;
        self.change(|settings| settings.add_name(&name, config))
    }

    fn ask_for_context(&self) -> Result<(), WitError> {
        self.change(Settings::ask_for_context)
    }

    fn write_before_finished(&self) -> Result<(), WitError> {
        self.change(Settings::write_before_finished)
    }

    fn offer_early_data(&self) -> Result<(), WitError> {
        self.change(Settings::offer_early_data)
    }

    fn accept_early_data(&self, limit: u32) -> Result<(), WitError> {
        self.change(|settings| settings.accept_early_data(limit))
    }

    fn add_trust_roots(&self, source: Source) -> Result<u32, WitError> {
        self.change(|settings| {
            let place = match &source {
                Source::Path(path) => Some(path.clone()),
                Source::Bytes(_) => None,
            };
            let contents = contents(ConfigurationItem::TrustRoots, source)?;
            match place {
                Some(place) => settings.add_trust_roots_of(&place, &contents),
                None => settings.add_trust_roots(&contents),
            }
        })
    }

    fn add_trust_directory(&self, path: String) -> Result<DirectoryReport, WitError> {
        self.change(|settings| add_trust_directory(settings, &path))
            .map(DirectoryReport::from)
    }

    fn add_environment_roots(&self) -> Result<Option<DirectoryReport>, WitError> {
        let report = self.change(|settings| add_environment_roots(&mut fs::Preopened, settings))?;
        Ok(report.map(DirectoryReport::from))
    }

    fn trust_sources(&self) -> Vec<String> {
        self.settings(Settings::trust_sources)
    }

    fn add_web_roots(&self) -> Result<u32, WitError> {
        self.change(|settings| Ok(settings.add_web_roots()))
    }

    fn load_suggested_authorities(&self, source: Source) -> Result<u32, WitError> {
        self.change(|settings| {
            let contents = contents(ConfigurationItem::SuggestedAuthorities, source)?;
            settings.load_suggested_authorities(&contents)
        })
    }

    fn set_verify(&self, verify: Verify) -> Result<(), WitError> {
        self.change(|settings| {
            settings.set_verify(verify.into());
            Ok(())
        })
    }

    fn set_server_name(&self, name: ServerName) -> Result<(), WitError> {
        self.change(|settings| settings.set_server_name(name.into()))
    }

    fn set_verify_name(&self, name: VerifyName) -> Result<(), WitError> {
        self.change(|settings| settings.set_verify_name(name.into()))
    }

    fn add_revocation_lists(&self, source: Source) -> Result<u32, WitError> {
        self.change(|settings| {
            let lists = contents(ConfigurationItem::RevocationLists, source)?;
            settings.add_revocation_lists(&lists)
        })
    }

    fn set_revocation_check(
        &self,
        scope: RevocationScope,
        unknown: UnknownRevocation,
    ) -> Result<(), WitError> {
        self.change(|settings| {
            settings.set_revocation_check(scope.into(), unknown.into());
            Ok(())
        })
    }

    fn add_pin(&self, fingerprint: Vec<u8>) -> Result<(), WitError> {
        self.change(|settings| settings.add_pin(&fingerprint))
    }

    fn set_truncation(&self, truncation: Truncation) -> Result<(), WitError> {
        self.change(|settings| {
            settings.set_truncation(truncation.into());
            Ok(())
        })
    }

    fn set_record_size(&self, bytes: Option<u32>) -> Result<(), WitError> {
        self.change(|settings| settings.set_record_size(bytes))
    }

    fn set_timeout(&self, timer: Timer, milliseconds: Option<u64>) -> Result<(), WitError> {
        self.change(|settings| settings.set_timeout(timer.into(), milliseconds))
    }

    fn set_session_cache(&self, sessions: u32) -> Result<(), WitError> {
        self.change(|settings| settings.set_session_cache(sessions))
    }

    fn set_session_lifetime(&self, seconds: u32) -> Result<(), WitError> {
        self.change(|settings| settings.set_session_lifetime(seconds))
    }

    fn set_ticket_count(&self, tickets: u32) -> Result<(), WitError> {
        self.change(|settings| settings.set_ticket_count(tickets))
    }

    fn set_ticket_keys(&self, secrets: Vec<Vec<u8>>) -> Result<(), WitError> {
        let secrets = Zeroizing::new(secrets);
        self.change(|settings| settings.set_ticket_keys(&secrets))
    }

    fn full_handshakes(&self) -> u64 {
        self.sealed(Config::full_handshakes)
    }

    fn resumed_handshakes(&self) -> u64 {
        self.sealed(Config::resumed_handshakes)
    }

    fn log_keys(&self) -> Result<KeyLogHandle, WitError> {
        let log = self.change(|settings| Ok(settings.log_keys()))?;
        Ok(KeyLogHandle::new(KeyLogOfContext(log)))
    }

    fn seal(&self) -> Result<(), WitError> {
        self.config().map(|_| ()).map_err(WitError::from)
    }

    fn is_sealed(&self) -> bool {
        matches!(&*self.state.borrow(), State::Sealed(..))
    }
}

fn contents(item: ConfigurationItem, source: Source) -> Result<Zeroizing<Vec<u8>>, Error> {
    match source {
        Source::Bytes(bytes) => Ok(Zeroizing::new(bytes)),
        Source::Path(path) => fs::read(item, &path),
    }
}

impl Guest for Component {
    type Context = Context;

    fn supported_groups() -> Vec<String> {
        owned(&supported_groups())
    }

    fn supported_signature_schemes() -> Vec<String> {
        owned(&supported_signature_schemes())
    }
}

impl DefaultsGuest for Component {
    fn default_authority_directory() -> Option<String> {
        DEFAULT_AUTHORITY_DIRECTORY.with_borrow(Option::clone)
    }

    fn set_default_authority_directory(path: Option<String>) {
        DEFAULT_AUTHORITY_DIRECTORY.set(path);
    }
}

impl ErrorsGuest for Component {
    fn status_of(error: WitError) -> Status {
        Error::from(error).status().into()
    }

    fn explain(error: WitError) -> String {
        Error::from(error).to_string()
    }
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}
