//! Many connections in one instance and one poll loop. Nothing waits for one of them alone.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use portcullis_host::types::Error;
use portcullis_host::{Failure, Instance, Listener, Pollable};

use crate::connection::{Connection, Echo, Service, Step};
use crate::exit::Result;
use crate::http::Http;

/// How long to leave the listener alone after the host could not accept.
const PAUSE: Duration = Duration::from_millis(100);
/// How many connections are accepted before those that are there have their turn.
const ACCEPTS: usize = 64;

/// The listener, the connections, and what ends them.
pub(crate) struct Server {
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
    /// A server of files below the root, which must be canonical, or of echoes. It ends when `stop`
    /// is ready, or after one connection.
    pub(crate) fn new(
        tls: &mut Instance,
        listener: Listener,
        stop: Pollable,
        root: Option<PathBuf>,
        once: bool,
    ) -> Result<Self> {
        let arrivals = listener.subscribe(tls)?;
        let door = Some(Door {
            listener,
            arrivals,
            closed_until: None,
        });
        Ok(Self {
            stop,
            door,
            guests: Vec::new(),
            root,
            once,
        })
    }

    pub(crate) fn run(mut self, tls: &mut Instance) -> Result<()> {
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
            let was_failing = door.closed_until.take().is_some();
            let port = match door.listener.accept(tls) {
                Ok(port) => port,
                Err(failure) => match failure.error() {
                    Some(Error::WantAccept) => return Ok(()),
                    Some(Error::Network(_)) => {
                        // Said once, not with every attempt.
                        if !was_failing {
                            eprintln!("{failure}");
                        }
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
                    let outcome = outcome.map_err(|exit| exit.context(served.connection.log()));
                    match &outcome {
                        Ok(()) => eprintln!("{}", served.connection.log()),
                        // The command tells it as it ends.
                        Err(_) if self.once => {}
                        Err(exit) => eprintln!("{exit}"),
                    }
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
