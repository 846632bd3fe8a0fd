//! Calls in an order that nobody would choose: each is a failure or harmless, and none a trap.

use std::io::{BufWriter, ErrorKind, Read as _, Result, Write as _};

use futures_lite::future::zip;
use portcullis_client::types::Error as Failure;
use portcullis_client::{AsyncTlsStream, TlsStream};
use wstd::io::{AsyncRead as _, AsyncWrite as _};
use wstd::runtime::block_on;

use crate::{Check, echo_async, expect, is};

pub(crate) fn report(check: &mut Check) {
    check.report("use-after-close", use_after_close);
    check.report("half-close", half_close);
    check.report("nothing", nothing);
    check.report("port-and-back", port_and_back);
    check.report("async-use-after-close", |check| {
        block_on(use_after_close_async(check))
    });
    check.report("async-half-close", |check| {
        block_on(half_close_async(check))
    });
    check.report("async-close-beside-read", |check| {
        block_on(close_beside_read(check))
    });
}

fn is_closed(failure: &Failure) -> bool {
    matches!(failure, Failure::Closed)
}

fn use_after_close(check: &Check) -> Result<()> {
    let mut stream = check.connect()?;
    stream.close()?;
    stream.close()?;
    let broken = ErrorKind::BrokenPipe;
    expect(stream.read(&mut [0]), broken, is_closed)?;
    expect(stream.write(b"late"), broken, is_closed)?;
    expect(stream.flush(), broken, is_closed)?;
    expect(stream.close_output(), broken, is_closed)?;
    expect(stream.handshake(), broken, is_closed)?;
    // A buffer that is dropped with something in it loses it, and that is all.
    BufWriter::new(&stream).write_all(b"lost")?;
    stream.close()
}

fn half_close(check: &Check) -> Result<()> {
    let mut stream = check.connect()?;
    stream.write_all(b"before")?;
    stream.close_output()?;
    stream.close_output()?;
    expect(stream.write(b"late"), ErrorKind::BrokenPipe, is_closed)?;
    let mut echo = Vec::new();
    stream.read_to_end(&mut echo)?;
    is(echo == b"before", "what was written before")?;
    is(stream.read(&mut [0])? == 0, "the end stays the end")?;
    stream.close()?;
    stream.close()
}

/// Empty buffers.
fn nothing(check: &Check) -> Result<()> {
    let mut stream = check.connect()?;
    is(stream.read(&mut [])? == 0, "a read into nothing")?;
    is(stream.write(&[])? == 0, "a write of nothing")?;
    is(stream.write_vectored(&[])? == 0, "a write of no buffers")?;
    write!(stream, "")?;
    crate::echo_sizes(&mut stream)?;
    stream.close()
}

fn port_and_back(check: &Check) -> Result<()> {
    let stream = check.connect()?;
    let peer = stream.peer_addr()?;
    is(peer.port() == check.port, "the peer's address")?;
    is(stream.local_addr()?.port() != 0, "this side's address")?;
    let mut stream = TlsStream::from(stream.into_port());
    crate::echo_sizes(&mut stream)?;
    block_on(async {
        let stream = AsyncTlsStream::from(stream);
        echo_async(&stream, 1000).await?;
        let stream = AsyncTlsStream::from(stream.into_port());
        echo_async(&stream, 1000).await?;
        stream.close().await
    })
}

async fn use_after_close_async(check: &Check) -> Result<()> {
    let mut stream = check.connect_async().await?;
    stream.close().await?;
    stream.close().await?;
    let broken = ErrorKind::BrokenPipe;
    expect(stream.read(&mut [0]).await, broken, is_closed)?;
    expect(stream.write(b"late").await, broken, is_closed)?;
    expect(stream.flush().await, broken, is_closed)?;
    expect(stream.close_output().await, broken, is_closed)?;
    stream.close().await
}

async fn half_close_async(check: &Check) -> Result<()> {
    let mut stream = check.connect_async().await?;
    stream.write_all(b"before").await?;
    stream.close_output().await?;
    stream.close_output().await?;
    let late = stream.write(b"late").await;
    expect(late, ErrorKind::BrokenPipe, is_closed)?;
    let mut echo = Vec::new();
    stream.read_to_end(&mut echo).await?;
    is(echo == b"before", "what was written before")?;
    stream.close().await
}

/// One task waits for something to read, and another closes.
async fn close_beside_read(check: &Check) -> Result<()> {
    let stream = check.connect_async().await?;
    let mut byte = [0];
    // The read is polled first, so that it waits before the other begins.
    let (read, closed) = zip((&stream).read(&mut byte), stream.close()).await;
    closed?;
    expect(read, ErrorKind::BrokenPipe, is_closed)
}
