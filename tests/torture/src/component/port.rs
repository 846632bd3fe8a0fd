//! What a port does in a connection.

use std::time::Duration;

use portcullis_host::{Failure, Instance, Port};

use crate::pattern::{self, Check};
use crate::setup::Plan;

/// Everything that a port does in a connection; the first failure.
pub(super) fn converse(
    tls: &mut Instance,
    port: &Port,
    plan: Plan,
    limit: Duration,
    received: &mut Check,
) -> Result<(), Failure> {
    port.blocking_handshake(tls)?;
    if plan.waits {
        read(tls, port, plan.to_receive, received)?;
    }
    let plaintext = pattern::bytes(pattern::OURS, 0..plan.to_send);
    port.blocking_write_all(tls, &plaintext)?;
    if !plan.waits {
        read(tls, port, plan.to_receive, received)?;
    }
    while let Err(failure) = port.close_output(tls) {
        if !failure.is_want() {
            return Err(failure);
        }
        let pollable = port.subscribe_write(tls)?;
        let waited = tls.poll(&[&pollable], Some(limit)).map(|_| ());
        pollable.drop(tls)?;
        waited?;
    }
    read(tls, port, usize::MAX, received)
}

/// Reads until that much has come, or to the end.
fn read(tls: &mut Instance, port: &Port, end: usize, received: &mut Check) -> Result<(), Failure> {
    while received.count < end {
        match port.blocking_read(tls, 16 * 1024)? {
            Some(plaintext) => received.add(&plaintext),
            None => break,
        }
    }
    Ok(())
}
