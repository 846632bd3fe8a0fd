//! The core, as a crate: a pump over the middle.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use allocation_counter::{measure, opt_out};
use anyhow::{Result, anyhow};
use portcullis::error::{Error, NetworkCode, NetworkError, NetworkOperation};
use portcullis::pump::{Pump, Received, Transport, Wait};
use portcullis::tls::{Config, Session, Timeouts};

use crate::kebab::kebab;
use crate::machine::{Failure, Machine};
use crate::setup::Ends;
use crate::wire::{Label, Middle, Taken};

/// Long enough for every honest peer in the time of a case, and different from one another.
const LIMITS: Timeouts = Timeouts {
    connect: None,
    handshake: Some(10_000),
    read: Some(6_000),
    shutdown: Some(3_000),
    write: Some(4_000),
};

/// The length of a write, as hosts have it.
const WRITE_SIZE: usize = 65_483;

/// A connection of the core's.
pub(crate) struct Native {
    pump: Option<Pump<Pipe>>,
    config: Arc<Config>,
    middle: Rc<RefCell<Middle>>,
    /// What the last call waits for is the output.
    wants_write: bool,
    meter: Meter,
}

impl Native {
    pub(crate) fn new(ends: &Ends, middle: &Rc<RefCell<Middle>>) -> Result<Self> {
        let mut meter = Meter::default();
        let config = ends.asking.as_ref().unwrap_or(&ends.ours);
        let pump = meter.measured(|| {
            let session = Session::new(config, ends.host())?;
            let pipe = Pipe(Rc::clone(middle));
            Ok::<_, Error>(Pump::new(session, pipe, Vec::new(), LIMITS))
        });
        let pump = pump.and_then(|pump| pump.map_err(|error| anyhow!("{error}")))?;
        Ok(Self {
            pump: Some(pump),
            config: Arc::clone(&ends.ours),
            middle: Rc::clone(middle),
            wants_write: false,
            meter,
        })
    }

    fn with<T>(
        &mut self,
        call: impl FnOnce(&mut Pump<Pipe>) -> Result<T, Error>,
    ) -> Result<T, Failure> {
        let gone = || Failure::Typed("released".to_owned());
        let pump = self.pump.as_mut().ok_or_else(gone)?;
        let result = self.meter.measured(|| call(pump)).map_err(|_| gone())?;
        self.wants_write = matches!(result, Err(Error::WantWrite));
        result.map_err(|error| failure(&error))
    }
}

impl Machine for Native {
    fn handshake(&mut self, now: Duration) -> Result<(), Failure> {
        let config = Arc::clone(&self.config);
        self.with(|pump| match pump.handshake(now) {
            Err(Error::WantContext) => {
                pump.choose(&config)?;
                pump.handshake(now)
            }
            result => result,
        })
    }

    fn read(&mut self, limit: usize, now: Duration) -> Result<Option<Vec<u8>>, Failure> {
        let read = self.with(|pump| pump.read(limit, now))?;
        if let Some(plaintext) = &read {
            // From now on it is the application's.
            let given = i64::try_from(plaintext.capacity()).unwrap_or(i64::MAX);
            self.meter.now = self.meter.now.saturating_sub(given);
        }
        Ok(read)
    }

    fn write(&mut self, plaintext: &[u8], now: Duration) -> Result<usize, Failure> {
        self.with(|pump| pump.write(plaintext, now))
    }

    fn flush(&mut self, now: Duration) -> Result<(), Failure> {
        self.with(|pump| pump.flush(now))
    }

    fn close_output(&mut self, now: Duration) -> Result<(), Failure> {
        self.with(|pump| pump.close_output(now))
    }

    fn is_ready(&mut self) -> bool {
        let wait = self.pump.as_ref().map(|pump| match self.wants_write {
            true => pump.wait_to_write(),
            false => pump.wait_to_read(),
        });
        match wait {
            None | Some(Wait::Output) => false,
            Some(Wait::Nothing) => true,
            Some(Wait::Input | Wait::Both) => self.middle.borrow().to_us.is_ready(),
        }
    }

    fn time_left(&mut self, now: Duration) -> Option<Duration> {
        self.pump.as_mut()?.time_left(now)
    }

    fn release(&mut self) -> Option<usize> {
        if let Some(mut pump) = self.pump.take() {
            let _ = self.meter.measured(|| {
                pump.release();
                drop(pump);
            });
        }
        Some(self.meter.most)
    }
}

/// The name of an error.
pub(crate) fn failure(error: &Error) -> Failure {
    if error.is_want() {
        return Failure::Want;
    }
    Failure::Typed(match error {
        Error::Certificate(refused) => format!("certificate/{}", kebab(&refused.reason)),
        Error::Protocol(broken) => format!("protocol/{}", kebab(&broken.reason)),
        Error::AlertReceived(alert) => format!("alert-received/{alert}"),
        Error::Timeout(timer) => format!("timeout/{}", kebab(timer)),
        Error::Network(network) => format!("network/{}", kebab(&network.code)),
        Error::Closed => "closed".to_owned(),
        Error::Truncated => "truncated".to_owned(),
        // None of these is a peer's fault.
        other => format!("unexpected: {other:?}"),
    })
}

/// Our end of the middle.
struct Pipe(Rc<RefCell<Middle>>);

impl Drop for Pipe {
    fn drop(&mut self) {
        let mut middle = self.0.borrow_mut();
        middle.is_released = true;
        middle.to_peer.end();
    }
}

fn broken(operation: NetworkOperation) -> NetworkError {
    NetworkError {
        operation,
        code: NetworkCode::ConnectionReset,
        detail: None,
    }
}

impl Transport for Pipe {
    fn read(&mut self, limit: usize) -> Result<Received, NetworkError> {
        match self.0.borrow_mut().to_us.take(limit) {
            Taken::Bytes(bytes) => Ok(Received::Bytes(bytes)),
            Taken::Nothing => Ok(Received::Pending),
            Taken::End => Ok(Received::Eof),
            Taken::Reset => Err(broken(NetworkOperation::Read)),
        }
    }

    fn write_size(&self) -> usize {
        WRITE_SIZE
    }

    fn write(&mut self, ciphertext: &[u8]) -> Result<usize, NetworkError> {
        let wire = &mut self.0.borrow_mut().to_peer;
        let room = wire.room().ok_or_else(|| broken(NetworkOperation::Write))?;
        let taken = ciphertext.get(..room).unwrap_or(ciphertext);
        // The middle's memory is not ours.
        opt_out(|| wire.put(taken, Label::default()));
        Ok(taken.len())
    }

    fn flush(&mut self) -> Result<bool, NetworkError> {
        match self.0.borrow_mut().to_peer.room() {
            Some(room) => Ok(room > 0),
            None => Err(broken(NetworkOperation::Write)),
        }
    }

    fn abort(&mut self) {}
}

/// Counts the memory that our calls allocate and keep.
#[derive(Default)]
struct Meter {
    now: i64,
    most: usize,
}

impl Meter {
    fn measured<T>(&mut self, call: impl FnOnce() -> T) -> Result<T> {
        let mut result = None;
        let counted = measure(|| result = Some(call()));
        let most = self.now.saturating_add_unsigned(counted.bytes_max);
        self.most = self.most.max(usize::try_from(most).unwrap_or_default());
        self.now = self.now.saturating_add(counted.bytes_current);
        result.ok_or_else(|| anyhow!("the call was not made"))
    }
}
