//! Streams as libraries over tokio take them, which poll.

use std::io::{ErrorKind, Result};

use futures_lite::future::poll_once;
use portcullis_client::{AsyncPlainStream, AsyncTlsStream, Port};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, split};
use wstd::runtime::{block_on, spawn};

use crate::{Check, SHORT, is, plaintext};

/// More than the network and both sides hold.
const SIZE: usize = 4 * 1024 * 1024;

pub(crate) fn report(check: &mut Check) {
    check.report("polled-halves", |check| {
        block_on(halves(check.connect_async()))
    });
    check.report("polled-handshake", |check| {
        let port = Port::connect(&check.context()?, &check.host, check.port)?;
        block_on(halves(async { Ok(AsyncTlsStream::from(port)) }))
    });
    check.report("polled-plain", |check| block_on(plain(check)));
}

/// One task writes until nobody takes any more, and another reads meanwhile; the end of the one is no
/// end of the other.
async fn halves(stream: impl Future<Output = Result<AsyncTlsStream>>) -> Result<()> {
    let (mut reader, mut writer) = split(stream.await?);
    let mut echo = Vec::new();
    let reading = spawn(async move {
        reader.read_to_end(&mut echo).await?;
        Ok::<_, std::io::Error>(echo)
    });
    let sent = plaintext(SIZE);
    writer.write_all(&sent).await?;
    writer.shutdown().await?;
    is(reading.await? == sent, "the echo is the same")
}

/// What is waited for in the clear holds up nothing: neither a timer that has run out, nor a read that
/// was given up, whose wait is still there when TLS takes the connection.
async fn plain(check: &Check) -> Result<()> {
    let mut plain = AsyncPlainStream::connect(&check.host, check.port).await?;
    plain.set_timeout(Some(SHORT));
    let late = plain.read_u8().await.map_err(|failure| failure.kind());
    is(late == Err(ErrorKind::TimedOut), "nothing comes in time")?;
    plain.flush().await?;
    is(poll_once(plain.read_u8()).await.is_none(), "nothing comes")?;
    let context = check.context()?;
    let mut stream = plain.start_tls(&context, Some(&check.host)).await?;
    is(poll_once(stream.read_u8()).await.is_none(), "nothing comes")?;
    stream.write_all(b"ping").await?;
    stream.flush().await?;
    let mut echo = [0; 4];
    stream.read_exact(&mut echo).await?;
    is(&echo == b"ping", "the echo is the same")?;
    stream.shutdown().await?;
    is(stream.read_u8().await.is_err(), "the end")
}
