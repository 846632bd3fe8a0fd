//! `portcullis serve`: its arguments, and the server made of them.

use std::fs;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args};
use portcullis_host::context_types::Verify;
use portcullis_host::types::{Role, Timer};
use portcullis_host::{Addresses, Context, Guest, Instance, Listener, Network, Options};

use crate::ciphers;
use crate::exit::{Exit, Result};
use crate::facts;
use crate::groups::Groups;
use crate::identity::{Identity, source};
use crate::interrupt;
use crate::server::Server;
use crate::target::listen_address;
use crate::timers::Timers;
use crate::trust::Trust;

/// A file server's peer may be this long silent, or take this long to read on.
const IDLE: Duration = Duration::from_secs(60);

/// Accept TLS connections and serve many of them at once
#[derive(Args, Debug)]
#[command(
    group = ArgGroup::new("own").args(["cert", "pkcs12"]).required(true),
    after_help = "Example:\n  portcullis serve 127.0.0.1:8443 --cert chain.pem --key key.pem \
    --www public\n\nIt prints `listening on IP:PORT` to standard output, and a line per connection \
    to standard error.\nAn encrypted key is opened with --passphrase-file or PORTCULLIS_PASSPHRASE; else a \
    terminal is asked."
)]
pub(crate) struct Serve {
    /// IP address and port to listen on; port 0 picks a free one
    #[arg(value_name = "ADDR:PORT", value_parser = listen_address)]
    address: SocketAddr,
    #[command(flatten)]
    identity: Identity,
    #[command(flatten)]
    trust: Trust,
    /// Refuse clients without a certificate of those authorities
    #[arg(long, conflicts_with = "verify_optional")]
    verify: bool,
    /// Ask for a client certificate; refuse one that does not verify
    #[arg(long)]
    verify_optional: bool,
    /// Suggest the authorities in this file to clients, in place of those that are trusted
    #[arg(long, value_name = "FILE")]
    requestcafile: Option<PathBuf>,
    /// Accept these cipher suites, in OpenSSL's syntax; see `portcullis ciphers`
    #[arg(long, value_name = "STRING")]
    ciphers: Option<String>,
    /// Accept these key exchange groups: x25519mlkem768, x25519, secp256r1, secp384r1
    #[arg(long, value_name = "LIST")]
    groups: Option<Groups>,
    /// Send back what is received (this is what it does if nothing is said)
    #[arg(long, conflicts_with = "www")]
    echo: bool,
    /// Serve the files in this directory over HTTP/1.1
    #[arg(long, value_name = "DIR")]
    www: Option<PathBuf>,
    /// Serve one connection, and end with its exit status
    #[arg(long)]
    once: bool,
    #[command(flatten)]
    timers: Timers,
}

impl Serve {
    pub(crate) fn run(&self) -> Result<()> {
        let root = self.www.as_ref().map(|directory| {
            let root =
                fs::canonicalize(directory).and_then(|root| fs::read_dir(&root).map(|_| root));
            root.map_err(|error| {
                let directory = directory.display();
                Exit::usage(format_args!(
                    "{directory}: {error}; name a directory that can be read"
                ))
            })
        });
        let root = root.transpose()?;
        let network = Network::none().listen(Addresses::one(self.address));
        let options = Options::new().network(network).inherit_stderr();
        let mut tls = Guest::embedded()?.instantiate(options)?;
        let context = self.context(&mut tls)?;
        let (ip, port) = (self.address.ip(), self.address.port());
        let listener = Listener::listen(&mut tls, &context, ip, port, None)?;
        let address = listener.local_address(&mut tls)?;
        // Caught from now on: whoever reads the line may end the server.
        let stop = interrupt::pollable(&mut tls)?;
        let mut stdout = io::stdout();
        writeln!(stdout, "listening on {}", facts::text(&address))
            .and_then(|()| stdout.flush())
            .map_err(|error| Exit::usage(format_args!("standard output: {error}")))?;

        Server::new(&mut tls, listener, stop, root, self.once)?.run(&mut tls)
    }

    fn context(&self, tls: &mut Instance) -> Result<Context> {
        let context = Context::secure(tls, Role::Server)?;
        self.identity.load(tls, &context)?;
        let asks = self.verify || self.verify_optional;
        if asks != self.trust.is_given() {
            return Err(Exit::usage(
                "give --cafile or --capath together with --verify or --verify-optional",
            ));
        }
        if asks {
            self.trust.load(tls, &context)?;
            let verify = if self.verify {
                Verify::Required
            } else {
                Verify::Optional
            };
            context.set_verify(tls, verify)?;
        }
        if let Some(path) = &self.requestcafile {
            if !asks {
                return Err(Exit::usage(
                    "--requestcafile is of no use without --verify or --verify-optional",
                ));
            }
            context
                .load_suggested_authorities(tls, &source(path)?)
                .map_err(|failure| Exit::from(failure).context(path.display()))?;
        }
        if let Some(list) = &self.ciphers {
            ciphers::set(tls, &context, list)?;
        }
        if let Some(Groups(groups)) = &self.groups {
            context.set_groups(tls, groups)?;
        }
        if self.www.is_some() {
            context.set_timeout(tls, Timer::Read, Some(IDLE))?;
            context.set_timeout(tls, Timer::Write, Some(IDLE))?;
        }
        self.timers.set(tls, &context)?;
        Ok(context)
    }
}
