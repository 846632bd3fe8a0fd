//! `portcullis completions` and `portcullis man`: completion scripts for shells, and manual pages.

use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;

use clap::{Args, Command};
use clap_complete::Shell;

use crate::exit::{Exit, Result};

/// Print the completion script of a shell
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  portcullis completions bash > \
    ~/.local/share/bash-completion/completions/portcullis")]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(&self, mut command: Command) -> Result<()> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command, "portcullis", &mut script);
        print(&script)
    }
}

/// Print the manual page of the command or of a subcommand
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  portcullis man connect | man -l -")]
pub(crate) struct Man {
    /// The subcommand; if none is named, the command
    #[arg(value_name = "COMMAND")]
    subcommand: Option<String>,
    /// Write the pages of the command and of all subcommands into this directory, for installing them
    #[arg(long, value_name = "DIR", conflicts_with = "subcommand")]
    all: Option<PathBuf>,
}

impl Man {
    pub(crate) fn run(&self, mut command: Command) -> Result<()> {
        command.build();
        if let Some(directory) = &self.all {
            let subcommands = command.get_subcommands();
            let subcommands = subcommands.filter(|subcommand| subcommand.get_name() != "help");
            let subcommands = subcommands.map(of_subcommand);
            for command in subcommands.chain([command.clone()]) {
                let path = directory.join(format!("{}.1", command.get_name()));
                let written = fs::write(&path, page(command)?);
                written.map_err(|error| {
                    let path = path.display();
                    Exit::usage(format_args!(
                        "{path}: {error}; name a directory that is there"
                    ))
                })?;
            }
            return Ok(());
        }
        let command = match &self.subcommand {
            None => command,
            Some(name) => of_subcommand(command.find_subcommand(name).ok_or_else(|| {
                Exit::usage(format_args!("there is no {name}; see portcullis --help"))
            })?),
        };
        print(&page(command)?)
    }
}

/// The subcommand by the name that its page has, as in `man git-log`.
fn of_subcommand(subcommand: &Command) -> Command {
    let name = format!("portcullis-{}", subcommand.get_name());
    subcommand.clone().name(name)
}

fn page(command: Command) -> Result<Vec<u8>> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command)
        .render(&mut page)
        .map_err(Exit::usage)?;
    Ok(page)
}

fn print(bytes: &[u8]) -> Result<()> {
    // A reader that closes the output early has seen enough.
    let _ = io::stdout().write_all(bytes);
    Ok(())
}
