//! Relays both directions at once: input to the peer, and the peer to output.

use std::io::{Read, Write};

use portcullis_host::types::Error;
use portcullis_host::{Failure, Instance, Pollable, Port};

use crate::exit::{Exit, Result, Status};
use crate::terminal::progress::Transfer;
use crate::terminal::stdio::{Inlet, Input, Outlet, Output};

/// Bytes per read: four TLS records.
const CHUNK: u64 = 64 * 1024;

/// When the relay ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    /// The input has ended and the peer has closed.
    BothEnd,
    /// The peer has closed.
    PeerEnds,
}

/// What the end of the input means.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum AtEnd {
    /// Nothing is sent. Many servers take close_notify for a disconnect, and drop the answer that
    /// they are still sending.
    Stay,
    /// close_notify is sent.
    Tell,
}

/// Ends when both sides are done, or when nobody reads the output any more. Neither side is read
/// while the other takes no more. What the peer sent before a failure is written. If the peer did
/// not take all of the input, that is reported after its answer.
pub(crate) fn relay(
    tls: &mut Instance,
    port: &Port,
    (input, output): (impl Read + Send + 'static, impl Write + Send + 'static),
    until: Until,
    at_end: AtEnd,
    progress: Transfer,
) -> Result<()> {
    let mut relay = Relay {
        inlet: Inlet::new(tls, input)?,
        outlet: Outlet::new(tls, output)?,
        sending: Sending::Open,
        receiving: Receiving::Open,
        unsent: Vec::new(),
        is_on_its_way: false,
        lost: None,
        unwritten: None,
        at_end,
        progress,
    };
    let relayed = relay.run(tls, port, until);
    let finished = relay.finish(tls);
    relayed.and(finished)
}

struct Relay {
    inlet: Inlet,
    outlet: Outlet,
    sending: Sending,
    receiving: Receiving,
    unsent: Vec<u8>,
    /// Whether something was written that the transport may not have taken yet.
    is_on_its_way: bool,
    /// Why the peer did not take all of the input.
    lost: Option<Failure>,
    unwritten: Option<Vec<u8>>,
    at_end: AtEnd,
    progress: Transfer,
}

/// The states of sending the input, in order.
#[derive(PartialEq, Eq)]
enum Sending {
    Open,
    /// The input has ended.
    Ended,
    /// close_notify has been sent, or cannot be.
    Closed,
}

#[derive(PartialEq, Eq)]
enum Receiving {
    Open,
    /// The peer has closed.
    Closed,
}

/// What a direction waits for.
#[derive(PartialEq, Eq)]
enum Wants {
    /// Nothing: the direction is done.
    Nothing,
    /// Nothing: the direction can go on.
    Turn,
    PortRead,
    PortWrite,
    Input,
    Output,
    /// The end of the other direction.
    Other,
    /// Nobody reads the output any more.
    ToLeave,
}

impl Relay {
    fn run(&mut self, tls: &mut Instance, port: &Port, until: Until) -> Result<()> {
        loop {
            let send = self.send(tls, port)?;
            let receive = match wants(self.try_receive(tls, port)) {
                Ok(wants) => wants,
                Err(exit) => return Err(self.worst(exit)),
            };
            match (send, receive) {
                (_, Wants::ToLeave) => return Ok(()),
                (Wants::Nothing, Wants::Nothing) => {
                    return self
                        .lost
                        .take()
                        .map_or(Ok(()), |failure| Err(lost_exit(failure)));
                }
                (_, Wants::Nothing) if until == Until::PeerEnds => return Ok(()),
                (Wants::Turn, _) | (_, Wants::Turn) => {}
                (send, receive) => self.wait(tls, port, &[send, receive])?,
            }
        }
    }

    /// The failure to report if both directions may have failed. Sending failed first, so its
    /// failure counts, unless receiving failed by something else than the network: what the peer
    /// says, such as an alert, tells more.
    fn worst(&mut self, receiving: Exit) -> Exit {
        match self.lost.take() {
            Some(failure) if receiving.status == Status::Network => lost_exit(failure),
            _ => receiving,
        }
    }

    /// A failure to send does not end receiving: what the peer sent before it may say why.
    fn send(&mut self, tls: &mut Instance, port: &Port) -> Result<Wants> {
        match self.try_send(tls, port) {
            Err(Stop::Tls(failure)) if !failure.is_want() && failure.error().is_some() => {
                // A peer that has taken everything may be gone altogether.
                if self.is_on_its_way || !self.unsent.is_empty() {
                    self.lost = Some(failure);
                }
                self.sending = Sending::Closed;
                self.unsent.clear();
                Ok(Wants::Nothing)
            }
            result => wants(result),
        }
    }

    fn try_send(&mut self, tls: &mut Instance, port: &Port) -> std::result::Result<Wants, Stop> {
        if !self.unsent.is_empty() {
            let written = port.write(tls, &self.unsent)?;
            self.unsent.drain(..written);
            self.progress.sent(written);
            self.is_on_its_way = true;
            return Ok(Wants::Turn);
        }
        match self.sending {
            Sending::Open => match self.inlet.read() {
                Ok(Input::Bytes(plaintext)) => {
                    self.unsent = plaintext;
                    Ok(Wants::Turn)
                }
                Ok(Input::End) => {
                    self.sending = Sending::Ended;
                    Ok(Wants::Turn)
                }
                Ok(Input::Nothing) => {
                    self.flush(tls, port)?;
                    Ok(Wants::Input)
                }
                Err(error) => Err(Stop::Exit(Exit::usage(format_args!(
                    "standard input: {error}"
                )))),
            },
            Sending::Ended => {
                self.flush(tls, port)?;
                if self.receiving == Receiving::Open && self.at_end == AtEnd::Stay {
                    return Ok(Wants::Other);
                }
                port.close_output(tls)?;
                self.sending = Sending::Closed;
                Ok(Wants::Nothing)
            }
            Sending::Closed => Ok(Wants::Nothing),
        }
    }

    fn flush(&mut self, tls: &mut Instance, port: &Port) -> std::result::Result<(), Failure> {
        port.flush(tls)?;
        self.is_on_its_way = false;
        Ok(())
    }

    fn try_receive(&mut self, tls: &mut Instance, port: &Port) -> std::result::Result<Wants, Stop> {
        if let Some(plaintext) = self.unwritten.take() {
            match self.outlet.write(plaintext) {
                Output::Taken => {}
                Output::Full(plaintext) => {
                    self.unwritten = Some(plaintext);
                    return Ok(Wants::Output);
                }
                Output::Broken => return Ok(Wants::ToLeave),
            }
        }
        if self.receiving == Receiving::Closed {
            return Ok(Wants::Nothing);
        }
        match port.read(tls, CHUNK)? {
            Some(plaintext) => {
                self.progress.received(plaintext.len());
                self.unwritten = Some(plaintext);
            }
            None => self.receiving = Receiving::Closed,
        }
        Ok(Wants::Turn)
    }

    fn wait(&self, tls: &mut Instance, port: &Port, wants: &[Wants]) -> Result<()> {
        let mut own = Vec::new();
        if wants.contains(&Wants::PortRead) {
            own.push(port.subscribe(tls)?);
        }
        if wants.contains(&Wants::PortWrite) {
            own.push(port.subscribe_write(tls)?);
        }
        let mut pollables: Vec<&Pollable> = own.iter().collect();
        if wants.contains(&Wants::Input) {
            pollables.push(&self.inlet.pollable);
        }
        if wants.contains(&Wants::Output) {
            pollables.push(&self.outlet.pollable);
        }
        let limit = port.time_left(tls)?;
        tls.poll(&pollables, limit)?;
        for pollable in own {
            pollable.drop(tls)?;
        }
        Ok(())
    }

    fn finish(self, tls: &mut Instance) -> Result<()> {
        self.inlet.pollable.drop(tls)?;
        match self.outlet.finish(tls, self.unwritten)? {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                Err(Exit::usage(format_args!("standard output: {error}")))
            }
            _ => Ok(()),
        }
    }
}

/// Why a direction stopped.
enum Stop {
    Tls(Failure),
    Exit(Exit),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Tls(failure)
    }
}

fn lost_exit(failure: Failure) -> Exit {
    Exit::from(failure).context("the peer did not take all of the input")
}

fn wants(result: std::result::Result<Wants, Stop>) -> Result<Wants> {
    match result {
        Ok(wants) => Ok(wants),
        Err(Stop::Exit(exit)) => Err(exit),
        Err(Stop::Tls(failure)) => match failure.error() {
            Some(Error::WantRead | Error::WantConnect) => Ok(Wants::PortRead),
            Some(Error::WantWrite) => Ok(Wants::PortWrite),
            _ => Err(failure.into()),
        },
    }
}
