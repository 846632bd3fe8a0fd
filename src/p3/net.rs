//! TCP over the sockets of WASI 0.3.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::pin::pin;

use futures_util::StreamExt as _;
use futures_util::future::{Either, select};
use futures_util::stream::FuturesUnordered;

use super::clock;
use crate::endpoint::{Host, no_host, unreachable};
use crate::error::{Error, NetworkCode, NetworkError, NetworkOperation};
use crate::race::Race;
use crate::resources::bindings::wasi::sockets0_3_0::ip_name_lookup::{
    ErrorCode as LookupCode, resolve_addresses,
};
use crate::resources::bindings::wasi::sockets0_3_0::types::{
    ErrorCode, IpAddress, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress, Ipv6SocketAddress,
    TcpSocket,
};

/// Connects to the host: its addresses are tried in the order of RFC 8305, and the first that
/// answers is taken. Dropping the future frees its sockets.
pub(super) async fn connect(host: &Host, port: u16) -> Result<TcpSocket, Error> {
    let mut race = Race::default();
    match host.to_connect(port)? {
        Some(address) => race.add(address),
        None => {
            for ip in resolve(&host.name()).await? {
                if unreachable(ip).is_none() {
                    race.add(SocketAddr::new(ip, port));
                }
            }
        }
    }
    let mut attempts = FuturesUnordered::new();
    loop {
        let now = clock::now();
        while let Some(address) = race.begin(now) {
            attempts.push(attempt(address));
        }
        if race.is_lost() {
            let failure = race.take_failure();
            return Err(Error::Network(failure.unwrap_or_else(|| no_address(host))));
        }
        let ended = match race.time_left(now) {
            None => attempts.next().await,
            Some(left) => {
                let due = pin!(clock::until(now.saturating_add(left)));
                match select(attempts.next(), due).await {
                    Either::Left((ended, _)) => ended,
                    Either::Right(_) => None,
                }
            }
        };
        match ended {
            None => {}
            Some(Ok(socket)) => return Ok(socket),
            Some(Err(failure)) => {
                race.note(failure);
                race.fail();
            }
        }
    }
}

async fn attempt(address: SocketAddr) -> Result<TcpSocket, NetworkError> {
    let fail = |code| failure(NetworkOperation::Connect, code, &address.to_string());
    let socket = new_socket(NetworkOperation::Connect, address)?;
    socket.connect(to_wasi(address)).await.map_err(fail)?;
    Ok(socket)
}

/// A socket that is bound to an address of the host's.
pub(super) async fn bind(host: &Host, port: u16) -> Result<TcpSocket, Error> {
    let addresses = match host.to_listen(port)? {
        Some(address) => vec![address],
        None => {
            let found = resolve(&host.name()).await?;
            found
                .into_iter()
                .map(|ip| SocketAddr::new(ip, port))
                .collect()
        }
    };
    let mut refused = None;
    for address in addresses {
        let fail = |code| failure(NetworkOperation::Bind, code, &address.to_string());
        let bound = new_socket(NetworkOperation::Bind, address).and_then(|socket| {
            socket.bind(to_wasi(address)).map_err(fail)?;
            Ok(socket)
        });
        match bound {
            Ok(socket) => return Ok(socket),
            Err(failure) => refused = Some(failure),
        }
    }
    Err(Error::Network(refused.unwrap_or_else(|| no_address(host))))
}

/// WASI 0.3 has no code for a limit of sockets: where the host makes none, for a reason that it has no code
/// for, that is one, since nothing but the family of the address was asked for.
fn new_socket(operation: NetworkOperation, address: SocketAddr) -> Result<TcpSocket, NetworkError> {
    TcpSocket::create(family(address)).map_err(|code| {
        let is_limit = matches!(code, ErrorCode::Other(_));
        let mut error = failure(operation, code, &address.to_string());
        if is_limit {
            error.code = NetworkCode::NewSocketLimit;
        }
        error
    })
}

/// Whether sockets are what is missing.
fn is_out_of_sockets() -> bool {
    let anywhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    new_socket(NetworkOperation::Resolve, anywhere)
        .is_err_and(|error| error.code == NetworkCode::NewSocketLimit)
}

/// The error for a name none of whose addresses is of use.
fn no_address(host: &Host) -> NetworkError {
    NetworkError {
        operation: NetworkOperation::Resolve,
        code: NetworkCode::NameUnresolvable,
        detail: Some(host.name()),
    }
}

async fn resolve(name: &str) -> Result<Vec<IpAddr>, Error> {
    let code = match resolve_addresses(name.to_owned()).await {
        Ok(addresses) => return Ok(addresses.into_iter().map(ip_from_wasi).collect()),
        Err(LookupCode::InvalidArgument) => return Err(no_host(name)),
        Err(LookupCode::AccessDenied) => NetworkCode::AccessDenied,
        // wasmtime says so of each failure, and a look-up needs descriptors too.
        Err(LookupCode::NameUnresolvable) if is_out_of_sockets() => NetworkCode::NewSocketLimit,
        Err(LookupCode::NameUnresolvable) => NetworkCode::NameUnresolvable,
        Err(LookupCode::TemporaryResolverFailure) => NetworkCode::TemporaryResolverFailure,
        Err(LookupCode::PermanentResolverFailure) => NetworkCode::PermanentResolverFailure,
        Err(LookupCode::Other(_)) => NetworkCode::Other,
    };
    Err(Error::Network(NetworkError {
        operation: NetworkOperation::Resolve,
        code,
        detail: Some(name.to_owned()),
    }))
}

/// The error for what the host says.
pub(super) fn failure(operation: NetworkOperation, code: ErrorCode, what: &str) -> NetworkError {
    let (code, told) = match code {
        ErrorCode::AccessDenied => (NetworkCode::AccessDenied, None),
        ErrorCode::AddressInUse => (NetworkCode::AddressInUse, None),
        ErrorCode::AddressNotBindable => (NetworkCode::AddressNotBindable, None),
        ErrorCode::ConnectionAborted => (NetworkCode::ConnectionAborted, None),
        ErrorCode::ConnectionBroken => (NetworkCode::ConnectionBroken, None),
        ErrorCode::ConnectionRefused => (NetworkCode::ConnectionRefused, None),
        ErrorCode::ConnectionReset => (NetworkCode::ConnectionReset, None),
        ErrorCode::NotSupported => (NetworkCode::NotSupported, None),
        ErrorCode::OutOfMemory => (NetworkCode::OutOfMemory, None),
        ErrorCode::RemoteUnreachable => (NetworkCode::RemoteUnreachable, None),
        ErrorCode::Timeout => (NetworkCode::TimedOut, None),
        ErrorCode::InvalidArgument => (NetworkCode::Other, Some("invalid-argument".to_owned())),
        ErrorCode::InvalidState => (NetworkCode::Other, Some("invalid-state".to_owned())),
        ErrorCode::DatagramTooLarge => (NetworkCode::Other, Some("datagram-too-large".to_owned())),
        ErrorCode::Other(told) => (NetworkCode::Other, told),
    };
    NetworkError::told(operation, code, told.as_deref(), what)
}

crate::addresses::conversions!();
