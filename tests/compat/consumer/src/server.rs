//! A server and its clients, all of them in this instance.

use crate::bindings::portcullis::tls::context::{Context, KeyKind, Source, Verify};
use crate::bindings::portcullis::tls::listener::Listener;
use crate::bindings::portcullis::tls::port::Port;
use crate::bindings::portcullis::tls::types::{CertificateReason, Error, NetworkCode, Role};
use crate::wait::{shake_hands, until};
use crate::{Arguments, Failure, equal, holds, refused};

const LOOPBACK: &str = "127.0.0.1";

pub(crate) fn serves(arguments: &Arguments) -> Result<(), Failure> {
    let listener = Listener::listen(&server(arguments)?, LOOPBACK, 0, Some(4))?;
    let address = listener.local_address()?;
    equal(&address.ip.as_str(), &LOOPBACK, "where it listens")?;
    holds(!listener.accept_ready()?, "nobody waits")?;
    let is_want = |error: &Error| matches!(error, Error::WantAccept);
    refused(listener.accept(), is_want, "accepting")?;
    refused(
        Listener::listen(&server(arguments)?, LOOPBACK, address.port, None),
        |error| matches!(error, Error::Network(told) if told.code == NetworkCode::AddressInUse),
        "the same port again",
    )?;

    let client = connect(&arguments.client()?, address.port)?;
    listener.subscribe().block();
    let accepted = listener.accept()?;
    shake_hands(&client, &accepted)?;
    client
        .session()
        .verify_result()
        .map_err(Error::Certificate)?;
    let of_server = accepted.session();
    equal(
        &of_server.version(),
        &client.session().version(),
        "the version",
    )?;
    equal(
        &of_server.cipher_suite(),
        &client.session().cipher_suite(),
        "the suite",
    )?;
    equal(&of_server.group(), &client.session().group(), "the group")?;
    refused(
        of_server.verify_result(),
        |error| error.reason == CertificateReason::NotChecked,
        "a client that nobody asked",
    )?;
    client.blocking_write_all(b"ping")?;
    until(&client, Port::close_output)?;
    equal(
        &accepted.blocking_read(100)?,
        &Some(b"ping".to_vec()),
        "what is sent",
    )?;
    equal(&accepted.blocking_read(100)?, &None, "the end")?;
    accepted.close()?;
    equal(&client.blocking_read(100)?, &None, "the end of the server")?;

    let asking = server(arguments)?;
    asking.add_trust_roots(&Source::Path(arguments.ca.clone()))?;
    asking.set_verify(Verify::Required)?;
    listener.set_context(&asking)?;
    let context = arguments.client()?;
    context.load_certificate_chain(&arguments.cert())?;
    context.load_private_key(&arguments.key(), KeyKind::Any, None)?;
    let client = connect(&context, address.port)?;
    let accepted = listener.blocking_accept()?;
    shake_hands(&client, &accepted)?;
    accepted
        .session()
        .verify_result()
        .map_err(Error::Certificate)?;
    let count = accepted.session().peer_certificates().len();
    equal(&count, &1, "the client's certificates")?;

    listener.close();
    let is_closed = |error: &Error| matches!(error, Error::Closed);
    refused(listener.accept(), is_closed, "a closed listener")?;
    listener.subscribe().block();
    Ok(())
}

pub(crate) fn truncated(arguments: &Arguments) -> Result<(), Failure> {
    let listener = Listener::listen(&server(arguments)?, LOOPBACK, 0, None)?;
    let number = listener.local_address()?.port;
    let client = connect(&arguments.client()?, number)?;
    let accepted = listener.blocking_accept()?;
    shake_hands(&client, &accepted)?;
    drop(client);
    refused(
        accepted.blocking_read(100),
        |error| matches!(error, Error::Truncated),
        "a peer that is gone",
    )?;
    holds(accepted.session().is_truncated(), "the session tells it")
}

/// A client whose TCP connection is under way: the first operation begins it.
fn connect(context: &Context, port: u16) -> Result<Port, Failure> {
    let client = Port::connect(context, LOOPBACK, port)?;
    refused(
        client.handshake(),
        |error| matches!(error, Error::WantConnect | Error::WantRead),
        "the handshake with nobody yet",
    )?;
    Ok(client)
}

fn server(arguments: &Arguments) -> Result<Context, Error> {
    let context = Context::secure(Role::Server);
    context.load_identity(&arguments.cert(), &arguments.key(), None)?;
    Ok(context)
}
