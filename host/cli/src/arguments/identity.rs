//! This side's certificates and keys on the command line: files of the host, given to the component
//! as bytes.

use std::env;
use std::fs;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use clap::Args;
use portcullis_host::context_types::Source;
use portcullis_host::types::{ConfigurationItem, ConfigurationReason, Error};
use portcullis_host::{Context, Failure, Instance};
use x509_parser::prelude::{FromDer as _, X509Certificate};
use zeroize::Zeroizing;

use crate::exit::{Exit, Result};
use crate::terminal::colour;
use portcullis_host::place;

/// The variable with the passphrase of an encrypted key. On the command line, every user would see
/// the passphrase.
const PASSPHRASE: &str = "PORTCULLIS_PASSPHRASE";

/// The certificates and keys of this side.
#[derive(Args, Debug)]
pub(crate) struct Identity {
    /// Certificate chain of this side, its own first (PEM or DER); repeated with its key, each time
    /// one more to choose from by name, authority and type of key
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Vec<PathBuf>,
    /// Private key of this side (PEM or DER); may be the same file
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Vec<PathBuf>,
    /// Certificate chain and private key of this side in one PKCS#12 file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["cert", "key"])]
    pkcs12: Option<PathBuf>,
    /// The passphrase of --key or --pkcs12 is the first line of this file
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

/// Where a passphrase comes from that a key needs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Passphrase {
    /// From the file or the variable; if there is neither, the terminal is asked.
    Asked,
    /// From the file or the variable alone.
    Given,
}

impl Identity {
    /// Loads the files that were named, if any were.
    pub(crate) fn load(
        &self,
        tls: &mut Instance,
        context: &Context,
        from: Passphrase,
    ) -> Result<()> {
        let mut all = Vec::new();
        if let Some(pkcs12) = &self.pkcs12 {
            all.push(Files::Pkcs12(pkcs12));
        }
        if self.cert.len() != self.key.len() {
            return Err(Exit::usage("give as many --key as --cert"));
        }
        for (cert, key) in self.cert.iter().zip(&self.key) {
            let is_first = all.is_empty();
            all.push(Files::Pem {
                cert,
                key,
                is_first,
            });
        }
        if all.is_empty() && self.passphrase_file.is_some() {
            return Err(Exit::usage(
                "--passphrase-file is of no use without --key or --pkcs12",
            ));
        }
        let passphrase = self.passphrase()?;
        for files in all {
            let passphrase = passphrase.as_ref().map(|line| line.as_str());
            files.load(tls, context, passphrase, from)?;
        }
        Ok(())
    }

    /// The passphrase that was given in advance, if one was.
    fn passphrase(&self) -> Result<Option<Zeroizing<String>>> {
        if let Some(path) = &self.passphrase_file {
            return first_line(path).map(Some);
        }
        match env::var(PASSPHRASE) {
            Ok(passphrase) => Ok(Some(Zeroizing::new(passphrase))),
            Err(env::VarError::NotPresent) => Ok(None),
            Err(env::VarError::NotUnicode(_)) => Err(Exit::usage(format_args!(
                "{PASSPHRASE} is not UTF-8: a passphrase is given in UTF-8"
            ))),
        }
    }
}

/// The files of one identity.
enum Files<'a> {
    Pem {
        cert: &'a Path,
        key: &'a Path,
        /// Whether it is loaded as the first identity; the others are added to that.
        is_first: bool,
    },
    Pkcs12(&'a Path),
}

impl Files<'_> {
    /// Loads the files. If they need a passphrase and none was given, it may be asked for.
    fn load(
        &self,
        tls: &mut Instance,
        context: &Context,
        passphrase: Option<&str>,
        from: Passphrase,
    ) -> Result<()> {
        let sources = match self {
            Self::Pem { cert, key, .. } => [source(cert)?, source(key)?],
            Self::Pkcs12(file) => [source(file)?, Source::Bytes(Vec::new())],
        };
        let mut load = |passphrase: Option<&str>| {
            let [first, second] = &sources;
            match self {
                Self::Pem { is_first: true, .. } => {
                    context.load_identity(tls, first, second, passphrase)
                }
                Self::Pem { .. } => context.add_identity(tls, first, second, passphrase),
                Self::Pkcs12(_) => context.load_pkcs12(tls, first, passphrase),
            }
        };
        match load(passphrase) {
            Err(failure)
                if passphrase.is_none()
                    && reason(&failure) == Some(ConfigurationReason::PassphraseMissing) =>
            {
                let asked = ask(self.locked(), from)?;
                load(Some(asked.as_str()))
            }
            loaded => loaded,
        }
        .map_err(|failure| {
            let doing = self.blamed(&failure);
            Exit::from(failure).context(doing)
        })?;
        if let (Self::Pem { cert, .. }, [Source::Bytes(chain), _]) = (self, &sources)
            && !is_ordered(chain)
        {
            colour::warn(format_args!(
                "{}: its certificates are not each followed by its issuer, or not all of one \
                 chain; they are sent in order, that of the key first and strangers last",
                cert.display()
            ));
        }
        Ok(())
    }

    /// The file that the passphrase opens.
    fn locked(&self) -> &Path {
        match self {
            Self::Pem { key, .. } => key,
            Self::Pkcs12(file) => file,
        }
    }

    /// The file that was refused; both if they do not fit each other.
    fn blamed(&self, failure: &Failure) -> String {
        let Self::Pem { cert, key, .. } = self else {
            return self.locked().display().to_string();
        };
        let (cert, key) = (cert.display(), key.display());
        match failure.error() {
            Some(Error::InvalidConfiguration(error)) => match (error.item, error.reason) {
                (_, ConfigurationReason::KeyMismatch) => format!("{cert} and {key}"),
                (ConfigurationItem::PrivateKey, _) => key.to_string(),
                _ => cert.to_string(),
            },
            _ => format!("{cert} and {key}"),
        }
    }
}

/// Whether each certificate was issued by the next, as far as they can be read here. The component
/// has already read them all, and put them in order.
fn is_ordered(chain: &[u8]) -> bool {
    let Ok(blocks) = pem::parse_many(chain) else {
        return true;
    };
    let certificates: Vec<_> = blocks
        .iter()
        .filter(|block| block.tag().ends_with("CERTIFICATE"))
        .filter_map(|block| X509Certificate::from_der(block.contents()).ok())
        .collect();
    certificates.windows(2).all(|pair| match pair {
        [(_, one), (_, next)] => one.issuer().as_raw() == next.subject().as_raw(),
        _ => true,
    })
}

fn reason(failure: &Failure) -> Option<ConfigurationReason> {
    match failure.error() {
        Some(Error::InvalidConfiguration(error)) => Some(error.reason),
        _ => None,
    }
}

/// Asks the user at the terminal, without showing what is typed.
fn ask(file: &Path, from: Passphrase) -> Result<Zeroizing<String>> {
    let file = file.display();
    let is_seen = io::stdin().is_terminal() && io::stderr().is_terminal();
    if from == Passphrase::Given || !is_seen {
        return Err(Exit::usage(format_args!(
            "{file}: encrypted: give the passphrase by --passphrase-file, or in {PASSPHRASE}"
        )));
    }
    rpassword::prompt_password(format!("Passphrase of {file}: "))
        .map(Zeroizing::new)
        .map_err(|error| Exit::usage(format_args!("no passphrase: {error}")))
}

/// The passphrase in a file. The name of a file that does not exist may be the passphrase itself:
/// it is shown only if its folder exists.
fn first_line(path: &Path) -> Result<Zeroizing<String>> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let name = match folder.is_some_and(Path::is_dir) {
        true => format!(" {}", place::shown(path)),
        false => String::new(),
    };
    let contents = fs::read(path).map(Zeroizing::new).map_err(|error| {
        Exit::usage(format_args!(
            "--passphrase-file{name}: {error}; name a file that can be read and whose first line is \
             the passphrase"
        ))
    })?;
    // Editors of Windows begin a file with a byte order mark.
    let line = contents.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&contents);
    let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    match std::str::from_utf8(line) {
        Ok(line) => Ok(Zeroizing::new(line.to_owned())),
        Err(_) => Err(Exit::usage(format_args!(
            "--passphrase-file{name}: its first line is not UTF-8: a passphrase is given in UTF-8"
        ))),
    }
}

/// The contents of a file.
pub(crate) fn source(path: &Path) -> Result<Source> {
    read(path).map(Source::Bytes)
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    if let Some(what) = place::mistaken(path) {
        return Err(Exit::usage(format_args!(
            "{what}: name a file that holds it"
        )));
    }
    fs::read(path).map_err(|error| {
        Exit::usage(format_args!(
            "{}: {error}; name a file that can be read",
            path.display()
        ))
    })
}
