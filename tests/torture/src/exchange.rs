//! One connection from beginning to end: our application, the middle and the peer take turns.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::machine::{Failure, Machine};
use crate::pattern::{self, Check};
use crate::peer::Peer;
use crate::setup::Plan;
use crate::wire::{Logged, Middle};

/// More turns than any connection takes.
const MOST_TURNS: usize = 500_000;

/// What passes while everybody waits for what is on its way.
const MOMENT: Duration = Duration::from_micros(100);

/// How much is read at once.
const READ: usize = 100_000;

/// Both ends wait, and no timer runs.
pub(crate) const WAITS: &str = "waits";

/// What became of a connection.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// How our side failed; none if everything was exchanged and both ends closed in order.
    pub(crate) error: Option<String>,
    /// How its last read failed.
    pub(crate) input_error: Option<String>,
    pub(crate) received: usize,
    /// How much had to be received, whatever came after it.
    pub(crate) safe: usize,
    /// The peer's close_notify had to be received.
    pub(crate) was_closed: bool,
    /// A trick that may change the exchange was played on what came to us, and on what we sent.
    pub(crate) is_harmed: bool,
    pub(crate) is_peer_harmed: bool,
    /// What was received is not what was sent, on either side.
    pub(crate) is_wrong: bool,
    /// The peer is as content as our side.
    pub(crate) is_peer_content: bool,
    pub(crate) peer: Option<String>,
    /// What a failed connection says when it is asked again, if that is something else.
    pub(crate) second_error: Option<String>,
    /// The transport was given up.
    pub(crate) is_released: bool,
    pub(crate) turns: usize,
    /// How long it took by the clock of the connection.
    pub(crate) time: Duration,
    pub(crate) memory: Option<usize>,
    /// What was sent to us, and by us.
    pub(crate) to_us: Vec<Logged>,
    pub(crate) to_peer: Vec<Logged>,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "error {:?} (input {:?}, again {:?}), {} bytes of at least {} (closed: {}), peer {:?} \
             (content: {}), {} turns, {:?}, memory {:?}",
            self.error,
            self.input_error,
            self.second_error,
            self.received,
            self.safe,
            self.was_closed,
            self.peer,
            self.is_peer_content,
            self.turns,
            self.time,
            self.memory,
        )
    }
}

/// Our application.
struct Application {
    plan: Plan,
    sent: usize,
    received: Check,
    has_shaken_hands: bool,
    is_flushed: bool,
    has_closed: bool,
    has_been_closed: bool,
    output_failure: Option<String>,
    input_failure: Option<String>,
}

impl Application {
    fn new(plan: Plan) -> Self {
        Self {
            plan,
            sent: 0,
            received: Check::new(pattern::THEIRS),
            has_shaken_hands: false,
            is_flushed: false,
            has_closed: false,
            has_been_closed: false,
            output_failure: None,
            input_failure: None,
        }
    }

    fn is_over(&self) -> bool {
        let is_silent = self.has_closed || self.output_failure.is_some();
        self.input_failure.is_some() || (self.has_been_closed && is_silent)
    }

    /// Does what can be done; returns whether that was anything.
    fn turn(&mut self, machine: &mut dyn Machine, now: Duration) -> bool {
        let mut has_moved = false;
        if !self.has_shaken_hands {
            match machine.handshake(now) {
                Ok(()) => {
                    self.has_shaken_hands = true;
                    has_moved = true;
                }
                Err(Failure::Want) => return machine.is_ready(),
                // There may still be something to read.
                Err(Failure::Typed(name)) => {
                    self.output_failure = Some(name);
                    self.has_shaken_hands = true;
                    has_moved = true;
                }
            }
        }
        if self.output_failure.is_none() && !self.has_closed {
            match self.talk(machine, now) {
                Ok(moved) => has_moved |= moved,
                Err(Failure::Want) => {}
                Err(Failure::Typed(name)) => {
                    self.output_failure = Some(name);
                    has_moved = true;
                }
            }
        }
        if !self.has_been_closed {
            match machine.read(READ, now) {
                Ok(Some(plaintext)) => {
                    self.received.add(&plaintext);
                    has_moved = true;
                }
                Ok(None) => {
                    self.has_been_closed = true;
                    has_moved = true;
                }
                Err(Failure::Want) => has_moved |= machine.is_ready(),
                Err(Failure::Typed(name)) => {
                    self.input_failure = Some(name);
                    has_moved = true;
                }
            }
        }
        has_moved
    }

    fn talk(&mut self, machine: &mut dyn Machine, now: Duration) -> Result<bool, Failure> {
        let has_all = self.received.count >= self.plan.to_receive;
        if self.plan.waits && !has_all {
            // A client that has closed will send nothing more.
            if self.has_been_closed {
                machine.close_output(now)?;
                self.has_closed = true;
                return Ok(true);
            }
            return Ok(false);
        }
        if self.sent < self.plan.to_send {
            let end = self.plan.to_send.min(self.sent + self.plan.chunk);
            let chunk = pattern::bytes(pattern::OURS, self.sent..end);
            self.sent += machine.write(&chunk, now)?;
            return Ok(true);
        }
        if !self.is_flushed {
            machine.flush(now)?;
            self.is_flushed = true;
            return Ok(true);
        }
        if has_all || self.has_been_closed {
            machine.close_output(now)?;
            self.has_closed = true;
            return Ok(true);
        }
        Ok(false)
    }
}

/// Lets both applications keep to their plans.
pub(crate) fn run(
    machine: &mut dyn Machine,
    mut peer: Peer,
    middle: &Rc<RefCell<Middle>>,
    plan: Plan,
) -> Result<Outcome> {
    let mut application = Application::new(plan);
    let begun = Duration::from_secs(1000);
    let mut now = begun;
    let mut turns = 0;
    loop {
        turns += 1;
        if turns > MOST_TURNS {
            bail!("no end after {MOST_TURNS} turns");
        }
        let mut has_moved = application.turn(machine, now);
        if application.is_over() {
            break;
        }
        has_moved |= machine.carry()?;
        has_moved |= peer.turn(&mut middle.borrow_mut())?;
        if has_moved {
            continue;
        }
        if middle.borrow_mut().stalled() {
            now += MOMENT;
            continue;
        }
        match machine.time_left(now) {
            Some(left) => now += left.max(MOMENT),
            None => {
                application.input_failure = Some(WAITS.to_owned());
                break;
            }
        }
    }
    let safe = middle.borrow().to_us.safe;
    let second_error = match &application.input_failure {
        // It ends one read.
        Some(name) if name != "timeout/read" && name != WAITS => match machine.read(READ, now) {
            Err(Failure::Typed(second)) if second == *name => None,
            other => Some(format!("{other:?}")),
        },
        _ => None,
    };
    machine.carry()?;
    let is_released = middle.borrow().is_released || !machine.has_transport();
    let memory = machine.release();
    while {
        let has_moved = peer.turn(&mut middle.borrow_mut())?;
        has_moved || middle.borrow_mut().stalled()
    } {}
    let middle = middle.borrow();
    let is_correct = application.input_failure.is_none()
        && application.output_failure.is_none()
        && application.sent == plan.to_send
        && application.received.count == plan.to_receive;
    let input_error = application.input_failure;
    let error = application.output_failure.or_else(|| input_error.clone());
    let error = error.or_else(|| (!is_correct).then(|| "ended early".to_owned()));
    Ok(Outcome {
        error,
        input_error,
        received: application.received.count,
        safe: safe.data,
        was_closed: safe.is_close,
        is_harmed: middle.to_us.is_harmed(),
        is_peer_harmed: middle.to_peer.is_harmed(),
        is_wrong: application.received.is_wrong || peer.received.is_wrong,
        is_peer_content: peer.is_content(),
        peer: peer.failure,
        second_error,
        is_released,
        turns,
        time: now - begun,
        memory,
        to_us: middle.to_us.log.clone(),
        to_peer: middle.to_peer.log.clone(),
    })
}
