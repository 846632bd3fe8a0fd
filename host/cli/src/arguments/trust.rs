//! Whom to trust, on the command line: files of the host, given to the component as bytes.

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use portcullis_host::types::{CertificateReason, ConfigurationReason, Error};
use portcullis_host::{Context, Failure, Instance};

use crate::arguments::identity::source;
use crate::exit::{Exit, Result};
use portcullis_host::place;

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
    /// Whether a flag names something.
    pub(crate) fn is_given(&self) -> bool {
        self.cafile.is_some() || self.capath.is_some()
    }

    /// Trusts what the flags name.
    pub(crate) fn load(&self, tls: &mut Instance, context: &Context) -> Result<()> {
        if let Some(path) = &self.cafile {
            add_file(tls, context, path)?;
        }
        if let Some(path) = &self.capath
            && let Found::Nothing(why) = add_directory(tls, context, path)?
        {
            return Err(Exit::usage(format_args!(
                "{}: {why}: name a directory of PEM files, or use --cafile",
                place::shown(path)
            )));
        }
        Ok(())
    }

    /// Trusts what the flags name, else what the environment names; if neither names anything, the
    /// context stays as it is.
    pub(crate) fn load_or_environment(&self, tls: &mut Instance, context: &Context) -> Result<()> {
        if self.is_given() {
            return self.load(tls, context);
        }
        Environment::read().load(tls, context)
    }

    /// The failure, with the places that were searched if the authority is unknown: the component
    /// was given bytes, and knows no names of files.
    pub(crate) fn with_places(&self, tls: &mut Instance, failure: Failure) -> Failure {
        let Some(Error::Certificate(refused)) = failure.error() else {
            return failure;
        };
        let places = self.places();
        if refused.reason != CertificateReason::UnknownAuthority || places.is_empty() {
            return failure;
        }
        let mut refused = refused.clone();
        refused.detail = Some(format!("searched: {}", places.join(", ")));
        let error = Error::Certificate(refused);
        match tls.explain(&error) {
            Ok(explanation) => Failure::Tls { error, explanation },
            Err(_) => failure,
        }
    }

    fn places(&self) -> Vec<String> {
        let flag = |name: &str, path: &PathBuf| format!("{name} {}", place::shown(path));
        let file = self.cafile.iter().map(|path| flag("--cafile", path));
        let directory = self.capath.iter().map(|path| flag("--capath", path));
        let given: Vec<_> = file.chain(directory).collect();
        match given.is_empty() {
            true => Environment::read().places(),
            false => given,
        }
    }
}

/// What `SSL_CERT_FILE` and `SSL_CERT_DIR` name, as for OpenSSL: the directories are divided by
/// colons, and what is absent or empty does no harm as long as something is found.
#[derive(Debug, Default)]
pub(crate) struct Environment {
    pub(crate) file: Option<PathBuf>,
    pub(crate) directories: Vec<PathBuf>,
}

/// The variables.
pub(crate) const FILE: &str = "SSL_CERT_FILE";
pub(crate) const DIRECTORIES: &str = "SSL_CERT_DIR";

impl Environment {
    pub(crate) fn read() -> Self {
        Self::of(variable(FILE), variable(DIRECTORIES))
    }

    fn of(file: Option<OsString>, directories: Option<OsString>) -> Self {
        let directories = directories.unwrap_or_default();
        Self {
            file: file.map(PathBuf::from),
            directories: env::split_paths(&directories)
                .filter(|path| !path.as_os_str().is_empty())
                .collect(),
        }
    }

    fn load(&self, tls: &mut Instance, context: &Context) -> Result<()> {
        let mut is_found = false;
        let mut in_vain = Vec::new();
        if let Some(path) = &self.file {
            let name = format!("{FILE}={}", place::shown(path));
            match try_file(tls, context, path).map_err(|exit| exit.context(&name))? {
                Found::Something => is_found = true,
                Found::Nothing(why) => in_vain.push(format!("{name}: {why}")),
            }
        }
        for path in &self.directories {
            let name = format!("{DIRECTORIES}={}", place::shown(path));
            match add_directory(tls, context, path).map_err(|exit| exit.context(&name))? {
                Found::Something => is_found = true,
                Found::Nothing(why) => in_vain.push(format!("{name}: {why}")),
            }
        }
        for line in &in_vain {
            tracing::debug!("{line}");
        }
        if is_found || in_vain.is_empty() {
            return Ok(());
        }
        // Nothing would be trusted. To trust the web's roots instead would be more than was asked
        // for.
        Err(Exit::usage(format_args!(
            "{}: name files that hold certificates, or unset it to trust the built-in web roots",
            in_vain.join("; ")
        )))
    }

    fn places(&self) -> Vec<String> {
        let file = self.file.iter().map(|path| (FILE, path));
        let directories = self.directories.iter().map(|path| (DIRECTORIES, path));
        let named = file.chain(directories);
        named
            .map(|(name, path)| format!("{name}={}", place::shown(path)))
            .collect()
    }
}

fn variable(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}

/// What a file or directory held.
enum Found {
    Something,
    /// Nothing to trust, and why.
    Nothing(String),
}

fn add_file(tls: &mut Instance, context: &Context, path: &Path) -> Result<()> {
    let contents = source(path)?;
    context
        .add_trust_roots(tls, &contents)
        .map_err(|failure| Exit::from(failure).context(path.display()))?;
    Ok(())
}

/// Trusts a file of the environment. If the file is absent or holds no certificate, that is no
/// failure; if it is broken, it is.
fn try_file(tls: &mut Instance, context: &Context, path: &Path) -> Result<Found> {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => return Ok(Found::Nothing("it is a directory".to_owned())),
        Ok(_) => {}
        Err(error) => return Ok(Found::Nothing(error.to_string())),
    }
    match context.add_trust_roots(tls, &source(path)?) {
        Ok(_) => Ok(Found::Something),
        Err(failure) => match failure.error() {
            Some(Error::InvalidConfiguration(error)) if is_nothing(error.reason) => {
                Ok(Found::Nothing("it holds no certificate".to_owned()))
            }
            _ => Err(failure.into()),
        },
    }
}

fn is_nothing(reason: ConfigurationReason) -> bool {
    matches!(
        reason,
        ConfigurationReason::Empty | ConfigurationReason::NoCertificate
    )
}

/// Trusts the files of a directory, except those that hold no certificate. The host reads them, not
/// the component, because Debian's directory is full of links that lead out of it.
fn add_directory(tls: &mut Instance, context: &Context, path: &Path) -> Result<Found> {
    let files = match files(path) {
        Ok(files) => files,
        Err(error) => return Ok(Found::Nothing(error.to_string())),
    };
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
    Ok(match loaded {
        true => Found::Something,
        false => Found::Nothing("no file in it holds a certificate".to_owned()),
    })
}

/// The files of a directory, each once. Directories made by `c_rehash` hold each file twice, once
/// by a link.
fn files(directory: &Path) -> io::Result<BTreeSet<PathBuf>> {
    let mut files = BTreeSet::new();
    for entry in fs::read_dir(directory)? {
        files.extend(fs::canonicalize(entry?.path()).ok());
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_lists_directories_with_colons_and_empty_entries_are_none() {
        let read = |directories: &str| Environment::of(None, Some(directories.into())).directories;
        let paths = |all: &[&str]| all.iter().map(PathBuf::from).collect::<Vec<_>>();
        assert_eq!(read("/a"), paths(&["/a"]));
        assert_eq!(read(":/a::/b c:"), paths(&["/a", "/b c"]));
        assert_eq!(read(":"), paths(&[]));
        let none = Environment::of(None, None);
        assert!(none.file.is_none() && none.directories.is_empty());
    }
}
