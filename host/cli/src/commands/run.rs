//! `portcullis run`: a command component that imports `portcullis:tls`, linked with it and run.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use portcullis_host::{Network, Options, Program};

use crate::arguments::trust::{self, Environment};
use crate::commands::compose;
use crate::exit::{Exit, Result, Status};
use crate::terminal::progress;
use portcullis_host::place;

/// Run a command component that imports portcullis:tls, without composing it first
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  portcullis run --network all --dir /etc/ssl/certs https-client.wasm \
    example.com 443 /\n\nWithout --network it reaches nobody, and finds no name. Its exit \
    status is 0 if the component ended well, 1 if it failed or trapped, and 2 if it could not be \
    run."
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
    /// Let it trust whom this machine trusts: it sees SSL_CERT_FILE and SSL_CERT_DIR, and may read
    /// the folders that they name
    #[arg(long)]
    trust_env: bool,
    /// The component that imports portcullis:tls, or a core module as for `portcullis compose`
    #[arg(value_name = "FILE.wasm")]
    file: PathBuf,
    /// The arguments of the component
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
        let mut variables = self.env.clone();
        if self.trust_env {
            let shared = Shared::new(&Environment::read());
            for folder in shared
                .folders
                .iter()
                .filter(|folder| !self.dir.contains(folder))
            {
                options = options.directory(folder, folder.display().to_string());
            }
            // A variable that is given by --env takes precedence.
            let is_new =
                |(name, _): &(&str, String)| !self.env.iter().any(|(other, _)| other == name);
            let new = shared.variables.into_iter().filter(is_new);
            variables.extend(new.map(|(name, value)| (name.to_owned(), value)));
        }
        if let Some(what) = place::mistaken(&self.file) {
            return Err(Exit::usage(format_args!("{what}: name a component")));
        }
        let name = self.file.display().to_string();
        let file = compose::read(&self.file)?;
        let program = progress::while_busy("compiling", || Program::from_bytes(&file))
            .map_err(|error| Exit::from(error).context(&name))?;
        let arguments = std::iter::once(&name).chain(&self.arguments);
        match program.run(options, arguments, &variables) {
            Ok(true) => Ok(()),
            Ok(false) => Err(Exit::new(
                Status::Tls,
                format_args!("{name} ended with a failure{}", self.hint()),
            )),
            Err(error) => Err(Exit::program(&error).context(&name)),
        }
    }

    /// A program without network cannot know that it was refused, and takes the refusal for a fault
    /// of DNS: this tells the user.
    fn hint(&self) -> &'static str {
        match self.network {
            Where::None => {
                "; the network was not granted: if it needs one, give --network all, or --network \
                 loopback for this machine"
            }
            Where::Loopback | Where::All => "",
        }
    }
}

/// The part of the machine's trust that a program is shown.
#[derive(Debug, Default, PartialEq, Eq)]
struct Shared {
    folders: Vec<PathBuf>,
    variables: Vec<(&'static str, String)>,
}

impl Shared {
    /// Links are followed here, because a link that leads out of a folder leads nowhere for the
    /// program. A path that does not exist is passed on as it is, so that the program can say so.
    fn new(environment: &Environment) -> Self {
        let mut shared = Self::default();
        if let Some(file) = &environment.file {
            let file = fs::canonicalize(file).unwrap_or_else(|_| file.clone());
            if file.is_file() {
                shared.show(file.parent());
            }
            shared
                .variables
                .push((trust::FILE, file.display().to_string()));
        }
        let mut directories = Vec::new();
        for directory in &environment.directories {
            let directory = fs::canonicalize(directory).unwrap_or_else(|_| directory.clone());
            if directory.is_dir() {
                shared.show(Some(&directory));
            }
            directories.push(directory.display().to_string());
        }
        if !directories.is_empty() {
            let directories = directories.join(":");
            shared.variables.push((trust::DIRECTORIES, directories));
        }
        shared
    }

    fn show(&mut self, folder: Option<&Path>) {
        if let Some(folder) = folder
            && !self.folders.iter().any(|known| known == folder)
        {
            self.folders.push(folder.to_owned());
        }
    }
}

fn variable(text: &str) -> std::result::Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("not NAME=VALUE".to_owned()),
    }
}
