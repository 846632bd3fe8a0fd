//! Two lanes between two ends. Each takes, holds back, cuts, changes and ends what is sent, as it is
//! told. A lane keeps to what the streams of `wasi:io` promise: it takes more only when all that it
//! took before has left.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use portcullis::error::{NetworkError, NetworkOperation};
use portcullis::pump::{Received, Transport, Wait};

use crate::support::transports::{WRITE_SIZE, broken};

/// How a lane ends, after what has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    Eof,
    Reset,
}

/// One direction.
pub struct Lane {
    /// Taken from the sender, and still with its host.
    held: VecDeque<u8>,
    /// With the receiver's host.
    arrived: VecDeque<u8>,
    /// How many bytes are taken until there is room again.
    pub budget: usize,
    /// The most that one write takes.
    pub bite: usize,
    /// What is taken is held until it is carried.
    pub is_late: bool,
    /// The most that one read gives.
    pub piece: usize,
    /// Writing fails.
    pub is_broken: bool,
    /// The receiver has gone: what is sent vanishes.
    is_void: bool,
    pub ending: Option<Ending>,
    /// Bytes from the start: taken from the sender, gone from its host, given to the receiver.
    pub taken: u64,
    pub left: u64,
    pub given: u64,
    /// The first byte that was changed.
    pub damaged: Option<u64>,
    /// Where each try to write would have ended, if it was further than the one before.
    pub offered: Vec<u64>,
    /// Calls of the receiver, and of the sender that took nothing, since they were last set to 0.
    pub reads: usize,
    pub vain_writes: usize,
    /// Records that ended in what was read, likewise.
    pub records: usize,
    header: Vec<u8>,
    body: usize,
    /// The sender has let its transport go.
    pub is_released: bool,
}

impl Lane {
    fn new() -> Self {
        Self {
            held: VecDeque::new(),
            arrived: VecDeque::new(),
            budget: usize::MAX,
            bite: usize::MAX,
            is_late: false,
            piece: usize::MAX,
            is_broken: false,
            is_void: false,
            ending: None,
            taken: 0,
            left: 0,
            given: 0,
            damaged: None,
            offered: Vec::new(),
            reads: 0,
            vain_writes: 0,
            records: 0,
            header: Vec::new(),
            body: 0,
            is_released: false,
        }
    }

    /// Whether a read would find something.
    pub fn has_input(&self) -> bool {
        !self.arrived.is_empty() || self.ending.is_some()
    }

    /// Whether a write would take something, or fail.
    pub fn has_room(&self) -> bool {
        self.is_broken || self.is_void || (self.held.is_empty() && self.budget > 0)
    }

    /// Whether all that is sent arrives, sooner or later.
    pub fn is_sound(&self) -> bool {
        !self.is_broken && !self.is_void && self.damaged.is_none() && self.ending.is_none()
    }

    /// Whether nothing that was sent can have been lost on the way to the receiver's host.
    pub fn arrived(&self) -> u64 {
        let arrived = self.given + self.arrived.len() as u64;
        self.damaged.map_or(arrived, |at| at.min(arrived))
    }

    pub fn last_offer(&self) -> u64 {
        self.offered.last().copied().unwrap_or(0)
    }

    /// Brings what is held nearer; returns whether there was any.
    pub fn carry(&mut self, bytes: usize) -> bool {
        let count = bytes.min(self.held.len());
        for byte in self.held.drain(..count) {
            if self.ending.is_none() && !self.is_void {
                self.arrived.push_back(byte);
            }
        }
        self.left += count as u64;
        count > 0
    }

    /// Changes a bit of what has arrived and was not read.
    pub fn damage(&mut self, at: usize) {
        if self.arrived.is_empty() {
            return;
        }
        let place = at % self.arrived.len();
        self.arrived[place] ^= 1 << (at % 8);
        let position = self.given + place as u64;
        let first = self.damaged.map_or(position, |first| first.min(position));
        self.damaged = Some(first);
    }

    pub fn end(&mut self, ending: Ending) {
        if self.ending.is_none() {
            self.ending = Some(ending);
        }
    }

    fn count_records(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            if self.header.len() < 5 {
                self.header.push(rest[0]);
                rest = &rest[1..];
                if let [_, _, _, high, low] = self.header[..] {
                    self.body = usize::from(u16::from_be_bytes([high, low]));
                }
            } else {
                let passed = self.body.min(rest.len());
                self.body -= passed;
                rest = &rest[passed..];
            }
            if self.header.len() == 5 && self.body == 0 {
                self.header.clear();
                self.records += 1;
            }
        }
    }
}

/// Both lanes; the first is the client's way out.
pub type Lanes = Rc<RefCell<[Lane; 2]>>;

pub fn lanes() -> Lanes {
    Rc::new(RefCell::new([Lane::new(), Lane::new()]))
}

/// One end of the lanes.
pub struct Pipe {
    lanes: Lanes,
    side: usize,
}

impl Pipe {
    pub fn new(lanes: &Lanes, side: usize) -> Self {
        Self {
            lanes: Rc::clone(lanes),
            side,
        }
    }

    fn let_go(&self) {
        let mut lanes = self.lanes.borrow_mut();
        let out = &mut lanes[self.side];
        // The host sends what it has, and then the end.
        out.carry(usize::MAX);
        out.end(Ending::Eof);
        out.is_released = true;
        let input = &mut lanes[1 - self.side];
        input.is_void = true;
        input.carry(usize::MAX);
    }
}

/// Whether what is waited for is there.
pub fn is_ready(lanes: &Lanes, side: usize, wait: Wait) -> bool {
    let lanes = lanes.borrow();
    let (input, output) = (lanes[1 - side].has_input(), lanes[side].has_room());
    match wait {
        Wait::Nothing => true,
        Wait::Input => input,
        Wait::Output => output,
        Wait::Both => input || output,
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        self.let_go();
    }
}

impl Transport for Pipe {
    fn read(&mut self, limit: usize) -> Result<Received, NetworkError> {
        let lane = &mut self.lanes.borrow_mut()[1 - self.side];
        lane.reads += 1;
        let count = limit.min(lane.piece).min(lane.arrived.len());
        if count > 0 {
            let bytes: Vec<u8> = lane.arrived.drain(..count).collect();
            lane.given += count as u64;
            lane.count_records(&bytes);
            return Ok(Received::Bytes(bytes));
        }
        match lane.ending {
            None => Ok(Received::Pending),
            Some(Ending::Eof) => Ok(Received::Eof),
            Some(Ending::Reset) => Err(broken(NetworkOperation::Read)),
        }
    }

    fn write_size(&self) -> usize {
        WRITE_SIZE
    }

    fn write(&mut self, ciphertext: &[u8]) -> Result<usize, NetworkError> {
        let lane = &mut self.lanes.borrow_mut()[self.side];
        if lane.is_broken {
            return Err(broken(NetworkOperation::Write));
        }
        let end = lane.taken + ciphertext.len() as u64;
        if end > lane.last_offer() {
            lane.offered.push(end);
        }
        let count = match (lane.is_void, lane.held.is_empty()) {
            (true, _) => ciphertext.len(),
            (false, true) => ciphertext.len().min(lane.budget).min(lane.bite),
            (false, false) => 0,
        };
        if count == 0 {
            lane.vain_writes += 1;
            return Ok(0);
        }
        if lane.budget != usize::MAX {
            lane.budget = lane.budget.saturating_sub(count);
        }
        lane.taken += count as u64;
        lane.held.extend(&ciphertext[..count]);
        if !lane.is_late || lane.is_void {
            lane.carry(count);
        }
        Ok(count)
    }

    fn flush(&mut self) -> Result<bool, NetworkError> {
        let lane = &self.lanes.borrow()[self.side];
        match lane.is_broken && !lane.held.is_empty() {
            true => Err(broken(NetworkOperation::Write)),
            false => Ok(lane.held.is_empty()),
        }
    }

    fn abort(&mut self) {
        self.let_go();
    }
}
