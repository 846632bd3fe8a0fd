//! A TCP connection to a host by its name: all of its addresses, both families, the first that
//! answers (RFC 8305). It never waits itself: its caller does.

use std::collections::VecDeque;
use std::io::{Error as IoError, Result};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use wasip2::io::poll::Pollable;
use wasip2::io::streams::{InputStream, OutputStream};
use wasip2::sockets::instance_network::instance_network;
use wasip2::sockets::ip_name_lookup::{ResolveAddressStream, resolve_addresses};
use wasip2::sockets::network::ErrorCode;
use wasip2::sockets::tcp::TcpSocket;
use wasip2::sockets::tcp_create_socket::create_tcp_socket;

use crate::address;
use crate::types::{Error, NetworkCode, NetworkError, NetworkOperation, Timer};

/// How long an address has before the next one is tried beside it (RFC 8305 section 5).
const HEAD_START: Duration = Duration::from_millis(250);

/// How long all of it may take, unless another limit is given.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// A socket that is connected, and its streams, which are its children.
pub(crate) struct Connected {
    pub(crate) input: InputStream,
    pub(crate) output: OutputStream,
    pub(crate) socket: TcpSocket,
}

/// A connection in the making.
pub(crate) struct Connector {
    port: u16,
    /// The names that are still being looked up.
    lookup: Option<ResolveAddressStream>,
    /// The addresses that have not been tried.
    addresses: VecDeque<SocketAddr>,
    attempts: Vec<Attempt>,
    /// When the next address has its turn; `None` is at once.
    next: Option<Instant>,
    deadline: Option<Instant>,
    failure: Option<Error>,
}

struct Attempt {
    socket: TcpSocket,
    address: SocketAddr,
}

impl Connector {
    pub(crate) fn new(host: &str, port: u16, limit: Duration) -> Result<Self> {
        if port == 0 {
            let why = "port 0 is none to connect to; give one from 1 to 65535";
            return Err(Error::InvalidArgument(why.to_owned()).into());
        }
        // The host's resolver knows no zones.
        let literal = address::literal(host, port);
        let lookup = match literal {
            Some(_) => None,
            None => {
                let lookup = resolve_addresses(&instance_network(), host);
                Some(lookup.map_err(|code| failure(NetworkOperation::Resolve, code, host))?)
            }
        };
        Ok(Self {
            port,
            lookup,
            addresses: literal.into_iter().collect(),
            attempts: Vec::new(),
            next: None,
            deadline: Instant::now().checked_add(limit),
            failure: None,
        })
    }

    /// Go on as far as possible without waiting; `None` if there is something to wait for: one of
    /// the [`pollables`](Self::pollables), or the time of [`time_left`](Self::time_left).
    pub(crate) fn turn(&mut self, host: &str) -> Result<Option<Connected>> {
        if !self.look_up(host)? {
            return self.in_time();
        }
        let mut waiting = Vec::new();
        for attempt in std::mem::take(&mut self.attempts) {
            match attempt.socket.finish_connect() {
                Ok((input, output)) => {
                    return Ok(Some(Connected {
                        input,
                        output,
                        socket: attempt.socket,
                    }));
                }
                Err(ErrorCode::WouldBlock) => waiting.push(attempt),
                Err(code) => self.failed(code, attempt.address),
            }
        }
        self.attempts = waiting;
        while self.next.is_none_or(|next| next <= Instant::now()) {
            let Some(address) = self.addresses.pop_front() else {
                break;
            };
            match begin(address) {
                Ok(socket) => {
                    self.attempts.push(Attempt { socket, address });
                    self.next = Instant::now().checked_add(HEAD_START);
                }
                Err(code) => self.failed(code, address),
            }
        }
        if self.attempts.is_empty() {
            let none = || failure(NetworkOperation::Resolve, ErrorCode::NameUnresolvable, host);
            return Err(self.failure.take().unwrap_or_else(none).into());
        }
        self.in_time()
    }

    /// The pollables to wait for before the next [`turn`](Self::turn).
    pub(crate) fn pollables(&self) -> Vec<Pollable> {
        match &self.lookup {
            Some(lookup) => vec![lookup.subscribe()],
            None => {
                let sockets = self.attempts.iter();
                sockets.map(|attempt| attempt.socket.subscribe()).collect()
            }
        }
    }

    /// How long to wait for them.
    pub(crate) fn time_left(&self) -> Duration {
        let next = self.next.filter(|_| !self.addresses.is_empty());
        let first = next.into_iter().chain(self.deadline).min();
        first.map_or(LIMIT, |first| {
            first.saturating_duration_since(Instant::now())
        })
    }

    fn in_time(&self) -> Result<Option<Connected>> {
        match self.deadline {
            Some(deadline) if deadline <= Instant::now() => {
                Err(Error::Timeout(Timer::Connect).into())
            }
            _ => Ok(None),
        }
    }

    /// Keep the failure of an address; the next one need not wait any longer.
    fn failed(&mut self, code: ErrorCode, address: SocketAddr) {
        let address = address.to_string();
        self.failure = Some(failure(NetworkOperation::Connect, code, &address));
        self.next = None;
    }

    /// Whether all addresses are known.
    fn look_up(&mut self, host: &str) -> Result<bool> {
        let Some(lookup) = &self.lookup else {
            return Ok(true);
        };
        loop {
            match lookup.resolve_next_address() {
                Ok(Some(found)) => {
                    let address = SocketAddr::new(address::ip(found), self.port);
                    self.addresses.push_back(address);
                }
                Ok(None) => break,
                Err(ErrorCode::WouldBlock) => return Ok(false),
                Err(code) => return Err(failure(NetworkOperation::Resolve, code, host).into()),
            }
        }
        self.lookup = None;
        self.addresses = interleaved(std::mem::take(&mut self.addresses));
        Ok(true)
    }
}

/// The families by turns, beginning with that of the first (RFC 8305 section 4).
fn interleaved(addresses: VecDeque<SocketAddr>) -> VecDeque<SocketAddr> {
    let begins_with_ipv6 = addresses.front().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .partition(|address| address.is_ipv6() == begins_with_ipv6);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut mixed = VecDeque::new();
    loop {
        let pair = [first.next(), second.next()];
        if pair.iter().all(Option::is_none) {
            return mixed;
        }
        mixed.extend(pair.into_iter().flatten());
    }
}

fn begin(address: SocketAddr) -> std::result::Result<TcpSocket, ErrorCode> {
    let socket = create_tcp_socket(address::family(address))?;
    socket.start_connect(&instance_network(), address::to_wasi(address))?;
    Ok(socket)
}

/// A failure of the network as one of the interface.
pub(crate) fn failure(operation: NetworkOperation, code: ErrorCode, detail: &str) -> Error {
    let code = match code {
        ErrorCode::InvalidArgument if operation == NetworkOperation::Resolve => {
            let why = "the host is neither a DNS name nor an IP address";
            return Error::InvalidArgument(why.to_owned());
        }
        ErrorCode::InvalidArgument => {
            return Error::InvalidArgument(format!("{detail} is no address for this"));
        }
        ErrorCode::AccessDenied => NetworkCode::AccessDenied,
        ErrorCode::AddressInUse => NetworkCode::AddressInUse,
        ErrorCode::AddressNotBindable => NetworkCode::AddressNotBindable,
        ErrorCode::ConnectionAborted => NetworkCode::ConnectionAborted,
        ErrorCode::ConnectionRefused => NetworkCode::ConnectionRefused,
        ErrorCode::ConnectionReset => NetworkCode::ConnectionReset,
        ErrorCode::NameUnresolvable => NetworkCode::NameUnresolvable,
        ErrorCode::NewSocketLimit => NetworkCode::NewSocketLimit,
        ErrorCode::NotSupported => NetworkCode::NotSupported,
        ErrorCode::OutOfMemory => NetworkCode::OutOfMemory,
        ErrorCode::PermanentResolverFailure => NetworkCode::PermanentResolverFailure,
        ErrorCode::RemoteUnreachable => NetworkCode::RemoteUnreachable,
        ErrorCode::TemporaryResolverFailure => NetworkCode::TemporaryResolverFailure,
        ErrorCode::Timeout => NetworkCode::TimedOut,
        ErrorCode::Unknown
        | ErrorCode::ConcurrencyConflict
        | ErrorCode::DatagramTooLarge
        | ErrorCode::InvalidState
        | ErrorCode::NotInProgress
        | ErrorCode::WouldBlock => NetworkCode::Other,
    };
    Error::Network(NetworkError {
        operation,
        code,
        detail: Some(detail.to_owned()),
    })
}

/// The failure of a socket's stream.
pub(crate) fn lost(operation: NetworkOperation, detail: &str) -> IoError {
    failure(operation, ErrorCode::ConnectionReset, detail).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(texts: &[&str]) -> VecDeque<SocketAddr> {
        let address = |text: &&str| SocketAddr::new(text.parse().unwrap(), 443);
        texts.iter().map(address).collect()
    }

    #[test]
    fn families_take_turns_beginning_with_that_of_the_first() {
        let resolved = addresses(&["::1", "::2", "::3", "10.0.0.1", "10.0.0.2"]);
        let tried = addresses(&["::1", "10.0.0.1", "::2", "10.0.0.2", "::3"]);
        assert_eq!(interleaved(resolved), tried);
        let resolved = addresses(&["10.0.0.1", "::1", "10.0.0.2"]);
        let tried = addresses(&["10.0.0.1", "::1", "10.0.0.2"]);
        assert_eq!(interleaved(resolved), tried);
        assert_eq!(interleaved(VecDeque::new()), VecDeque::new());
    }
}
