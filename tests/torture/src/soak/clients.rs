//! Clients of a server that sends back what it gets: rustls with ring, each on a thread.

use std::fmt;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rustls::client::Resumption;
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls::{
    ClientConfig, ClientConnection, HandshakeKind, ProtocolVersion, SupportedProtocolVersion,
};
use socket2::SockRef;

use super::PATIENCE;
use super::noise::Noise;
use super::renewal::Renewals;
use crate::certs::NAME;
use crate::random::Random;

/// Clients give up after so many failures.
const FAILURES: usize = 50;

/// How many requests a connection makes at most, and how many of them before it reads.
pub(super) const REQUESTS: usize = 99;
pub(super) const AHEAD: usize = 4;

/// One of so many connections is given up by a reset.
pub(super) const RESET: u64 = 8;

/// One of so many clients keeps no sessions.
const FORGETS: usize = 4;

/// What has been done so far.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) connections: AtomicU64,
    pub(super) requests: AtomicU64,
    pub(super) bytes: AtomicU64,
    pub(super) full: AtomicU64,
    /// In TLS 1.2, and in 1.3.
    pub(super) resumed: [AtomicU64; 2],
    pub(super) reset: AtomicU64,
}

impl Counts {
    /// Whether there was everything.
    pub(super) fn is_mixed(&self) -> bool {
        let [old, new] = &self.resumed;
        let all = [&self.full, old, new, &self.reset];
        all.into_iter().all(|count| number(count) > 0)
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [old, new] = &self.resumed;
        write!(
            f,
            "{} requests, {} bytes there and back; {} connections, {} of them given up by a reset; {} full \
             handshakes, {} resumed in TLS 1.2 and {} in 1.3",
            number(&self.requests),
            number(&self.bytes),
            number(&self.connections),
            number(&self.reset),
            number(&self.full),
            number(old),
            number(new),
        )
    }
}

/// What has been counted.
pub(super) fn number(count: &AtomicU64) -> u64 {
    count.load(Ordering::Relaxed)
}

pub(super) fn add(count: &AtomicU64, more: usize) -> u64 {
    count.fetch_add(u64::try_from(more).unwrap_or(u64::MAX), Ordering::Relaxed)
}

/// The clients of one server.
pub(super) struct Clients<'a> {
    seed: u64,
    port: u16,
    renewals: &'a Renewals,
    noise: Noise,
    /// Of TLS 1.2 and of 1.3: with sessions, and without.
    configs: [[Arc<ClientConfig>; 2]; 2],
    pub(super) counts: Counts,
}

impl<'a> Clients<'a> {
    pub(super) fn new(seed: u64, port: u16, renewals: &'a Renewals) -> Result<Self> {
        let both = |version| {
            let keeps = config(renewals, version)?;
            let mut forgets = keeps.clone();
            forgets.resumption = Resumption::disabled();
            Ok::<_, anyhow::Error>([Arc::new(keeps), Arc::new(forgets)])
        };
        Ok(Self {
            seed,
            port,
            renewals,
            noise: Noise::new(seed),
            configs: [
                both(&rustls::version::TLS12)?,
                both(&rustls::version::TLS13)?,
            ],
            counts: Counts::default(),
        })
    }

    /// One connection after the other, until so many requests have been made by all.
    pub(super) fn work(&self, requests: u64, failures: &Mutex<Vec<String>>) {
        while number(&self.counts.requests) < requests {
            let place = add(&self.counts.connections, 1);
            if let Err(error) = self.connection(place) {
                let mut failures = failures.lock().unwrap_or_else(PoisonError::into_inner);
                failures.push(format!("connection {place}: {error:#}"));
                if failures.len() >= FAILURES {
                    return;
                }
            }
        }
    }

    fn connection(&self, place: u64) -> Result<()> {
        let mut random = Random::new(self.seed, &format!("connection {place}"));
        let [tls12, tls13] = &self.configs;
        let [keeps, forgets] = if place.is_multiple_of(2) {
            tls12
        } else {
            tls13
        };
        let config = match random.below(FORGETS) {
            0 => forgets,
            _ => keeps,
        };
        let used = self.renewals.used();
        let mut connection =
            ClientConnection::new(Arc::clone(config), ServerName::try_from(NAME)?)?;
        let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_write_timeout(Some(PATIENCE))?;
        while connection.is_handshaking() {
            connection
                .complete_io(&mut socket)
                .context("the handshake")?;
        }
        self.look(&connection, used)?;
        let mut stream = rustls::Stream::new(&mut connection, &mut socket);
        let mut left = 1 + random.below(REQUESTS);
        while left > 0 {
            let ahead = left.min(1 + random.below(AHEAD));
            left -= ahead;
            let mut asked = Vec::new();
            for _ in 0..ahead {
                let number = add(&self.counts.requests, 1);
                let request = self.noise.request(number, &mut random);
                stream.write_all(&request).context("asking")?;
                asked.push(request);
            }
            for request in asked {
                let mut answer = vec![0; request.len()];
                stream.read_exact(&mut answer).context("an answer")?;
                ensure!(answer == request, "another answer than the question");
                add(&self.counts.bytes, answer.len());
            }
        }
        if place.is_multiple_of(RESET) {
            add(&self.counts.reset, 1);
            SockRef::from(&socket).set_linger(Some(Duration::ZERO))?;
            return Ok(());
        }
        stream.conn.send_close_notify();
        stream.flush().context("closing")?;
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).context("the end")?;
        ensure!(rest.is_empty(), "more than was asked for");
        Ok(())
    }

    /// Looks at what kind of handshake it was, and whether the certificate is the one that is used now.
    fn look(&self, connection: &ClientConnection, used: usize) -> Result<()> {
        let leaves = connection.peer_certificates();
        let leaf = leaves.and_then(<[_]>::first).context("no certificate")?;
        let place = self.renewals.place(leaf);
        let place = place.context("a certificate that was never the server's")?;
        let [old, new] = &self.counts.resumed;
        match (connection.handshake_kind(), connection.protocol_version()) {
            (Some(HandshakeKind::Resumed), Some(ProtocolVersion::TLSv1_2)) => add(old, 1),
            (Some(HandshakeKind::Resumed), _) => add(new, 1),
            _ => {
                ensure!(place >= used, "certificate {place}, when {used} was used");
                add(&self.counts.full, 1)
            }
        };
        Ok(())
    }
}

fn config(renewals: &Renewals, version: &'static SupportedProtocolVersion) -> Result<ClientConfig> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_protocol_versions(&[version])?;
    Ok(builder
        .with_root_certificates(renewals.roots()?)
        .with_no_client_auth())
}
