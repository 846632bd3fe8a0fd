//! A connection in the making.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use portcullis::endpoint::{Host, unreachable};
use portcullis::error::{Error, NetworkCode, NetworkError, NetworkOperation};
use portcullis::race::Race;
use portcullis::timers::Moment;
use wasmtime::component::Resource;
use wasmtime_wasi::p2::bindings::sockets::ip_name_lookup::{
    Host as _, HostResolveAddressStream, ResolveAddressStream,
};
use wasmtime_wasi::p2::bindings::sockets::network::{ErrorCode, IpAddress};
use wasmtime_wasi::p2::bindings::sockets::tcp::HostTcpSocket;
use wasmtime_wasi::p2::{DynPollable, TcpSocket};
use wasmtime_wasi::sockets::WasiSocketsView as _;

use super::super::leftover::Leftover;
use super::super::view::{View, same};
use super::code;
use super::failure::{failure, resolve_failure};
use super::streams::Streams;

/// A connection in the making: attempts at the addresses of the host, of which the first that
/// succeeds is taken and the others are given up. It is to be retired before it is dropped.
pub(in crate::native) struct Connector {
    host: String,
    port: u16,
    /// `None` if it was never asked, or has given all addresses.
    resolver: Option<Resource<ResolveAddressStream>>,
    race: Race,
    attempts: Vec<Attempt>,
}

struct Attempt {
    socket: Resource<TcpSocket>,
    address: SocketAddr,
}

impl Connector {
    pub(in crate::native) fn new(
        view: &mut View<'_>,
        host: &Host,
        port: u16,
    ) -> Result<Self, Error> {
        view.require_room(NetworkOperation::Connect)
            .map_err(Error::Network)?;
        let mut race = Race::default();
        let resolver = match host.to_connect(port)? {
            Some(address) => {
                race.add(address);
                None
            }
            None => {
                let asked = view.on_network(|view, network| {
                    let asked = view.sockets().resolve_addresses(network, host.name());
                    asked.map_err(code)
                });
                Some(asked.map_err(|code| resolve_failure(code, &host.name()))?)
            }
        };
        Ok(Self {
            host: host.name(),
            port,
            resolver,
            race,
            attempts: Vec::new(),
        })
    }

    /// Goes on with the attempts. Returns the connection once it is made, and `None` until then.
    pub(in crate::native) fn advance(
        &mut self,
        view: &mut View<'_>,
        now: Moment,
    ) -> Result<Option<Streams>, NetworkError> {
        self.resolve(view);
        loop {
            if let Some(streams) = self.finish(view) {
                return Ok(Some(streams));
            }
            match self.race.begin(now) {
                Some(address) => self.begin(view, address),
                None => break,
            }
        }
        let is_over = self.race.is_lost() && self.resolver.is_none();
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
    pub(in crate::native) fn time_left(&self, now: Moment) -> Option<Duration> {
        match self.attempts.as_slice() {
            [] => None,
            _ => self.race.time_left(now),
        }
    }

    /// Pollables for everything that the connector waits for.
    pub(in crate::native) fn pollables(
        &self,
        view: &mut View<'_>,
    ) -> wasmtime::Result<Vec<Resource<DynPollable>>> {
        let mut pollables = Vec::new();
        for attempt in &self.attempts {
            let socket = same(&attempt.socket);
            pollables.push(HostTcpSocket::subscribe(&mut view.sockets(), socket)?);
        }
        if let Some(stream) = &self.resolver {
            let stream = same(stream);
            pollables.push(HostResolveAddressStream::subscribe(
                &mut view.sockets(),
                stream,
            )?);
        }
        Ok(pollables)
    }

    /// One pollable, which may outlive the connector. A pollable cannot stand for several attempts, so
    /// while there are several, or will be, it is a short pause instead.
    pub(in crate::native) fn subscribe(
        &mut self,
        view: &mut View<'_>,
        now: Moment,
    ) -> wasmtime::Result<Option<Resource<DynPollable>>> {
        if let Some(pause) = self.race.pause(now) {
            return view.after(pause).map(Some);
        }
        if let Some(attempt) = self.attempts.first() {
            let socket = same(&attempt.socket);
            return HostTcpSocket::subscribe(&mut view.sockets(), socket).map(Some);
        }
        match &self.resolver {
            Some(stream) => {
                let stream = same(stream);
                HostResolveAddressStream::subscribe(&mut view.sockets(), stream).map(Some)
            }
            None => Ok(None),
        }
    }

    /// Gives up what goes on.
    pub(in crate::native) fn retire(&mut self, view: &mut View<'_>) {
        for attempt in self.attempts.drain(..) {
            view.take_socket(attempt.socket);
        }
        if let Some(stream) = self.resolver.take() {
            view.release(Leftover::resolver(&stream));
        }
    }

    /// Takes the addresses that the resolver has found.
    fn resolve(&mut self, view: &mut View<'_>) {
        while let Some(stream) = &self.resolver {
            let stream = same(stream);
            let next = HostResolveAddressStream::resolve_next_address(&mut view.sockets(), stream);
            match next.map_err(code) {
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
                        self.race
                            .note(failure(NetworkOperation::Resolve, code, &self.host));
                    }
                    if let Some(stream) = self.resolver.take() {
                        view.release(Leftover::resolver(&stream));
                    }
                }
            }
        }
    }

    /// Takes the first attempt that has succeeded, and removes the attempts that have failed.
    fn finish(&mut self, view: &mut View<'_>) -> Option<Streams> {
        let mut next = 0;
        while let Some(attempt) = self.attempts.get(next) {
            let socket = same(&attempt.socket);
            let finished = HostTcpSocket::finish_connect(&mut view.sockets(), socket);
            match finished.map_err(code) {
                Ok((input, output)) => {
                    let attempt = self.attempts.swap_remove(next);
                    return view.streams(attempt.socket, input, output);
                }
                Err(ErrorCode::WouldBlock) => next = next.saturating_add(1),
                Err(code) => {
                    let attempt = self.attempts.swap_remove(next);
                    self.fail(code, attempt.address);
                    view.take_socket(attempt.socket);
                }
            }
        }
        None
    }

    fn begin(&mut self, view: &mut View<'_>, address: SocketAddr) {
        let begun = view.new_socket(address).and_then(|socket| {
            let begun = view.on_network(|view, network| {
                let (this, address) = (same(&socket), address.into());
                HostTcpSocket::start_connect(&mut view.sockets(), this, network, address)
                    .map_err(code)
            });
            match begun {
                Ok(()) => Ok(socket),
                Err(code) => {
                    view.take_socket(socket);
                    Err(code)
                }
            }
        });
        match begun {
            Ok(socket) => self.attempts.push(Attempt { socket, address }),
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

fn ip_from_wasi(address: IpAddress) -> IpAddr {
    match address {
        IpAddress::Ipv4((a, b, c, d)) => IpAddr::from([a, b, c, d]),
        IpAddress::Ipv6((a, b, c, d, e, f, g, h)) => IpAddr::from([a, b, c, d, e, f, g, h]),
    }
}
