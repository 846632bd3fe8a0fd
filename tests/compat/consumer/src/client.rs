//! Clients of the server that echoes.

use crate::bindings::portcullis::tls::context::{Context, Verify, VerifyName};
use crate::bindings::portcullis::tls::port::{PlainTransport, Port};
use crate::bindings::portcullis::tls::session::Session;
use crate::bindings::portcullis::tls::types::{
    CertificateReason, Error, NetworkCode, NetworkOperation, Role, Timer, Version,
};
use crate::bindings::wasi::io::streams::{InputStream, OutputStream};
use crate::bindings::wasi::sockets::instance_network::instance_network;
use crate::bindings::wasi::sockets::network::{
    ErrorCode, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress,
};
use crate::bindings::wasi::sockets::tcp::TcpSocket;
use crate::bindings::wasi::sockets::tcp_create_socket::create_tcp_socket;
use crate::wait::until;
use crate::{Arguments, Failure, equal, holds, refused};

/// A name that the server's certificate does not have.
const ANOTHER: &str = "another.example";

const HELLO: &[u8] = b"hello";

pub(crate) fn blocking(arguments: &Arguments) -> Result<(), Failure> {
    let context = arguments.client()?;
    context.set_groups(&["x25519".to_owned()])?;
    context.set_versions(Version::Tls13, Version::Tls13)?;
    let port = Port::blocking_connect(&context, &arguments.host, arguments.port)?;
    holds(context.is_sealed(), "a context in use is sealed")?;
    let session = port.session();
    equal(
        &session.version(),
        &None,
        "the version before the handshake",
    )?;
    equal(&session.cipher_suite(), &None, "the suite before it")?;
    equal(&session.group(), &None, "the group before it")?;
    equal(
        &session.peer_certificates(),
        &Vec::new(),
        "the certificates before it",
    )?;
    refused(
        session.verify_result(),
        |error| error.reason == CertificateReason::NotChecked,
        "the verification before it",
    )?;
    port.blocking_handshake()?;
    facts(&session)?;
    equal(&session.group(), &Some("x25519".to_owned()), "the group")?;
    let remote = port.remote_address().map(|address| address.port);
    equal(&remote, &Some(arguments.port), "the peer's port")?;
    holds(port.local_address().is_some(), "there is an address")?;
    port.set_timeout(Timer::Read, Some(20_000))?;
    port.blocking_write_all(HELLO)?;
    let mut echo = Vec::new();
    while echo.len() < HELLO.len() {
        let Some(plaintext) = port.blocking_read(100)? else {
            return Err(Failure("the echo ended".to_owned()));
        };
        echo.extend(plaintext);
    }
    equal(&echo.as_slice(), &HELLO, "the echo")?;
    port.close()?;
    let closed = |error: &Error| matches!(error, Error::Closed);
    refused(port.blocking_read(1), closed, "reading after close")?;
    refused(
        port.set_timeout(Timer::Read, None),
        closed,
        "a timer after close",
    )?;
    port.subscribe().block();
    port.subscribe_write().block();
    facts(&session)?;
    drop(port);
    facts(&session)?;
    refused(
        Port::blocking_connect(&context, "", arguments.port),
        |error| matches!(error, Error::InvalidArgument(_)),
        "no host",
    )
}

/// Checks the facts of a verified connection that is not cut short.
fn facts(session: &Session) -> Result<(), Failure> {
    equal(&session.version(), &Some(Version::Tls13), "the version")?;
    let suite = session.cipher_suite().unwrap_or_default();
    holds(suite.starts_with("TLS_"), &suite)?;
    holds(session.group().is_some(), "there is a group")?;
    holds(
        !session.peer_certificates().is_empty(),
        "there are certificates",
    )?;
    session.verify_result().map_err(Error::Certificate)?;
    holds(!session.is_truncated(), "it is not truncated")
}

pub(crate) fn polling(arguments: &Arguments) -> Result<(), Failure> {
    let context = arguments.client()?;
    let port = Port::connect(&context, &arguments.host, arguments.port)?;
    until(&port, Port::handshake)?;
    equal(&port.time_left(), &None, "no timer runs")?;
    holds(until(&port, Port::check_write)? > 0, "there is room")?;
    let mut rest = HELLO;
    while !rest.is_empty() {
        let count = until(&port, |port| port.write(rest))?;
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        rest = rest.get(count..).unwrap_or_default();
    }
    until(&port, Port::flush)?;
    until(&port, Port::close_output)?;
    let mut echo = Vec::new();
    while let Some(plaintext) = until(&port, |port| port.read(100))? {
        echo.extend(plaintext);
    }
    equal(&echo.as_slice(), &HELLO, "the echo")?;
    facts(&port.session())?;
    port.close()?;
    Ok(())
}

pub(crate) fn starting(arguments: &Arguments) -> Result<(), Failure> {
    let (socket, input, output) =
        plain(arguments.port).map_err(|error| Failure(format!("a plain connection: {error:?}")))?;
    let transport = PlainTransport {
        input,
        output,
        already_read: Vec::new(),
    };
    let port = Port::start(&arguments.client()?, Some(&arguments.host), transport)?;
    port.blocking_write_all(HELLO)?;
    equal(
        &port.blocking_read(100)?.as_deref(),
        &Some(HELLO),
        "the echo",
    )?;
    facts(&port.session())?;
    port.close()?;
    drop(port);
    drop(socket);
    Ok(())
}

/// A TCP connection to a port of this machine.
fn plain(port: u16) -> Result<(TcpSocket, InputStream, OutputStream), ErrorCode> {
    let network = instance_network();
    let socket = create_tcp_socket(IpAddressFamily::Ipv4)?;
    let address = Ipv4SocketAddress {
        port,
        address: (127, 0, 0, 1),
    };
    socket.start_connect(&network, IpSocketAddress::Ipv4(address))?;
    loop {
        match socket.finish_connect() {
            Ok((input, output)) => return Ok((socket, input, output)),
            Err(ErrorCode::WouldBlock) => socket.subscribe().block(),
            Err(error) => return Err(error),
        }
    }
}

pub(crate) fn wrong_name(arguments: &Arguments) -> Result<(), Failure> {
    let context = arguments.client()?;
    context.set_verify_name(&VerifyName::Name(ANOTHER.to_owned()))?;
    let port = Port::blocking_connect(&context, &arguments.host, arguments.port)?;
    let is_meant = |error: &Error| match error {
        Error::Certificate(told) => {
            told.reason == CertificateReason::WrongName
                && told.expected_name.as_deref() == Some(ANOTHER)
                && told.names.iter().any(|name| name == "localhost")
                && told.alert_sent.is_some()
        }
        _ => false,
    };
    refused(port.blocking_handshake(), is_meant, "the handshake")?;
    refused(port.blocking_write_all(HELLO), is_meant, "writing after it")
}

pub(crate) fn deferred(arguments: &Arguments) -> Result<(), Failure> {
    let context = arguments.client()?;
    context.set_verify(Verify::Deferred)?;
    context.set_verify_name(&VerifyName::Name(ANOTHER.to_owned()))?;
    let port = Port::blocking_connect(&context, &arguments.host, arguments.port)?;
    port.blocking_handshake()?;
    refused(
        port.session().verify_result(),
        |error| error.reason == CertificateReason::WrongName,
        "the verification",
    )?;
    port.close()?;
    let unverified = Context::unverified(Role::Client);
    let port = Port::blocking_connect(&unverified, &arguments.host, arguments.port)?;
    port.blocking_handshake()?;
    refused(
        port.session().verify_result(),
        |error| error.reason == CertificateReason::NotChecked,
        "what nobody asked for",
    )?;
    port.close()?;
    refused(
        // Nobody listens there.
        Port::blocking_connect(&unverified, "127.0.0.1", 1),
        |error| match error {
            Error::Network(told) => {
                told.operation == NetworkOperation::Connect
                    && told.code == NetworkCode::ConnectionRefused
            }
            _ => false,
        },
        "a port that nobody listens on",
    )
}
