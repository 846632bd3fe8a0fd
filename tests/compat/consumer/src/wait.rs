//! Waiting for ports and listeners by their pollables, as the interface says to.

use crate::bindings::portcullis::tls::port::Port;
use crate::bindings::portcullis::tls::types::Error;
use crate::bindings::wasi::clocks::monotonic_clock;
use crate::bindings::wasi::io::poll::poll;

/// Repeat an operation of a port until its result is no `want-` error.
pub(crate) fn until<T>(
    port: &Port,
    mut operation: impl FnMut(&Port) -> Result<T, Error>,
) -> Result<T, Error> {
    loop {
        match operation(port) {
            Err(error) if is_want(&error) => sleep(&[(port, &error)]),
            outcome => return outcome,
        }
    }
}

/// Run the handshakes of two ports that speak with each other.
pub(crate) fn shake_hands(one: &Port, other: &Port) -> Result<(), Error> {
    loop {
        let outcomes = [(one, one.handshake()), (other, other.handshake())];
        let mut waiting = Vec::new();
        for (port, outcome) in &outcomes {
            match outcome {
                Ok(()) => {}
                Err(error) if is_want(error) => waiting.push((*port, error)),
                Err(error) => return Err(error.clone()),
            }
        }
        if waiting.is_empty() {
            return Ok(());
        }
        sleep(&waiting);
    }
}

fn is_want(error: &Error) -> bool {
    matches!(
        error,
        Error::WantConnect | Error::WantRead | Error::WantWrite
    )
}

/// Sleep until one of the ports is worth a call for what it wants.
fn sleep(waiting: &[(&Port, &Error)]) {
    let mut pollables = Vec::new();
    for (port, error) in waiting {
        pollables.push(match error {
            Error::WantWrite => port.subscribe_write(),
            _ => port.subscribe(),
        });
        if let Some(milliseconds) = port.time_left() {
            let nanoseconds = milliseconds.saturating_mul(1_000_000);
            pollables.push(monotonic_clock::subscribe_duration(nanoseconds));
        }
    }
    poll(&pollables.iter().collect::<Vec<_>>());
}
