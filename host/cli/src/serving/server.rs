//! Many connections in one instance and one poll loop. Nothing waits for one connection alone.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use portcullis_host::types::Error;
use portcullis_host::{Failure, Instance, Listener, Pollable};

use crate::arguments::key_log::KeyLogFile;
use crate::exit::Result;
use crate::serving::connection::{Connection, Echo, Step};
use crate::serving::service::Service;
use crate::serving::www::http::Http;

/// How long to leave the listener alone after the host could not accept.
const PAUSE: Duration = Duration::from_millis(100);
/// How many connections are accepted before the existing ones have their turn.
const ACCEPTS: usize = 64;

/// What is served.
pub(crate) enum Offer {
    Echo,
    /// The files below a directory, which must be canonical; a request must come within the limit.
    Files(PathBuf, Option<Duration>),
}

impl Offer {
    fn service(&self) -> Box<dyn Service> {
        match self {
            Self::Echo => Box::new(Echo::default()),
            Self::Files(root, patience) => Box::new(Http::new(root.clone(), *patience)),
        }
    }
}

/// The listeners, the connections, and what ends them.
pub(crate) struct Server {
    /// Ready when the user interrupts.
    stop: Pollable,
    /// The open listeners; none once no more connections are to come.
    doors: Vec<Door>,
    /// The moment until which no connection is accepted, unless one ends before. It is set if there
    /// is no place, or if accepting failed.
    closed_until: Option<Instant>,
    /// Whether accepting failed the last time.
    is_failing: bool,
    clients: Vec<Served>,
    /// How many connections there may be at once.
    places: usize,
    offer: Offer,
    once: bool,
}

/// An open listener, and the pollable that is ready when a connection waits.
struct Door {
    listener: Listener,
    arrivals: Pollable,
}

/// A connection, and the pollable that it waits for; none if it is to go on at once.
struct Served {
    connection: Connection,
    waiting: Option<Pollable>,
    until: Option<Instant>,
}

impl Server {
    /// The server ends when `stop` is ready, or with `once` after one connection. While all places
    /// are taken, a new connection gets the place of the one that yields first, or waits.
    pub(crate) fn new(
        tls: &mut Instance,
        listeners: Vec<Listener>,
        stop: Pollable,
        offer: Offer,
        places: usize,
        once: bool,
    ) -> Result<Self> {
        let mut doors = Vec::new();
        for listener in listeners {
            let arrivals = listener.subscribe(tls)?;
            doors.push(Door { listener, arrivals });
        }
        Ok(Self {
            stop,
            doors,
            closed_until: None,
            is_failing: false,
            clients: Vec::new(),
            places,
            offer,
            once,
        })
    }

    /// Serve until the end. The secrets of connections go to the key log, if there is one.
    pub(crate) fn run(mut self, tls: &mut Instance, mut key_log: Option<KeyLogFile>) -> Result<()> {
        loop {
            self.accept(tls)?;
            let outcome = self.advance(tls)?;
            if let Some(key_log) = &mut key_log {
                key_log.write(tls)?;
            }
            if let Some(outcome) = outcome {
                return outcome;
            }
            if self.wait(tls)? {
                return Ok(());
            }
        }
    }

    /// Accepts the connections that wait, from each listener in turn.
    fn accept(&mut self, tls: &mut Instance) -> Result<()> {
        let now = Instant::now();
        if self.closed_until.is_some_and(|until| now < until) {
            return Ok(());
        }
        self.closed_until = None;
        let mut number = 0;
        let mut empty = 0;
        for _ in 0..ACCEPTS {
            if empty == self.doors.len() {
                return Ok(());
            }
            if self.clients.len() >= self.places {
                let yields = self.clients.iter().map(|served| served.connection.yields());
                self.closed_until = yields.min().filter(|moment| *moment > now);
                if self.closed_until.is_some() {
                    return Ok(());
                }
            }
            number = (number + 1) % self.doors.len();
            let Some(door) = self.doors.get(number) else {
                return Ok(());
            };
            let port = match door.listener.accept(tls) {
                Ok(port) => port,
                Err(failure) => match failure.error() {
                    Some(Error::WantAccept) => {
                        empty += 1;
                        continue;
                    }
                    Some(Error::Network(_)) => {
                        // This is reported once, not with every attempt.
                        if !self.is_failing {
                            eprintln!("{failure}");
                        }
                        self.is_failing = true;
                        self.closed_until = Some(now + PAUSE);
                        return Ok(());
                    }
                    _ => return Err(failure.into()),
                },
            };
            empty = 0;
            self.is_failing = false;
            if self.clients.len() >= self.places {
                self.make_room(tls)?;
            }
            let connection = Connection::new(tls, port, self.offer.service())?;
            self.clients.push(Served {
                connection,
                waiting: None,
                until: None,
            });
            if self.once {
                self.close_doors(tls)?;
            }
        }
        Ok(())
    }

    /// Ends the connection that yields first.
    fn make_room(&mut self, tls: &mut Instance) -> Result<()> {
        let yields = |(_, served): &(usize, &Served)| served.connection.yields();
        let Some((first, _)) = self.clients.iter().enumerate().min_by_key(yields) else {
            return Ok(());
        };
        let Served {
            connection,
            waiting,
            ..
        } = self.clients.remove(first);
        eprintln!(
            "{}: closed for another, for there are no more than {} places (--max-connections, \
             ulimit -n)",
            connection.log(),
            self.places
        );
        if let Some(pollable) = waiting {
            pollable.drop(tls)?;
        }
        Ok(connection.drop(tls)?)
    }

    fn close_doors(&mut self, tls: &mut Instance) -> std::result::Result<(), Failure> {
        for door in self.doors.drain(..) {
            door.arrivals.drop(tls)?;
            door.listener.drop(tls)?;
        }
        Ok(())
    }

    /// Advances every connection that waits for nothing. With `--once`, returns the outcome of the
    /// only connection when it has ended.
    fn advance(&mut self, tls: &mut Instance) -> Result<Option<Result<()>>> {
        let mut staying = Vec::with_capacity(self.clients.len());
        let mut last = None;
        for mut served in self.clients.drain(..) {
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
                        // The command reports it as it ends.
                        Err(_) if self.once => {}
                        Err(exit) => eprintln!("{exit}"),
                    }
                    served.connection.drop(tls)?;
                    // There is a place now, and a descriptor.
                    self.closed_until = None;
                    last = Some(outcome);
                }
            }
        }
        self.clients = staying;
        Ok(last.filter(|_| self.once))
    }

    /// Waits until something can go on. Returns whether the user interrupted.
    fn wait(&mut self, tls: &mut Instance) -> Result<bool> {
        let now = Instant::now();
        let open = match self.closed_until {
            None => self.doors.as_slice(),
            Some(_) => &[],
        };
        let moments = self
            .clients
            .iter()
            .filter_map(|served| served.until)
            .chain(self.closed_until);
        let first = moments
            .min()
            .map(|moment| moment.saturating_duration_since(now));
        let idle = self.clients.iter().all(|served| served.waiting.is_some());
        let limit = if idle { first } else { Some(Duration::ZERO) };

        let arrivals = open.iter().map(|door| &door.arrivals);
        let fixed = std::iter::once(&self.stop).chain(arrivals);
        let waiting = self
            .clients
            .iter()
            .filter_map(|served| served.waiting.as_ref());
        let pollables: Vec<&Pollable> = fixed.chain(waiting).collect();
        let offset = 1 + open.len();
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
            .clients
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
