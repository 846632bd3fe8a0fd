//! `portcullis serve`: many connections in one instance and one poll loop.

use std::fs;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use portcullis_host::context_types::Verify;
use portcullis_host::types::{Error, Role, Timer};
use portcullis_host::{
    Addresses, Context, Failure, Guest, Instance, Listener, Network, Options, Pollable,
};

use crate::connection::{Connection, Echo, Service, Step};
use crate::exit::{Exit, Result};
use crate::facts;
use crate::http::Http;
use crate::identity;
use crate::interrupt;
use crate::target::listen_address;

/// How long to leave the listener alone after the host could not accept.
const PAUSE: Duration = Duration::from_millis(100);
/// A file server's peer may be this long silent, or take this long to read on.
const IDLE: Duration = Duration::from_secs(60);
/// How many connections are accepted before those that are there have their turn.
const ACCEPTS: usize = 64;

/// Accept TLS connections and serve many of them at once
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  portcullis serve 127.0.0.1:8443 --cert chain.pem --key key.pem \
    --www public\n\nIt prints `listening on IP:PORT` to standard output, and a line per connection \
    to standard error.\nAn encrypted key is opened with PORTCULLIS_PASSPHRASE."
)]
pub(crate) struct Serve {
    /// IP address and port to listen on; port 0 picks a free one
    #[arg(value_name = "ADDR:PORT", value_parser = listen_address)]
    address: SocketAddr,
    /// Certificate chain, its own first (PEM or DER)
    #[arg(long, value_name = "FILE")]
    cert: PathBuf,
    /// Private key (PEM or DER); may be the same file
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Authorities of client certificates (PEM or DER)
    #[arg(long, value_name = "FILE")]
    cafile: Option<PathBuf>,
    /// Refuse clients without a certificate of those authorities
    #[arg(long, requires = "cafile", conflicts_with = "verify_optional")]
    verify: bool,
    /// Ask for a client certificate; refuse one that does not verify
    #[arg(long, requires = "cafile")]
    verify_optional: bool,
    /// Send back what is received (this is what it does if nothing is said)
    #[arg(long, conflicts_with = "www")]
    echo: bool,
    /// Serve the files in this directory over HTTP/1.1
    #[arg(long, value_name = "DIR")]
    www: Option<PathBuf>,
    /// Serve one connection, and end with its exit status
    #[arg(long)]
    once: bool,
}

impl Serve {
    pub(crate) fn run(&self) -> Result<()> {
        let root = self.www.as_ref().map(|directory| {
            let root =
                fs::canonicalize(directory).and_then(|root| fs::read_dir(&root).map(|_| root));
            root.map_err(|error| Exit::usage(format_args!("{}: {error}", directory.display())))
        });
        let root = root.transpose()?;
        let network = Network::none().listen(Addresses::one(self.address));
        let options = Options::new().network(network).inherit_stderr();
        let mut tls = Guest::embedded()?.instantiate(options)?;
        let context = self.context(&mut tls)?;
        let (ip, port) = (self.address.ip(), self.address.port());
        let listener = Listener::listen(&mut tls, &context, ip, port, None)?;
        let address = listener.local_address(&mut tls)?;
        let mut stdout = io::stdout();
        writeln!(stdout, "listening on {}", facts::text(&address))
            .and_then(|()| stdout.flush())
            .map_err(|error| Exit::usage(format_args!("standard output: {error}")))?;

        let stop = interrupt::pollable(&mut tls)?;
        let arrivals = listener.subscribe(&mut tls)?;
        let server = Server {
            stop,
            door: Some(Door {
                listener,
                arrivals,
                closed_until: None,
            }),
            guests: Vec::new(),
            root,
            once: self.once,
        };
        server.run(&mut tls)
    }

    fn context(&self, tls: &mut Instance) -> Result<Context> {
        let context = Context::secure(tls, Role::Server)?;
        identity::load(tls, &context, &self.cert, &self.key)?;
        if let Some(path) = &self.cafile {
            if !(self.verify || self.verify_optional) {
                return Err(Exit::usage(
                    "--cafile is of no use without --verify or --verify-optional",
                ));
            }
            identity::trust_file(tls, &context, path)?;
            let verify = if self.verify {
                Verify::Required
            } else {
                Verify::Optional
            };
            context.set_verify(tls, verify)?;
        }
        if self.www.is_some() {
            context.set_timeout(tls, Timer::Read, Some(IDLE))?;
            context.set_timeout(tls, Timer::Write, Some(IDLE))?;
        }
        Ok(context)
    }
}

struct Server {
    /// Ready when the user interrupts.
    stop: Pollable,
    /// Open while more connections are to come.
    door: Option<Door>,
    guests: Vec<Served>,
    root: Option<PathBuf>,
    once: bool,
}

struct Door {
    listener: Listener,
    arrivals: Pollable,
    closed_until: Option<Instant>,
}

/// A connection, and what it waits for; nothing if it is to go on at once.
struct Served {
    connection: Connection,
    waiting: Option<Pollable>,
    until: Option<Instant>,
}

impl Server {
    fn run(mut self, tls: &mut Instance) -> Result<()> {
        loop {
            self.accept(tls)?;
            if let Some(outcome) = self.advance(tls)? {
                return outcome;
            }
            if self.wait(tls)? {
                return Ok(());
            }
        }
    }

    /// Takes the connections that wait.
    fn accept(&mut self, tls: &mut Instance) -> Result<()> {
        for _ in 0..ACCEPTS {
            let Some(door) = &mut self.door else {
                return Ok(());
            };
            if door
                .closed_until
                .is_some_and(|until| Instant::now() < until)
            {
                return Ok(());
            }
            door.closed_until = None;
            let port = match door.listener.accept(tls) {
                Ok(port) => port,
                Err(failure) => match failure.error() {
                    Some(Error::WantAccept) => return Ok(()),
                    Some(Error::Network(_)) => {
                        eprintln!("not accepted: {failure}");
                        door.closed_until = Some(Instant::now() + PAUSE);
                        return Ok(());
                    }
                    _ => return Err(failure.into()),
                },
            };
            let service: Box<dyn Service> = match &self.root {
                Some(root) => Box::new(Http::new(root.clone())),
                None => Box::new(Echo::default()),
            };
            let connection = Connection::new(tls, port, service)?;
            self.guests.push(Served {
                connection,
                waiting: None,
                until: None,
            });
            if self.once {
                self.close_door(tls)?;
            }
        }
        Ok(())
    }

    fn close_door(&mut self, tls: &mut Instance) -> std::result::Result<(), Failure> {
        let Some(door) = self.door.take() else {
            return Ok(());
        };
        door.arrivals.drop(tls)?;
        door.listener.drop(tls)
    }

    /// Lets every connection that waits for nothing go on. With `--once`, the outcome of the one.
    fn advance(&mut self, tls: &mut Instance) -> Result<Option<Result<()>>> {
        let mut staying = Vec::with_capacity(self.guests.len());
        let mut last = None;
        for mut served in self.guests.drain(..) {
            if served.waiting.is_some() {
                staying.push(served);
                continue;
            }
            served.until = None;
            match served.connection.advance(tls)? {
                Step::Turn => staying.push(served),
                Step::Wait(pollable, until) => {
                    served.waiting = Some(pollable);
                    served.until = until;
                    staying.push(served);
                }
                Step::Ended(outcome) => {
                    eprintln!("{}", served.connection.log(&outcome));
                    served.connection.drop(tls)?;
                    last = Some(outcome);
                }
            }
        }
        self.guests = staying;
        Ok(last.filter(|_| self.once))
    }

    /// Waits until something can go on. Whether the user interrupted.
    fn wait(&mut self, tls: &mut Instance) -> Result<bool> {
        let now = Instant::now();
        let door = self.door.as_ref();
        let closed_until = door.and_then(|door| door.closed_until);
        let open = door.filter(|_| closed_until.is_none());
        let moments = self
            .guests
            .iter()
            .filter_map(|served| served.until)
            .chain(closed_until);
        let first = moments
            .min()
            .map(|moment| moment.saturating_duration_since(now));
        let idle = self.guests.iter().all(|served| served.waiting.is_some());
        let limit = if idle { first } else { Some(Duration::ZERO) };

        let fixed = std::iter::once(&self.stop).chain(open.map(|door| &door.arrivals));
        let waiting = self
            .guests
            .iter()
            .filter_map(|served| served.waiting.as_ref());
        let pollables: Vec<&Pollable> = fixed.chain(waiting).collect();
        let offset = if open.is_some() { 2 } else { 1 };
        let ready = tls.poll(&pollables, limit)?;
        if ready.contains(&0) {
            return Ok(true);
        }

        let now = Instant::now();
        let mut ready = ready
            .into_iter()
            .filter_map(|index| index.checked_sub(offset))
            .peekable();
        let waiting = self
            .guests
            .iter_mut()
            .filter(|served| served.waiting.is_some());
        for (index, served) in waiting.enumerate() {
            let woken = ready.next_if_eq(&index).is_some();
            let late = served.until.is_some_and(|until| until <= now);
            if let Some(pollable) = served.waiting.take_if(|_| woken || late) {
                pollable.drop(tls)?;
            }
        }
        Ok(false)
    }
}
