//! One connection of `serve`: what is read goes to a service, what the service says is written.
//! Nothing here waits.

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use portcullis_host::types::Error;
use portcullis_host::{Failure, Instance, Pollable, Port};

use crate::exit::{Exit, Status};
use crate::facts::{self, Facts};

/// Bytes per read: four TLS records.
const CHUNK: u64 = 64 * 1024;
/// How much one connection does before the others have their turn.
const STEPS: usize = 32;
/// How long the peer may take to close after us. Closing at once, with bytes of the peer's unread,
/// would reset the connection, and the reset could overtake our last bytes.
const LINGER: Duration = Duration::from_secs(2);

/// What is spoken inside TLS.
pub(crate) trait Service {
    /// The peer sent this.
    fn receive(&mut self, plaintext: &[u8]);
    /// The peer will send no more.
    fn end(&mut self);
    /// What to do next.
    fn next(&mut self) -> io::Result<Next>;
    /// A few words for the log.
    fn log(&self) -> &str;
}

pub(crate) enum Next {
    /// Send this.
    Bytes(Vec<u8>),
    /// Wait for the peer.
    Wait,
    /// Close.
    Done,
}

/// Sends back what it gets.
#[derive(Default)]
pub(crate) struct Echo {
    waiting: VecDeque<Vec<u8>>,
    ended: bool,
}

impl Service for Echo {
    fn receive(&mut self, plaintext: &[u8]) {
        self.waiting.push_back(plaintext.to_vec());
    }

    fn end(&mut self) {
        self.ended = true;
    }

    fn next(&mut self) -> io::Result<Next> {
        Ok(match self.waiting.pop_front() {
            Some(plaintext) => Next::Bytes(plaintext),
            None if self.ended => Next::Done,
            None => Next::Wait,
        })
    }

    fn log(&self) -> &str {
        "echo"
    }
}

/// What a connection waits for.
pub(crate) enum Step {
    /// This, or the moment.
    Wait(Pollable, Option<Instant>),
    /// Nothing: it only lets the others go first.
    Turn,
    /// Nothing any more.
    Ended(Result<(), Exit>),
}

/// A connection and its service.
pub(crate) struct Connection {
    port: Port,
    service: Box<dyn Service>,
    phase: Phase,
    peer: String,
    negotiated: Option<String>,
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
    /// We are done; the peer may close until the moment.
    Lingering(Instant),
    Ended,
}

impl Connection {
    pub(crate) fn new(
        tls: &mut Instance,
        port: Port,
        service: Box<dyn Service>,
    ) -> Result<Self, Failure> {
        let peer = port
            .remote_address(tls)?
            .as_ref()
            .map_or_else(|| "-".to_owned(), facts::text);
        Ok(Self {
            port,
            service,
            phase: Phase::Handshaking,
            peer,
            negotiated: None,
            unsent: Vec::new(),
            received: 0,
            sent: 0,
        })
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
            let linger = if let Phase::Lingering(until) = self.phase {
                Some(until)
            } else {
                None
            };
            return Ok(Step::Wait(pollable, timer.into_iter().chain(linger).min()));
        }
        Ok(Step::Turn)
    }

    fn step(&mut self, tls: &mut Instance) -> Result<(), Stop> {
        match self.phase {
            Phase::Handshaking => {
                self.port.handshake(tls)?;
                self.negotiated = Some(Facts::of(tls, &self.port, None)?.short());
                self.phase = Phase::Open;
            }
            Phase::Open if !self.unsent.is_empty() => {
                let written = self.port.write(tls, &self.unsent)?;
                self.unsent.drain(..written);
                self.sent += written;
            }
            Phase::Open => match self.service.next()? {
                Next::Bytes(plaintext) => self.unsent = plaintext,
                Next::Done => self.phase = Phase::Closing,
                Next::Wait => {
                    self.port.flush(tls)?;
                    match self.port.read(tls, CHUNK)? {
                        Some(plaintext) => {
                            self.received += plaintext.len();
                            self.service.receive(&plaintext);
                        }
                        None => self.service.end(),
                    }
                }
            },
            Phase::Closing => {
                self.port.close_output(tls)?;
                self.phase = Phase::Lingering(Instant::now() + LINGER);
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

    /// One line: who, and what.
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

/// Why a step did not go through.
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
