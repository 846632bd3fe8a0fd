//! A connection in the making.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use wasi::io::poll::Pollable;
use wasi::sockets::instance_network::instance_network;
use wasi::sockets::ip_name_lookup::{ResolveAddressStream, resolve_addresses};
use wasi::sockets::network::ErrorCode;
use wasi::sockets::tcp::TcpSocket;

use super::address::{ip_from_wasi, is_out_of_sockets, new_socket, to_wasi};
use super::failure::{failure, resolve_failure};
use super::park;
use super::streams::Streams;
use crate::endpoint::{Host, unreachable};
use crate::error::{Error, NetworkCode, NetworkError, NetworkOperation};
use crate::p2::clock::after;
use crate::race::Race;
use crate::timers::Moment;

/// A connection in the making: attempts at the addresses of the host, of which the first that
/// succeeds is taken and the others are given up.
pub(crate) struct Connector {
    host: String,
    port: u16,
    resolver: Resolver,
    race: Race,
    attempts: Vec<Attempt>,
    /// Sockets of ended attempts, a pollable of which was handed out. That pollable is a child of
    /// its socket and may still be alive, so they are not dropped before the connector is.
    spent: Vec<TcpSocket>,
    /// A pollable of the resolver was handed out.
    is_resolver_shared: bool,
    /// A pollable of the resolver or of any socket was handed out.
    is_shared: bool,
}

enum Resolver {
    /// It was never asked, or has given all addresses and no pollables.
    None,
    /// It has not given all addresses yet.
    Asked(ResolveAddressStream),
    /// It has given all addresses, and is kept for its pollables.
    Done(#[expect(dead_code, reason = "kept until the connector is dropped")] ResolveAddressStream),
}

struct Attempt {
    socket: TcpSocket,
    address: SocketAddr,
    /// A pollable of the socket was handed out.
    is_shared: bool,
}

impl Connector {
    pub(crate) fn new(host: &Host, port: u16) -> Result<Self, Error> {
        if park::is_full() {
            return Err(Error::Network(NetworkError::no_room(
                NetworkOperation::Connect,
                park::ROOM,
            )));
        }
        let mut race = Race::default();
        let resolver = match host.to_connect(port)? {
            Some(address) => {
                race.add(address);
                Resolver::None
            }
            None => {
                let asked = resolve_addresses(&instance_network(), &host.name());
                let at_once = |code| resolve_failure(code, &host.name());
                Resolver::Asked(asked.map_err(at_once)?)
            }
        };
        Ok(Self {
            host: host.name(),
            port,
            resolver,
            race,
            attempts: Vec::new(),
            spent: Vec::new(),
            is_resolver_shared: false,
            is_shared: false,
        })
    }

    /// Goes on with the attempts. Returns the connection once it is made, and `None` until then.
    pub(crate) fn advance(&mut self, now: Moment) -> Result<Option<Streams>, NetworkError> {
        self.resolve();
        loop {
            if let Some(streams) = self.finish() {
                return Ok(Some(streams));
            }
            match self.race.begin(now) {
                Some(address) => self.begin(address),
                None => break,
            }
        }
        let is_over = self.race.is_lost() && !matches!(self.resolver, Resolver::Asked(_));
        if !is_over {
            return Ok(None);
        }
        Err(self.race.take_failure().unwrap_or_else(|| {
            let (operation, code) = (NetworkOperation::Resolve, ErrorCode::NameUnresolvable);
            failure(operation, code, &self.host)
        }))
    }

    /// Time until the next attempt is due, if one will be. `None` while no attempt is under way:
    /// the first one begins as soon as there is an address.
    pub(crate) fn time_left(&self, now: Moment) -> Option<Duration> {
        match self.attempts.as_slice() {
            [] => None,
            _ => self.race.time_left(now),
        }
    }

    /// Pollables for everything that the connector waits for. They are children of its sockets and
    /// resolver, and must be dropped before the next call.
    pub(crate) fn pollables(&self) -> Vec<Pollable> {
        let resolver = match &self.resolver {
            Resolver::Asked(stream) => Some(stream.subscribe()),
            Resolver::None | Resolver::Done(_) => None,
        };
        let attempts = self.attempts.iter();
        let attempts = attempts.map(|attempt| attempt.socket.subscribe());
        attempts.chain(resolver).collect()
    }

    /// One pollable, which may outlive the next call, though not the connector. A pollable cannot
    /// stand for several attempts, so while there are several, or will be, it is a short pause
    /// instead.
    pub(crate) fn subscribe(&mut self, now: Moment) -> Option<Pollable> {
        if let Some(pause) = self.race.pause(now) {
            return Some(after(pause));
        }
        if let Some(attempt) = self.attempts.first_mut() {
            attempt.is_shared = true;
            self.is_shared = true;
            return Some(attempt.socket.subscribe());
        }
        match &self.resolver {
            Resolver::Asked(stream) => {
                self.is_resolver_shared = true;
                self.is_shared = true;
                Some(stream.subscribe())
            }
            Resolver::None | Resolver::Done(_) => None,
        }
    }

    /// Whether a pollable was handed out, so that the connector has to be kept until the port is
    /// dropped. It may also be a pollable of the socket that became the connection.
    pub(crate) fn is_shared(&self) -> bool {
        self.is_shared
    }

    /// Drops what can be dropped: from now on the connector is kept for its pollables only.
    pub(crate) fn retire(&mut self) {
        for attempt in self.attempts.drain(..) {
            if attempt.is_shared {
                self.spent.push(attempt.socket);
            }
        }
    }

    /// Takes the addresses that the resolver has found.
    fn resolve(&mut self) {
        while let Resolver::Asked(stream) = &self.resolver {
            match stream.resolve_next_address() {
                Ok(Some(ip)) => {
                    // An address that no machine can have counts as unresolved.
                    let ip = ip_from_wasi(ip).to_canonical();
                    match unreachable(ip) {
                        None => self.race.add(SocketAddr::new(ip, self.port)),
                        Some(_) => self.race.note(NetworkError {
                            operation: NetworkOperation::Resolve,
                            code: NetworkCode::NameUnresolvable,
                            detail: Some(format!("{} is {ip}", self.host)),
                        }),
                    }
                }
                Err(ErrorCode::WouldBlock) => return,
                end => {
                    if let Err(code) = end {
                        let code = named(code);
                        self.race
                            .note(failure(NetworkOperation::Resolve, code, &self.host));
                    }
                    if let Resolver::Asked(stream) =
                        std::mem::replace(&mut self.resolver, Resolver::None)
                        && self.is_resolver_shared
                    {
                        self.resolver = Resolver::Done(stream);
                    }
                }
            }
        }
    }

    /// Takes the first attempt that has succeeded, and removes the attempts that have failed.
    fn finish(&mut self) -> Option<Streams> {
        let mut next = 0;
        while let Some(attempt) = self.attempts.get(next) {
            match attempt.socket.finish_connect() {
                Ok((input, output)) => {
                    let attempt = self.attempts.swap_remove(next);
                    return Some(Streams::new(input, output, Some(attempt.socket)));
                }
                Err(ErrorCode::WouldBlock) => next = next.saturating_add(1),
                Err(code) => {
                    let attempt = self.attempts.swap_remove(next);
                    self.fail(code, attempt.address);
                    if attempt.is_shared {
                        self.spent.push(attempt.socket);
                    }
                }
            }
        }
        None
    }

    fn begin(&mut self, address: SocketAddr) {
        let begun = new_socket(address).and_then(|socket| {
            socket.start_connect(&instance_network(), to_wasi(address))?;
            Ok(socket)
        });
        match begun {
            Ok(socket) => self.attempts.push(Attempt {
                socket,
                address,
                is_shared: false,
            }),
            Err(code) => self.fail(code, address),
        }
    }

    fn fail(&mut self, code: ErrorCode, address: SocketAddr) {
        self.race.fail();
        let operation = NetworkOperation::Connect;
        self.race
            .note(failure(operation, code, &address.to_string()));
    }
}

/// Names a failure of the resolver. wasmtime calls each of them an unknown name, and a look-up needs
/// descriptors too: where no socket can be made either, it is those that are missing.
fn named(code: ErrorCode) -> ErrorCode {
    let anywhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    match code {
        ErrorCode::NameUnresolvable if is_out_of_sockets(anywhere) => ErrorCode::NewSocketLimit,
        code => code,
    }
}
