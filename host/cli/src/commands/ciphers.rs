//! `portcullis ciphers`, and `--ciphers` of the other commands: cipher lists, which the component
//! reads.

use clap::Args;
use portcullis_host::context_types::CipherListReport;
use portcullis_host::types::{Error, Role};
use portcullis_host::{Context, Failure, Guest, Instance, Options};
use serde::Serialize;

use crate::exit::{Exit, Result, Status};
use crate::output;

/// Print the cipher suites that a list in OpenSSL's syntax selects, in order
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  portcullis ciphers 'ECDHE+AESGCM:!aRSA'\n\nWords without effect are \
    named on standard error. The exit status is 1 if no suite is left or the\nlist cannot be read. \
    Write a list that begins with - after --."
)]
pub(crate) struct Ciphers {
    /// The list, as ciphers(1) describes it
    #[arg(value_name = "STRING", default_value = "DEFAULT")]
    list: String,
    /// TLS 1.2 only
    #[arg(long = "tls1_2", conflicts_with = "tls13")]
    tls12: bool,
    /// TLS 1.3 only
    #[arg(long = "tls1_3")]
    tls13: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Ciphers {
    pub(crate) fn run(&self) -> Result<()> {
        let mut tls = Guest::embedded()?.instantiate(Options::new().inherit_stderr())?;
        let context = Context::unverified(&mut tls, Role::Client)?;
        if self.tls12 || self.tls13 {
            let protocol = if self.tls12 { "tlsv12" } else { "tlsv13" };
            context.set_protocol(&mut tls, protocol)?;
        }
        let report = set(&mut tls, &context, &self.list).map_err(|failure| {
            // As in `openssl ciphers`: the list is the object of this command, so a bad one is not
            // wrong usage.
            match failure.error() {
                Some(Error::InvalidConfiguration(_)) => Exit::new(Status::Tls, failure),
                _ => Exit::from(failure),
            }
        })?;
        let suites = context.cipher_suites(&mut tls)?;
        if self.json {
            let selection = Selection {
                suites: &suites,
                unknown: &report.unknown,
                unsupported: &report.unsupported,
            };
            let text = serde_json::to_string(&selection).map_err(Exit::usage)?;
            output::print(text)
        } else {
            output::print(suites.join(":"))
        }
    }
}

#[derive(Debug, Serialize)]
struct Selection<'a> {
    suites: &'a [String],
    unknown: &'a [String],
    unsupported: &'a [String],
}

/// Makes the context use a cipher list, and names the words without effect on standard error.
pub(crate) fn set(
    tls: &mut Instance,
    context: &Context,
    list: &str,
) -> std::result::Result<CipherListReport, Failure> {
    let report = context.set_cipher_list(tls, &[list.to_owned()])?;
    for (kind, words) in [
        ("unknown", &report.unknown),
        ("unsupported", &report.unsupported),
    ] {
        if !words.is_empty() {
            eprintln!("warning: {kind} in the cipher list: {}", words.join(" "));
        }
    }
    Ok(report)
}
