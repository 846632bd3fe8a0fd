//! `portcullis run`: a command component that imports `portcullis:tls`, linked with it and run.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

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
    /// A directory that it may read, under the same path or, as wasmtime has it, under GUEST
    #[arg(long, value_name = "DIR[::GUEST]")]
    dir: Vec<Shown>,
    /// An environment variable that it sees; without =VALUE it has the value that it has here, if any
    #[arg(long, value_name = "NAME[=VALUE]", value_parser = variable)]
    env: Vec<(String, Option<String>)>,
    /// Let it trust whom this machine trusts: it sees SSL_CERT_FILE and SSL_CERT_DIR, and may read
    /// the folders that they name
    #[arg(long)]
    trust_env: bool,
    /// Serve its imports of portcullis:tls in this process and not in a component of their own: faster,
    /// and its keys are no longer sealed off
    #[arg(long)]
    native: bool,
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
            Where::Loopback => Network::loopback(),
            Where::All => Network::all(),
        };
        let mut options = Options::new().network(network);
        for Shown { host, guest } in &self.dir {
            options = options.directory(host, guest);
        }
        let mut variables = self.variables()?;
        if self.trust_env {
            let shared = Shared::new(&Environment::read());
            for folder in shared
                .folders
                .iter()
                .filter(|folder| !self.dir.iter().any(|shown| shown.is(folder)))
            {
                options = options.directory(folder, folder.display().to_string());
            }
            // A variable that is given by --env takes precedence.
            let given = variables.clone();
            let is_new = |(name, _): &(&str, String)| !given.iter().any(|(other, _)| other == name);
            let new = shared.variables.into_iter().filter(is_new);
            variables.extend(new.map(|(name, value)| (name.to_owned(), value)));
        }
        if let Some(what) = place::mistaken(&self.file) {
            return Err(Exit::usage(format_args!("{what}: name a component")));
        }
        let name = self.file.display().to_string();
        let file = compose::read(&self.file)?;
        let program = progress::while_busy("compiling", || match self.native {
            true => Program::native(&file),
            false => Program::from_bytes(&file),
        })
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

    /// The variables of `--env`, with the values that were left out.
    fn variables(&self) -> Result<Vec<(String, String)>> {
        let mut variables = Vec::new();
        for (name, value) in &self.env {
            let value = match value {
                Some(value) => Ok(value.clone()),
                None => env::var(name),
            };
            match value {
                Ok(value) => variables.push((name.clone(), value)),
                Err(env::VarError::NotPresent) => {}
                Err(env::VarError::NotUnicode(_)) => {
                    return Err(Exit::usage(format_args!(
                        "--env {name}: its value is not UTF-8, as a component's has to be"
                    )));
                }
            }
        }
        Ok(variables)
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

/// A directory of the host, and the path under which the component sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Shown {
    host: PathBuf,
    guest: String,
}

/// `HOST`, or `HOST::GUEST` as wasmtime has it.
impl FromStr for Shown {
    type Err = &'static str;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        let (host, guest) = text.split_once("::").unwrap_or((text, text));
        if host.is_empty() || guest.is_empty() {
            return Err("give DIR, or DIR::GUEST");
        }
        Ok(Self {
            host: host.into(),
            guest: guest.to_owned(),
        })
    }
}

impl Shown {
    /// Whether this is that folder under its own path.
    fn is(&self, folder: &Path) -> bool {
        self.host == folder && Path::new(&self.guest) == folder
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

fn variable(text: &str) -> std::result::Result<(String, Option<String>), String> {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name, Some(value.to_owned())),
        None => (text, None),
    };
    if name.is_empty() {
        return Err("not NAME=VALUE".to_owned());
    }
    Ok((name.to_owned(), value))
}
