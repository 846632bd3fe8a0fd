//! Whom to trust, on the command line: files of the host, given to the component as bytes.

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use portcullis_host::{Context, Instance};

use crate::exit::{Exit, Result};
use crate::identity::source;

/// Whose certificates are trusted.
#[derive(Args, Debug)]
pub(crate) struct Trust {
    /// Trust the certificates in this file (PEM or DER)
    #[arg(long, value_name = "FILE")]
    cafile: Option<PathBuf>,
    /// Trust the certificates in the files of this directory, whatever they are called
    #[arg(long, value_name = "DIR")]
    capath: Option<PathBuf>,
}

impl Trust {
    /// Whether something was named.
    pub(crate) fn is_given(&self) -> bool {
        self.cafile.is_some() || self.capath.is_some()
    }

    /// Trusts what was named.
    pub(crate) fn load(&self, tls: &mut Instance, context: &Context) -> Result<()> {
        if let Some(path) = &self.cafile {
            trust_file(tls, context, path)?;
        }
        if let Some(path) = &self.capath {
            trust_directory(tls, context, path)?;
        }
        Ok(())
    }

    /// Trusts what was named, else what `SSL_CERT_FILE` and `SSL_CERT_DIR` name; if neither says
    /// anything, the context stays as it is. The directories are divided by colons, as for OpenSSL.
    pub(crate) fn load_or_environment(&self, tls: &mut Instance, context: &Context) -> Result<()> {
        if self.is_given() {
            return self.load(tls, context);
        }
        if let Some(path) = variable("SSL_CERT_FILE") {
            trust_file(tls, context, Path::new(&path))?;
        }
        if let Some(paths) = variable("SSL_CERT_DIR") {
            for path in env::split_paths(&paths).filter(|path| !path.as_os_str().is_empty()) {
                trust_directory(tls, context, &path)?;
            }
        }
        Ok(())
    }
}

fn variable(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}

fn trust_file(tls: &mut Instance, context: &Context, path: &Path) -> Result<()> {
    context
        .add_trust_roots(tls, &source(path)?)
        .map_err(|failure| Exit::from(failure).context(path.display()))?;
    Ok(())
}

/// Passes over files that hold no certificate. The host reads them, not the component: Debian's
/// directory is full of links that lead out of it.
fn trust_directory(tls: &mut Instance, context: &Context, path: &Path) -> Result<()> {
    let unreadable = |error| Exit::usage(format_args!("{}: {error}", path.display()));
    let mut files = BTreeSet::new();
    for entry in fs::read_dir(path).map_err(unreadable)? {
        // Directories made by `c_rehash` hold each file twice, once by a link.
        files.extend(fs::canonicalize(entry.map_err(unreadable)?.path()).ok());
    }
    let mut loaded = false;
    for file in files.iter().filter(|file| file.is_file()) {
        let Ok(contents) = source(file) else { continue };
        match context.add_trust_roots(tls, &contents) {
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
        "{}: no file in it holds a certificate: name a directory of PEM files, or use --cafile",
        path.display()
    )))
}
