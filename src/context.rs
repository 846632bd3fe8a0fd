//! Layer 4: the resource `context`, and the functions of `types`.

use std::cell::RefCell;
use std::sync::Arc;

use crate::bindings::exports::portcullis::tls::context::{
    CipherListReport, Context as ContextHandle, Guest, GuestContext, KeyKind, ServerName, Source,
    Verify, VerifyName,
};
use crate::bindings::exports::portcullis::tls::types::{
    Error as WitError, Guest as TypesGuest, Role, Status, Timer, Version,
};
use crate::fs;
use zeroize::Zeroizing;

use crate::tls::{Config, ConfigurationItem, ConfigurationReason, Error, Settings};

/// Settings until the first use, then a configuration for good.
pub(crate) struct Context {
    state: RefCell<State>,
}

enum State {
    Open(Settings),
    Sealed(Arc<Config>),
}

impl Context {
    /// The configuration for a listener or port; seals.
    pub(crate) fn config(&self) -> Result<Arc<Config>, Error> {
        let mut state = self.state.borrow_mut();
        let config = match &*state {
            State::Sealed(config) => return Ok(Arc::clone(config)),
            State::Open(settings) => Arc::new(settings.seal()?),
        };
        *state = State::Sealed(Arc::clone(&config));
        Ok(config)
    }

    fn open(settings: Settings) -> ContextHandle {
        ContextHandle::new(Self {
            state: RefCell::new(State::Open(settings)),
        })
    }

    fn change<T>(
        &self,
        change: impl FnOnce(&mut Settings) -> Result<T, Error>,
    ) -> Result<T, WitError> {
        match &mut *self.state.borrow_mut() {
            State::Open(settings) => change(settings).map_err(WitError::from),
            State::Sealed(_) => Err(WitError::Sealed),
        }
    }
}

impl GuestContext for Context {
    fn secure(role: Role) -> ContextHandle {
        Self::open(Settings::secure(role.into()))
    }

    fn unverified(role: Role) -> ContextHandle {
        Self::open(Settings::unverified(role.into()))
    }

    fn role(&self) -> Role {
        match &*self.state.borrow() {
            State::Open(settings) => settings.role().into(),
            State::Sealed(config) => config.role().into(),
        }
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
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        match &*self.state.borrow() {
            State::Open(settings) => owned(&settings.cipher_suites()),
            State::Sealed(config) => owned(config.cipher_suites()),
        }
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
        let passphrase = passphrase.map(Zeroizing::new);
        self.change(|settings| {
            let chain = contents(ConfigurationItem::CertificateChain, chain)?;
            let key = contents(ConfigurationItem::PrivateKey, key)?;
            settings.load_identity(&chain, &key, passphrase.as_ref().map(|p| p.as_str()))
        })
    }

    fn add_trust_roots(&self, source: Source) -> Result<u32, WitError> {
        self.change(|settings| {
            settings.add_trust_roots(&contents(ConfigurationItem::TrustRoots, source)?)
        })
    }

    fn add_trust_directory(&self, path: String) -> Result<u32, WitError> {
        self.change(|settings| {
            let files = fs::read_directory(ConfigurationItem::TrustRoots, &path)?;
            let added: Vec<_> = files
                .iter()
                .filter_map(|file| settings.add_trust_roots(file).ok())
                .collect();
            if added.is_empty() {
                return Err(Error::refused(
                    ConfigurationItem::TrustRoots,
                    ConfigurationReason::NoCertificate,
                    format!("no file in {path} has one"),
                ));
            }
            Ok(added.iter().sum())
        })
    }

    fn add_web_roots(&self) -> Result<u32, WitError> {
        self.change(|settings| Ok(settings.add_web_roots()))
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

    fn set_timeout(&self, timer: Timer, milliseconds: Option<u64>) -> Result<(), WitError> {
        self.change(|settings| {
            settings.set_timeout(timer.into(), milliseconds);
            Ok(())
        })
    }

    fn seal(&self) -> Result<(), WitError> {
        self.config().map(|_| ()).map_err(WitError::from)
    }

    fn is_sealed(&self) -> bool {
        matches!(&*self.state.borrow(), State::Sealed(_))
    }
}

fn contents(item: ConfigurationItem, source: Source) -> Result<Zeroizing<Vec<u8>>, Error> {
    match source {
        Source::Bytes(bytes) => Ok(Zeroizing::new(bytes)),
        Source::Path(path) => fs::read(item, &path),
    }
}

/// What the bindings hang the exports on.
pub(crate) struct Component;

impl Guest for Component {
    type Context = Context;
}

impl TypesGuest for Component {
    fn status_of(error: WitError) -> Status {
        Error::from(error).status().into()
    }

    fn explain(error: WitError) -> String {
        Error::from(error).to_string()
    }
}
