//! TCP over the sockets of WASI 0.3.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::pin::pin;

use futures_util::StreamExt as _;
use futures_util::future::select;
use futures_util::stream::FuturesUnordered;

use super::clock;
use crate::endpoint::{Host, unreachable};
use crate::error::{Error, NetworkCode, NetworkError, NetworkOperation};
use crate::race::Race;
use crate::resources::bindings::exports::portcullis::tls::types::Address;
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
            return Err(Error::Network(failure.unwrap_or_else(|| NetworkError {
                operation: NetworkOperation::Resolve,
                code: NetworkCode::NameUnresolvable,
                detail: Some(host.name()),
            })));
        }
        let ended = match race.time_left(now) {
            None => attempts.next().await,
            Some(left) => {
                let due = pin!(clock::until(now.saturating_add(left)));
                match select(attempts.next(), due).await {
                    futures_util::future::Either::Left((ended, _)) => ended,
                    futures_util::future::Either::Right(_) => None,
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
    let socket = TcpSocket::create(family(address)).map_err(fail)?;
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
        let bound = TcpSocket::create(family(address)).and_then(|socket| {
            socket.bind(to_wasi(address))?;
            Ok(socket)
        });
        match bound {
            Ok(socket) => return Ok(socket),
            Err(code) => refused = Some(fail(code)),
        }
    }
    Err(Error::Network(refused.unwrap_or_else(|| NetworkError {
        operation: NetworkOperation::Resolve,
        code: NetworkCode::NameUnresolvable,
        detail: Some(host.name()),
    })))
}

async fn resolve(name: &str) -> Result<Vec<IpAddr>, Error> {
    let code = match resolve_addresses(name.to_owned()).await {
        Ok(addresses) => return Ok(addresses.into_iter().map(ip_from_wasi).collect()),
        Err(LookupCode::InvalidArgument) => {
            return Err(Error::InvalidArgument(format!(
                "{name:?} is neither a DNS name nor an IP address"
            )));
        }
        Err(LookupCode::AccessDenied) => NetworkCode::AccessDenied,
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
    let told = told.map(|told| format!("the host says {told}"));
    let parts = [(!what.is_empty()).then(|| what.to_owned()), told];
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    NetworkError {
        operation,
        code,
        detail: (!parts.is_empty()).then(|| parts.join(", ")),
    }
}

// Addresses.

pub(super) fn address(address: IpSocketAddress) -> Address {
    let address = from_wasi(address);
    let ip = match address {
        SocketAddr::V6(v6) if v6.scope_id() != 0 => format!("{}%{}", v6.ip(), v6.scope_id()),
        address => address.ip().to_string(),
    };
    Address {
        ip,
        port: address.port(),
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
            let (a, b, c, d, e, f, g, h) = v6.address;
            let ip = Ipv6Addr::new(a, b, c, d, e, f, g, h);
            SocketAddr::V6(SocketAddrV6::new(ip, v6.port, v6.flow_info, v6.scope_id))
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
