//! The other side: clients of ours in one instance, against servers of rustls with ring.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use portcullis_host::context_types::Source;
use portcullis_host::types::{Role, Timer, Version};
use portcullis_host::{Context, Failure, Guest, Instance, Network, Options, Port};
use rcgen::{PKCS_ECDSA_P256_SHA256, PKCS_ED25519};
use rustls::crypto::ring;
use rustls::{ServerConfig, ServerConnection};

use super::clients::{AHEAD, Counts, REQUESTS, RESET, add, number};
use super::noise::Noise;
use super::{Extent, LEGS, PATIENCE};
use crate::certs::{self, Authority, Identity};
use crate::random::Random;
use crate::report::Tally;
use crate::verdict::Verdict;

pub(super) const NAME: &str = "soak of a client";

/// How many connections there are at once.
const AT_ONCE: usize = 16;

/// The server takes the other certificate, and other keys for tickets, after so many connections.
const TURN: usize = 500;

/// By how many bytes linear memory may differ between the half and the end, whatever the number of
/// requests.
const SLACK: usize = 512 * 1024;

/// An instance with clients.
struct Rig {
    tls: Instance,
    /// Of TLS 1.2 and of 1.3.
    contexts: [Context; 2],
    port: u16,
    seed: u64,
    noise: Noise,
    counts: Counts,
}

/// A connection, and what it still has to ask.
struct Client {
    port: Port,
    place: u64,
    random: Random,
    left: usize,
}

/// Has the clients make that many requests.
pub(super) fn run(extent: &Extent<'_>, requests: u64) -> Result<Tally> {
    let authorities = [Authority::new("Odd root")?, Authority::new("Even root")?];
    let guest = Guest::from_file(extent.component).map_err(|error| anyhow!("{error:#}"))?;
    let options = Options::new().network(Network::loopback().lookup());
    let instance = guest.instantiate(options.inherit_stderr());
    let mut tls = instance.map_err(|error| anyhow!("{error:#}"))?;
    let before = tls.resource_count();
    let contexts = [Version::Tls12, Version::Tls13];
    let contexts = contexts.map(|version| context(&mut tls, &authorities, version));
    let [old, new] = contexts;
    let mut rig = Rig {
        tls,
        contexts: [old.map_err(broken)?, new.map_err(broken)?],
        port: server(&authorities)?,
        seed: extent.seed,
        noise: Noise::new(extent.seed),
        counts: Counts::default(),
    };
    let mut tally = Tally::default();
    let mut held = Vec::new();
    let begun = Instant::now();
    for leg in LEGS {
        if let Err(error) = rig.soak(requests * leg / 100) {
            let verdict = Verdict::Failed(format!("{error:#}"));
            tally.add("a client", "client", verdict);
            break;
        }
        let found = (rig.tls.memory(), rig.tls.resource_count());
        println!(
            "{NAME}: {} after {:?}; {} bytes of linear memory, {} resources",
            rig.counts,
            begun.elapsed(),
            found.0,
            found.1
        );
        held.push(found);
    }
    for context in rig.contexts {
        context.drop(&mut rig.tls).map_err(broken)?;
    }
    let after = rig.tls.resource_count();
    let is_flat = match held.as_slice() {
        [.., half, end] => end.0.saturating_sub(half.0) <= SLACK,
        _ => false,
    };
    let is_same = matches!(held.as_slice(), [.., half, end] if half.1 == end.1);
    for (holds, what) in [
        (is_flat, "that linear memory stays as it is"),
        (
            is_same && before == after,
            "that all resources are given back",
        ),
        (
            rig.counts.is_mixed(),
            "that there were handshakes of every kind",
        ),
    ] {
        tally.promise(what, "instance", holds);
    }
    Ok(tally)
}

impl Rig {
    /// Goes on until so many requests have been made; no connection is left then.
    fn soak(&mut self, requests: u64) -> Result<()> {
        let mut clients = Vec::new();
        while number(&self.counts.requests) < requests {
            while clients.len() < AT_ONCE {
                clients.push(self.connect()?);
            }
            let mut staying = Vec::with_capacity(clients.len());
            for mut client in clients {
                let place = client.place;
                self.ask(&mut client)
                    .with_context(|| format!("connection {place}"))?;
                match client.left {
                    0 => self.close(client)?,
                    _ => staying.push(client),
                }
            }
            clients = staying;
        }
        clients
            .into_iter()
            .try_for_each(|client| self.close(client))
    }

    fn connect(&mut self) -> Result<Client> {
        let place = add(&self.counts.connections, 1);
        let [old, new] = &self.contexts;
        let is_old = place.is_multiple_of(2);
        let context = if is_old { old } else { new };
        let tls = &mut self.tls;
        let port = Port::blocking_connect(tls, context, certs::NAME, self.port).map_err(broken)?;
        port.blocking_handshake(tls).map_err(broken)?;
        let session = port.session(tls).map_err(broken)?;
        let is_resumed = session.is_resumed(tls).map_err(broken)?;
        session.drop(tls).map_err(broken)?;
        let [resumed_old, resumed_new] = &self.counts.resumed;
        let count = match (is_resumed, is_old) {
            (Some(true), true) => resumed_old,
            (Some(true), false) => resumed_new,
            _ => &self.counts.full,
        };
        add(count, 1);
        let mut random = Random::new(self.seed, &format!("connection {place}"));
        Ok(Client {
            port,
            place,
            left: 1 + random.below(REQUESTS),
            random,
        })
    }

    /// The next few requests of a connection, and their answers.
    fn ask(&mut self, client: &mut Client) -> Result<()> {
        let tls = &mut self.tls;
        let ahead = client.left.min(1 + client.random.below(AHEAD));
        client.left -= ahead;
        let mut asked = Vec::new();
        for _ in 0..ahead {
            let number = add(&self.counts.requests, 1);
            let request = self.noise.request(number, &mut client.random);
            let written = client.port.blocking_write_all(tls, &request);
            written.map_err(broken)?;
            asked.push(request);
        }
        let asked = asked.concat();
        let mut answered = 0;
        while answered < asked.len() {
            let answer = client.port.blocking_read(tls, 64 * 1024).map_err(broken)?;
            let answer = answer.context("the end in the place of an answer")?;
            let expected = asked.get(answered..answered + answer.len());
            ensure!(
                expected == Some(answer.as_slice()),
                "another answer than the question"
            );
            answered += answer.len();
            add(&self.counts.bytes, answer.len());
        }
        Ok(())
    }

    fn close(&mut self, client: Client) -> Result<()> {
        if client.place.is_multiple_of(RESET) {
            add(&self.counts.reset, 1);
        } else {
            client.port.close(&mut self.tls).map_err(broken)?;
        }
        client.port.drop(&mut self.tls).map_err(broken)
    }
}

fn context(
    tls: &mut Instance,
    authorities: &[Authority; 2],
    version: Version,
) -> Result<Context, Failure> {
    let context = Context::secure(tls, Role::Client)?;
    for authority in authorities {
        context.add_trust_roots(tls, &Source::Bytes(authority.root.to_vec()))?;
    }
    context.set_versions(tls, version, version)?;
    for timer in [Timer::Handshake, Timer::Read, Timer::Write, Timer::Shutdown] {
        context.set_timeout(tls, timer, Some(PATIENCE))?;
    }
    context.seal(tls)?;
    Ok(context)
}

fn broken(failure: Failure) -> anyhow::Error {
    anyhow!("{failure}")
}

/// A server that sends back what it gets, on a thread for each connection, for as long as the process
/// is there. It has two certificates in turn, of two authorities.
fn server(authorities: &[Authority; 2]) -> Result<u16> {
    let [odd, even] = authorities;
    let identities = [
        odd.issue_to_server(2, &PKCS_ED25519)?,
        even.issue_to_server(3, &PKCS_ECDSA_P256_SHA256)?,
    ];
    let configs = identities.map(|identity| config(&identity));
    let [odd, even] = configs;
    let (odd, even) = (Arc::new(odd?), Arc::new(even?));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = listener.local_addr()?.port();
    thread::spawn(move || {
        for (place, socket) in listener.incoming().enumerate() {
            let config = if (place / TURN).is_multiple_of(2) {
                &odd
            } else {
                &even
            };
            let config = Arc::clone(config);
            // A client that finds that its bytes do not come back tells.
            thread::spawn(move || echo(socket?, config));
        }
    });
    Ok(port)
}

fn config(identity: &Identity) -> Result<ServerConfig> {
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions()?;
    let chain = vec![identity.certificate.clone()];
    let mut config = builder
        .with_no_client_auth()
        .with_single_cert(chain, identity.key())?;
    config.ticketer = ring::Ticketer::new()?;
    Ok(config)
}

fn echo(mut socket: TcpStream, config: Arc<ServerConfig>) -> Result<()> {
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_write_timeout(Some(PATIENCE))?;
    let mut connection = ServerConnection::new(config)?;
    let mut stream = rustls::Stream::new(&mut connection, &mut socket);
    let mut plaintext = vec![0; 64 * 1024];
    loop {
        match stream.read(&mut plaintext) {
            Ok(0) => break,
            Ok(length) => stream.write_all(plaintext.get(..length).context("its length")?)?,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => bail!("{error}"),
        }
    }
    stream.conn.send_close_notify();
    stream.flush()?;
    Ok(())
}
