//! Signals that a server obeys: SIGINT and SIGTERM end it, SIGHUP has it load its files again.

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use portcullis_host::{Instance, Pollable, Signal};
use tokio::signal::unix::{SignalKind, signal};
use wasmtime_wasi::runtime::with_ambient_tokio_runtime;

use crate::exit::{Exit, Result};

/// What a shell adds to the number of the signal that ended a program.
const SIGNALLED: i32 = 128;

/// What has been signalled so far.
pub(crate) struct Signals {
    /// Ready once the server is to end. The second signal ends the process at once.
    pub(crate) stop: Pollable,
    /// Ready while the files are to be loaded again.
    pub(crate) reload: Pollable,
    reload_asked: Signal,
}

impl Signals {
    /// Catch them from now on.
    pub(crate) fn catch(tls: &mut Instance) -> Result<Self> {
        let (stop_asked, stop) = tls.signal()?;
        let (reload_asked, reload) = tls.signal()?;
        let was_told = Arc::new(AtomicBool::new(false));
        for kind in [SignalKind::interrupt(), SignalKind::terminate()] {
            let (was_told, stop_asked) = (Arc::clone(&was_told), stop_asked.clone());
            watch(kind, move || {
                if was_told.swap(true, Ordering::Relaxed) {
                    std::process::exit(SIGNALLED + kind.as_raw_value());
                }
                stop_asked.raise();
            })?;
        }
        let kind = SignalKind::hangup();
        let (asked, had_terminal) = (reload_asked.clone(), io::stderr().is_terminal());
        watch(kind, move || {
            // The user has closed the terminal, which ends a program that does not catch the signal.
            if had_terminal && !io::stderr().is_terminal() {
                std::process::exit(SIGNALLED + kind.as_raw_value());
            }
            asked.raise();
        })?;
        Ok(Self {
            stop,
            reload,
            reload_asked,
        })
    }

    /// Take note that the files are about to be loaded. A signal that comes later asks again.
    pub(crate) fn reload_begins(&self) {
        self.reload_asked.lower();
    }
}

/// Calls the function each time that the signal comes, on a thread of the runtime.
fn watch(kind: SignalKind, told: impl Fn() + Send + 'static) -> Result<()> {
    with_ambient_tokio_runtime(|| {
        let mut signals = signal(kind)?;
        tokio::spawn(async move {
            while signals.recv().await.is_some() {
                told();
            }
        });
        Ok(())
    })
    .map_err(|error: io::Error| Exit::usage(format_args!("signals cannot be caught: {error}")))
}
