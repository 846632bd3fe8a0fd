//! TCP connections of the host's own, for dialogues before TLS, for addresses with a zone, and for
//! those that the user gives.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use crate::arguments::target::Target;
use crate::exit::{Exit, Result, Status};
use crate::starttls::{Protocol, Refusal};

/// How long an address may be tried before the next one is tried beside it (RFC 8305 section 5).
const STAGGER: Duration = Duration::from_millis(250);

/// Connects to the target within the limit: to whichever of its addresses answers first.
pub(crate) fn dial(target: &Target, limit: Duration) -> Result<TcpStream> {
    let until = Instant::now() + limit;
    reach(resolve(target, until)?, until)
}

/// Connects to whichever of the addresses answers first.
pub(crate) fn reach(addresses: Vec<SocketAddr>, until: Instant) -> Result<TcpStream> {
    let stream = race(interleave(addresses), until, TcpStream::connect_timeout)?;
    send_at_once(&stream);
    Ok(stream)
}

/// Otherwise the last part of a message would wait for an acknowledgement. This only makes it
/// faster, so a failure does not matter.
pub(crate) fn send_at_once(stream: &TcpStream) {
    let _ = stream.set_nodelay(true);
}

/// Brings a connection to the point where TLS begins, within the limit.
pub(crate) fn upgrade(
    stream: TcpStream,
    protocol: Protocol,
    domain: &str,
    limit: Duration,
) -> Result<TcpStream> {
    let until = Instant::now() + limit;
    let mut wire = Deadline { stream, until };
    protocol
        .upgrade(&mut wire, domain)
        .map_err(|refusal| match refusal {
            Refusal::Server(answer) => Exit::new(
                Status::Tls,
                format_args!(
                    "STARTTLS refused: {answer}; check the protocol and the port{}, or ask the \
                     server's operator for TLS",
                    match protocol.has_domain() {
                        true => " and the domain (--xmpphost)",
                        false => "",
                    }
                ),
            ),
            Refusal::Io(error) if is_timeout(&error) => Exit::new(
                Status::Timeout,
                "the server did not come to TLS in time; check protocol and port, or try with a \
                 longer --timeout",
            ),
            Refusal::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => Exit::new(
                Status::Network,
                "the server closed the connection before TLS; check protocol and port",
            ),
            Refusal::Io(error) => Exit::new(
                Status::Network,
                format_args!("the connection failed before TLS: {error}; see the server's log"),
            ),
        })?;
    // The component makes the socket non-blocking, so the limits set on it mean nothing any more.
    Ok(wire.stream)
}

/// The addresses with the families in turn, beginning with that of the first (RFC 8305 section 4):
/// a family that leads nowhere then costs one step, however many addresses it has.
fn interleave(addresses: Vec<SocketAddr>) -> VecDeque<SocketAddr> {
    let leads = addresses.first().map(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .partition(|address| Some(address.is_ipv6()) == leads);
    let mut second = second.into_iter();
    let mut ordered = VecDeque::new();
    for address in first {
        ordered.push_back(address);
        ordered.extend(second.next());
    }
    ordered.extend(second);
    ordered
}

/// Tries the addresses, each a moment after the one before, or at once if that one failed. The
/// first that answers wins; the other attempts are not stopped, and their results are dropped.
fn race<T: Send + 'static>(
    mut waiting: VecDeque<SocketAddr>,
    until: Instant,
    attempt: impl Fn(&SocketAddr, Duration) -> io::Result<T> + Send + Sync + 'static,
) -> Result<T> {
    let attempt = Arc::new(attempt);
    let (sender, ended) = mpsc::channel();
    let mut running = 0_usize;
    let mut failures = Failures::default();
    let mut next = Instant::now();
    loop {
        let now = Instant::now();
        let left = until.saturating_duration_since(now);
        if left.is_zero() {
            return Err(too_late());
        }
        if now >= next || running == 0 {
            if let Some(address) = waiting.pop_front() {
                let (attempt, sender) = (Arc::clone(&attempt), sender.clone());
                thread::spawn(move || {
                    // Nobody receives this any more once an attempt has won.
                    let _ = sender.send((address, attempt(&address, left)));
                });
                running += 1;
                next = now + STAGGER;
            } else if running == 0 {
                return Err(failures.into_exit());
            }
        }
        let pause = match waiting.is_empty() {
            true => left,
            false => left.min(next.saturating_duration_since(Instant::now())),
        };
        match ended.recv_timeout(pause) {
            Ok((_, Ok(connection))) => return Ok(connection),
            Ok((address, Err(error))) => {
                running -= 1;
                failures.add(address, &error);
                next = Instant::now();
            }
            Err(_) => {}
        }
    }
}

/// Why the addresses were not reached.
#[derive(Default)]
struct Failures {
    told: Vec<(SocketAddr, String)>,
    /// Whether all attempts so far timed out.
    silent: bool,
}

impl Failures {
    fn add(&mut self, address: SocketAddr, error: &io::Error) {
        self.silent = is_timeout(error) && (self.silent || self.told.is_empty());
        self.told.push((address, reason(error)));
    }

    fn into_exit(self) -> Exit {
        if self.silent {
            return too_late();
        }
        let Some((_, first)) = self.told.first() else {
            return Exit::new(Status::Network, "the name has no address; check it");
        };
        // The addresses are named only where their failures differ.
        let reasons = if self.told.iter().all(|(_, reason)| reason == first) {
            first.clone()
        } else {
            let each = |(address, reason): &(SocketAddr, String)| format!("{address}: {reason}");
            self.told.iter().map(each).collect::<Vec<_>>().join(", ")
        };
        Exit::new(
            Status::Network,
            format_args!("the server is not reached: {reasons}; check address and port"),
        )
    }
}

/// The error in words, without the system's number where there are words.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        kind @ (io::ErrorKind::ConnectionRefused
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkUnreachable
        | io::ErrorKind::NetworkDown
        | io::ErrorKind::PermissionDenied
        | io::ErrorKind::TimedOut) => kind.to_string(),
        _ => error.to_string(),
    }
}

/// Resolves the target on a thread, because the system's resolver cannot be interrupted.
fn resolve(target: &Target, until: Instant) -> Result<Vec<SocketAddr>> {
    let (sender, found) = mpsc::channel();
    let (node, port) = (target.node(), target.port);
    thread::spawn(move || {
        let addresses = (node.as_str(), port)
            .to_socket_addrs()
            .map(Iterator::collect);
        // Nobody receives this any more when time is up.
        let _ = sender.send(addresses);
    });
    let check = match target.zone {
        Some(_) => "check that the address is one of the link, and the zone an interface here",
        None => "check the name",
    };
    match found.recv_timeout(until.saturating_duration_since(Instant::now())) {
        Ok(Ok(addresses)) => Ok(addresses),
        Ok(Err(error)) => Err(Exit::new(
            Status::Network,
            format_args!("{:?} does not resolve: {error}; {check}", target.node()),
        )),
        Err(_) => Err(too_late()),
    }
}

fn too_late() -> Exit {
    let line = "the server did not answer in time; try again, or with a longer --timeout";
    Exit::new(Status::Timeout, line)
}

pub(crate) fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock
    )
}

/// A connection with one deadline for all its reads and writes.
pub(crate) struct Deadline {
    pub(crate) stream: TcpStream,
    pub(crate) until: Instant,
}

impl Deadline {
    fn left(&self) -> io::Result<Option<Duration>> {
        match self.until.saturating_duration_since(Instant::now()) {
            Duration::ZERO => Err(io::ErrorKind::TimedOut.into()),
            left => Ok(Some(left)),
        }
    }
}

impl Read for Deadline {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(self.left()?)?;
        self.stream.read(buffer)
    }
}

impl Write for Deadline {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(self.left()?)?;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

#[cfg(test)]
#[path = "dial_tests.rs"]
mod tests;
