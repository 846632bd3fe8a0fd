//! Both directions at once: input to the peer, the peer to output.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use portcullis_host::types::Error;
use portcullis_host::{Failure, Instance, Pollable, Port};

use crate::exit::{Exit, Result};
use crate::stdio::{Inlet, Input, Outlet, Output};

/// Bytes per read: four TLS records.
const CHUNK: u64 = 64 * 1024;
/// How long the peer must have been quiet before it is told that the input has ended. Many servers
/// answer and close without reading that; their system then resets the connection, and what it has
/// not yet sent of the answer is lost.
const QUIET: Duration = Duration::from_millis(300);

/// When it is over.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    /// The input has ended and the peer has closed.
    BothEnd,
    /// The peer has closed.
    PeerEnds,
}

/// Ends when both sides are done, or when nobody reads the output any more. Nothing is read from a
/// side while the other one takes no more. What the peer sent before a failure is written.
pub(crate) fn relay(
    tls: &mut Instance,
    port: &Port,
    input: impl Read + Send + 'static,
    output: impl Write + Send + 'static,
    until: Until,
) -> Result<()> {
    let mut relay = Relay {
        inlet: Inlet::new(tls, input)?,
        outlet: Outlet::new(tls, output)?,
        sending: Sending::Open,
        receiving: Receiving::Open,
        unsent: Vec::new(),
        unwritten: None,
        heard: Instant::now(),
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
    unwritten: Option<Vec<u8>>,
    /// When the peer last sent something, or the input ended, whichever was later.
    heard: Instant,
}

/// The way of the input, in order.
#[derive(PartialEq, Eq)]
enum Sending {
    Open,
    /// The input has ended.
    Closing,
    /// close_notify has been sent.
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
    /// It is done.
    Nothing,
    /// It can go on.
    Turn,
    PortRead,
    PortWrite,
    Input,
    Output,
    /// The peer to be quiet for so long.
    Quiet(Duration),
    /// Nobody reads the output any more.
    ToLeave,
}

impl Relay {
    fn run(&mut self, tls: &mut Instance, port: &Port, until: Until) -> Result<()> {
        loop {
            let send = self.send(tls, port)?;
            let receive = wants(self.try_receive(tls, port))?;
            match (send, receive) {
                (Wants::Nothing, Wants::Nothing) | (_, Wants::ToLeave) => return Ok(()),
                (_, Wants::Nothing) if until == Until::PeerEnds => return Ok(()),
                (Wants::Turn, _) | (_, Wants::Turn) => {}
                (send, receive) => self.wait(tls, port, &[send, receive])?,
            }
        }
    }

    fn send(&mut self, tls: &mut Instance, port: &Port) -> Result<Wants> {
        match self.try_send(tls, port) {
            // A peer that has said goodbye may be gone altogether.
            Err(Stop::Tls(failure))
                if self.receiving == Receiving::Closed
                    && !failure.is_want()
                    && failure.error().is_some() =>
            {
                self.sending = Sending::Closed;
                Ok(Wants::Nothing)
            }
            result => wants(result),
        }
    }

    fn try_send(&mut self, tls: &mut Instance, port: &Port) -> std::result::Result<Wants, Stop> {
        if !self.unsent.is_empty() {
            let written = port.write(tls, &self.unsent)?;
            self.unsent.drain(..written);
            return Ok(Wants::Turn);
        }
        match self.sending {
            Sending::Open => match self.inlet.read() {
                Ok(Input::Bytes(plaintext)) => {
                    self.unsent = plaintext;
                    Ok(Wants::Turn)
                }
                Ok(Input::End) => {
                    self.sending = Sending::Closing;
                    self.heard = Instant::now();
                    Ok(Wants::Turn)
                }
                Ok(Input::Nothing) => port.flush(tls).map(|()| Wants::Input).map_err(Stop::Tls),
                Err(error) => Err(Stop::Exit(Exit::usage(format_args!(
                    "standard input: {error}"
                )))),
            },
            Sending::Closing => {
                port.flush(tls)?;
                let left = QUIET.saturating_sub(self.heard.elapsed());
                if self.receiving == Receiving::Open && !left.is_zero() {
                    return Ok(Wants::Quiet(left));
                }
                port.close_output(tls)?;
                self.sending = Sending::Closed;
                Ok(Wants::Nothing)
            }
            Sending::Closed => Ok(Wants::Nothing),
        }
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
                self.heard = Instant::now();
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
        let quiet = wants.iter().find_map(|wants| match wants {
            Wants::Quiet(left) => Some(*left),
            _ => None,
        });
        let limit = port.time_left(tls)?.into_iter().chain(quiet).min();
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
