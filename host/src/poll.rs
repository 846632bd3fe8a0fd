//! Waiting for several things at once: the component's sockets and the host's own events.

use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::watch;
use wasmtime::component::Resource;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::{self, DynPollable};
use wasmtime_wasi::runtime::in_tokio;
use wasmtime_wasi_io::bindings::wasi::io::poll::{Host, HostPollable};

use crate::failure::Failure;
use crate::instance::Instance;
use crate::state::State;

/// Something to wait for. A pollable of a port or listener is a child of its socket: it must be
/// freed by [`drop`](Self::drop) before the port or listener is closed or dropped, else the
/// instance traps. Without that call it stays in the instance.
pub struct Pollable(pub(crate) Resource<DynPollable>);

impl Pollable {
    /// Frees the pollable.
    ///
    /// # Errors
    /// When it is another instance's.
    pub fn drop(self, instance: &mut Instance) -> Result<(), Failure> {
        Ok(HostPollable::drop(
            &mut instance.store.data_mut().table,
            self.0,
        )?)
    }
}

impl fmt::Debug for Pollable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pollable({})", self.0.rep())
    }
}

impl Instance {
    /// Waits until one of the pollables is ready or the limit is over, and returns the indexes of
    /// those that are ready, in ascending order. A limit of zero waits for nothing; other limits are
    /// kept to a millisecond or two. Without pollables and without a limit, it returns at once.
    ///
    /// # Errors
    /// When a pollable is another instance's, or the instance is interrupted.
    pub fn poll(
        &mut self,
        pollables: &[&Pollable],
        limit: Option<Duration>,
    ) -> Result<Vec<usize>, Failure> {
        let State { table, ends, .. } = self.store.data_mut();
        if pollables.is_empty() {
            if let Some(limit) = limit {
                in_tokio(ends.before(async { tokio::time::sleep(limit).await }))
                    .map_err(Failure::Interrupted)?;
            }
            return Ok(Vec::new());
        }
        let borrowed = pollables
            .iter()
            .map(|pollable| Resource::new_borrow(pollable.0.rep()));
        let waiting = Host::poll(table, borrowed.collect());
        let ready = in_tokio(ends.before(async {
            match limit {
                None => Some(waiting.await),
                // A timer would take more than a millisecond even for nothing.
                Some(Duration::ZERO) => at_once(waiting).await,
                Some(limit) => tokio::time::timeout(limit, waiting).await.ok(),
            }
        }));
        let ready = ready.map_err(Failure::Interrupted)?;
        let ready = ready.transpose()?.unwrap_or_default();
        let mut ready: Vec<usize> = ready
            .into_iter()
            .filter_map(|index| usize::try_from(index).ok())
            .collect();
        // wasmtime reports them in an order of its own.
        ready.sort_unstable();
        Ok(ready)
    }

    /// A pollable that is ready while the signal is raised. Any thread may raise it.
    ///
    /// # Errors
    /// When the instance's table of resources is full.
    pub fn signal(&mut self) -> Result<(Signal, Pollable), Failure> {
        let (raised, watched) = watch::channel(false);
        Ok((Signal(raised), self.pollable(Watched(watched))?))
    }

    /// A pollable of the embedder's own making, to be waited for beside those of ports and listeners: a
    /// socket of the host's, for instance.
    ///
    /// # Errors
    /// When the instance's table of resources is full.
    pub fn pollable(&mut self, source: impl p2::Pollable) -> Result<Pollable, Failure> {
        let table = &mut self.store.data_mut().table;
        let source = table.push(source).map_err(wasmtime::Error::from)?;
        Ok(Pollable(p2::subscribe(table, source)?))
    }
}

/// What the future has by now; none if it would wait.
async fn at_once<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    poll_fn(|task| match future.as_mut().poll(task) {
        Poll::Ready(value) => Poll::Ready(Some(value)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// The host's end of a pollable; clones raise and lower the same one. Once all are dropped, the
/// pollable is ready for ever.
#[derive(Clone, Debug)]
pub struct Signal(watch::Sender<bool>);

impl Signal {
    /// Make the pollable ready.
    pub fn raise(&self) {
        self.0.send_replace(true);
    }

    /// Make the pollable wait.
    pub fn lower(&self) {
        self.0.send_replace(false);
    }
}

struct Watched(watch::Receiver<bool>);

#[async_trait]
impl p2::Pollable for Watched {
    async fn ready(&mut self) {
        // This fails when all signals are dropped, which counts as raised.
        let _ = self.0.wait_for(|raised| *raised).await;
    }
}
