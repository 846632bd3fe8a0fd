//! The interface `drop-in`: the context that the connectors of `wasi:tls` connect with.

use std::cell::RefCell;
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::error::{ConfigurationItem, ConfigurationReason, Error};
use crate::files::add_environment_roots;
use crate::resources::bindings::exports::portcullis::tls::context::ContextBorrow;
use crate::resources::bindings::exports::portcullis::tls::types::Error as WitError;
use crate::resources::bindings::exports::portcullis::tls_async::drop_in::Guest;
use crate::resources::component::Component;
use crate::resources::context::Context;
use crate::resources::environment::variable;
use crate::resources::fs;
use crate::tls::{Config, Role, Settings, Version};

const CERTIFICATE: &str = "PORTCULLIS_CERTIFICATE";
const KEY: &str = "PORTCULLIS_KEY";
const ALPN: &str = "PORTCULLIS_ALPN";
const LOWEST: &str = "PORTCULLIS_MIN_VERSION";

thread_local! {
    /// What `use-context` was given, or what the environment describes once that was used. One for
    /// all connectors, so that they resume each other's sessions.
    static CONFIG: RefCell<Option<Arc<Config>>> = const { RefCell::new(None) };
}

impl Guest for Component {
    fn use_context(context: ContextBorrow<'_>) -> Result<(), WitError> {
        CONFIG.set(Some(context.get::<Context>().client_config()?));
        Ok(())
    }
}

/// The configuration of connectors.
pub(super) fn config() -> Result<Arc<Config>, Error> {
    if let Some(config) = CONFIG.with_borrow(Clone::clone) {
        return Ok(config);
    }
    let config = Arc::new(of_environment()?.seal()?);
    CONFIG.set(Some(Arc::clone(&config)));
    Ok(config)
}

fn of_environment() -> Result<Settings, Error> {
    let mut settings = Settings::secure(Role::Client);
    add_environment_roots(&mut fs::Preopened, &mut settings)?;
    match (variable(CERTIFICATE), variable(KEY)) {
        (None, None) => {}
        (Some(chain), Some(key)) => {
            let chain = fs::read(ConfigurationItem::CertificateChain, &chain)?;
            let key = Zeroizing::new(fs::read(ConfigurationItem::PrivateKey, &key)?);
            settings.load_identity(&chain, &key, None)?;
        }
        (Some(_), None) => return Err(missing(ConfigurationItem::PrivateKey, CERTIFICATE, KEY)),
        (None, Some(_)) => {
            return Err(missing(
                ConfigurationItem::CertificateChain,
                KEY,
                CERTIFICATE,
            ));
        }
    }
    if let Some(protocols) = variable(ALPN) {
        let protocols: Vec<_> = protocols.split(',').map(str::trim).collect();
        settings.set_alpn(&protocols)?;
    }
    match variable(LOWEST).as_deref() {
        None => {}
        Some("1.2") => settings.set_versions(Version::Tls12, Version::Tls13)?,
        Some("1.3") => settings.set_versions(Version::Tls13, Version::Tls13)?,
        Some(other) => {
            return Err(Error::refused(
                ConfigurationItem::Versions,
                ConfigurationReason::UnknownName,
                format!("{LOWEST} is {other:?}; write 1.2 or 1.3"),
            ));
        }
    }
    Ok(settings)
}

fn missing(item: ConfigurationItem, set: &str, unset: &str) -> Error {
    Error::refused(
        item,
        ConfigurationReason::Missing,
        format!("{set} is set, and {unset} is not"),
    )
}
