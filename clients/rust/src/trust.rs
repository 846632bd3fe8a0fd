//! Whom a client trusts by default: `SSL_CERT_FILE` and `SSL_CERT_DIR`, as for OpenSSL.

use std::io::Result;

use crate::context::{Context, Source};
use crate::types::{ConfigurationError, Error, Role};

const FILE: &str = "SSL_CERT_FILE";
const DIRECTORIES: &str = "SSL_CERT_DIR";

/// The context that [`TlsStream::connect`](crate::TlsStream::connect) makes: a client's that
/// verifies chain and name, and trusts the authorities that the environment names, see
/// [`trust_environment`], else the built-in web roots. It is open: set more before its first use.
///
/// # Errors
/// Those of [`trust_environment`].
pub fn client_context() -> Result<Context> {
    Ok(client()?.0)
}

/// Trust the certificates in the file that the variable `SSL_CERT_FILE` names, and those in the
/// directories that `SSL_CERT_DIR` lists, divided by colons; false, and nothing is changed, if both
/// are unset or empty. Empty entries are passed over, and directories that are not there. If none
/// of what is named holds a certificate, nothing is trusted, and a connection fails with
/// `trust-roots` `missing`: the built-in web roots do not step in. Blocks on the files.
///
/// # Errors
/// - `NotFound`, `PermissionDenied`, `InvalidInput`: the file of `SSL_CERT_FILE` cannot be read, or
///   holds no certificate. The text names the variable.
/// - `InvalidInput`: the context is sealed.
pub fn trust_environment(context: &Context) -> Result<bool> {
    Ok(trust_named(context)?.is_some())
}

/// A secure client's context, and the sources of what it trusts, in words.
pub(crate) fn client() -> Result<(Context, String)> {
    let context = Context::secure(Role::Client);
    let sources = trust_named(&context)?;
    let sources = sources.unwrap_or_else(|| "the built-in web roots".to_owned());
    Ok((context, sources))
}

fn trust_named(context: &Context) -> std::result::Result<Option<String>, Error> {
    let mut sources = Vec::new();
    if let Some(path) = variable(FILE) {
        let added = context.add_trust_roots(&Source::Path(path.clone()));
        added.map_err(|failure| named(failure, FILE))?;
        sources.push(format!("{FILE} {path}"));
    }
    let listed = variable(DIRECTORIES).unwrap_or_default();
    for path in listed.split(':').filter(|path| !path.is_empty()) {
        let report = context.add_trust_directory(path);
        let report = report.map_err(|failure| named(failure, DIRECTORIES))?;
        let found = match report.files {
            0 => " (no certificate)",
            _ => "",
        };
        sources.push(format!("{DIRECTORIES} {path}{found}"));
    }
    Ok((!sources.is_empty()).then(|| sources.join(", ")))
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The failure, with the name of the variable that led to it.
fn named(failure: Error, variable: &str) -> Error {
    let Error::InvalidConfiguration(ConfigurationError {
        item,
        reason,
        detail,
    }) = failure
    else {
        return failure;
    };
    let detail = detail.map_or_else(String::new, |detail| format!(": {detail}"));
    Error::InvalidConfiguration(ConfigurationError {
        item,
        reason,
        detail: Some(format!("{variable}{detail}")),
    })
}
