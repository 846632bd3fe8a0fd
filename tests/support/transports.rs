//! Transports that behave, stall, break and lie.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use portcullis::error::{NetworkCode, NetworkError, NetworkOperation};
use portcullis::pump::{Received, Transport};

/// What a scripted transport does, one entry a call, and what became of it.
#[derive(Default)]
pub struct Script {
    /// What reads find; nothing yet when it is used up.
    pub reads: VecDeque<Result<Received, NetworkError>>,
    /// How much each write takes; everything when it is used up. `None` breaks.
    pub writes: VecDeque<Option<usize>>,
    /// Whether everything that was taken has left; it has when this is used up.
    pub flushes: VecDeque<bool>,
    /// What was taken, one entry a call.
    pub sent: Vec<Vec<u8>>,
    /// How many calls of `read` there were.
    pub reads_made: usize,
    pub is_aborted: bool,
    pub is_dropped: bool,
}

/// The length of the writes that it takes best: no round number.
pub const WRITE_SIZE: usize = 65_483;

/// A transport by script; the script stays with the test.
pub struct Scripted(pub Rc<RefCell<Script>>);

impl Scripted {
    pub fn new() -> (Self, Rc<RefCell<Script>>) {
        let script = Rc::new(RefCell::new(Script::default()));
        (Self(Rc::clone(&script)), script)
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.0.borrow_mut().is_dropped = true;
    }
}

/// A failure of the network.
pub fn broken(operation: NetworkOperation) -> NetworkError {
    NetworkError {
        operation,
        code: NetworkCode::ConnectionReset,
        detail: None,
    }
}

impl Transport for Scripted {
    fn read(&mut self, _limit: usize) -> Result<Received, NetworkError> {
        let mut script = self.0.borrow_mut();
        script.reads_made += 1;
        script.reads.pop_front().unwrap_or(Ok(Received::Pending))
    }

    fn write_size(&self) -> usize {
        WRITE_SIZE
    }

    fn write(&mut self, ciphertext: &[u8]) -> Result<usize, NetworkError> {
        let mut script = self.0.borrow_mut();
        match script.writes.pop_front() {
            Some(None) => Err(broken(NetworkOperation::Write)),
            Some(Some(taken)) => {
                let real = taken.min(ciphertext.len());
                script.sent.push(ciphertext[..real].to_vec());
                // More than there was, if the script lies.
                Ok(taken)
            }
            None => {
                script.sent.push(ciphertext.to_vec());
                Ok(ciphertext.len())
            }
        }
    }

    fn flush(&mut self) -> Result<bool, NetworkError> {
        Ok(self.0.borrow_mut().flushes.pop_front().unwrap_or(true))
    }

    fn abort(&mut self) {
        self.0.borrow_mut().is_aborted = true;
    }
}
