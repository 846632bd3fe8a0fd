//! Trust roots that the environment names, as OpenSSL and what is built on it look for them.

use super::fs;
use crate::error::{ConfigurationError, ConfigurationItem, Error};
use crate::tls::{DirectoryReport, Settings};

const FILE: &str = "SSL_CERT_FILE";
const DIRECTORIES: &str = "SSL_CERT_DIR";

/// Trust what the two variables name; `None`, and no change, if both are unset or empty.
pub(crate) fn add_roots(settings: &mut Settings) -> Result<Option<DirectoryReport>, Error> {
    let mut changed = settings.clone();
    let mut report = DirectoryReport::default();
    let file = variable(FILE);
    if let Some(path) = &file {
        let contents = fs::read(ConfigurationItem::TrustRoots, path).map_err(|e| named(e, FILE))?;
        let added = changed.add_trust_roots_of(&format!("{FILE} {path}"), &contents);
        report.added += added.map_err(|error| named(error, FILE))?;
        report.files += 1;
    }
    let listed = variable(DIRECTORIES).unwrap_or_default();
    let mut directories = listed.split(':').filter(|path| !path.is_empty()).peekable();
    if file.is_none() && directories.peek().is_none() {
        return Ok(None);
    }
    for path in directories {
        let files = fs::read_directory(ConfigurationItem::TrustRoots, path)
            .map_err(|error| named(error, DIRECTORIES))?;
        let found = changed.add_trust_files_of(&format!("{DIRECTORIES} {path}"), path, files);
        report.added = report.added.saturating_add(found.added);
        report.files = report.files.saturating_add(found.files);
        report.problems.extend(found.problems);
    }
    *settings = changed;
    Ok(Some(report))
}

/// A variable that is set to something.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
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
