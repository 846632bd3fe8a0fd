//! This side's certificates and keys on the command line: files of the host, given to the component
//! as bytes.

use std::env;
use std::fs;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use clap::Args;
use portcullis_host::context_types::Source;
use portcullis_host::types::{ConfigurationReason, Error};
use portcullis_host::{Context, Failure, Instance};
use zeroize::Zeroizing;

use crate::exit::{Exit, Result};

/// Holds the passphrase of an encrypted key: on the command line every user would see it.
const PASSPHRASE: &str = "PORTCULLIS_PASSPHRASE";

/// What this side is identified with.
#[derive(Args, Debug)]
pub(crate) struct Identity {
    /// Certificate chain of this side, its own first (PEM or DER); with its key again and again, to
    /// choose from by name, authority and type of key
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

impl Identity {
    /// Loads what was named, if anything was.
    pub(crate) fn load(&self, tls: &mut Instance, context: &Context) -> Result<()> {
        let mut all = Vec::new();
        if let Some(pkcs12) = &self.pkcs12 {
            let name = pkcs12.display().to_string();
            all.push((name, Files::Pkcs12(source(pkcs12)?)));
        }
        if self.cert.len() != self.key.len() {
            return Err(Exit::usage("give as many --key as --cert"));
        }
        for (cert, key) in self.cert.iter().zip(&self.key) {
            let name = format!("{} and {}", cert.display(), key.display());
            let (cert, key) = (source(cert)?, source(key)?);
            all.push((
                name,
                if all.is_empty() {
                    Files::Pem(cert, key)
                } else {
                    Files::More(cert, key)
                },
            ));
        }
        if all.is_empty() && self.passphrase_file.is_some() {
            return Err(Exit::usage(
                "--passphrase-file is of no use without --key or --pkcs12",
            ));
        }
        let passphrase = self.passphrase()?;
        for (doing, files) in all {
            match files.load(tls, context, passphrase.as_ref().map(|line| line.as_str())) {
                Err(failure) if is_passphrase_missing(&failure) && passphrase.is_none() => {
                    let asked = ask(&doing)?;
                    files.load(tls, context, Some(asked.as_str()))
                }
                loaded => loaded,
            }
            .map_err(|failure| Exit::from(failure).context(doing))?;
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

/// The files of an identity.
enum Files {
    /// One more than is loaded already.
    More(Source, Source),
    Pem(Source, Source),
    Pkcs12(Source),
}

impl Files {
    fn load(
        &self,
        tls: &mut Instance,
        context: &Context,
        passphrase: Option<&str>,
    ) -> std::result::Result<(), Failure> {
        match self {
            Self::More(chain, key) => context.add_identity(tls, chain, key, passphrase),
            Self::Pem(chain, key) => context.load_identity(tls, chain, key, passphrase),
            Self::Pkcs12(file) => context.load_pkcs12(tls, file, passphrase),
        }
    }
}

fn is_passphrase_missing(failure: &Failure) -> bool {
    matches!(
        failure.error(),
        Some(Error::InvalidConfiguration(error))
            if error.reason == ConfigurationReason::PassphraseMissing
    )
}

/// Asks who sits at the terminal, without showing what is typed.
fn ask(file: &str) -> Result<Zeroizing<String>> {
    if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        return Err(Exit::usage(format_args!(
            "{file}: encrypted: give the passphrase by --passphrase-file, or in {PASSPHRASE}"
        )));
    }
    rpassword::prompt_password(format!("Passphrase of {file}: "))
        .map(Zeroizing::new)
        .map_err(|error| Exit::usage(format_args!("no passphrase: {error}")))
}

fn first_line(path: &Path) -> Result<Zeroizing<String>> {
    let contents = Zeroizing::new(read(path)?);
    let line = contents
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    match std::str::from_utf8(line) {
        Ok(line) => Ok(Zeroizing::new(line.to_owned())),
        Err(_) => Err(Exit::usage(format_args!(
            "{}: its first line is not UTF-8: a passphrase is given in UTF-8",
            path.display()
        ))),
    }
}

/// The contents of a file.
pub(crate) fn source(path: &Path) -> Result<Source> {
    read(path).map(Source::Bytes)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| {
        Exit::usage(format_args!(
            "{}: {error}: name a file that can be read",
            path.display()
        ))
    })
}
