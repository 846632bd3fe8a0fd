//! Connections that begin in the clear.

use std::io::{BufRead as _, ErrorKind, Read as _, Result, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use futures_lite::future::{poll_once, zip};
use portcullis_client::types::{Error as Failure, Timer};
use portcullis_client::{
    AsyncPlainStream, AsyncTlsStream, Context, PlainListener, PlainStream, TlsStream,
};
use wstd::io::{AsyncRead as _, AsyncWrite as _};
use wstd::runtime::block_on;

use crate::{Check, SHORT, echo_async, echo_sizes, expect, is};

pub(crate) fn report(check: &mut Check) {
    check.report("start", start);
    check.report("async-start", |check| block_on(start_async(check)));
    check.report("start-without-host", without_host);
    check.report("plain-refused", |_| refused());
    check.report("plain-timeout", |_| timeout());
    check.report("plain-drop", |_| block_on(dropped()));
    for (name, ip) in [
        ("starttls", Ipv4Addr::LOCALHOST.into()),
        ("starttls-ipv6", Ipv6Addr::LOCALHOST.into()),
    ] {
        let listener = match PlainListener::listen(SocketAddr::new(ip, 0)) {
            Ok(listener) => listener,
            // Not every machine has IPv6.
            Err(error) if error.kind() == ErrorKind::AddrNotAvailable => {
                println!("skip {name}: {error}");
                continue;
            }
            Err(error) => return check.report(name, |_| Err(error)),
        };
        check.report(name, |check| block_on(dialogue(check, &listener, b"")));
        check.report(&format!("{name}-injected"), |check| {
            block_on(dialogue(check, &listener, b"smuggled"))
        });
    }
}

fn start(check: &Check) -> Result<()> {
    let plain = PlainStream::connect(&check.host, check.port)?;
    let peer = plain.peer_addr()?;
    let mut stream = plain.start_tls(&check.context()?, Some(&check.host))?;
    is(stream.peer_addr()? == peer, "the address is still known")?;
    echo_sizes(&mut stream)?;
    stream.close()?;
    expect(stream.read(&mut [0]), ErrorKind::BrokenPipe, |failure| {
        matches!(failure, Failure::Closed)
    })?;
    // Dropped in the middle, and as a port.
    let plain = PlainStream::connect(&check.host, check.port)?;
    drop(plain.start_tls(&check.context()?, Some(&check.host))?);
    let plain = PlainStream::connect(&check.host, check.port)?;
    let stream = plain.start_tls(&check.context()?, Some(&check.host))?;
    let mut stream = TlsStream::from(stream.into_port());
    echo_sizes(&mut stream)?;
    stream.close()
}

async fn start_async(check: &Check) -> Result<()> {
    let plain = AsyncPlainStream::connect(&check.host, check.port).await?;
    let stream = plain
        .start_tls(&check.context()?, Some(&check.host))
        .await?;
    echo_async(&stream, 100_000).await?;
    stream.close().await?;
    // A stream that was started becomes an async one, socket and all.
    let plain = PlainStream::connect(&check.host, check.port)?;
    let stream = plain.start_tls(&check.context()?, Some(&check.host))?;
    let stream = AsyncTlsStream::from(stream);
    echo_async(&stream, 1000).await?;
    stream.close().await
}

fn without_host(check: &Check) -> Result<()> {
    let plain = PlainStream::connect(&check.host, check.port)?;
    let outcome = plain.start_tls(&check.context()?, None);
    expect(outcome, ErrorKind::InvalidInput, |failure| {
        matches!(failure, Failure::InvalidArgument(_))
    })
}

fn refused() -> Result<()> {
    let kind = ErrorKind::ConnectionRefused;
    let is_network = |failure: &Failure| matches!(failure, Failure::Network(_));
    expect(PlainStream::connect("127.0.0.1", 1), kind, is_network)?;
    let outcome = block_on(AsyncPlainStream::connect("127.0.0.1", 1));
    expect(outcome, kind, is_network)?;
    let is_argument = |failure: &Failure| matches!(failure, Failure::InvalidArgument(_));
    for (host, port) in [("127.0.0.1", 0), ("no host", 25), ("", 25)] {
        let outcome = PlainStream::connect(host, port);
        expect(outcome, ErrorKind::InvalidInput, is_argument)?;
    }
    Ok(())
}

/// A silent peer.
fn timeout() -> Result<()> {
    let listener = PlainListener::listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    let port = listener.local_addr()?.port();
    let mut plain = PlainStream::connect_timeout("127.0.0.1", port, Duration::from_secs(30))?;
    plain.set_timeout(Some(SHORT));
    let is_read = |failure: &Failure| matches!(failure, Failure::Timeout(Timer::Read));
    let mut line = String::new();
    expect(plain.read_line(&mut line), ErrorKind::TimedOut, is_read)?;
    block_on(async {
        let mut plain = AsyncPlainStream::from(plain);
        let outcome = plain.read_line(&mut line).await;
        expect(outcome, ErrorKind::TimedOut, is_read)
    })?;
    // A peer that hangs up ends what is read.
    let mut plain = PlainStream::connect("127.0.0.1", port)?;
    drop((listener.accept()?, listener.accept()?));
    is(plain.read(&mut [0])? == 0, "the end")
}

/// The beginning of a line outlives the future that has met it.
async fn dropped() -> Result<()> {
    let listener = PlainListener::listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    let port = listener.local_addr()?.port();
    let mut reader = PlainStream::connect("127.0.0.1", port)?;
    let mut writer = listener.accept()?;
    writer.write_all(b"220 re")?;
    // The beginning has come, and is not taken.
    is(!reader.fill_buf()?.is_empty(), "the beginning")?;
    let mut reader = AsyncPlainStream::from(reader);
    let mut line = String::new();
    let first = poll_once(reader.read_line(&mut line)).await;
    is(first.is_none() && line.is_empty(), "the line has no end")?;
    writer.write_all(b"ady\r\nmore")?;
    drop(writer);
    is(reader.read_line(&mut line).await? == 11, "the length")?;
    is(line == "220 ready\r\n", &line)?;
    is(reader.read_line(&mut line).await? == 4, "a line by the end")?;
    is(line == "220 ready\r\nmore", &line)?;
    is(reader.read_line(&mut line).await? == 0, "the end")
}

/// Both ends: a client that says STARTTLS and something more at once, and a server that believes
/// nothing that came before TLS.
async fn dialogue(check: &Check, listener: &PlainListener, more: &[u8]) -> Result<()> {
    let Some(context) = check.server_context()? else {
        println!("skip a server: there is no certificate");
        return Ok(());
    };
    let address = listener.local_addr()?;
    let (served, asked) = zip(answer(listener, &context), ask(check, address, more)).await;
    if more.is_empty() {
        return served.and(asked);
    }
    expect(served, ErrorKind::InvalidData, |failure| {
        matches!(failure, Failure::Protocol(_))
    })?;
    is(asked.is_err(), "the client fails as well")
}

async fn answer(listener: &PlainListener, context: &Context) -> Result<()> {
    let mut plain = listener.accept_async().await?;
    plain.write_all(b"220 ready\r\n").await?;
    plain.flush().await?;
    let mut line = String::new();
    plain.read_line(&mut line).await?;
    is(line == "STARTTLS\r\n", &line)?;
    plain.write_all(b"220 go ahead\r\n").await?;
    let mut stream = plain.start_tls(context, None).await?;
    let mut buffer = [0; 100];
    let length = stream.read(&mut buffer).await?;
    stream
        .write_all(buffer.get(..length).unwrap_or_default())
        .await?;
    stream.close().await
}

async fn ask(check: &Check, address: SocketAddr, more: &[u8]) -> Result<()> {
    let mut plain = AsyncPlainStream::connect(&address.ip().to_string(), address.port()).await?;
    let mut line = String::new();
    plain.read_line(&mut line).await?;
    is(line == "220 ready\r\n", &line)?;
    plain.write_all(&[b"STARTTLS\r\n", more].concat()).await?;
    plain.flush().await?;
    line.clear();
    plain.read_line(&mut line).await?;
    is(line == "220 go ahead\r\n", &line)?;
    let mut stream = plain
        .start_tls(&check.context()?, Some(&check.host))
        .await?;
    stream.write_all(b"protected").await?;
    stream.flush().await?;
    let mut echo = Vec::new();
    stream.read_to_end(&mut echo).await?;
    is(echo == b"protected", "the answer came through TLS")
}
