//! The command `portcullis`: parses arguments, calls the command's file, reports how it ended.

#[cfg(not(unix))]
compile_error!(
    "the command portcullis needs Unix: signals, limits of open files and standard streams to poll; \
     the library portcullis-host builds on other systems"
);

mod arguments;
mod certificate;
mod commands;
mod dial;
mod exit;
mod facts;
mod output;
mod proxy;
mod relay;
mod serving;
mod starttls;
mod terminal;
mod wire;

use std::ffi::{OsStr, OsString};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};
use portcullis_host::place;

use crate::commands::{ciphers, compose, connect, demo, inspect, run, serve, shell};
use crate::exit::Status;
use crate::terminal::colour;

#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// TLS as a WebAssembly component: connect, serve, demonstrate, inspect
#[derive(Parser, Debug)]
#[command(
    name = "portcullis",
    version,
    after_help = "Example:\n  portcullis demo\n\nExit status: 0 success, 1 TLS or certificate \
        failure, 2 wrong usage, 3 network failure, 4 timeout.\nPORTCULLIS_CACHE_DIR names the \
        directory of compiled components, PORTCULLIS_LOG=debug logs."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Demo(demo::Demo),
    Connect(connect::Connect),
    Serve(serve::Serve),
    Inspect(inspect::Inspect),
    Ciphers(ciphers::Ciphers),
    Compose(compose::Compose),
    Run(run::Run),
    Completions(shell::Completions),
    Man(shell::Man),
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refused(&error),
    };
    if let Some(level) = std::env::var("PORTCULLIS_LOG")
        .ok()
        .and_then(|text| text.parse().ok())
    {
        let level: tracing::Level = level;
        tracing_subscriber::fmt()
            .with_max_level(level)
            .with_writer(std::io::stderr)
            .init();
    }
    // A key must not be an argument, except with `run`, which passes arguments on to its program.
    let is_passed_on = matches!(cli.command, Command::Run(_));
    if !is_passed_on && std::env::args_os().any(|argument| is_pem(&argument)) {
        return mistaken(&format!("{}: name a file that holds it", place::PEM));
    }
    let ended = match cli.command {
        Command::Demo(demo) => demo.run(),
        Command::Connect(connect) => connect.run(),
        Command::Serve(serve) => serve.run(),
        Command::Inspect(inspect) => inspect.run(),
        Command::Ciphers(ciphers) => ciphers.run(),
        Command::Compose(compose) => compose.run(),
        Command::Run(run) => run.run(),
        Command::Completions(completions) => completions.run(Cli::command()),
        Command::Man(man) => man.run(Cli::command()),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(exit) => {
            anstream::eprintln!("{}: {exit}", colour::bad("portcullis"));
            exit.status.into()
        }
    }
}

/// Prints help and version as clap formats them, and a mistake in one line.
fn refused(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        // A reader that closes the output early has seen enough.
        let _ = error.print();
        return if error.use_stderr() {
            Status::Usage.into()
        } else {
            ExitCode::SUCCESS
        };
    }
    mistaken(&told(&error.to_string(), std::env::args_os()))
}

/// Reports a mistake in the arguments in one line.
fn mistaken(what: &str) -> ExitCode {
    let first = std::env::args_os().nth(1);
    anstream::eprintln!(
        "{}: {what}; see {} --help",
        colour::bad("portcullis"),
        command(first.as_deref().and_then(OsStr::to_str))
    );
    Status::Usage.into()
}

fn is_pem(argument: &OsStr) -> bool {
    place::is_pem(&argument.to_string_lossy())
}

/// The name of the command, with the subcommand if `first` is one.
fn command(first: Option<&str>) -> String {
    match first.filter(|name| Cli::command().find_subcommand(name).is_some()) {
        Some(name) => format!("portcullis {name}"),
        None => "portcullis".to_owned(),
    }
}

/// What clap says, or a fixed line if it may quote a key: the key in `--key "$(cat key)"` is no
/// path, and begins like a flag.
fn told(message: &str, mut arguments: impl Iterator<Item = OsString>) -> String {
    match arguments.any(|argument| is_pem(&argument)) {
        true => format!("{}: name a file that holds it", place::PEM),
        false => summary(message),
    }
}

/// The first sentence of clap's message, which may be a list over several lines.
fn summary(message: &str) -> String {
    let message = message.strip_prefix("error: ").unwrap_or(message);
    let first = message.split("\n\n").next().unwrap_or(message);
    first.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parses(line: &str) -> bool {
        Cli::try_parse_from(line.split(' ')).is_ok()
    }

    #[test]
    fn mistakes_are_told_in_one_line() {
        let line = "portcullis serve 127.0.0.1:0";
        let error = Cli::try_parse_from(line.split(' '))
            .unwrap_err()
            .to_string();
        assert_eq!(
            summary(&error),
            "the following required arguments were not provided: <--cert <FILE>|--pkcs12 <FILE>>"
        );
    }

    #[test]
    fn a_key_among_the_arguments_is_not_quoted() {
        let key = "-----BEGIN PRIVATE KEY-----\nMC4C\n-----END PRIVATE KEY-----";
        for line in [
            ["portcullis", "connect", key],
            ["portcullis", "ciphers", key],
            ["portcullis", "inspect", key],
        ] {
            let Err(error) = Cli::try_parse_from(line) else {
                continue;
            };
            let told = told(&error.to_string(), line.map(OsString::from).into_iter());
            assert!(
                told.contains("PEM text") && !told.contains("MC4C"),
                "{told}"
            );
        }
    }

    #[test]
    fn help_is_that_of_the_subcommand() {
        assert_eq!(command(Some("connect")), "portcullis connect");
        assert_eq!(command(Some("bogus")), "portcullis");
        assert_eq!(command(None), "portcullis");
    }

    #[test]
    fn flags_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn combinations_without_meaning_are_refused() {
        for line in [
            "portcullis connect a --tls1_2 --starttls smtp --cafile f --capath d --info --json",
            "portcullis connect a --ignore-unexpected-eof",
            "portcullis connect a --noservername --verify-hostname n --handshake-timeout none",
            "portcullis serve 127.0.0.1:0 --cert c --key k --cert d --key l --read-timeout 9",
            "portcullis connect [::1]:443 --cert c --key k --timeout 0.5 --servername n --insecure",
            "portcullis serve 127.0.0.1:0 --cert c --key k --cafile f --verify --echo --once",
            "portcullis serve 127.0.0.1:0 --cert c --key k --cafile f --verify-optional --www d",
            "portcullis connect a --pkcs12 p --passphrase-file f",
            "portcullis serve 127.0.0.1:0 --pkcs12 p",
            "portcullis serve 127.0.0.1:0 --cert c --key k --passphrase-file f",
            "portcullis inspect",
            "portcullis inspect f --json",
            "portcullis ciphers",
            "portcullis ciphers ALL --tls1_2 --json",
            "portcullis ciphers -- -ALL",
            "portcullis connect a --ciphers DEFAULT:!AES128",
            "portcullis serve 127.0.0.1:0 --cert c --key k --ciphers ECDHE",
            "portcullis connect a --groups X25519MLKEM768:P-256",
            "portcullis serve 127.0.0.1:0 --cert c --key k --groups x25519,secp384r1",
            "portcullis connect a --sigalgs ed25519:RSA-PSS+SHA256 --record-size 512",
            "portcullis serve 127.0.0.1:0 --cert c --key k --sigalgs ed25519 --client-preference",
            "portcullis connect a --alpn h2,http/1.1",
            "portcullis serve 127.0.0.1:0 --cert c --key k --alpn postgresql",
            "portcullis demo",
            "portcullis completions bash",
            "portcullis man",
            "portcullis man connect",
            "portcullis connect a --showcerts --info --json",
            "portcullis connect a --half-close --read-timeout 5",
            "portcullis connect a --starttls xmpp-server --xmpphost bücher.example",
            "portcullis connect [fe80::1%eth0]:443 --servername bücher.example",
            "portcullis connect bücher.example:443",
            "portcullis serve [::]:0 --cert c --key k --ipv6-only --max-connections 1",
            "portcullis serve 127.0.0.1:0 --cert c --key k --www d --header-timeout none",
            "portcullis serve 127.0.0.1:0 --cert c --key k --grace 0 --bind [::1]:0 --bind [::]:1",
            "portcullis connect a --resolve a:443:127.0.0.1,[::1] --resolve *:1:::1",
            "portcullis connect a --proxy http://user:secret@p:1 --starttls smtp",
            "portcullis run --dir a::b --dir c --env A --env B=c f.wasm --flag",
        ] {
            assert!(parses(line), "{line}");
        }
        for line in [
            "portcullis",
            "portcullis connect",
            "portcullis connect a:99999",
            "portcullis connect a --cert c",
            "portcullis connect a --cert c --key k --pkcs12 p",
            "portcullis connect a --tls1_2 --tls1_3",
            "portcullis ciphers ALL ALL",
            "portcullis ciphers --tls1_2 --tls1_3",
            "portcullis connect a --groups x25519,",
            "portcullis connect a --groups x25519,,P-256",
            "portcullis connect a --sigalgs ed25519,",
            "portcullis connect a --client-preference",
            "portcullis connect a --alpn h2,,http/1.1",
            "portcullis connect a --timeout 0",
            "portcullis connect a --timeout -1",
            "portcullis connect a --timeout x",
            "portcullis connect a --handshake-timeout 0",
            "portcullis connect a --noservername --servername n",
            "portcullis connect a --insecure --verify-hostname n",
            "portcullis connect a --starttls gopher",
            "portcullis connect a --xmpphost b",
            "portcullis connect a --servername b\u{fffd}ü",
            "portcullis connect a%eth0",
            "portcullis serve [fe80::1%eth0]:1 --cert c --key k",
            "portcullis serve 127.0.0.1:0 --cert c --key k --max-connections 0",
            "portcullis serve 127.0.0.1:0 --cert c --key k --header-timeout 0",
            "portcullis serve 127.0.0.1:0 --cert c --key k --grace -1",
            "portcullis serve 127.0.0.1:0 --cert c --key k --grace none",
            "portcullis serve 127.0.0.1:0 --cert c --key k --bind example.com:1",
            "portcullis connect a --resolve a:443",
            "portcullis run --dir a:: f.wasm",
            "portcullis run --env =a f.wasm",
            "portcullis serve 127.0.0.1:0",
            "portcullis serve 127.0.0.1:0 --cert c",
            "portcullis serve 127.0.0.1:0 --key k --pkcs12 p",
            "portcullis serve 127.0.0.1:0 --passphrase-file f",
            "portcullis serve 127.0.0.1:65536 --cert c --key k",
            "portcullis serve 127.0.0.1:0 --cert c --key k --cafile f --verify --verify-optional",
            "portcullis serve 127.0.0.1:0 --cert c --key k --echo --www d",
            "portcullis completions tcsh",
        ] {
            assert!(!parses(line), "{line}");
        }
    }
}
