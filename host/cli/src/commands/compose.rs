//! `portcullis compose`: a consumer and the TLS component, made one.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use portcullis_host::embedded_for;

use crate::exit::{Exit, Result};

/// Plug the TLS component into a component that imports portcullis:tls
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  portcullis compose app.wasm --plug target/portcullis.wasm -o \
    composed.wasm\n  wasmtime run -S inherit-network -S allow-ip-name-lookup composed.wasm\n\n\
    Without --plug it plugs in the component inside this program, which needs an engine with wide \
    arithmetic: wasmtime\nfrom 49, or 48 with -W wide-arithmetic."
)]
pub(crate) struct Compose {
    /// The component that imports portcullis:tls, or the core module with its WIT inside, as C
    /// compilers make it from the bindings of wit-bindgen
    #[arg(value_name = "FILE.wasm")]
    file: PathBuf,
    /// The TLS component; if none is named, the one inside this program
    #[arg(long, value_name = "FILE.wasm")]
    plug: Option<PathBuf>,
    /// Where the composed component goes
    #[arg(short, long, value_name = "FILE.wasm")]
    output: PathBuf,
}

impl Compose {
    pub(crate) fn run(&self) -> Result<()> {
        let consumer = read(&self.file)?;
        let composed = match &self.plug {
            Some(plug) => portcullis_host::compose(&consumer, &read(plug)?),
            None => embedded_for(&consumer)
                .and_then(|component| portcullis_host::compose(&consumer, component)),
        };
        let composed = composed.map_err(|error| Exit::from(error).context(self.file.display()))?;
        fs::write(&self.output, composed)
            .map_err(|error| Exit::usage(format_args!("{}: {error}", self.output.display())))
    }
}

/// The contents of the file.
pub(crate) fn read(file: &Path) -> Result<Vec<u8>> {
    fs::read(file).map_err(|error| {
        let name = file.display();
        Exit::usage(format_args!("{name}: {error}; name a component"))
    })
}
