//! `SSLKEYLOGFILE`: the file that the secrets of connections are appended to.

use std::env;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use portcullis_host::{Context, Instance, KeyLog, place};

use crate::exit::{Exit, Result};
use crate::terminal::colour;

/// The variable that other programs know too.
const VARIABLE: &str = "SSLKEYLOGFILE";

/// The log of a context, and the file that it goes to.
pub(crate) struct KeyLogFile {
    log: KeyLog,
    file: File,
    path: PathBuf,
}

impl KeyLogFile {
    /// The file that the environment names, for the connections of this context; none if it names
    /// none. It says aloud that secrets are written.
    pub(crate) fn from_environment(tls: &mut Instance, context: &Context) -> Result<Option<Self>> {
        let Some(path) = env::var_os(VARIABLE).filter(|path| !path.is_empty()) else {
            return Ok(None);
        };
        let path = PathBuf::from(path);
        let file = open(&path).map_err(|error| refused(&path, &error))?;
        let log = context.log_keys(tls)?;
        colour::warn(format_args!(
            "{VARIABLE}: the secrets of connections are written to {}",
            place::shown(&path)
        ));
        Ok(Some(Self { log, file, path }))
    }

    /// Append what has come since the last call.
    pub(crate) fn write(&mut self, tls: &mut Instance) -> Result<()> {
        let mut lines = self.log.take_lines(tls)?.join("\n");
        if lines.is_empty() {
            return Ok(());
        }
        lines.push('\n');
        // In one call: several programs may append to the file.
        self.file
            .write_all(lines.as_bytes())
            .map_err(|error| refused(&self.path, &error))
    }
}

/// For this user alone, if it is not there yet.
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
}

fn refused(path: &Path, error: &io::Error) -> Exit {
    Exit::usage(format_args!("{VARIABLE}={}: {error}", place::shown(path)))
}
