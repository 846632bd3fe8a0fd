//! Layer 3: TCP and name resolution by wasi:sockets. It must not know TLS.

use wasi::io::error::Error as Cause;
use wasi::io::poll::Pollable;
use wasi::io::streams::{InputStream, OutputStream, StreamError};
use wasi::sockets::instance_network::instance_network;
use wasi::sockets::ip_name_lookup::{ResolveAddressStream, resolve_addresses};
use wasi::sockets::network::{
    ErrorCode, IpAddress, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress, Ipv6SocketAddress,
};
use wasi::sockets::tcp::{ShutdownType, TcpSocket};
use wasi::sockets::tcp_create_socket::create_tcp_socket;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::pump::{Received, Transport, Wait};
use crate::tls::{Error, NetworkCode, NetworkError, NetworkOperation};

/// The most that TCP sends in one segment on the loopback interface, by IPv4. What a write has beyond it
/// is a short segment, and TCP sends no other short one, such as the end of a message, before the peer
/// has acknowledged it (RFC 9293 §3.7.4), which may take 40 ms (RFC 1122 §4.2.3.2). WASI has no
/// `TCP_NODELAY`. On other networks segments are shorter by far, and peers acknowledge every second one
/// at once.
const SEGMENT_V4: usize = 65_483;

/// The same by IPv6.
const SEGMENT_V6: usize = 65_464;

/// A duplex transport over two streams, and the socket that they belong to if it is ours.
pub(crate) struct Streams {
    // Dropped in this order: streams are children of their socket.
    input: InputStream,
    output: OutputStream,
    socket: Option<TcpSocket>,
    /// One segment of the socket's family.
    write_size: usize,
    /// A flush was asked for, and check-write has not said that it is through.
    is_flushing: bool,
}

impl Streams {
    pub(crate) fn new(input: InputStream, output: OutputStream, socket: Option<TcpSocket>) -> Self {
        let family = socket.as_ref().map(TcpSocket::address_family);
        Self {
            input,
            output,
            socket,
            write_size: match family {
                Some(IpAddressFamily::Ipv6) => SEGMENT_V6,
                Some(IpAddressFamily::Ipv4) | None => SEGMENT_V4,
            },
            is_flushing: false,
        }
    }

    /// A child of a stream: to be dropped before it.
    pub(crate) fn pollable(&self, wait: Wait) -> Option<Pollable> {
        match wait {
            Wait::Input => Some(self.input.subscribe()),
            Wait::Output => Some(self.output.subscribe()),
            Wait::Both | Wait::Nothing => None,
        }
    }

    /// Whether the socket is ours.
    pub(crate) fn has_socket(&self) -> bool {
        self.socket.is_some()
    }

    pub(crate) fn local_address(&self) -> Option<SocketAddr> {
        self.socket
            .as_ref()
            .and_then(|socket| socket.local_address().ok())
            .map(from_wasi)
    }

    pub(crate) fn remote_address(&self) -> Option<SocketAddr> {
        self.socket
            .as_ref()
            .and_then(|socket| socket.remote_address().ok())
            .map(from_wasi)
    }
}

impl Transport for Streams {
    fn read(&mut self, limit: usize) -> Result<Received, NetworkError> {
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        match self.input.read(limit) {
            // wasi:io says "nothing yet" by no bytes, and "ended" by an error.
            Ok(bytes) if bytes.is_empty() => Ok(Received::Pending),
            Ok(bytes) => Ok(Received::Bytes(bytes)),
            Err(StreamError::Closed) => Ok(Received::Eof),
            Err(StreamError::LastOperationFailed(cause)) => {
                Err(connection_lost(NetworkOperation::Read, told(&cause)))
            }
        }
    }

    fn write_size(&self) -> usize {
        self.write_size
    }

    fn write(&mut self, ciphertext: &[u8]) -> Result<usize, NetworkError> {
        let room = self.check_write()?.min(ciphertext.len());
        let Some(taken) = ciphertext.get(..room) else {
            return Ok(0);
        };
        if taken.is_empty() {
            return Ok(0);
        }
        self.output.write(taken).map_err(lost_writing)?;
        self.is_flushing = false;
        if taken.len() == ciphertext.len() {
            self.output.flush().map_err(lost_writing)?;
            self.is_flushing = true;
        }
        Ok(taken.len())
    }

    fn flush(&mut self) -> Result<bool, NetworkError> {
        if self.is_flushing && self.check_write()? > 0 {
            self.is_flushing = false;
        }
        Ok(!self.is_flushing)
    }

    fn abort(&mut self) {
        if let Some(socket) = &self.socket {
            // Fails only where there is nothing left to end.
            let _ = socket.shutdown(ShutdownType::Both);
        }
    }
}

impl Streams {
    fn check_write(&self) -> Result<usize, NetworkError> {
        let room = self.output.check_write().map_err(lost_writing)?;
        Ok(usize::try_from(room).unwrap_or(usize::MAX))
    }
}

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

/// A listening socket.
pub(crate) struct Acceptor {
    socket: TcpSocket,
}

impl Acceptor {
    /// Waits for the host's bind and listen.
    pub(crate) fn listen(address: SocketAddr, backlog: Option<u64>) -> Result<Self, NetworkError> {
        let (bind, listen) = (NetworkOperation::Bind, NetworkOperation::Listen);
        let fail = |operation| move |code| failure(operation, code, &address.to_string());
        let socket = create_tcp_socket(family(address)).map_err(fail(bind))?;
        socket
            .start_bind(&instance_network(), to_wasi(address))
            .map_err(fail(bind))?;
        wait_while_blocked(&socket, || socket.finish_bind()).map_err(fail(bind))?;
        if let Some(backlog) = backlog {
            socket
                .set_listen_backlog_size(backlog.max(1))
                .map_err(fail(listen))?;
        }
        socket.start_listen().map_err(fail(listen))?;
        wait_while_blocked(&socket, || socket.finish_listen()).map_err(fail(listen))?;
        Ok(Self { socket })
    }

    /// A connection that waits, if one does.
    pub(crate) fn accept(&self) -> Result<Option<Streams>, NetworkError> {
        match self.socket.accept() {
            Ok((socket, input, output)) => Ok(Some(Streams::new(input, output, Some(socket)))),
            Err(ErrorCode::WouldBlock) => Ok(None),
            Err(code) => Err(failure(NetworkOperation::Accept, code, "")),
        }
    }

    /// A child of the socket: to be dropped before it.
    pub(crate) fn pollable(&self) -> Pollable {
        self.socket.subscribe()
    }

    pub(crate) fn local_address(&self) -> Result<SocketAddr, NetworkError> {
        self.socket
            .local_address()
            .map(from_wasi)
            .map_err(|code| failure(NetworkOperation::Listen, code, ""))
    }
}

fn wait_while_blocked(
    socket: &TcpSocket,
    mut finish: impl FnMut() -> Result<(), ErrorCode>,
) -> Result<(), ErrorCode> {
    loop {
        match finish() {
            Err(ErrorCode::WouldBlock) => socket.subscribe().block(),
            result => return result,
        }
    }
}

/// What the host says of a failed stream, in one line: wasmtime adds a backtrace of its own where
/// `RUST_BACKTRACE` is set.
fn told(cause: &Cause) -> String {
    let all = cause.to_debug_string();
    all.lines().next().unwrap_or_default().to_owned()
}

fn lost_writing(error: StreamError) -> NetworkError {
    let cause = match error {
        StreamError::Closed => "closed by the peer".to_owned(),
        StreamError::LastOperationFailed(cause) => told(&cause),
    };
    connection_lost(NetworkOperation::Write, cause)
}

/// A stream of an established connection failed. What exactly happened, WASI 0.2 tells in words
/// only; `network-error-code` is unstable and not offered by every host.
fn connection_lost(operation: NetworkOperation, cause: String) -> NetworkError {
    NetworkError {
        operation,
        code: NetworkCode::ConnectionReset,
        detail: Some(cause),
    }
}

fn failure(operation: NetworkOperation, code: ErrorCode, what: &str) -> NetworkError {
    let ours = match code {
        ErrorCode::AccessDenied => NetworkCode::AccessDenied,
        ErrorCode::AddressInUse => NetworkCode::AddressInUse,
        ErrorCode::AddressNotBindable => NetworkCode::AddressNotBindable,
        ErrorCode::ConnectionAborted => NetworkCode::ConnectionAborted,
        ErrorCode::ConnectionRefused => NetworkCode::ConnectionRefused,
        ErrorCode::ConnectionReset => NetworkCode::ConnectionReset,
        ErrorCode::NameUnresolvable => NetworkCode::NameUnresolvable,
        ErrorCode::NewSocketLimit | ErrorCode::OutOfMemory => NetworkCode::NewSocketLimit,
        ErrorCode::NotSupported => NetworkCode::NotSupported,
        ErrorCode::PermanentResolverFailure => NetworkCode::PermanentResolverFailure,
        ErrorCode::RemoteUnreachable => NetworkCode::RemoteUnreachable,
        ErrorCode::TemporaryResolverFailure => NetworkCode::TemporaryResolverFailure,
        ErrorCode::Timeout => NetworkCode::TimedOut,
        ErrorCode::Unknown
        | ErrorCode::InvalidArgument
        | ErrorCode::ConcurrencyConflict
        | ErrorCode::NotInProgress
        | ErrorCode::WouldBlock
        | ErrorCode::InvalidState
        | ErrorCode::DatagramTooLarge => NetworkCode::Other,
    };
    let detail = match (ours, what) {
        (NetworkCode::Other, "") => Some(format!("the host says {}", code.name())),
        (NetworkCode::Other, what) => Some(format!("{what}, the host says {}", code.name())),
        (_, "") => None,
        (_, what) => Some(what.to_owned()),
    };
    NetworkError {
        operation,
        code: ours,
        detail,
    }
}

fn family(address: SocketAddr) -> IpAddressFamily {
    match address {
        SocketAddr::V4(_) => IpAddressFamily::Ipv4,
        SocketAddr::V6(_) => IpAddressFamily::Ipv6,
    }
}

fn to_wasi(address: SocketAddr) -> IpSocketAddress {
    match address {
        SocketAddr::V4(address) => {
            let [a, b, c, d] = address.ip().octets();
            IpSocketAddress::Ipv4(Ipv4SocketAddress {
                port: address.port(),
                address: (a, b, c, d),
            })
        }
        SocketAddr::V6(address) => {
            let [a, b, c, d, e, f, g, h] = address.ip().segments();
            IpSocketAddress::Ipv6(Ipv6SocketAddress {
                port: address.port(),
                flow_info: 0,
                address: (a, b, c, d, e, f, g, h),
                scope_id: address.scope_id(),
            })
        }
    }
}

fn from_wasi(address: IpSocketAddress) -> SocketAddr {
    match address {
        IpSocketAddress::Ipv4(v4) => {
            SocketAddr::new(ip_from_wasi(IpAddress::Ipv4(v4.address)), v4.port)
        }
        IpSocketAddress::Ipv6(v6) => {
            SocketAddr::new(ip_from_wasi(IpAddress::Ipv6(v6.address)), v6.port)
        }
    }
}

fn ip_from_wasi(address: IpAddress) -> IpAddr {
    match address {
        IpAddress::Ipv4((a, b, c, d)) => IpAddr::V4(Ipv4Addr::new(a, b, c, d)),
        IpAddress::Ipv6((a, b, c, d, e, f, g, h)) => {
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, e, f, g, h))
        }
    }
}
