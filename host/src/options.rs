//! What an instance is given: network, directories, clocks, variables, randomness.

use std::convert::Infallible;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rand_core::TryRng;
use wasmtime_wasi::{FsPerms, HostMonotonicClock, HostWallClock, WasiCtx, WasiCtxBuilder};

use crate::interrupt::{Ends, Interrupt};
use crate::network::Network;
use crate::place;

/// What an instance is given. By default nothing: no network, no directory, the host's clocks and
/// randomness.
#[derive(Default)]
pub struct Options {
    network: Network,
    preopens: Vec<Preopen>,
    wall_clock: Option<Box<dyn HostWallClock + Send>>,
    monotonic_clock: Option<Box<dyn HostMonotonicClock + Send>>,
    randomness: Option<Randomness>,
    variables: Vec<(String, String)>,
    inherit_stderr: bool,
    memory: Option<usize>,
    interrupt: Option<Interrupt>,
    deadline: Option<Duration>,
}

/// Fills buffers with random bytes.
type Fill = Box<dyn FnMut(&mut [u8]) + Send>;

struct Preopen {
    host: PathBuf,
    guest: String,
    permissions: FsPerms,
}

impl Options {
    /// Nothing but the host's clocks.
    pub fn new() -> Self {
        Self::default()
    }

    /// Grant this network, in place of what was granted before.
    pub fn network(mut self, network: Network) -> Self {
        self.network = network;
        self
    }

    /// Show a directory of the host to the component, read-only, under a path of its own.
    pub fn directory(self, host: impl Into<PathBuf>, guest: impl Into<String>) -> Self {
        self.preopen(host.into(), guest.into(), FsPerms::ReadOnly)
    }

    /// Like [`directory`](Self::directory), but writable. The component itself never writes.
    pub fn writable_directory(self, host: impl Into<PathBuf>, guest: impl Into<String>) -> Self {
        self.preopen(host.into(), guest.into(), FsPerms::ReadWrite)
    }

    fn preopen(mut self, host: PathBuf, guest: String, permissions: FsPerms) -> Self {
        self.preopens.push(Preopen {
            host,
            guest,
            permissions,
        });
        self
    }

    /// Use this wall clock: certificates are valid or expired by it.
    pub fn wall_clock(mut self, clock: impl HostWallClock + 'static) -> Self {
        self.wall_clock = Some(Box::new(clock));
        self
    }

    /// Stop the wall clock at a moment.
    pub fn at(self, moment: SystemTime) -> Self {
        let since_epoch = moment
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        self.wall_clock(StoppedClock(since_epoch))
    }

    /// Use this monotonic clock: timers run by it.
    pub fn monotonic_clock(mut self, clock: impl HostMonotonicClock + 'static) -> Self {
        self.monotonic_clock = Some(Box::new(clock));
        self
    }

    /// Show a variable of the environment to the component. It looks at `SSL_CERT_FILE` and
    /// `SSL_CERT_DIR`, when [`Context::add_environment_roots`](crate::Context::add_environment_roots) is
    /// called.
    pub fn variable(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// Take random bytes from here, for tests that have to come out alike each time, or from a device
    /// of the host's. All keys are made of them: whoever can predict these bytes can read and forge
    /// every connection of the instance.
    pub fn randomness(mut self, fill: impl FnMut(&mut [u8]) + Send + 'static) -> Self {
        self.randomness = Some(Randomness(Box::new(fill)));
        self
    }

    /// Let the instance have at most so many bytes of linear memory, those of the component and of a
    /// program that is linked or composed with it together. Where it needs more it ends, by
    /// [`Failure::Trap`](crate::Failure::Trap) with an error that says so; others go on. The component
    /// begins with some 1.4 MB, and takes about 8 KB for each idle connection. Without this, its limit is
    /// that of its address space, 4 GiB.
    pub fn memory(mut self, bytes: usize) -> Self {
        self.memory = Some(bytes);
        self
    }

    /// The limit of linear memory.
    pub(crate) fn memory_limit(&self) -> usize {
        self.memory.unwrap_or(usize::MAX)
    }

    /// Let the instance be ended from any thread, by [`Interrupt::raise`]. One interrupt may be that of
    /// many instances; the last that is given here counts. It is for guests made by
    /// [`Guest::interruptible`](crate::Guest::interruptible): with another, the instance cannot be made.
    pub fn interrupt(mut self, interrupt: &Interrupt) -> Self {
        self.interrupt = Some(interrupt.clone());
        self
    }

    /// Let the instance end so long after it was made, whatever it is doing then, by
    /// [`Failure::Interrupted`](crate::Failure::Interrupted): a wait at once, a computation within some
    /// 10 ms. Others go on. It is a limit on the whole life of the instance; a limit on what one peer
    /// may take is a timer of its context
    /// ([`Context::set_timeout`](crate::Context::set_timeout)), which only ends the connection. Like
    /// [`interrupt`](Self::interrupt), it is for guests made by
    /// [`Guest::interruptible`](crate::Guest::interruptible).
    pub fn deadline(mut self, limit: Duration) -> Self {
        self.deadline = Some(limit);
        self
    }

    /// What may end the instance that is made now.
    pub(crate) fn ends(&self) -> Ends {
        Ends::new(self.interrupt.clone(), self.deadline)
    }

    /// Let the component write to the host's standard error; it does so only when it traps.
    pub fn inherit_stderr(mut self) -> Self {
        self.inherit_stderr = true;
        self
    }

    pub(crate) fn into_wasi(self) -> wasmtime::Result<WasiCtx> {
        Ok(self.into_builder()?.build())
    }

    pub(crate) fn into_builder(self) -> wasmtime::Result<WasiCtxBuilder> {
        let mut wasi = WasiCtxBuilder::new();
        let network = Arc::new(self.network);
        wasi.allow_tcp(network.allows_tcp())
            .allow_udp(false)
            .allow_ip_name_lookup(network.allows_lookup())
            .socket_addr_check(move |address, purpose| {
                let allowed = network.allows(address, purpose);
                Box::pin(async move { allowed })
            });
        for Preopen {
            host,
            guest,
            permissions,
        } in self.preopens
        {
            wasi.preopened_dir(&host, &guest, permissions)
                .map_err(|error| {
                    let host = place::shown(&host);
                    error.context(format!("the directory {host} cannot be opened"))
                })?;
        }
        if let Some(clock) = self.wall_clock {
            wasi.wall_clock(Boxed(clock));
        }
        if let Some(clock) = self.monotonic_clock {
            wasi.monotonic_clock(Boxed(clock));
        }
        wasi.envs(&self.variables);
        if let Some(mut randomness) = self.randomness {
            wasi.insecure_random_seed(u128::from_le_bytes(randomness.bytes()));
            wasi.secure_random(randomness);
        }
        if self.inherit_stderr {
            wasi.inherit_stderr();
        }
        Ok(wasi)
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("network", &self.network)
            .finish_non_exhaustive()
    }
}

struct StoppedClock(Duration);

impl HostWallClock for StoppedClock {
    fn resolution(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn now(&self) -> Duration {
        self.0
    }
}

/// A generator of random bytes, as wasmtime takes it.
struct Randomness(Fill);

impl Randomness {
    fn bytes<const COUNT: usize>(&mut self) -> [u8; COUNT] {
        let mut bytes = [0; COUNT];
        (self.0)(&mut bytes);
        bytes
    }
}

impl TryRng for Randomness {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_le_bytes(self.bytes()))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_le_bytes(self.bytes()))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        (self.0)(bytes);
        Ok(())
    }
}

/// A boxed clock. wasmtime's builder boxes clocks itself, and takes no box as a clock.
struct Boxed<T: ?Sized>(Box<T>);

impl HostWallClock for Boxed<dyn HostWallClock + Send> {
    fn resolution(&self) -> Duration {
        self.0.resolution()
    }

    fn now(&self) -> Duration {
        self.0.now()
    }
}

impl HostMonotonicClock for Boxed<dyn HostMonotonicClock + Send> {
    fn resolution(&self) -> u64 {
        self.0.resolution()
    }

    fn now(&self) -> u64 {
        self.0.now()
    }
}
