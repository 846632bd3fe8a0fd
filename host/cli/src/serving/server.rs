//! Many connections in one instance and one poll loop. Nothing waits for one connection alone.

use std::mem;
use std::time::{Duration, Instant};

use portcullis_host::{Context, Failure, Instance, Pollable};

use crate::arguments::key_log::KeyLogFile;
use crate::exit::Result;
use crate::serving::connection::{Connection, Step};
use crate::serving::door::{Arrival, Door};
use crate::serving::plan::{Load, Loaded, Plan};
use crate::terminal::signals::Signals;

/// How long to leave the doors alone after the host could not accept.
const PAUSE: Duration = Duration::from_millis(100);
/// How many connections are accepted before the existing ones have their turn.
const ACCEPTS: usize = 64;

/// The doors, the connections, and what ends them.
pub(crate) struct Server<'a> {
    signals: Signals,
    load: &'a Load<'a>,
    /// The moment when the last connections are cut; none until the server is told to end.
    ends: Option<Instant>,
    /// What listens; none once no more connections are to come.
    doors: Vec<Door>,
    /// What new connections get.
    context: Context,
    /// Those of earlier contexts too, whose connections may go on.
    key_logs: Vec<KeyLogFile>,
    /// The moment until which no connection is accepted, unless one ends before. It is set if there
    /// is no place, or if accepting failed.
    closed_until: Option<Instant>,
    /// Whether accepting failed the last time.
    is_failing: bool,
    clients: Vec<Served>,
    plan: Plan,
}

/// A connection, and the pollable that it waits for; none if it is to go on at once.
struct Served {
    connection: Connection,
    waiting: Option<Pollable>,
    until: Option<Instant>,
}

/// What the server was told while it waited.
#[derive(Default)]
struct Told {
    stop: bool,
    reload: bool,
}

impl<'a> Server<'a> {
    /// The server ends when it is signalled to, or with `once` after one connection. While all places
    /// are taken, a new connection gets the place of the one that yields first, or waits. The
    /// doors use what was loaded; `load` loads it again.
    pub(crate) fn new(
        doors: Vec<Door>,
        loaded: Loaded,
        signals: Signals,
        plan: Plan,
        load: &'a Load<'a>,
    ) -> Self {
        let Loaded { context, key_log } = loaded;
        Self {
            signals,
            load,
            ends: None,
            doors,
            context,
            key_logs: key_log.into_iter().collect(),
            closed_until: None,
            is_failing: false,
            clients: Vec::new(),
            plan,
        }
    }

    /// Serve until the end.
    pub(crate) fn run(mut self, tls: &mut Instance) -> Result<()> {
        loop {
            self.accept(tls)?;
            let outcome = self.advance(tls)?;
            for key_log in &mut self.key_logs {
                key_log.write(tls)?;
            }
            if let Some(outcome) = outcome {
                return outcome;
            }
            if self.is_over() {
                return Ok(());
            }
            let told = self.wait(tls)?;
            if told.stop && self.ends.is_none() {
                self.stop(tls)?;
            }
            if told.reload {
                self.reload(tls)?;
            }
        }
    }

    /// Accepts no more, and gives the connections that are there their last time.
    fn stop(&mut self, tls: &mut Instance) -> Result<()> {
        // Those whom the system has let in are not turned away.
        self.accept(tls)?;
        self.close_doors(tls)?;
        self.ends = Some(Instant::now() + self.plan.grace);
        if !self.clients.is_empty() {
            eprintln!(
                "stopping: connections under way: {}; they have {} s to end (--grace), and a second \
                 signal ends them at once",
                self.clients.len(),
                self.plan.grace.as_secs_f64()
            );
        }
        Ok(())
    }

    /// Whether the server has been told to end and nothing is left to do, which it says.
    fn is_over(&self) -> bool {
        let Some(ends) = self.ends else { return false };
        if self.clients.is_empty() {
            eprintln!("stopped");
        } else if Instant::now() >= ends {
            for served in &self.clients {
                eprintln!(
                    "{}: cut off, for it took longer than --grace",
                    served.connection.log()
                );
            }
            eprintln!("stopped; connections cut off: {}", self.clients.len());
        } else {
            return false;
        }
        true
    }

    /// Serves connections from now on with what the files hold now. If that fails, everything
    /// stays as it is.
    fn reload(&mut self, tls: &mut Instance) -> Result<()> {
        self.signals.reload_begins();
        if self.doors.is_empty() {
            return Ok(());
        }
        let Loaded { context, key_log } = match (self.load)(tls) {
            Ok(loaded) => loaded,
            Err(exit) => {
                eprintln!("not reloaded, what was loaded before stays in use: {exit}");
                return Ok(());
            }
        };
        // This fails where what was loaded does not fit together.
        match context.seal(tls) {
            Ok(()) => {}
            Err(failure) if failure.error().is_some() => {
                eprintln!("not reloaded, what was loaded before stays in use: {failure}");
                return Ok(context.drop(tls)?);
            }
            Err(failure) => return Err(failure.into()),
        }
        for door in &self.doors {
            door.set_context(tls, &context)?;
        }
        mem::replace(&mut self.context, context).drop(tls)?;
        self.key_logs.extend(key_log);
        eprintln!("reloaded: new connections get what the files hold now");
        Ok(())
    }

    /// Accepts the connections that wait, from each door in turn.
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
            if self.clients.len() >= self.plan.places {
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
            let (port, peer) = match door.accept(tls, &self.context)? {
                Arrival::Somebody(port, peer) => (port, peer),
                Arrival::Nobody => {
                    empty += 1;
                    continue;
                }
                Arrival::Failed(reason) => {
                    // This is reported once, not with every attempt.
                    if !self.is_failing {
                        eprintln!("{reason}");
                    }
                    self.is_failing = true;
                    self.closed_until = Some(now + PAUSE);
                    return Ok(());
                }
            };
            empty = 0;
            self.is_failing = false;
            if self.clients.len() >= self.plan.places {
                self.make_room(tls)?;
            }
            let connection = Connection::new(port, peer, self.plan.offer.service());
            self.clients.push(Served {
                connection,
                waiting: None,
                until: None,
            });
            if self.plan.once {
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
            self.plan.places
        );
        if let Some(pollable) = waiting {
            pollable.drop(tls)?;
        }
        Ok(connection.drop(tls)?)
    }

    fn close_doors(&mut self, tls: &mut Instance) -> std::result::Result<(), Failure> {
        for door in self.doors.drain(..) {
            door.close(tls)?;
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
                        Err(_) if self.plan.once => {}
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
        Ok(last.filter(|_| self.plan.once))
    }

    /// Waits until something can go on, and returns what has been signalled.
    fn wait(&mut self, tls: &mut Instance) -> Result<Told> {
        let now = Instant::now();
        let open = match self.closed_until {
            None => self.doors.as_slice(),
            Some(_) => &[],
        };
        let moments = self
            .clients
            .iter()
            .filter_map(|served| served.until)
            .chain(self.closed_until)
            .chain(self.ends);
        let first = moments
            .min()
            .map(|moment| moment.saturating_duration_since(now));
        let idle = self.clients.iter().all(|served| served.waiting.is_some());
        let limit = if idle { first } else { Some(Duration::ZERO) };

        // Once the signal to stop has come, it would be ready for ever.
        let stop = Some(&self.signals.stop).filter(|_| self.ends.is_none());
        let signals = std::iter::once(&self.signals.reload).chain(stop);
        let arrivals = open.iter().map(|door| &door.arrivals);
        let fixed: Vec<&Pollable> = signals.clone().chain(arrivals).collect();
        let waiting = self
            .clients
            .iter()
            .filter_map(|served| served.waiting.as_ref());
        let (signals, offset) = (signals.count(), fixed.len());
        let pollables: Vec<&Pollable> = fixed.into_iter().chain(waiting).collect();
        let ready = tls.poll(&pollables, limit)?;
        let told = Told {
            reload: ready.contains(&0),
            stop: signals > 1 && ready.contains(&1),
        };

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
        Ok(told)
    }
}
