//! `portcullis compose`: a consumer and the TLS component, made one.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::exit::{Exit, Result};

/// Plug the TLS component into a component that imports portcullis:tls
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  portcullis compose app.wasm -o composed.wasm\n  wasmtime run -S \
    inherit-network -S allow-ip-name-lookup composed.wasm"
)]
pub(crate) struct Compose {
    /// The component that imports portcullis:tls
    #[arg(value_name = "FILE.wasm")]
    file: PathBuf,
    /// Where the composed component goes
    #[arg(short, long, value_name = "FILE.wasm")]
    output: PathBuf,
}

impl Compose {
    pub(crate) fn run(&self) -> Result<()> {
        let composed = composed(&self.file)?;
        fs::write(&self.output, composed)
            .map_err(|error| Exit::usage(format_args!("{}: {error}", self.output.display())))
    }
}

/// The component in the file with TLS plugged in.
pub(crate) fn composed(file: &Path) -> Result<Vec<u8>> {
    let name = file.display();
    let consumer = fs::read(file).map_err(|error| Exit::usage(format_args!("{name}: {error}")))?;
    portcullis_host::compose(&consumer).map_err(|error| Exit::from(error).context(name))
}
