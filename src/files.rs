//! Trust roots in files, and those that the environment names, as OpenSSL and what is built on it look
//! for them. This module opens nothing: it is given the files and variables of whoever uses the core.

use zeroize::Zeroizing;

use crate::error::{ConfigurationError, ConfigurationItem, ConfigurationReason, Error};
use crate::tls::{DirectoryReport, Settings, mistaken_path};

const FILE: &str = "SSL_CERT_FILE";
const DIRECTORIES: &str = "SSL_CERT_DIR";

/// The largest file in bytes that is to be read. No certificate bundle is as large, and a device without
/// end would exhaust the memory.
pub const LARGEST: u64 = 16 * 1024 * 1024;

/// A path and the result of reading it.
pub type Found = (String, Result<Zeroizing<Vec<u8>>, Error>);

/// The files and variables that there are.
pub trait Files {
    /// A variable of the environment, if it is set to something.
    fn variable(&mut self, name: &str) -> Option<String>;

    /// The contents of a file. They may be a key, so they are wiped when dropped.
    ///
    /// # Errors
    /// `Configuration` of the item: the file cannot be read.
    fn read(&mut self, item: ConfigurationItem, path: &str) -> Result<Zeroizing<Vec<u8>>, Error>;

    /// The files of a directory, in the order of their paths: regular files, and links, even those
    /// that lead to where nobody may look. For a directory that does not exist, the directory itself is
    /// listed as the only file.
    ///
    /// # Errors
    /// `Configuration` of the item: the directory cannot be read.
    fn read_directory(&mut self, item: ConfigurationItem, path: &str) -> Result<Vec<Found>, Error>;
}

/// Trust what the two variables name; `None`, and no change, if both are unset or empty.
///
/// # Errors
/// Those of reading, and of what is read, with the variable that led to it.
pub fn add_environment_roots(
    files: &mut impl Files,
    settings: &mut Settings,
) -> Result<Option<DirectoryReport>, Error> {
    let mut changed = settings.clone();
    let mut report = DirectoryReport::default();
    let file = files.variable(FILE);
    if let Some(path) = &file {
        let contents = files
            .read(ConfigurationItem::TrustRoots, path)
            .map_err(|error| named(error, FILE))?;
        let added = changed.add_trust_roots_of(&format!("{FILE} {path}"), &contents);
        report.added += added.map_err(|error| named(error, FILE))?;
        report.files += 1;
    }
    let listed = files.variable(DIRECTORIES).unwrap_or_default();
    let mut directories = listed.split(':').filter(|path| !path.is_empty()).peekable();
    if file.is_none() && directories.peek().is_none() {
        return Ok(None);
    }
    for path in directories {
        let found = files
            .read_directory(ConfigurationItem::TrustRoots, path)
            .map_err(|error| named(error, DIRECTORIES))?;
        let found = changed.add_trust_files_of(&format!("{DIRECTORIES} {path}"), path, found);
        report.added = report.added.saturating_add(found.added);
        report.files = report.files.saturating_add(found.files);
        report.problems.extend(found.problems);
    }
    *settings = changed;
    Ok(Some(report))
}

/// Refuses a path that is the contents of a file: a key must not get into the message that the path
/// does not exist.
///
/// # Errors
/// `Configuration` of the item: `NotFound`.
pub fn refuse_contents(item: ConfigurationItem, path: &str) -> Result<(), Error> {
    match mistaken_path(path) {
        Some(what) => Err(Error::refused(item, ConfigurationReason::NotFound, what)),
        None => Ok(()),
    }
}

/// The error for a file of more than [`LARGEST`] bytes.
#[must_use]
pub fn too_large(item: ConfigurationItem, path: &str) -> Error {
    let detail = format!("{path}: more than {LARGEST} bytes");
    Error::refused(item, ConfigurationReason::Unreadable, detail)
}

/// The failure, with the variable that led to it.
fn named(failure: Error, variable: &str) -> Error {
    match failure {
        Error::Configuration(refused) => Error::Configuration(ConfigurationError {
            detail: Some(match refused.detail {
                Some(detail) => format!("{variable}: {detail}"),
                None => variable.to_owned(),
            }),
            ..refused
        }),
        other => other,
    }
}
