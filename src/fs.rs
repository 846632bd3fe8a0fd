//! Layer 3: files, by `std::fs` through the directories that the host has preopened.

use std::io::{Error as IoError, ErrorKind};
use zeroize::Zeroizing;

use crate::tls::{ConfigurationItem, ConfigurationReason, Error};

/// The contents of a file; they may be a key, and are wiped.
pub(crate) fn read(item: ConfigurationItem, path: &str) -> Result<Zeroizing<Vec<u8>>, Error> {
    std::fs::read(path)
        .map(Zeroizing::new)
        .map_err(|error| unreadable(item, path, &error))
}

/// A path and what reading it gave.
pub(crate) type File = (String, Result<Zeroizing<Vec<u8>>, Error>);

/// The files of a directory in the order of their paths: regular ones, and links, which may lead to
/// where this side may not look. A directory that does not exist is its own only file.
pub(crate) fn read_directory(item: ConfigurationItem, path: &str) -> Result<Vec<File>, Error> {
    let fail = |error: &IoError| unreadable(item, path, error);
    let entries = match std::fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Ok(vec![(path.to_owned(), Err(fail(&error)))]);
        }
        Err(error) => return Err(fail(&error)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| fail(&error))?;
        let path = entry.path();
        let is_link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
        // A link to a directory is one more directory; one that leads nowhere is to be told.
        if path.is_file() || (is_link && !path.is_dir()) {
            paths.push(path.to_string_lossy().into_owned());
        }
    }
    paths.sort();
    Ok(paths
        .into_iter()
        .map(|path| {
            let contents = read(item, &path);
            (path, contents)
        })
        .collect())
}

fn unreadable(item: ConfigurationItem, path: &str, error: &IoError) -> Error {
    let reason = match error.kind() {
        ErrorKind::NotFound => ConfigurationReason::NotFound,
        ErrorKind::PermissionDenied => ConfigurationReason::AccessDenied,
        _ => ConfigurationReason::Unreadable,
    };
    Error::refused(item, reason, format!("{path}: {error}"))
}
