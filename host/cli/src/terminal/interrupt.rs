//! Interruption by the user: SIGINT and SIGTERM.

use std::io;

use portcullis_host::{Instance, Pollable, Signal};
use tokio::signal::unix::{SignalKind, signal};
use wasmtime_wasi::runtime::with_ambient_tokio_runtime;

use crate::exit::{Exit, Result};

/// The status that a shell reports for a program that SIGINT ended.
const INTERRUPTED: i32 = 130;

/// A pollable that is ready once the user interrupts. The second time ends the process at once.
pub(crate) fn pollable(tls: &mut Instance) -> Result<Pollable> {
    let (signal, pollable) = tls.signal()?;
    for kind in [SignalKind::interrupt(), SignalKind::terminate()] {
        with_ambient_tokio_runtime(|| watch(kind, signal.clone()))
            .map_err(|error| Exit::usage(format_args!("signals cannot be caught: {error}")))?;
    }
    Ok(pollable)
}

fn watch(kind: SignalKind, raised: Signal) -> io::Result<()> {
    let mut signals = signal(kind)?;
    tokio::spawn(async move {
        signals.recv().await;
        raised.raise();
        signals.recv().await;
        std::process::exit(INTERRUPTED);
    });
    Ok(())
}
