//! Certificates and keys on the command line: files of the host, given to the component as bytes.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use portcullis_host::context_types::Source;
use portcullis_host::types::{ConfigurationItem, ConfigurationReason, Error};
use portcullis_host::{Context, Failure, Instance};

use crate::exit::{Exit, Result};

/// Holds the passphrase of an encrypted key: on the command line every user would see it.
const PASSPHRASE: &str = "PORTCULLIS_PASSPHRASE";

/// Trusts the certificates of a file.
pub(crate) fn trust_file(tls: &mut Instance, context: &Context, path: &Path) -> Result<()> {
    context
        .add_trust_roots(tls, &Source::Bytes(read(path)?))
        .map_err(|failure| Exit::from(failure).context(path.display()))?;
    Ok(())
}

/// Trusts the certificates of every file in a directory, passing over those that hold none.
pub(crate) fn trust_directory(tls: &mut Instance, context: &Context, path: &Path) -> Result<()> {
    let unreadable = |error| {
        let path = path.display();
        Exit::usage(format_args!(
            "{path}: {error}; name a directory that can be read"
        ))
    };
    let mut files = BTreeSet::new();
    for entry in fs::read_dir(path).map_err(unreadable)? {
        // Directories made by `c_rehash` hold each file twice, once by a link.
        files.extend(fs::canonicalize(entry.map_err(unreadable)?.path()).ok());
    }
    let mut loaded = false;
    for file in files.iter().filter(|file| file.is_file()) {
        let Ok(bytes) = fs::read(file) else { continue };
        match context.add_trust_roots(tls, &Source::Bytes(bytes)) {
            Ok(_) => loaded = true,
            Err(failure) if failure.error().is_some() => {
                tracing::debug!(%failure, file = %file.display(), "passed over");
            }
            Err(trap) => return Err(trap.into()),
        }
    }
    if loaded {
        return Ok(());
    }
    Err(Exit::usage(format_args!(
        "{}: no file in it holds a certificate; name a directory of PEM files, or use --cafile",
        path.display()
    )))
}

/// Loads this side's certificate chain and key. Both may be in one file.
pub(crate) fn load(
    tls: &mut Instance,
    context: &Context,
    certificate: &Path,
    key: &Path,
) -> Result<()> {
    let chain = Source::Bytes(read(certificate)?);
    let secret = Source::Bytes(read(key)?);
    let passphrase = std::env::var(PASSPHRASE).ok();
    context
        .load_identity(tls, &chain, &secret, passphrase.as_deref())
        .map_err(|failure| refused(failure, certificate, key))
}

/// Names the file that was refused, both where they do not fit.
fn refused(failure: Failure, certificate: &Path, key: &Path) -> Exit {
    let (certificate, key) = (certificate.display(), key.display());
    match failure.error() {
        Some(Error::InvalidConfiguration(error)) => match (error.item, error.reason) {
            (_, ConfigurationReason::KeyMismatch) => {
                Exit::from(failure).context(format_args!("{certificate} and {key}"))
            }
            (_, ConfigurationReason::PassphraseMissing) => Exit::usage(format_args!(
                "{key}: the private key is encrypted; give its passphrase in {PASSPHRASE}"
            )),
            (_, ConfigurationReason::PassphraseWrong) => Exit::usage(format_args!(
                "{key}: the private key is not opened by the passphrase in {PASSPHRASE}; check it"
            )),
            (ConfigurationItem::PrivateKey, _) => Exit::from(failure).context(key),
            _ => Exit::from(failure).context(certificate),
        },
        _ => failure.into(),
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| {
        Exit::usage(format_args!(
            "{}: {error}; name a file that can be read",
            path.display()
        ))
    })
}
