//! Servers: several clients at once, clients with certificates, a proxy, one that hangs up.

use std::io::{Error, ErrorKind, Result};
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, Instant};

use futures_lite::future::{try_zip, zip};
use portcullis_client::context::{Context, Source, Verify};
use portcullis_client::types::{CertificateReason, Error as Failure, NetworkCode};
use portcullis_client::{AsyncTlsStream, Port, TlsListener};
use wstd::io::{AsyncRead as _, AsyncWrite as _};
use wstd::runtime::{block_on, spawn};

use crate::{Check, echo_async, expect, identity, is, shared};

pub(crate) fn report(check: &mut Check) {
    match check.server_context() {
        Ok(Some(_)) => {}
        Ok(None) => return println!("skip servers: there is no certificate"),
        Err(error) => return check.report("server", |_| Err(error)),
    }
    check.report("listener", |check| block_on(listener(check)));
    check.report("listener-in-use", in_use);
    check.report("async-shared", shared::server_speaks_first);
    check.report("server-many", |check| block_on(many(check)));
    check.report("server-proxy", |check| block_on(proxy(check)));
    check.report("server-mutual", |check| block_on(mutual(check)));
    check.report("server-deferred", |check| block_on(deferred(check)));
    check.report("server-close-early", |check| block_on(close_early(check)));
}

fn listen(context: &Context) -> Result<TlsListener> {
    TlsListener::listen(context, SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
}

fn context(check: &Check) -> Result<Context> {
    let context = check.server_context()?;
    context.ok_or_else(|| ErrorKind::NotFound.into())
}

/// What is served by the listener, and how a client sees a server that hangs up.
async fn listener(check: &Check) -> Result<()> {
    let listener = listen(&context(check)?)?;
    let port = listener.local_addr()?.port();
    let trust = check.context()?;
    // One waits in the queue before it is accepted.
    let waiting = AsyncTlsStream::from(Port::blocking_connect(&trust, &check.host, port)?);
    let stream = listener
        .incoming()
        .next()
        .ok_or(ErrorKind::NotConnected)??;
    is(
        stream.peer_addr()?.ip().is_loopback(),
        "the client's address",
    )?;
    let accepted = AsyncTlsStream::from(stream.into_port());
    hang_up(async { Ok(waiting) }, async { Ok(accepted) }).await?;
    let client = AsyncTlsStream::connect_with(&trust, &check.host, port);
    hang_up(client, listener.accept_async()).await
}

/// The server drops the connection in the middle.
async fn hang_up(
    client: impl Future<Output = Result<AsyncTlsStream>>,
    server: impl Future<Output = Result<AsyncTlsStream>>,
) -> Result<()> {
    let serve = async {
        let mut stream = server.await?;
        stream.write_all(b"cut").await?;
        stream.flush().await
    };
    let receive = async {
        let mut received = Vec::new();
        let mut stream = client.await?;
        is(!stream.session().is_truncated(), "not yet")?;
        let end = stream.read_to_end(&mut received).await;
        expect(end, ErrorKind::UnexpectedEof, |failure| {
            matches!(failure, Failure::Truncated)
        })?;
        is(received.starts_with(b"cut"), "what came before the end")?;
        is(stream.session().is_truncated(), "the session tells as well")
    };
    let (received, served) = zip(receive, serve).await;
    served.and(received)
}

fn in_use(check: &Check) -> Result<()> {
    let context = context(check)?;
    let listener = listen(&context)?;
    let outcome = TlsListener::listen(&context, listener.local_addr()?);
    expect(
        outcome,
        ErrorKind::AddrInUse,
        |failure| matches!(failure, Failure::Network(network) if network.code == NetworkCode::AddressInUse),
    )?;
    let outcome = listen(&check.context()?);
    expect(outcome, ErrorKind::InvalidInput, |failure| {
        matches!(failure, Failure::InvalidArgument(_))
    })?;
    listener.listener().close();
    let ended = listener.listener().subscribe();
    is(ended.ready(), "there is nothing to wait for")?;
    let is_closed = |failure: &Failure| matches!(failure, Failure::Closed);
    expect(listener.accept(), ErrorKind::BrokenPipe, is_closed)?;
    expect(listener.local_addr(), ErrorKind::BrokenPipe, is_closed)
}

async fn echo(mut stream: AsyncTlsStream) -> Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let length = stream.read(&mut buffer).await?;
        let Some(plaintext) = buffer.get(..length).filter(|it| !it.is_empty()) else {
            return stream.close().await;
        };
        stream.write_all(plaintext).await?;
        stream.flush().await?;
    }
}

/// A task for each client, and one client that says nothing.
async fn many(check: &Check) -> Result<()> {
    const CLIENTS: usize = 8;
    let listener = listen(&context(check)?)?;
    let port = listener.local_addr()?.port();
    let trust = Rc::new(check.context()?);
    let silent = Port::blocking_connect(&trust, &check.host, port)?;
    let serve = async {
        let mut tasks = Vec::new();
        for _ in 0..=CLIENTS {
            tasks.push(spawn(echo(listener.accept_async().await?)));
        }
        Ok::<_, Error>(tasks)
    };
    let clients: Vec<_> = (1..=CLIENTS)
        .map(|number| {
            let (trust, host) = (Rc::clone(&trust), check.host.clone());
            spawn(async move {
                let stream = AsyncTlsStream::connect_with(&trust, &host, port).await?;
                echo_async(&stream, 20_000_usize.saturating_mul(number)).await?;
                stream.close().await
            })
        })
        .collect();
    let tasks = serve.await?;
    for client in clients {
        client.await?;
    }
    drop(silent);
    let mut failed = 0_usize;
    for task in tasks {
        failed = failed.saturating_add(usize::from(task.await.is_err()));
    }
    is(failed == 1, "only the silent one has failed")
}

/// A client's plaintext goes on to another server, and the answer back.
async fn proxy(check: &Check) -> Result<()> {
    let listener = listen(&context(check)?)?;
    let port = listener.local_addr()?.port();
    let relay = async {
        let near = listener.accept_async().await?;
        let far = check.connect_async().await?;
        let there = async {
            wstd::io::copy(&near, &far).await?;
            far.close_output().await
        };
        let back = async {
            wstd::io::copy(&far, &near).await?;
            near.close_output().await
        };
        try_zip(there, back).await?;
        near.close().await?;
        far.close().await
    };
    let ask = async {
        let trust = check.context()?;
        let mut stream = AsyncTlsStream::connect_with(&trust, &check.host, port).await?;
        echo_async(&stream, 300_000).await?;
        stream.close_output().await?;
        is(stream.read(&mut [0]).await? == 0, "the end comes through")
    };
    try_zip(relay, ask).await?;
    Ok(())
}

/// The server knows who the client is, or refuses.
async fn mutual(check: &Check) -> Result<()> {
    let server = context(check)?;
    let authority = std::env::var("SSL_CERT_FILE").map_err(Error::other)?;
    server.add_trust_roots(&Source::Path(authority.clone()))?;
    server.set_verify(Verify::Required)?;
    let listener = listen(&server)?;
    let port = listener.local_addr()?.port();
    for knows in [true, false] {
        let client = check.context()?;
        if knows {
            let (chain, key) = identity().ok_or(ErrorKind::NotFound)?;
            client.load_identity(&Source::Path(chain), &Source::Path(key), None)?;
        }
        let serve = async {
            let mut stream = listener.accept_async().await?;
            let mut buffer = [0; 10];
            let length = stream.read(&mut buffer).await?;
            let is_known = stream.session().verify_result().is_ok();
            is(length > 0 && is_known, "it is known")?;
            stream.close().await
        };
        let ask = async {
            let mut stream = AsyncTlsStream::connect_with(&client, &check.host, port).await?;
            stream.write_all(b"me").await?;
            stream.flush().await?;
            // In TLS 1.3 a refusal is met by the first read.
            is(stream.read(&mut [0]).await? == 0, "the end")
        };
        let (served, asked) = zip(serve, ask).await;
        if knows {
            served.and(asked)?;
            continue;
        }
        expect(served, ErrorKind::InvalidData, |failure| {
            matches!(failure, Failure::Certificate(refusal)
                if refusal.reason == CertificateReason::Missing)
        })?;
        expect(asked, ErrorKind::InvalidData, |failure| {
            matches!(failure, Failure::AlertReceived(116))
        })?;
    }
    Ok(())
}

/// The server is told who the client is, whatever that is, and decides for itself.
async fn deferred(check: &Check) -> Result<()> {
    let authority = std::env::var("SSL_CERT_FILE").map_err(Error::other)?;
    for (presents, knows, refusal) in [
        (true, true, None),
        (true, false, Some(CertificateReason::UnknownAuthority)),
        (false, true, Some(CertificateReason::Missing)),
    ] {
        let server = context(check)?;
        if knows {
            server.add_trust_roots(&Source::Path(authority.clone()))?;
        } else {
            server.add_web_roots()?;
        }
        server.set_verify(Verify::Deferred)?;
        let listener = listen(&server)?;
        let port = listener.local_addr()?.port();
        let client = check.context()?;
        if presents {
            let (chain, key) = identity().ok_or(ErrorKind::NotFound)?;
            client.load_identity(&Source::Path(chain), &Source::Path(key), None)?;
        }
        let serve = async {
            let stream = listener.accept_async().await?;
            stream.handshake().await?;
            let result = stream.session().verify_result();
            let told = result.err().map(|refusal| refusal.reason);
            is(told == refusal, "the reason")?;
            let certificates = stream.session().peer_certificates();
            is(certificates.is_empty() != presents, "the certificates")?;
            echo(stream).await
        };
        let ask = async {
            let stream = AsyncTlsStream::connect_with(&client, &check.host, port).await?;
            echo_async(&stream, 1000).await?;
            stream.close().await
        };
        try_zip(serve, ask).await?;
    }
    Ok(())
}

/// Closing a connection before its handshake does not wait for a silent client.
async fn close_early(check: &Check) -> Result<()> {
    let listener = listen(&context(check)?)?;
    let port = listener.local_addr()?.port();
    let trust = check.context()?;
    let silent = Port::blocking_connect(&trust, &check.host, port)?;
    let accepted = listener.accept_async().await?;
    let begin = Instant::now();
    accepted.close().await?;
    is(begin.elapsed() < Duration::from_secs(10), "at once")?;
    let outcome = silent.blocking_handshake().map_err(Error::from);
    is(outcome.is_err(), "the client is told")
}
