//! Two tasks on one stream: neither sleeps through what the other has taken.

use std::future::Future;
use std::io::{Error, ErrorKind, Result};
use std::pin::pin;

use futures_lite::future::{poll_once, zip};
use portcullis_client::types::{Error as Failure, Timer};
use portcullis_client::{AsyncTlsStream, Port, TlsListener};
use wstd::future::FutureExt as _;
use wstd::io::{AsyncRead as _, AsyncWrite as _};
use wstd::runtime::block_on;
use wstd::time::Duration;

use super::{Check, is};

/// Every second round takes the same steps; only the times of the network differ.
const ROUNDS: usize = 20;

/// A task that sleeps longer is never woken.
const PATIENCE_SECONDS: u64 = 10;

const GREETING: &[u8] = b"220 hello\r\n";

/// A server that speaks first, with a task for each direction: the one takes the client's hello,
/// the other the end of its handshake, and the client says nothing more.
pub(super) fn server_speaks_first(check: &Check) -> Result<()> {
    let context = check.server_context()?.ok_or(ErrorKind::NotFound)?;
    // The timer would wake a task that sleeps on.
    context.set_timeout(Timer::Handshake, None)?;
    let listener = TlsListener::listen(&context, ([127, 0, 0, 1], 0).into())?;
    for round in 0..ROUNDS {
        let client = Port::blocking_connect(
            &check.context()?,
            &check.host,
            listener.local_addr()?.port(),
        )?;
        block_on(async {
            let server = listener.accept_async().await?;
            let read = async {
                let length = (&server).read(&mut [0; 9]).await?;
                is(length == 0, "the client sends nothing but its end")
            };
            let write = async {
                (&server).write_all(GREETING).await?;
                (&server).flush().await
            };
            let turn = async {
                match round % 2 {
                    0 => interleave(client, &server, write, read).await,
                    _ => interleave(client, &server, read, write).await,
                }
            };
            turn.timeout(Duration::from_secs(PATIENCE_SECONDS)).await?
        })?;
    }
    Ok(())
}

async fn interleave(
    client: Port,
    server: &AsyncTlsStream,
    first: impl Future<Output = Result<()>>,
    second: impl Future<Output = Result<()>>,
) -> Result<()> {
    let (mut first, mut second) = (pin!(first), pin!(second));
    // A future that is polled by hand is not woken: what it is to find has to be there before.
    let arrived = || server.port().subscribe().block();
    let hello = client.handshake();
    is(matches!(hello, Err(Failure::WantRead)), "the client waits")?;
    arrived();
    is(poll_once(&mut first).await.is_none(), "the first waits")?;
    client.blocking_handshake()?;
    // The end of the client's handshake is on its way, and the first one's wait has begun before.
    arrived();
    let done = poll_once(&mut second).await;
    let is_open = server.session().version().is_some();
    is(is_open, "the second has ended the handshake")?;
    let second = async {
        match done {
            Some(result) => result,
            None => second.await,
        }
    };
    let client = AsyncTlsStream::from(client);
    let listen = async {
        let mut greeting = [0; GREETING.len()];
        let mut filled = 0;
        while let Some(rest) = greeting.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match (&client).read(rest).await? {
                0 => return Err(Error::from(ErrorKind::UnexpectedEof)),
                length => filled += length,
            }
        }
        is(greeting == GREETING, "the greeting")?;
        client.close_output().await
    };
    let ((first, second), heard) = zip(zip(first, second), listen).await;
    first.and(second).and(heard)
}
