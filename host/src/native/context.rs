//! The resource `context`, its key log, and the functions of `errors` and `defaults`.
//!
//! Over 400 lines: the functions of the interface are many, and only convert.

use std::sync::Arc;

use portcullis::error::{ConfigurationItem, Error};
use portcullis::files::{Files as _, add_environment_roots};
use portcullis::tls;
use portcullis::tls::{Config, KeyLog, Settings, supported_groups, supported_signature_schemes};
use wasmtime::Result as Trappable;
use wasmtime::component::Resource;
use zeroize::Zeroizing;

use super::bindings::portcullis::tls::context::{
    AlpnMismatch, CipherListReport, DirectoryReport, Host, HostContext, KeyKind, RevocationScope,
    ServerName, Source, Truncation, UnknownRevocation, Verify, VerifyName,
};
use super::bindings::portcullis::tls::types::{Error as WitError, Role, Status, Timer, Version};
use super::bindings::portcullis::tls::{defaults, errors, key_log, types};
use super::fault::Fault;
use super::provider::provider;
use super::view::View;

/// Holds settings until the first use, and a configuration that is final from then on.
pub struct Context(State);

enum State {
    Open(Settings),
    /// The configuration that connections are made with, and the settings that it came from, for
    /// copies.
    Sealed(Arc<Config>, Settings),
}

/// The log of a context.
pub struct Log(Arc<KeyLog>);

type This = Resource<Context>;

impl View<'_> {
    /// The configuration for a listener or port. Seals the context.
    pub(super) fn config(&mut self, this: &This) -> Result<Arc<Config>, Fault> {
        let settings = match &self.table().get(this)?.0 {
            State::Sealed(config, _) => return Ok(Arc::clone(config)),
            State::Open(settings) => settings.clone(),
        };
        let directory = self.own().authority_directory.clone();
        let config = match directory {
            Some(directory) if settings.wants_default_roots() => {
                let mut settings = settings.clone();
                self.add_directory(&mut settings, &directory)?;
                settings.seal()
            }
            _ => settings.seal(),
        }?;
        let config = Arc::new(config);
        self.table().get_mut(this)?.0 = State::Sealed(Arc::clone(&config), settings);
        Ok(config)
    }

    /// The same, for a connection that this side begins.
    pub(super) fn client_config(&mut self, this: &This) -> Result<Arc<Config>, Fault> {
        self.config_of(
            this,
            tls::Role::Client,
            "connecting needs a client's context",
        )
    }

    /// The same, for connections that others begin.
    pub(super) fn server_config(&mut self, this: &This) -> Result<Arc<Config>, Fault> {
        self.config_of(
            this,
            tls::Role::Server,
            "a listener needs a server's context",
        )
    }

    fn config_of(
        &mut self,
        this: &This,
        role: tls::Role,
        else_: &str,
    ) -> Result<Arc<Config>, Fault> {
        let config = self.config(this)?;
        match config.role() == role {
            true => Ok(config),
            false => Err(Error::InvalidArgument(else_.to_owned()).into()),
        }
    }

    fn open_context(&mut self, settings: Settings) -> Trappable<This> {
        Ok(self.table().push(Context(State::Open(settings)))?)
    }

    fn begin(&mut self, mut settings: Settings) -> Trappable<This> {
        settings.set_clock(self.own().clock.clone());
        settings.set_cryptography(provider());
        self.open_context(settings)
    }

    /// The settings as they are, open or sealed.
    fn settings<T>(&mut self, this: &This, look: impl FnOnce(&Settings) -> T) -> Trappable<T> {
        Ok(match &self.table().get(this)?.0 {
            State::Open(settings) | State::Sealed(_, settings) => look(settings),
        })
    }

    /// A number of the configuration; 0 while there is none.
    fn sealed(&mut self, this: &This, look: impl FnOnce(&Config) -> u64) -> Trappable<u64> {
        Ok(match &self.table().get(this)?.0 {
            State::Open(_) => 0,
            State::Sealed(config, _) => look(config),
        })
    }

    fn change<T>(
        &mut self,
        this: &This,
        change: impl FnOnce(&mut Settings) -> Result<T, Error>,
    ) -> Result<T, Fault> {
        match &mut self.table().get_mut(this)?.0 {
            State::Open(settings) => change(settings).map_err(Fault::from),
            State::Sealed(..) => Err(WitError::Sealed.into()),
        }
    }

    /// The same where files are read in between. The settings are the copy that is changed.
    fn change_by_files<T>(
        &mut self,
        this: &This,
        change: impl FnOnce(&mut Self, &mut Settings) -> Result<T, Error>,
    ) -> Result<T, Fault> {
        let mut settings = self.change(this, |settings| Ok(settings.clone()))?;
        let result = change(self, &mut settings)?;
        self.change(this, |own| {
            *own = settings;
            Ok(result)
        })
    }

    fn contents(
        &mut self,
        this: &This,
        item: ConfigurationItem,
        source: Source,
    ) -> Result<Zeroizing<Vec<u8>>, Fault> {
        let bytes = match source {
            Source::Bytes(bytes) => Ok(Zeroizing::new(bytes)),
            Source::Path(path) => Err(path),
        };
        // A sealed context reads no file.
        self.change(this, |_| Ok(()))?;
        match bytes {
            Ok(bytes) => Ok(bytes),
            Err(path) => Ok(self.read(item, &path)?),
        }
    }

    fn add_directory(
        &mut self,
        settings: &mut Settings,
        path: &str,
    ) -> Result<tls::DirectoryReport, Error> {
        let files = self.read_directory(ConfigurationItem::TrustRoots, path)?;
        Ok(settings.add_trust_files(path, files))
    }

    fn take_identity(
        &mut self,
        this: &This,
        (chain, key, passphrase): (Source, Source, Option<String>),
        take: impl FnOnce(&mut Settings, &[u8], &[u8], Option<&str>) -> Result<(), Error>,
    ) -> Result<(), Fault> {
        let passphrase = passphrase.map(Zeroizing::new);
        let chain = self.contents(this, ConfigurationItem::CertificateChain, chain)?;
        let key = self.contents(this, ConfigurationItem::PrivateKey, key)?;
        let passphrase = passphrase.as_ref().map(|words| words.as_str());
        self.change(this, |settings| take(settings, &chain, &key, passphrase))
    }
}

impl HostContext for View<'_> {
    fn secure(&mut self, role: Role) -> Trappable<This> {
        self.begin(Settings::secure(role.into()))
    }

    fn unverified(&mut self, role: Role) -> Trappable<This> {
        self.begin(Settings::unverified(role.into()))
    }

    fn copy(&mut self, this: This) -> Trappable<This> {
        let settings = self.settings(&this, Settings::clone)?;
        self.open_context(settings)
    }

    fn role(&mut self, this: This) -> Trappable<Role> {
        Ok(self.settings(&this, Settings::role)?.into())
    }

    fn set_protocol(&mut self, this: This, name: String) -> Result<(), Fault> {
        self.change(&this, |settings| settings.set_protocol(&name))
    }

    fn set_versions(&mut self, this: This, lowest: Version, highest: Version) -> Result<(), Fault> {
        self.change(&this, |settings| {
            settings.set_versions(lowest.into(), highest.into())
        })
    }

    fn set_cipher_list(
        &mut self,
        this: This,
        words: Vec<String>,
    ) -> Result<CipherListReport, Fault> {
        self.change(&this, |settings| {
            settings.set_cipher_list(&words).map(Into::into)
        })
    }

    fn cipher_suites(&mut self, this: This) -> Trappable<Vec<String>> {
        self.settings(&this, |settings| owned(&settings.cipher_suites()))
    }

    fn set_groups(&mut self, this: This, groups: Vec<String>) -> Result<(), Fault> {
        self.change(&this, |settings| settings.set_groups(&groups))
    }

    fn groups(&mut self, this: This) -> Trappable<Vec<String>> {
        self.settings(&this, |settings| owned(&settings.groups()))
    }

    fn set_signature_schemes(&mut self, this: This, schemes: Vec<String>) -> Result<(), Fault> {
        self.change(&this, |settings| settings.set_signature_schemes(&schemes))
    }

    fn signature_schemes(&mut self, this: This) -> Trappable<Vec<String>> {
        self.settings(&this, |settings| owned(&settings.signature_schemes()))
    }

    fn set_suite_preference(&mut self, this: This, role: Role) -> Result<(), Fault> {
        self.change(&this, |settings| settings.set_suite_preference(role.into()))
    }

    fn set_alpn(&mut self, this: This, protocols: Vec<String>) -> Result<(), Fault> {
        self.change(&this, |settings| settings.set_alpn(&protocols))
    }

    fn alpn(&mut self, this: This) -> Trappable<Vec<String>> {
        self.settings(&this, Settings::alpn)
    }

    fn set_alpn_mismatch(&mut self, this: This, mismatch: AlpnMismatch) -> Result<(), Fault> {
        self.change(&this, |settings| {
            settings.set_alpn_mismatch(mismatch.into())
        })
    }

    fn load_certificate_chain(&mut self, this: This, source: Source) -> Result<(), Fault> {
        let chain = self.contents(&this, ConfigurationItem::CertificateChain, source)?;
        self.change(&this, |settings| settings.load_certificate_chain(&chain))
    }

    fn load_private_key(
        &mut self,
        this: This,
        source: Source,
        kind: KeyKind,
        passphrase: Option<String>,
    ) -> Result<(), Fault> {
        let passphrase = passphrase.map(Zeroizing::new);
        let key = self.contents(&this, ConfigurationItem::PrivateKey, source)?;
        let passphrase = passphrase.as_ref().map(|words| words.as_str());
        self.change(&this, |settings| {
            settings.load_private_key(&key, kind.into(), passphrase)
        })
    }

    fn load_identity(
        &mut self,
        this: This,
        chain: Source,
        key: Source,
        passphrase: Option<String>,
    ) -> Result<(), Fault> {
        self.take_identity(&this, (chain, key, passphrase), Settings::load_identity)
    }

    fn add_identity(
        &mut self,
        this: This,
        chain: Source,
        key: Source,
        passphrase: Option<String>,
    ) -> Result<(), Fault> {
        self.take_identity(&this, (chain, key, passphrase), Settings::add_identity)
    }

    fn load_pkcs12(
        &mut self,
        this: This,
        source: Source,
        passphrase: Option<String>,
    ) -> Result<(), Fault> {
        let passphrase = passphrase.map(Zeroizing::new);
        let file = self.contents(&this, ConfigurationItem::Pkcs12, source)?;
        let passphrase = passphrase.as_ref().map(|words| words.as_str());
        self.change(&this, |settings| settings.load_pkcs12(&file, passphrase))
    }

    fn load_staple(&mut self, this: This, source: Source) -> Result<(), Fault> {
        let staple = self.contents(&this, ConfigurationItem::Staple, source)?;
        self.change(&this, |settings| settings.load_staple(&staple))
    }

    fn add_name(&mut self, this: This, name: String, context: This) -> Result<(), Fault> {
        // It may be this context, which is then sealed, and cannot be changed.
        let config = self.config(&context)?;
        self.change(&this, |settings| settings.add_name(&name, config))
    }

    fn ask_for_context(&mut self, this: This) -> Result<(), Fault> {
        self.change(&this, Settings::ask_for_context)
    }

    fn write_before_finished(&mut self, this: This) -> Result<(), Fault> {
        self.change(&this, Settings::write_before_finished)
    }

    fn offer_early_data(&mut self, this: This) -> Result<(), Fault> {
        self.change(&this, Settings::offer_early_data)
    }

    fn accept_early_data(&mut self, this: This, limit: u32) -> Result<(), Fault> {
        self.change(&this, |settings| settings.accept_early_data(limit))
    }

    fn add_trust_roots(&mut self, this: This, source: Source) -> Result<u32, Fault> {
        let place = match &source {
            Source::Path(path) => Some(path.clone()),
            Source::Bytes(_) => None,
        };
        let contents = self.contents(&this, ConfigurationItem::TrustRoots, source)?;
        self.change(&this, |settings| match place {
            Some(place) => settings.add_trust_roots_of(&place, &contents),
            None => settings.add_trust_roots(&contents),
        })
    }

    fn add_trust_directory(&mut self, this: This, path: String) -> Result<DirectoryReport, Fault> {
        self.change_by_files(&this, |view, settings| view.add_directory(settings, &path))
            .map(DirectoryReport::from)
    }

    fn add_environment_roots(&mut self, this: This) -> Result<Option<DirectoryReport>, Fault> {
        let report = self.change_by_files(&this, add_environment_roots)?;
        Ok(report.map(DirectoryReport::from))
    }

    fn trust_sources(&mut self, this: This) -> Trappable<Vec<String>> {
        self.settings(&this, Settings::trust_sources)
    }

    fn add_web_roots(&mut self, this: This) -> Result<u32, Fault> {
        self.change(&this, |settings| Ok(settings.add_web_roots()))
    }

    fn load_suggested_authorities(&mut self, this: This, source: Source) -> Result<u32, Fault> {
        let contents = self.contents(&this, ConfigurationItem::SuggestedAuthorities, source)?;
        self.change(&this, |settings| {
            settings.load_suggested_authorities(&contents)
        })
    }

    fn set_verify(&mut self, this: This, verify: Verify) -> Result<(), Fault> {
        self.change(&this, |settings| {
            settings.set_verify(verify.into());
            Ok(())
        })
    }

    fn set_server_name(&mut self, this: This, name: ServerName) -> Result<(), Fault> {
        self.change(&this, |settings| settings.set_server_name(name.into()))
    }

    fn set_verify_name(&mut self, this: This, name: VerifyName) -> Result<(), Fault> {
        self.change(&this, |settings| settings.set_verify_name(name.into()))
    }

    fn add_revocation_lists(&mut self, this: This, source: Source) -> Result<u32, Fault> {
        let lists = self.contents(&this, ConfigurationItem::RevocationLists, source)?;
        self.change(&this, |settings| settings.add_revocation_lists(&lists))
    }

    fn set_revocation_check(
        &mut self,
        this: This,
        scope: RevocationScope,
        unknown: UnknownRevocation,
    ) -> Result<(), Fault> {
        self.change(&this, |settings| {
            settings.set_revocation_check(scope.into(), unknown.into());
            Ok(())
        })
    }

    fn add_pin(&mut self, this: This, fingerprint: Vec<u8>) -> Result<(), Fault> {
        self.change(&this, |settings| settings.add_pin(&fingerprint))
    }

    fn set_truncation(&mut self, this: This, truncation: Truncation) -> Result<(), Fault> {
        self.change(&this, |settings| {
            settings.set_truncation(truncation.into());
            Ok(())
        })
    }

    fn set_record_size(&mut self, this: This, bytes: Option<u32>) -> Result<(), Fault> {
        self.change(&this, |settings| settings.set_record_size(bytes))
    }

    fn set_timeout(
        &mut self,
        this: This,
        timer: Timer,
        milliseconds: Option<u64>,
    ) -> Result<(), Fault> {
        self.change(&this, |settings| {
            settings.set_timeout(timer.into(), milliseconds)
        })
    }

    fn set_session_cache(&mut self, this: This, sessions: u32) -> Result<(), Fault> {
        self.change(&this, |settings| settings.set_session_cache(sessions))
    }

    fn set_session_lifetime(&mut self, this: This, seconds: u32) -> Result<(), Fault> {
        self.change(&this, |settings| settings.set_session_lifetime(seconds))
    }

    fn set_ticket_count(&mut self, this: This, tickets: u32) -> Result<(), Fault> {
        self.change(&this, |settings| settings.set_ticket_count(tickets))
    }

    fn set_ticket_keys(&mut self, this: This, secrets: Vec<Vec<u8>>) -> Result<(), Fault> {
        let secrets = Zeroizing::new(secrets);
        self.change(&this, |settings| settings.set_ticket_keys(&secrets))
    }

    fn full_handshakes(&mut self, this: This) -> Trappable<u64> {
        self.sealed(&this, Config::full_handshakes)
    }

    fn resumed_handshakes(&mut self, this: This) -> Trappable<u64> {
        self.sealed(&this, Config::resumed_handshakes)
    }

    fn log_keys(&mut self, this: This) -> Result<Resource<Log>, Fault> {
        let log = self.change(&this, |settings| Ok(settings.log_keys()))?;
        Ok(self.table().push(Log(log))?)
    }

    fn seal(&mut self, this: This) -> Result<(), Fault> {
        self.config(&this).map(|_| ())
    }

    fn is_sealed(&mut self, this: This) -> Trappable<bool> {
        Ok(matches!(self.table().get(&this)?.0, State::Sealed(..)))
    }

    fn drop(&mut self, this: This) -> Trappable<()> {
        self.table().delete(this)?;
        Ok(())
    }
}

impl Host for View<'_> {
    fn supported_groups(&mut self) -> Trappable<Vec<String>> {
        Ok(owned(&supported_groups()))
    }

    fn supported_signature_schemes(&mut self) -> Trappable<Vec<String>> {
        Ok(owned(&supported_signature_schemes()))
    }
}

impl key_log::Host for View<'_> {}

impl key_log::HostKeyLog for View<'_> {
    fn take_lines(&mut self, this: Resource<Log>) -> Trappable<Vec<String>> {
        Ok(self.table().get(&this)?.0.take())
    }

    fn drop(&mut self, this: Resource<Log>) -> Trappable<()> {
        self.table().delete(this)?;
        Ok(())
    }
}

impl defaults::Host for View<'_> {
    fn default_authority_directory(&mut self) -> Trappable<Option<String>> {
        Ok(self.own().authority_directory.clone())
    }

    fn set_default_authority_directory(&mut self, path: Option<String>) -> Trappable<()> {
        self.own().authority_directory = path;
        Ok(())
    }
}

impl errors::Host for View<'_> {
    fn status_of(&mut self, error: WitError) -> Trappable<Status> {
        Ok(Error::from(error).status().into())
    }

    fn explain(&mut self, error: WitError) -> Trappable<String> {
        Ok(Error::from(error).to_string())
    }
}

impl types::Host for View<'_> {
    fn convert_error(&mut self, fault: Fault) -> Trappable<WitError> {
        match fault {
            Fault::Tls(error) => Ok(error),
            Fault::Trap(error) => Err(error),
        }
    }
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}
