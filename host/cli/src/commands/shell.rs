//! `portcullis completions` and `portcullis man`: completion scripts for shells, and manual pages.

use std::io::{self, Write as _};

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
}

impl Man {
    pub(crate) fn run(&self, mut command: Command) -> Result<()> {
        command.build();
        let command = match &self.subcommand {
            None => command,
            Some(name) => {
                let found = command.find_subcommand(name).ok_or_else(|| {
                    Exit::usage(format_args!("there is no {name}; see portcullis --help"))
                })?;
                // The page has the command's full name, as in `man git-log`.
                found.clone().name(format!("portcullis-{name}"))
            }
        };
        let mut page = Vec::new();
        clap_mangen::Man::new(command)
            .render(&mut page)
            .map_err(Exit::usage)?;
        print(&page)
    }
}

fn print(bytes: &[u8]) -> Result<()> {
    // A reader that closes the output early has seen enough.
    let _ = io::stdout().write_all(bytes);
    Ok(())
}
