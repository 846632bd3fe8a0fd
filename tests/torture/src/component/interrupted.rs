//! Instances that their embedder puts an end to in the middle of a handshake: while they compute, while
//! they wait, and at any moment. Others made of the same guest go on.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Result, anyhow, bail, ensure};
use portcullis::tls::Role as OurRole;
use portcullis_host::types::Role;
use portcullis_host::{
    Context, Failure as HostFailure, Guest, Instance, Interrupt, Interrupted, Listener, Network,
    Options, Port,
};
use rustls::Connection;
use rustls::crypto::ring;

use super::{Extent, LIMIT, PATIENCE, Rig, broken, port, setups};
use crate::certs::{Certificates, NAME};
use crate::names::fits;
use crate::pattern::{self, Check};
use crate::random::Random;
use crate::report::Tally;
use crate::setup::{Ends, Plan, Setup};
use crate::verdict::Verdict;

/// How many places in what the peer says there are for each set-up, and how many moments.
const PLACES: usize = 24;

/// The moments are those of a handshake and of what follows it.
const MOMENTS: Duration = Duration::from_millis(8);

/// Within this long, code that runs sees that it is to end: more than twice the time from one look to
/// the next.
const LOOK: Duration = Duration::from_millis(25);

/// When an instance is interrupted.
#[derive(Clone, Copy, Debug)]
enum Point {
    /// Never.
    Never,
    /// While it computes, at so many requests for random bytes from the beginning of the handshake.
    Random(usize),
    /// The peer says so many bytes and no more; most often it waits then.
    Place(usize),
    /// After so long.
    Moment(Duration),
}

impl Point {
    fn name(self, setup: Setup) -> String {
        let setup = setup.name();
        match self {
            Self::Never => format!("{setup}/interrupt/never"),
            Self::Random(count) => format!("{setup}/interrupt/random-{count}"),
            Self::Place(bytes) => format!("{setup}/interrupt/byte-{bytes}"),
            Self::Moment(moment) => format!("{setup}/interrupt/moment-{}", moment.as_micros()),
        }
    }

    fn kind(self) -> &'static str {
        match self {
            Self::Never => "uninterrupted",
            Self::Random(_) => "interrupted where it computes",
            Self::Place(_) => "interrupted where its peer is silent",
            Self::Moment(_) => "interrupted at some moment",
        }
    }
}

/// What has been seen of a handshake.
struct Seen {
    /// How many requests for random bytes there were.
    random: usize,
    /// How many bytes the peer has said.
    said: usize,
    outcome: Result<(), HostFailure>,
}

/// Interrupts instances everywhere.
pub(super) fn run(extent: &Extent<'_>, certificates: &Certificates) -> Result<Tally> {
    let component = fs::read(extent.component)?;
    let guest = Guest::interruptible(&component).map_err(|error| anyhow!("{error:#}"))?;
    let made = |options| guest.instantiate(options);
    let mut other = made(options()).map_err(|error| anyhow!("{error:#}"))?;
    let mut tally = Tally::default();
    for setup in setups() {
        let whole = play(&guest, certificates, setup, Point::Never)?;
        whole.outcome.map_err(broken)?;
        let mut random = Random::new(extent.seed, &setup.name());
        let points = (1..=whole.random).map(Point::Random);
        let places = (0..PLACES).map(|_| random.below(whole.said));
        let mut points: Vec<_> = points.chain(places.map(Point::Place)).collect();
        for _ in 0..PLACES {
            let micros = random.below(usize::try_from(MOMENTS.as_micros())?);
            let moment = Duration::from_micros(u64::try_from(micros)?);
            points.push(Point::Moment(moment));
        }
        for point in points {
            let name = point.name(setup);
            if extent.only.is_some_and(|only| !fits(only, &name)) {
                continue;
            }
            let verdict = match interrupted(&guest, certificates, setup, point, &mut other) {
                Ok(verdict) => verdict,
                Err(error) => Verdict::Failed(format!("{error:#}")),
            };
            tally.add(&name, point.kind(), verdict);
        }
    }
    Ok(tally)
}

/// One instance ends, and another and a new one do what they are asked for.
fn interrupted(
    guest: &Guest,
    certificates: &Certificates,
    setup: Setup,
    point: Point,
    other: &mut Instance,
) -> Result<Verdict> {
    let seen = play(guest, certificates, setup, point)?;
    let verdict = match (seen.outcome, point) {
        (Err(HostFailure::Interrupted(Interrupted::Raised)), _) => {
            Verdict::Typed("interrupted".to_owned())
        }
        (Ok(()), Point::Moment(_)) => Verdict::Harmless("it had done everything by then"),
        (outcome, _) => bail!("it was not interrupted: {outcome:?}"),
    };
    let mut peer = PeerOf::new(certificates, setup, None)?;
    let ours = setup.plans().0;
    let spoken = converse(other, certificates, setup, ours, &mut peer, || {});
    peer.end()?;
    spoken.map_err(|failure| anyhow!("another instance: {failure}"))?;
    let whole = play(guest, certificates, setup, Point::Never)?;
    let whole = whole.outcome;
    whole.map_err(|failure| anyhow!("a new instance: {failure}"))?;
    Ok(verdict)
}

fn options() -> Options {
    Options::new()
        .network(Network::loopback().lookup())
        .inherit_stderr()
}

/// A handshake and an exchange of a new instance, which is interrupted at this point. When it is gone, its
/// peer sees the end of the connection.
fn play(guest: &Guest, certificates: &Certificates, setup: Setup, point: Point) -> Result<Seen> {
    let interrupt = Interrupt::new();
    // 0 while the handshake has not begun.
    let drawn = Arc::new(AtomicUsize::new(0));
    let options = options().interrupt(&interrupt).randomness({
        let (drawn, interrupt) = (Arc::clone(&drawn), interrupt.clone());
        move |bytes| {
            // It does not fail where the system has random bytes.
            let _ = ring::default_provider().secure_random.fill(bytes);
            let has_begun = drawn.load(Ordering::Relaxed) > 0;
            let count = if has_begun {
                drawn.fetch_add(1, Ordering::Relaxed)
            } else {
                0
            };
            if matches!(point, Point::Random(wanted) if has_begun && wanted == count) {
                interrupt.raise();
                thread::sleep(LOOK);
            }
        }
    });
    let instance = guest.instantiate(options);
    let mut tls = instance.map_err(|error| anyhow!("{error:#}"))?;
    let silence = match point {
        Point::Place(bytes) => Some((bytes, interrupt.clone())),
        _ => None,
    };
    let mut peer = PeerOf::new(certificates, setup, silence)?;
    let ours = setup.plans().0;
    let begin = || {
        drawn.store(1, Ordering::Relaxed);
        if let Point::Moment(moment) = point {
            let interrupt = interrupt.clone();
            thread::spawn(move || {
                thread::sleep(moment);
                interrupt.raise();
            });
        }
    };
    let outcome = converse(&mut tls, certificates, setup, ours, &mut peer, begin);
    let outcome = match outcome {
        // It is over for good, whatever comes.
        Err(failure) => {
            let again = Context::secure(&mut tls, Role::Client);
            ensure!(
                again.as_ref().is_err_and(|again| again.error().is_none()),
                "it goes on after {failure}: {again:?}"
            );
            Err(failure)
        }
        Ok(()) => Ok(()),
    };
    drop(tls);
    Ok(Seen {
        random: drawn.load(Ordering::Relaxed).saturating_sub(1),
        said: peer.end()?,
        outcome,
    })
}

/// Everything that our side does in a connection; the first failure.
fn converse(
    tls: &mut Instance,
    certificates: &Certificates,
    setup: Setup,
    plan: Plan,
    peer: &mut PeerOf,
    begin: impl FnOnce(),
) -> Result<(), HostFailure> {
    let context = Rig::context_in(tls, certificates, setup)?;
    let (listener, port) = match setup.role {
        OurRole::Client => {
            let number = peer.listens();
            begin();
            (None, Port::blocking_connect(tls, &context, NAME, number)?)
        }
        OurRole::Server => {
            let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
            let listener = Listener::listen(tls, &context, local, 0, None)?;
            peer.connects(listener.local_address(tls)?.port);
            begin();
            let port = listener.blocking_accept(tls)?;
            (Some(listener), port)
        }
    };
    let mut received = Check::new(pattern::THEIRS);
    port::converse(tls, &port, plan, LIMIT, &mut received)?;
    port.drop(tls)?;
    if let Some(listener) = listener {
        listener.drop(tls)?;
    }
    context.drop(tls)
}

/// The peer, on a thread once it is known where.
struct PeerOf {
    waiting: Option<(Connection, Plan, Option<Silence>, TcpListener)>,
    number: u16,
    running: Option<thread::JoinHandle<Result<usize>>>,
}

/// The bytes after which the peer says nothing more, and what is raised then.
type Silence = (usize, Interrupt);

impl PeerOf {
    fn new(certificates: &Certificates, setup: Setup, silence: Option<Silence>) -> Result<Self> {
        let ends = Ends::new(setup, certificates)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        Ok(Self {
            number: listener.local_addr()?.port(),
            waiting: Some((ends.peer()?, setup.plans().1, silence, listener)),
            running: None,
        })
    }

    /// It is a server; where it listens.
    fn listens(&mut self) -> u16 {
        self.running = self
            .waiting
            .take()
            .map(|(connection, plan, silence, listener)| {
                thread::spawn(move || talk(connection, plan, silence, listener.accept()?.0))
            });
        self.number
    }

    /// It is a client of this server.
    fn connects(&mut self, port: u16) {
        self.running = self.waiting.take().map(|(connection, plan, silence, _)| {
            thread::spawn(
                move || match TcpStream::connect((Ipv4Addr::LOCALHOST, port)) {
                    Ok(socket) => talk(connection, plan, silence, socket),
                    // The server is gone already.
                    Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(0),
                    Err(error) => Err(error.into()),
                },
            )
        });
    }

    /// How many bytes it has said, when the connection has ended. It fails if that does not end.
    fn end(self) -> Result<usize> {
        // An instance that has ended before it connected leaves a server without a client.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.number));
        match self.running.map(thread::JoinHandle::join) {
            Some(Ok(said)) => said,
            Some(Err(_)) => bail!("the peer panicked"),
            None => Ok(0),
        }
    }
}

/// The peer's part of an exchange, and then nothing until the connection ends.
fn talk(
    mut connection: Connection,
    plan: Plan,
    silence: Option<Silence>,
    socket: TcpStream,
) -> Result<usize> {
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let mut mouth = Mouth {
        socket,
        said: 0,
        silence,
    };
    let _ = exchange(&mut connection, plan, &mut mouth);
    if mouth.silence.is_none() {
        let _ = mouth.socket.shutdown(Shutdown::Write);
    }
    // What is asserted is that this comes to an end.
    match io::copy(&mut mouth.socket, &mut io::sink()) {
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock) => {
            bail!("the connection of an instance that is gone does not end")
        }
        _ => Ok(mouth.said),
    }
}

fn exchange(connection: &mut Connection, plan: Plan, mouth: &mut Mouth) -> io::Result<()> {
    match connection {
        Connection::Client(client) => speak(&mut rustls::Stream::new(client, mouth), plan)?,
        Connection::Server(server) => speak(&mut rustls::Stream::new(server, mouth), plan)?,
    }
    connection.send_close_notify();
    while connection.wants_write() {
        connection.write_tls(mouth)?;
    }
    Ok(())
}

fn speak(stream: &mut (impl Read + Write), plan: Plan) -> io::Result<()> {
    let mut received = vec![0; plan.to_receive];
    if plan.waits {
        stream.read_exact(&mut received)?;
    }
    stream.write_all(&pattern::bytes(pattern::THEIRS, 0..plan.to_send))?;
    if !plan.waits {
        stream.read_exact(&mut received)?;
    }
    stream.flush()
}

/// A socket that takes nothing more at some byte, and tells.
struct Mouth {
    socket: TcpStream,
    said: usize,
    silence: Option<Silence>,
}

impl Read for Mouth {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.read(buffer)
    }
}

impl Write for Mouth {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some((place, interrupt)) = &self.silence else {
            let written = self.socket.write(bytes)?;
            self.said += written;
            return Ok(written);
        };
        let left = place.saturating_sub(self.said).min(bytes.len());
        self.socket
            .write_all(bytes.get(..left).unwrap_or_default())?;
        self.said += left;
        if self.said == *place {
            interrupt.raise();
        }
        // The rest is lost.
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}
