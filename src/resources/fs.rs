//! Reads files by `std::fs`, through the directories that the host has preopened.

use std::fs::File;
use std::io::{Error as IoError, ErrorKind, Read as _};
use zeroize::Zeroizing;

use super::environment;
use crate::error::{ConfigurationItem, ConfigurationReason, Error};
use crate::files::{Files, Found, LARGEST, refuse_contents, too_large};

/// What the host has preopened, and the variables that it shows.
pub(crate) struct Preopened;

impl Files for Preopened {
    fn variable(&mut self, name: &str) -> Option<String> {
        environment::variable(name)
    }

    fn read(&mut self, item: ConfigurationItem, path: &str) -> Result<Zeroizing<Vec<u8>>, Error> {
        read(item, path)
    }

    fn read_directory(&mut self, item: ConfigurationItem, path: &str) -> Result<Vec<Found>, Error> {
        read_directory(item, path)
    }
}

/// The contents of a file. They may be a key, so they are wiped when dropped.
pub(crate) fn read(item: ConfigurationItem, path: &str) -> Result<Zeroizing<Vec<u8>>, Error> {
    refuse_contents(item, path)?;
    let file = File::open(path).and_then(read_file);
    match file.map_err(|error| unreadable(item, path, &error))? {
        Some(contents) => Ok(contents),
        None => Err(too_large(item, path)),
    }
}

/// `None` if the file is too large.
fn read_file(file: File) -> Result<Option<Zeroizing<Vec<u8>>>, IoError> {
    // The whole length is reserved: a buffer that grows leaves pieces of a key behind.
    let length = file.metadata()?.len().min(LARGEST);
    let room = usize::try_from(length)
        .unwrap_or_default()
        .saturating_add(1);
    let mut contents = Zeroizing::new(Vec::with_capacity(room));
    let read = file
        .take(LARGEST.saturating_add(1))
        .read_to_end(&mut contents)?;
    Ok(u64::try_from(read)
        .is_ok_and(|read| read <= LARGEST)
        .then_some(contents))
}

/// Reads the files of a directory, in the order of their paths: regular files, and links, even
/// those that lead to where the component may not look. For a directory that does not exist, the
/// directory itself is listed as the only file.
pub(crate) fn read_directory(item: ConfigurationItem, path: &str) -> Result<Vec<Found>, Error> {
    refuse_contents(item, path)?;
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
        // A link to a directory is passed over like a directory; a link that leads nowhere is
        // reported.
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
