//! What a test needs and Portcullis does not have.

use std::fmt;
use std::fs::OpenOptions;
use std::io::Write as _;

/// The status by which the runner is told that something is not implemented.
pub(crate) const STATUS: u8 = 89;

/// Names the file to which each missing feature is appended, for whoever counts them.
const LOG: &str = "BOGO_MISSING";

/// A feature that is not there.
#[derive(Debug)]
pub(crate) struct Missing {
    option: String,
    feature: String,
}

impl Missing {
    /// The option of the runner that asks for it, and what it is.
    pub(crate) fn new(option: &str, feature: &str) -> Self {
        Self {
            option: option.to_owned(),
            feature: feature.to_owned(),
        }
    }

    /// Writes it to the log, if there is one.
    pub(crate) fn log(&self) -> std::io::Result<()> {
        let Some(path) = std::env::var_os(LOG) else {
            return Ok(());
        };
        let mut log = OpenOptions::new().append(true).create(true).open(path)?;
        // One write, so that lines of other processes do not mix with it.
        log.write_all(format!("{}\t{}\n", self.feature, self.option).as_bytes())
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.option, self.feature)
    }
}

impl std::error::Error for Missing {}
