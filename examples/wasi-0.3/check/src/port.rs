//! Ports of `portcullis:tls-async`.

use std::pin::pin;

use futures_util::future::{Either, join, select};

use crate::bindings::portcullis::tls::context::{Context, Source};
use crate::bindings::portcullis::tls::errors::explain;
use crate::bindings::portcullis::tls::types::{
    CertificateReason, Error, ProtocolReason, Role, Timer,
};
use crate::bindings::portcullis::tls_async::port::Port;
use crate::bindings::wasi::clocks0_3_0::monotonic_clock::wait_for;
use crate::bindings::wit_stream;
use crate::peer::Peer;
use crate::streams::{pattern, read_all, read_pattern, write_pattern};
use crate::{Echo, Outcome, expect, net};

const MIB: usize = 1024 * 1024;
const MILLISECOND: u64 = 1_000_000;

/// A context of a client that trusts as the program was told to.
pub(crate) fn context() -> Result<Context, Error> {
    let context = Context::secure(Role::Client);
    if let Ok(file) = std::env::var("SSL_CERT_FILE") {
        context.add_trust_roots(&Source::Path(file))?;
    }
    Ok(context)
}

fn told(error: Error) -> String {
    explain(&error)
}

/// A peer on this machine that speaks no TLS, as a host.
const HERE: &str = "127.0.0.1";

pub(crate) async fn echoes(echo: &Echo) -> Outcome {
    let context = context().map_err(told)?;
    let port = Port::connect(&context, echo.host.clone(), echo.port).await;
    let port = port.map_err(told)?;
    let (question, plaintext) = wit_stream::new();
    let (mut answer, ended) = port.handshake(plaintext).await.map_err(told)?;
    expect(port.session().version().is_some(), || {
        "no version".to_owned()
    })?;
    expect(
        port.remote_address().is_some_and(|a| a.port == echo.port),
        || "no remote address".to_owned(),
    )?;
    let asking = write_pattern(question, 4 * MIB, 100_000);
    let (question, received) = join(asking, read_pattern(&mut answer, 4 * MIB)).await;
    drop(question);
    expect(received == 4 * MIB, || {
        format!("{received} bytes came back")
    })?;
    ended.await.map_err(told)?;
    // The facts outlive the connection.
    expect(port.session().version().is_some(), || {
        "no version".to_owned()
    })
}

pub(crate) async fn resumes(echo: &Echo) -> Outcome {
    let context = context().map_err(told)?;
    let mut resumed = Vec::new();
    for _ in 0..2 {
        let port = Port::connect(&context, echo.host.clone(), echo.port).await;
        let port = port.map_err(told)?;
        let (question, plaintext) = wit_stream::new();
        let (mut answer, ended) = port.handshake(plaintext).await.map_err(told)?;
        let asking = write_pattern(question, 100, 100);
        drop(join(asking, read_pattern(&mut answer, 100)).await);
        ended.await.map_err(told)?;
        resumed.push(port.session().is_resumed());
    }
    expect(resumed == [Some(false), Some(true)], || {
        format!("{resumed:?}")
    })
}

pub(crate) async fn refuses(echo: &Echo) -> Outcome {
    // It trusts the web's authorities alone.
    let context = Context::secure(Role::Client);
    let port = Port::connect(&context, echo.host.clone(), echo.port).await;
    let port = port.map_err(told)?;
    let (_question, plaintext) = wit_stream::new();
    match port.handshake(plaintext).await {
        Err(Error::Certificate(error)) if error.reason == CertificateReason::UnknownAuthority => {}
        Err(error) => return Err(told(error)),
        Ok(_) => return Err("it was trusted".to_owned()),
    }
    let mut peer = Peer::new()?;
    let number = peer_port(&peer);
    let answering = peer.answer(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    let (answered, refused) = join(answering, shake_hands(number)).await;
    answered?;
    match refused {
        Err(Error::Protocol(error)) if error.reason == ProtocolReason::PlainHttp => Ok(()),
        Err(error) => Err(told(error)),
        Ok(()) => Err("HTTP was taken for TLS".to_owned()),
    }
}

fn peer_port(peer: &Peer) -> u16 {
    peer.address.port
}

async fn shake_hands(number: u16) -> Result<(), Error> {
    let port = Port::connect(&context()?, HERE.to_owned(), number).await?;
    let (_question, plaintext) = wit_stream::new();
    port.handshake(plaintext).await.map(drop)
}

pub(crate) async fn works_over_streams(echo: &Echo) -> Outcome {
    let context = context().map_err(told)?;
    let socket = net::connect(echo).await?;
    let (ciphertext, _) = socket.receive();
    let (port, for_peer) =
        Port::start(&context, Some(echo.host.as_str()), ciphertext).map_err(told)?;
    let sent = socket.send(for_peer);
    let (question, plaintext) = wit_stream::new();
    let (answer, ended) = port.handshake(plaintext).await.map_err(told)?;
    let asking = async { drop(write_pattern(question, 1000, 10).await) };
    let ((), received) = join(asking, read_all(answer)).await;
    expect(received == pattern(0, 1000), || {
        format!("{} bytes", received.len())
    })?;
    expect(port.local_address().is_none(), || "an address".to_owned())?;
    ended.await.map_err(told)?;
    sent.await.map_err(|code| format!("{code:?}"))
}

pub(crate) async fn is_started_once(echo: &Echo) -> Outcome {
    let context = context().map_err(told)?;
    let port = Port::connect(&context, echo.host.clone(), echo.port).await;
    let port = port.map_err(told)?;
    let (question, plaintext) = wit_stream::new();
    let (mut answer, ended) = port.handshake(plaintext).await.map_err(told)?;
    let (_, again) = wit_stream::new();
    match port.handshake(again).await {
        Err(Error::Closed) => {}
        Err(error) => return Err(told(error)),
        Ok(_) => return Err("it was started twice".to_owned()),
    }
    // What was started goes on, although the port is gone.
    drop(port);
    let asking = write_pattern(question, MIB, MIB);
    let (question, received) = join(asking, read_pattern(&mut answer, MIB)).await;
    drop(question);
    expect(received == MIB, || format!("{received} bytes came back"))?;
    ended.await.map_err(told)
}

pub(crate) async fn times_out() -> Outcome {
    let context = context().map_err(told)?;
    context
        .set_timeout(Timer::Handshake, Some(100))
        .map_err(told)?;
    let mut peer = Peer::new()?;
    let number = peer_port(&peer);
    let silent = peer.accept();
    let shaking = async {
        let port = Port::connect(&context, HERE.to_owned(), number).await?;
        let (_question, plaintext) = wit_stream::new();
        port.handshake(plaintext).await.map(drop)
    };
    match join(silent, shaking).await {
        (_, Err(Error::Timeout(Timer::Handshake))) => Ok(()),
        (_, Err(error)) => Err(told(error)),
        (_, Ok(())) => Err("silence is no handshake".to_owned()),
    }
}

pub(crate) async fn gives_up() -> Outcome {
    let mut peer = Peer::new()?;
    let number = peer_port(&peer);
    let giving_up = async {
        let shaking = pin!(shake_hands(number));
        match select(shaking, pin!(wait_for(100 * MILLISECOND))).await {
            Either::Left(_) => Err("silence is no handshake".to_owned()),
            // It is cancelled where it stands, in the middle of the handshake.
            Either::Right(_) => Ok(()),
        }
    };
    let (heard, given_up) = join(peer.hear_out(), giving_up).await;
    given_up?;
    heard
}

pub(crate) async fn is_cut_off() -> Outcome {
    let mut peer = Peer::new()?;
    let number = peer_port(&peer);
    let (answered, refused) = join(peer.answer(b""), shake_hands(number)).await;
    answered?;
    match refused {
        Err(Error::Truncated) => Ok(()),
        Err(error) => Err(told(error)),
        Ok(()) => Err("nothing is no handshake".to_owned()),
    }
}
