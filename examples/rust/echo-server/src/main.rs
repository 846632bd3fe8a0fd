//! Echoes over TLS to many clients at once, on one poll loop: `echo-server CERT KEY [PORT [IDLE]]`.
//! It listens on 127.0.0.1, on a free port if none is given or 0, gives up a client that neither
//! sends nor reads for IDLE seconds (60), and ends when it is stopped.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use bindings::portcullis::tls::context::{Context, Source};
use bindings::portcullis::tls::errors::explain;
use bindings::portcullis::tls::listener::Listener;
use bindings::portcullis::tls::port::Port;
use bindings::portcullis::tls::types::{Error, Role, Timer};
use bindings::wasi::clocks::monotonic_clock::subscribe_duration;
use bindings::wasi::io::poll::{Pollable, poll};

mod bindings {
    wit_bindgen::generate!({
        path: "../../../wit",
        inline: "
            package example:echo-server;

            world echo-server {
                include portcullis:tls/client@0.2.1;
                import wasi:clocks/monotonic-clock@0.2.12;
            }
        ",
        generate_all,
    });
}

/// More clients than this wait in the system's queue.
const CLIENTS: usize = 1000;

/// How much of one client's plaintext is held: what it has sent and not taken back. The rest waits
/// in the network, and in the end in the client.
const CHUNK: u64 = 16 * 1024;

/// How many chunks one client may echo before it is the next one's turn.
const TURN: usize = 8;

/// After a failed accept, which may be for want of sockets, the next one has to wait.
const PAUSE: Duration = Duration::from_secs(1);

const HANDSHAKE_MS: u64 = 10_000;
const IDLE_SECONDS: u64 = 60;

/// One connection, and what it waits for.
struct Client {
    /// Ready when the client is worth a turn; `None` if it is already. It is dropped before the
    /// port, whose child it is.
    ready: Option<Pollable>,
    /// When the first of its timers runs out.
    deadline: Option<Instant>,
    port: Port,
    name: String,
    /// Plaintext that was read and is still to be written.
    echo: Vec<u8>,
}

impl Client {
    fn new(port: Port) -> Self {
        let peer = port.remote_address();
        Self {
            ready: None,
            deadline: None,
            name: peer.map_or_else(String::new, |peer| format!("{}:{}", peer.ip, peer.port)),
            port,
            echo: Vec::new(),
        }
    }

    /// Go on until it has to wait; false when it has ended.
    fn turn(&mut self) -> bool {
        self.ready = None;
        self.ready = Some(match self.echo() {
            Ok(()) => return false,
            Err(Error::WantRead) => self.port.subscribe(),
            Err(Error::WantWrite) => self.port.subscribe_write(),
            Err(failure) => {
                eprintln!("{}: {}", self.name, explain(&failure));
                return false;
            }
        });
        let left = self.port.time_left().map(Duration::from_millis);
        self.deadline = left.and_then(|left| Instant::now().checked_add(left));
        true
    }

    /// Read and write back, up to a full turn; done when the client is. The handshake runs with
    /// the first call.
    fn echo(&mut self) -> Result<(), Error> {
        for _ in 0..TURN {
            // All is written before more is read: a client that does not read is not read from.
            while !self.echo.is_empty() {
                let taken = self.port.write(&self.echo)?;
                let taken = usize::try_from(taken).unwrap_or(usize::MAX);
                self.echo.drain(..taken.min(self.echo.len()));
            }
            self.port.flush()?;
            match self.port.read(CHUNK)? {
                Some(plaintext) => self.echo = plaintext,
                None => return self.port.close_output(),
            }
        }
        // The last chunk is still to be written.
        Err(Error::WantWrite)
    }

    fn is_due(&self, now: Instant) -> bool {
        self.ready.is_none() || self.deadline.is_some_and(|deadline| deadline <= now)
    }
}

/// Accept the clients in the listener's queue, as far as there is room; the caller reports a
/// failure.
fn accept(listener: &Listener, clients: &mut Vec<Client>) -> Result<(), Error> {
    while clients.len() < CLIENTS {
        match listener.accept() {
            Ok(port) => clients.push(Client::new(port)),
            Err(Error::WantAccept) => break,
            Err(failure) => return Err(failure),
        }
    }
    Ok(())
}

/// Wait until something is ready, or until the deadline; a client that is ready gets a turn.
fn wait(clients: &mut [Client], incoming: Option<&Pollable>, deadline: Option<Instant>) {
    let timer = deadline.map(|deadline| {
        let left = deadline.saturating_duration_since(Instant::now());
        subscribe_duration(u64::try_from(left.as_nanos()).unwrap_or(u64::MAX))
    });
    // The clients come first, so that an index below their number is a client's.
    let clients_ready = clients.iter().filter_map(|client| client.ready.as_ref());
    let pollables: Vec<_> = clients_ready.chain(incoming).chain(&timer).collect();
    for index in poll(&pollables) {
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        if let Some(client) = clients.get_mut(index) {
            client.ready = None;
        }
    }
}

fn serve(chain: String, key: String, port: u16, idle_seconds: u64) -> Result<(), Error> {
    let context = Context::secure(Role::Server);
    context.load_identity(&Source::Path(chain), &Source::Path(key), None)?;
    context.set_timeout(Timer::Handshake, Some(HANDSHAKE_MS))?;
    let idle_ms = idle_seconds.saturating_mul(1000);
    context.set_timeout(Timer::Read, Some(idle_ms))?;
    context.set_timeout(Timer::Write, Some(idle_ms))?;
    let listener = Listener::listen(&context, "127.0.0.1", port, None)?;
    let address = listener.local_address()?;
    println!("listening on {}:{}", address.ip, address.port);
    let incoming = listener.subscribe();

    let mut clients = Vec::new();
    let mut paused_until = None;
    loop {
        if paused_until.is_none_or(|end| end <= Instant::now()) {
            paused_until = None;
            if let Err(failure) = accept(&listener, &mut clients) {
                eprintln!("{}", explain(&failure));
                paused_until = Instant::now().checked_add(PAUSE);
            }
        }
        let now = Instant::now();
        clients.retain_mut(|client| !client.is_due(now) || client.turn());

        let may_accept = paused_until.is_none() && clients.len() < CLIENTS;
        let deadlines = clients.iter().filter_map(|client| client.deadline);
        let deadline = deadlines.chain(paused_until).min();
        wait(&mut clients, may_accept.then_some(&incoming), deadline);
    }
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (Some(chain), Some(key)) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: echo-server CERT KEY [PORT [IDLE]]");
        return ExitCode::from(2);
    };
    let Ok(port) = arguments.next().as_deref().unwrap_or("0").parse() else {
        eprintln!("PORT is a number from 0 to 65535");
        return ExitCode::from(2);
    };
    let idle = arguments.next();
    let Ok(idle) = idle.map_or(Ok(IDLE_SECONDS), |idle| idle.parse()) else {
        eprintln!("IDLE is a number of seconds");
        return ExitCode::from(2);
    };
    match serve(chain, key, port, idle) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{}", explain(&failure));
            ExitCode::FAILURE
        }
    }
}
