//! `portcullis run`: a command component that imports `portcullis:tls`, linked with it and run.

use std::path::PathBuf;

use clap::Args;
use portcullis_host::{Network, Options, Program};

use crate::compose;
use crate::exit::{Exit, Result, Status};
use crate::style;

/// Run a command component that imports portcullis:tls, without composing it first
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  portcullis run --network all --dir /etc/ssl/certs https-client.wasm \
    example.com 443 /\n\nIts exit status is 0 if the component ended well, 1 if it \
    failed or trapped, and 2 if it could not be run."
)]
pub(crate) struct Run {
    /// Where it may connect to and listen: nowhere, on this machine, or everywhere
    #[arg(long, value_name = "WHERE", default_value = "none")]
    network: Where,
    /// A directory that it may read, under the same path
    #[arg(long, value_name = "DIR")]
    dir: Vec<PathBuf>,
    /// An environment variable that it sees
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    env: Vec<(String, String)>,
    /// The component that imports portcullis:tls, or a core module as for `portcullis compose`
    #[arg(value_name = "FILE.wasm")]
    file: PathBuf,
    /// What it is given as arguments
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Where {
    None,
    Loopback,
    All,
}

impl Run {
    pub(crate) fn run(&self) -> Result<()> {
        let network = match self.network {
            Where::None => Network::none(),
            Where::Loopback => Network::loopback().lookup(),
            Where::All => Network::all(),
        };
        let mut options = Options::new().network(network);
        for directory in &self.dir {
            options = options.directory(directory, directory.display().to_string());
        }
        let name = self.file.display().to_string();
        let file = compose::read(&self.file)?;
        let program = style::while_busy("compiling", || Program::from_bytes(&file))
            .map_err(|error| Exit::from(error).context(&name))?;
        let arguments = std::iter::once(&name).chain(&self.arguments);
        match program.run(options, arguments, &self.env) {
            Ok(true) => Ok(()),
            Err(error) => Err(Exit::program(&error).context(&name)),
            Ok(false) => Err(Exit::new(
                Status::Tls,
                format_args!("{name} ended with a failure"),
            )),
        }
    }
}

fn variable(text: &str) -> std::result::Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("not NAME=VALUE".to_owned()),
    }
}
