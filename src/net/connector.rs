//! A connection in the making.

use std::net::{IpAddr, SocketAddr};

use wasi::io::poll::Pollable;
use wasi::sockets::instance_network::instance_network;
use wasi::sockets::ip_name_lookup::{ResolveAddressStream, resolve_addresses};
use wasi::sockets::network::ErrorCode;
use wasi::sockets::tcp::TcpSocket;
use wasi::sockets::tcp_create_socket::create_tcp_socket;

use super::address::{family, ip_from_wasi, to_wasi};
use super::failure::failure;
use super::streams::Streams;
use crate::tls::{Error, NetworkError, NetworkOperation};

/// A connection in the making: the addresses of the host are tried in turn.
pub(crate) struct Connector {
    host: String,
    port: u16,
    addresses: Addresses,
    attempt: Option<(TcpSocket, SocketAddr)>,
    last_failure: Option<NetworkError>,
    /// A pollable was handed out, so that nothing that it may be a child of can be dropped before
    /// the connector is.
    is_shared: bool,
    /// Sockets of failed attempts, kept for that reason.
    spent: Vec<TcpSocket>,
}

enum Addresses {
    /// The host is an address.
    One(Option<IpAddr>),
    /// The resolver is asked.
    Resolved(ResolveAddressStream),
}

impl Connector {
    pub(crate) fn new(host: &str, port: u16) -> Result<Self, Error> {
        let host = host.strip_suffix('.').unwrap_or(host);
        let addresses = match host.parse::<IpAddr>() {
            Ok(address) => Addresses::One(Some(address)),
            Err(_) => {
                Addresses::Resolved(resolve_addresses(&instance_network(), host).map_err(
                    |code| Error::Network(failure(NetworkOperation::Resolve, code, host)),
                )?)
            }
        };
        Ok(Self {
            host: host.to_owned(),
            port,
            addresses,
            attempt: None,
            last_failure: None,
            is_shared: false,
            spent: Vec::new(),
        })
    }

    /// Go on; the connection once it is there, none while it is not.
    pub(crate) fn advance(&mut self) -> Result<Option<Streams>, NetworkError> {
        loop {
            if let Some((socket, address)) = self.attempt.take() {
                match socket.finish_connect() {
                    Ok((input, output)) => {
                        return Ok(Some(Streams::new(input, output, Some(socket))));
                    }
                    Err(ErrorCode::WouldBlock) => {
                        self.attempt = Some((socket, address));
                        return Ok(None);
                    }
                    Err(code) => {
                        self.note(code, address);
                        if self.is_shared {
                            self.spent.push(socket);
                        }
                    }
                }
            }
            let Some(address) = self.next_address()? else {
                return Ok(None);
            };
            self.attempt = self.begin(SocketAddr::new(address, self.port));
        }
    }

    /// A child of this connector: to be dropped before the next call.
    pub(crate) fn pollable(&self) -> Option<Pollable> {
        match (&self.attempt, &self.addresses) {
            (Some((socket, _)), _) => Some(socket.subscribe()),
            (None, Addresses::Resolved(stream)) => Some(stream.subscribe()),
            (None, Addresses::One(_)) => None,
        }
    }

    /// From now on pollables outlive the next call, though not the connector.
    pub(crate) fn share(&mut self) {
        self.is_shared = true;
    }

    /// Whether it has to be kept until the port is dropped.
    pub(crate) fn is_shared(&self) -> bool {
        self.is_shared
    }

    /// None while the resolver has not answered.
    fn next_address(&mut self) -> Result<Option<IpAddr>, NetworkError> {
        let next = match &mut self.addresses {
            Addresses::One(address) => Ok(address.take()),
            Addresses::Resolved(stream) => stream
                .resolve_next_address()
                .map(|next| next.map(ip_from_wasi)),
        };
        match next {
            Ok(Some(address)) => Ok(Some(address)),
            Ok(None) => Err(self.last_failure.take().unwrap_or_else(|| {
                failure(
                    NetworkOperation::Resolve,
                    ErrorCode::NameUnresolvable,
                    &self.host,
                )
            })),
            Err(ErrorCode::WouldBlock) => Ok(None),
            Err(code) => Err(failure(NetworkOperation::Resolve, code, &self.host)),
        }
    }

    fn begin(&mut self, address: SocketAddr) -> Option<(TcpSocket, SocketAddr)> {
        let begun = create_tcp_socket(family(address)).and_then(|socket| {
            socket.start_connect(&instance_network(), to_wasi(address))?;
            Ok(socket)
        });
        match begun {
            Ok(socket) => Some((socket, address)),
            Err(code) => {
                self.note(code, address);
                None
            }
        }
    }

    fn note(&mut self, code: ErrorCode, address: SocketAddr) {
        let operation = NetworkOperation::Connect;
        self.last_failure = Some(failure(operation, code, &address.to_string()));
    }
}
