//! One connection of `serve`: what is read goes to a service, and what the service returns is
//! written. Nothing here waits.

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use portcullis_host::types::Error;
use portcullis_host::{Failure, Instance, Pollable, Port};

use crate::exit::{Exit, Status};
use crate::facts::Facts;
use crate::serving::service::{Next, Service};

/// Bytes per read, and per request to the service: four TLS records.
const CHUNK: u64 = 64 * 1024;
/// How much one connection does before the others have their turn: half a megabyte, which takes one
/// or two milliseconds. The turn itself takes a hundredth of that.
const STEPS: usize = 8;
/// How long the peer may take to close after us. Closing at once, with bytes of the peer's unread,
/// would reset the connection, and the reset could overtake our last bytes.
const LINGER: Duration = Duration::from_secs(2);
/// The size of a reply that the system sends at once, whatever the peer has taken before (RFC
/// 6928): a reset can then lose nothing of it.
const SENT_AT_ONCE: usize = 10 * 1024;
/// How long a connection is sure of its place before the peer has made its request.
const GRACE: Duration = Duration::from_secs(1);
/// How long a connection on which nothing moves is sure of its place.
const IDLE: Duration = Duration::from_secs(60);

/// Sends back what it gets.
#[derive(Default)]
pub(crate) struct Echo {
    waiting: VecDeque<Vec<u8>>,
    asked: bool,
    ended: bool,
}

impl Service for Echo {
    fn receive(&mut self, plaintext: &[u8]) {
        self.waiting.push_back(plaintext.to_vec());
        self.asked = true;
    }

    fn end(&mut self) {
        self.ended = true;
    }

    fn next(&mut self, _room: usize) -> io::Result<Next> {
        Ok(match self.waiting.pop_front() {
            Some(plaintext) => Next::Bytes(plaintext),
            None if self.ended => Next::Done,
            None => Next::Wait,
        })
    }

    fn is_asked(&self) -> bool {
        self.asked
    }

    fn patience(&self) -> Option<Duration> {
        None
    }

    fn late(&mut self) {}

    fn is_whole(&self) -> bool {
        self.ended
    }

    fn log(&self) -> &str {
        "echo"
    }
}

/// What a connection waits for.
pub(crate) enum Step {
    /// The pollable, or the moment if there is one.
    Wait(Pollable, Option<Instant>),
    /// Nothing: it only lets the other connections go first.
    Turn,
    /// Nothing any more: it has ended.
    Ended(Result<(), Exit>),
}

/// A connection and its service.
pub(crate) struct Connection {
    port: Port,
    service: Box<dyn Service>,
    phase: Phase,
    peer: String,
    negotiated: Option<String>,
    /// When it was accepted.
    begun: Instant,
    /// When bytes moved last, or the connection came to a new phase.
    moved: Instant,
    /// When its handshake was done.
    opened: Instant,
    unsent: Vec<u8>,
    received: usize,
    sent: usize,
}

/// The life of a connection, in order.
enum Phase {
    Handshaking,
    Open,
    /// The service is done; close_notify is being sent.
    Closing,
    /// close_notify has been sent; the peer may close until the moment.
    Lingering(Instant),
    Ended,
}

impl Connection {
    /// A connection from this address.
    pub(crate) fn new(port: Port, peer: String, service: Box<dyn Service>) -> Self {
        let begun = Instant::now();
        Self {
            port,
            service,
            phase: Phase::Handshaking,
            peer,
            negotiated: None,
            begun,
            moved: begun,
            opened: begun,
            unsent: Vec::new(),
            received: 0,
            sent: 0,
        }
    }

    /// Does what can be done now.
    pub(crate) fn advance(&mut self, tls: &mut Instance) -> Result<Step, Failure> {
        for _ in 0..STEPS {
            let failure = match self.step(tls) {
                Ok(()) if matches!(self.phase, Phase::Ended) => return Ok(Step::Ended(Ok(()))),
                Ok(()) => continue,
                Err(Stop::Service(error)) => {
                    return Ok(Step::Ended(Err(Exit::new(Status::Usage, error))));
                }
                Err(Stop::Tls(failure)) => failure,
            };
            let pollable = match failure.error() {
                None => return Err(failure),
                Some(Error::WantRead | Error::WantConnect) => self.port.subscribe(tls)?,
                Some(Error::WantWrite) => self.port.subscribe_write(tls)?,
                Some(_) if matches!(self.phase, Phase::Lingering(_)) => {
                    return Ok(Step::Ended(Ok(())));
                }
                Some(_) if matches!(self.phase, Phase::Handshaking) => {
                    return Ok(Step::Ended(Err(Exit::handshake(failure))));
                }
                Some(_) => return Ok(Step::Ended(Err(failure.into()))),
            };
            let timer = self.port.time_left(tls)?.map(|left| Instant::now() + left);
            let own = match self.phase {
                Phase::Lingering(until) => Some(until),
                Phase::Open => self.asks_until(),
                Phase::Handshaking | Phase::Closing | Phase::Ended => None,
            };
            return Ok(Step::Wait(pollable, timer.into_iter().chain(own).min()));
        }
        Ok(Step::Turn)
    }

    fn step(&mut self, tls: &mut Instance) -> Result<(), Stop> {
        match self.phase {
            Phase::Handshaking => {
                self.port.handshake(tls)?;
                self.negotiated = Some(Facts::of(tls, &self.port, None)?.short());
                self.phase = Phase::Open;
                self.opened = Instant::now();
                self.moved = self.opened;
            }
            Phase::Open if !self.unsent.is_empty() => {
                let written = self.port.write(tls, &self.unsent)?;
                self.unsent.drain(..written);
                self.sent += written;
                self.moved = Instant::now();
            }
            Phase::Open => self.serve(tls)?,
            Phase::Closing => {
                self.port.close_output(tls)?;
                self.phase = if self.may_leave(tls)? {
                    Phase::Ended
                } else {
                    Phase::Lingering(Instant::now() + LINGER)
                };
            }
            Phase::Lingering(until) => {
                if Instant::now() >= until || self.port.read(tls, CHUNK)?.is_none() {
                    self.phase = Phase::Ended;
                }
            }
            Phase::Ended => {}
        }
        Ok(())
    }

    /// Asks the service for no more than there is room for, so that nothing is stored for a peer
    /// that does not read.
    fn serve(&mut self, tls: &mut Instance) -> Result<(), Stop> {
        if self
            .asks_until()
            .is_some_and(|until| Instant::now() >= until)
        {
            self.service.late();
        }
        let room = self.port.check_write(tls)?.min(CHUNK);
        match self
            .service
            .next(usize::try_from(room).unwrap_or(usize::MAX))?
        {
            Next::Bytes(plaintext) => self.unsent = plaintext,
            Next::Done => {
                self.phase = Phase::Closing;
                self.moved = Instant::now();
            }
            Next::Wait => {
                self.port.flush(tls)?;
                match self.port.read(tls, CHUNK)? {
                    Some(plaintext) => {
                        self.received += plaintext.len();
                        self.moved = Instant::now();
                        self.service.receive(&plaintext);
                    }
                    None => self.service.end(),
                }
            }
        }
        Ok(())
    }

    /// Whether the socket can be freed now. That pushes close_notify out: it is a segment of its
    /// own, which the system would hold back until the reply before it is acknowledged, 40 ms and
    /// more (RFC 1122 §4.2.3.2), and a peer that reads to the end would wait as long.
    fn may_leave(&self, tls: &mut Instance) -> Result<bool, Failure> {
        if !self.service.is_whole() || self.sent > SENT_AT_ONCE {
            return Ok(false);
        }
        match self.port.read(tls, CHUNK) {
            Ok(plaintext) => Ok(plaintext.is_none()),
            Err(failure) if failure.error() == Some(&Error::WantRead) => Ok(true),
            // The peer has been served, however it has left.
            Err(failure) if failure.error().is_some() => Ok(false),
            Err(failure) => Err(failure),
        }
    }

    /// The moment by which the peer has to make its request; none if it has made it, or has no
    /// limit.
    fn asks_until(&self) -> Option<Instant> {
        let limit = self.service.patience()?;
        (!self.service.is_asked()).then(|| self.opened + limit)
    }

    /// From when on the connection gives its place to another if there is none left: early if the
    /// peer has made no request, so that it is worth no more than the other, and otherwise when
    /// nothing has moved on it for long.
    pub(crate) fn yields(&self) -> Instant {
        let is_newcomer = match self.phase {
            Phase::Handshaking => true,
            Phase::Open => !self.service.is_asked(),
            Phase::Closing | Phase::Lingering(_) | Phase::Ended => false,
        };
        if is_newcomer {
            self.begun + GRACE
        } else {
            self.moved + IDLE
        }
    }

    /// One line for the log: the peer, and what happened.
    pub(crate) fn log(&self) -> String {
        let negotiated = self.negotiated.as_deref().unwrap_or("no handshake");
        let Self {
            peer,
            received,
            sent,
            ..
        } = self;
        let mut line = format!("{peer} {negotiated}, {received} bytes in, {sent} out");
        let said = self.service.log();
        if self.negotiated.is_some() && !said.is_empty() {
            line += &format!(", {said}");
        }
        crate::exit::one_line(&line)
    }

    /// Frees the socket. The pollables must have been dropped.
    pub(crate) fn drop(self, tls: &mut Instance) -> Result<(), Failure> {
        self.port.drop(tls)
    }
}

/// Why a step failed, or has to wait.
enum Stop {
    Service(io::Error),
    Tls(Failure),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Tls(failure)
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Service(error)
    }
}
