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

/// The contents of every regular file in a directory that can be read.
pub(crate) fn read_directory(
    item: ConfigurationItem,
    path: &str,
) -> Result<Vec<Zeroizing<Vec<u8>>>, Error> {
    let entries = std::fs::read_dir(path).map_err(|error| unreadable(item, path, &error))?;
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    Ok(paths
        .iter()
        .filter(|path| path.is_file())
        .filter_map(|path| std::fs::read(path).ok())
        .map(Zeroizing::new)
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
