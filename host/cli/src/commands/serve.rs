//! `portcullis serve`: its arguments, and the server made of them.

use std::fs;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args};
use listenfd::ListenFd;
use portcullis_host::context_types::{AlpnMismatch, Verify};
use portcullis_host::types::{Role, Timer};
use portcullis_host::{Addresses, Context, Guest, Instance, Listener, Network, Options};
use rustix::net::sockopt::socket_acceptconn;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::arguments::alpn::Alpn;
use crate::arguments::groups::Groups;
use crate::arguments::identity::{Identity, Passphrase, source};
use crate::arguments::key_log::KeyLogFile;
use crate::arguments::pins::Pin;
use crate::arguments::revocation::Revocation;
use crate::arguments::sigalgs::SignatureSchemes;
use crate::arguments::target::{Place, listen_address, listen_place};
use crate::arguments::tickets::Tickets;
use crate::arguments::timers::{Limit, Timers, pause};
use crate::arguments::trust::Trust;
use crate::commands::ciphers;
use crate::exit::{Exit, Result};
use crate::serving::door::Door;
use crate::serving::plan::{Loaded, Offer, Plan};
use crate::serving::server::Server;
use crate::terminal::signals::Signals;

/// How long the client of a file server may be silent, or take nothing.
const IDLE: Duration = Duration::from_secs(60);
/// How long the handshake and the closing may take: they need a few round trips.
const BRIEF: Duration = Duration::from_secs(30);
/// How many connections there are at once, if there are descriptors for them.
const PLACES: usize = 500;
/// How many of the process's descriptors are for other things than connections.
const OTHER_DESCRIPTORS: u64 = 32;
/// How many sockets of ended connections the component may still hold.
const REMAINS: u64 = 64;

/// Accept TLS connections and serve many of them at once
#[derive(Args, Debug)]
#[command(
    group = ArgGroup::new("own").args(["cert", "pkcs12"]).required(true),
    after_help = "Example:\n  portcullis serve 127.0.0.1:8443 --cert chain.pem --key key.pem \
    --www public\n\nIt prints `listening on IP:PORT` to standard output, and a line per connection \
    to standard error.\nSIGHUP has it load its files again, for new connections; if that fails, what was \
    loaded before stays in use. SIGTERM\nand SIGINT end it when the connections under way have ended, \
    after --grace at the latest; a second signal ends it at once.\nWithout the timers below, handshake and end have 30 seconds each, and with --www \
    silence has 60.\nAn encrypted key is opened with --passphrase-file or PORTCULLIS_PASSPHRASE; else a \
    terminal is asked."
)]
pub(crate) struct Serve {
    #[allow(
        rustdoc::broken_intra_doc_links,
        reason = "clap prints it as it stands"
    )]
    /// IP address and port to listen on; port 0 picks a free one, and [::] is every address, those
    /// of IPv4 too. Or `systemd`, for the sockets of a .socket unit
    #[arg(value_name = "ADDR:PORT", value_parser = listen_place)]
    place: Place,
    /// Listen at this address as well; may be given again. Port 0 is the port of the first
    #[arg(long, value_name = "ADDR:PORT", value_parser = listen_address)]
    bind: Vec<SocketAddr>,
    #[command(flatten)]
    identity: Identity,
    /// Present the OCSP response in this file, in DER, with the certificate
    #[arg(long, value_name = "FILE")]
    staple: Option<PathBuf>,
    #[command(flatten)]
    trust: Trust,
    /// Refuse clients without a certificate of those authorities
    #[arg(long, conflicts_with = "verify_optional")]
    verify: bool,
    /// Ask for a client certificate; refuse one that does not verify
    #[arg(long)]
    verify_optional: bool,
    /// Require a key in a client's chain, as `connect --pin` does of a server
    #[arg(long, value_name = "PIN", value_delimiter = ';')]
    pin: Vec<Pin>,
    #[command(flatten)]
    revocation: Revocation,
    /// Suggest the authorities in this file to clients, in place of those that are trusted
    #[arg(long, value_name = "FILE")]
    requestcafile: Option<PathBuf>,
    /// Accept these cipher suites, in OpenSSL's syntax; see `portcullis ciphers`
    #[arg(long, value_name = "STRING")]
    ciphers: Option<String>,
    /// Accept these key exchange groups: X25519MLKEM768, SecP256r1MLKEM768,
    /// x25519, secp256r1, secp384r1
    #[arg(long, value_name = "LIST")]
    groups: Option<Groups>,
    /// Accept these signature schemes, the preferred first, and sign with them alone:
    /// ed25519,rsa_pss_rsae_sha256
    #[arg(long, value_name = "LIST")]
    sigalgs: Option<SignatureSchemes>,
    /// Take the first suite of the client's order, not of this side's
    #[arg(long)]
    client_preference: bool,
    /// Send at most this many bytes in a record, 64 to 16384
    #[arg(long, value_name = "BYTES")]
    record_size: Option<u32>,
    /// Accept these application protocols, the preferred first, and refuse a client that offers others
    #[arg(long, value_name = "LIST")]
    alpn: Option<Alpn>,
    /// Go on without an application protocol where a client offers only others
    #[arg(long, requires = "alpn")]
    alpn_optional: bool,
    #[command(flatten)]
    tickets: Tickets,
    /// Send back what is received (the default)
    #[arg(long, conflicts_with = "www")]
    echo: bool,
    /// Serve the files in this directory over HTTP/1.1
    #[arg(long, value_name = "DIR")]
    www: Option<PathBuf>,
    #[allow(
        rustdoc::broken_intra_doc_links,
        reason = "clap prints it as it stands"
    )]
    /// Listen on no address of IPv4 where the address is [::]
    #[arg(long)]
    ipv6_only: bool,
    /// Serve at most this many connections at once. If one more comes, it gets the place of one
    /// that has not yet made its request, or that has been idle for a minute; if there is none, it
    /// waits
    /// [default: 500, or as many as there are descriptors for]
    #[arg(long, value_name = "NUMBER")]
    max_connections: Option<NonZeroUsize>,
    /// Seconds, or none, that the head of a request may take from the handshake on, with --www
    #[arg(long, value_name = "SECONDS", default_value = "10")]
    header_timeout: Limit,
    /// Seconds that connections under way may still take when SIGTERM or SIGINT ends the server
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = pause)]
    grace: Duration,
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
        let inherited = match self.place {
            Place::Systemd => inherited_sockets()?,
            Place::Address(_) => Vec::new(),
        };
        let addresses = self.addresses();
        let network = Network::none().listen(all(&addresses));
        let places = self.places(root.is_some())?;
        let options = Options::new().network(network).inherit_stderr();
        let mut tls = Guest::embedded()?.instantiate(options)?;
        let loaded = self.load(&mut tls, Passphrase::Asked)?;
        let mut doors = Vec::new();
        for socket in inherited {
            doors.push(Door::inherited(&mut tls, socket)?);
        }
        let mut first = 0;
        for address in addresses {
            let port = match address.port() {
                0 => first,
                port => port,
            };
            let listener = Listener::listen(&mut tls, &loaded.context, address.ip(), port, None)
                .map_err(|failure| Exit::from(failure).context(address))?;
            let door = Door::of_component(&mut tls, listener)?;
            if doors.is_empty() {
                (_, first) = door.address(&mut tls)?;
            }
            doors.push(door);
        }
        let mut lines = String::new();
        for door in &doors {
            let (address, _) = door.address(&mut tls)?;
            lines += &format!("listening on {address}\n");
        }
        // Signals are caught from now on, because a program that reads the line may end the server.
        let signals = Signals::catch(&mut tls)?;
        let mut stdout = io::stdout();
        stdout
            .write_all(lines.as_bytes())
            .and_then(|()| stdout.flush())
            .map_err(|error| Exit::usage(format_args!("standard output: {error}")))?;

        let offer = match root {
            Some(root) => Offer::Files(root, self.header_timeout.0),
            None => Offer::Echo,
        };
        let plan = Plan {
            offer,
            places,
            once: self.once,
            grace: self.grace,
        };
        // The terminal is asked for nothing then: all connections would wait for the answer.
        let load = |tls: &mut Instance| self.load(tls, Passphrase::Given);
        Server::new(doors, loaded, signals, plan, &load).run(&mut tls)
    }

    /// Where to listen. A socket of WASI has one address family, so listening on all addresses
    /// takes two.
    fn addresses(&self) -> Vec<SocketAddr> {
        let mut addresses = Vec::new();
        let place = match &self.place {
            Place::Address(address) => Some(address),
            Place::Systemd => None,
        };
        for address in place.into_iter().chain(&self.bind) {
            let is_all = address.is_ipv6() && address.ip().is_unspecified() && !self.ipv6_only;
            let other = is_all.then(|| (Ipv4Addr::UNSPECIFIED, address.port()).into());
            for address in std::iter::once(*address).chain(other) {
                if !addresses.contains(&address) {
                    addresses.push(address);
                }
            }
        }
        addresses
    }

    /// How many connections there are descriptors for, up to the number that was asked for. This
    /// raises the process's limit of descriptors as far as the system allows.
    fn places(&self, has_files: bool) -> Result<usize> {
        let unlimited = u64::MAX;
        let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
        let wanted = Rlimit {
            current: maximum,
            maximum,
        };
        // If this fails, the current limit stays.
        let _ = setrlimit(Resource::Nofile, wanted);
        let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(unlimited);
        let each = if has_files { 2 } else { 1 };
        let room = descriptors.saturating_sub(OTHER_DESCRIPTORS);
        let room = (room - REMAINS.min(room / 2)) / each;
        let room = usize::try_from(room).unwrap_or(usize::MAX);
        if room == 0 {
            return Err(Exit::usage(format_args!(
                "{descriptors} descriptors are too few to serve; allow more (ulimit -n)"
            )));
        }
        match self.max_connections.map(NonZeroUsize::get) {
            Some(wanted) if room < wanted => Err(Exit::usage(format_args!(
                "there are descriptors for {room} connections at once, not for {wanted}; allow \
                 more (ulimit -n), or fewer connections (--max-connections)"
            ))),
            Some(wanted) => Ok(wanted),
            None => Ok(room.min(PLACES)),
        }
    }

    /// A context of what the files hold now.
    fn load(&self, tls: &mut Instance, passphrase: Passphrase) -> Result<Loaded> {
        let context = Context::secure(tls, Role::Server)?;
        let filled = self
            .fill(tls, &context, passphrase)
            .and_then(|()| KeyLogFile::from_environment(tls, &context));
        match filled {
            Ok(key_log) => Ok(Loaded { context, key_log }),
            Err(exit) => {
                // The server may go on with another.
                context.drop(tls)?;
                Err(exit)
            }
        }
    }

    fn fill(&self, tls: &mut Instance, context: &Context, passphrase: Passphrase) -> Result<()> {
        self.identity.load(tls, context, passphrase)?;
        if let Some(path) = &self.staple {
            context
                .load_staple(tls, &source(path)?)
                .map_err(|failure| Exit::from(failure).context(path.display()))?;
        }
        let asks = self.verify || self.verify_optional;
        if asks != self.trust.is_given() {
            return Err(Exit::usage(
                "give --cafile or --capath together with --verify or --verify-optional",
            ));
        }
        if asks {
            self.trust.load(tls, context)?;
            let verify = if self.verify {
                Verify::Required
            } else {
                Verify::Optional
            };
            context.set_verify(tls, verify)?;
            Pin::set(&self.pin, tls, context)?;
            self.revocation.load(tls, context)?;
        } else {
            let given = [
                ("--crlfile", self.revocation.is_given()),
                ("--pin", !self.pin.is_empty()),
                ("--requestcafile", self.requestcafile.is_some()),
            ];
            if let Some((flag, _)) = given.iter().find(|(_, is_given)| *is_given) {
                return Err(Exit::usage(format_args!(
                    "{flag} is of no use without --verify or --verify-optional"
                )));
            }
        }
        if let Some(path) = &self.requestcafile {
            context
                .load_suggested_authorities(tls, &source(path)?)
                .map_err(|failure| Exit::from(failure).context(path.display()))?;
        }
        if let Some(list) = &self.ciphers {
            ciphers::set(tls, context, list)?;
        }
        if let Some(groups) = &self.groups {
            groups.set(tls, context)?;
        }
        if let Some(schemes) = &self.sigalgs {
            schemes.set(tls, context)?;
        }
        if self.client_preference {
            context.set_suite_preference(tls, Role::Client)?;
        }
        context
            .set_record_size(tls, self.record_size)
            .map_err(|failure| Exit::from(failure).context("--record-size"))?;
        if let Some(alpn) = &self.alpn {
            alpn.set(tls, context)?;
        }
        if self.alpn_optional {
            context.set_alpn_mismatch(tls, AlpnMismatch::Tolerated)?;
        }
        self.tickets.set(tls, context)?;
        for timer in [Timer::Handshake, Timer::Shutdown] {
            context.set_timeout(tls, timer, Some(BRIEF))?;
        }
        if self.www.is_some() {
            context.set_timeout(tls, Timer::Read, Some(IDLE))?;
            context.set_timeout(tls, Timer::Write, Some(IDLE))?;
        }
        self.timers.set(tls, context)
    }
}

/// The listening sockets that this process was started with.
fn inherited_sockets() -> Result<Vec<TcpListener>> {
    let mut handed = ListenFd::from_env();
    let mut sockets = Vec::new();
    for index in 0..handed.len() {
        let taken = handed.take_tcp_listener(index).ok().flatten();
        let listening = taken.filter(|socket| socket_acceptconn(socket).is_ok_and(|is| is));
        sockets.push(listening.ok_or_else(|| {
            Exit::usage(format_args!(
                "socket {index} of those handed over is no listening TCP socket; in the .socket unit, give \
                 ListenStream an address and port, and leave Accept at no"
            ))
        })?);
    }
    match sockets.is_empty() {
        false => Ok(sockets),
        true => Err(Exit::usage(
            "no socket was handed over to this process (LISTEN_FDS and LISTEN_PID are not for it); start it \
             by a .socket unit, or give ADDR:PORT",
        )),
    }
}

/// The set of exactly these addresses.
fn all(addresses: &[SocketAddr]) -> Addresses {
    let blocks = addresses
        .iter()
        .flat_map(|address| match Addresses::one(*address) {
            Addresses::List(blocks) => blocks,
            _ => Vec::new(),
        });
    Addresses::List(blocks.collect())
}
