//! The way out of TLS.

use futures_util::future::join;
use wit_bindgen::{FutureReader, StreamReader};

use super::{Folder, converse, listen, tell};
use crate::bindings::portcullis::tls::context::Truncation;
use crate::bindings::portcullis::tls::types::{Error, Timer};
use crate::bindings::portcullis::tls_async::port::Port;
use crate::bindings::wit_stream;
use crate::peer::Peer;
use crate::streams::read_all;

/// Serves a client on an accepted port, and one on streams of its own.
pub(super) async fn unwrap(folder: &Folder) -> Result<(), Error> {
    let context = folder.server()?;
    let listener = listen(&context).await?;
    let port = listener.accept().await?;
    let (_clear, cleartext) = wit_stream::new();
    tell(
        "before the handshake",
        &port.unwrap(cleartext).await.map(drop),
    );
    leave(&port).await?;
    drop(port);

    let fail = |told| Error::Other(Some(told));
    let mut peer = Peer::new().map_err(fail)?;
    println!("listening on 127.0.0.1:{}", peer.address.port);
    let socket = peer.accept().await.map_err(fail)?;
    let (ciphertext, _received) = socket.receive();
    let (port, for_peer) = Port::start(&context, None, ciphertext)?;
    let _sent = socket.send(for_peer);
    leave(&port).await
}

/// The same as a client.
pub(super) async fn unwrap_client(folder: &Folder, server: u16) -> Result<(), Error> {
    let context = folder.client()?;
    let port = Port::connect(&context, "localhost".to_owned(), server).await?;
    leave(&port).await
}

type Cleartext = (StreamReader<u8>, FutureReader<Result<(), Error>>);

/// Says something under TLS, leaves it, and sends back what comes in the clear.
async fn leave(port: &Port) -> Result<(), Error> {
    let (mut answer, plaintext) = wit_stream::new();
    let (question, ended) = port.handshake(plaintext).await?;
    answer.write_all(b"secret".to_vec()).await;
    let (mut clear, cleartext) = wit_stream::new();
    let (unwrapped, heard) = join(port.unwrap(cleartext), read_all(question)).await;
    println!("heard: {}", String::from_utf8_lossy(&heard));
    tell("unwrap", &unwrapped);
    tell("ended", &ended.await);
    let (input, ended): Cleartext = unwrapped?;
    clear.write_all(b"clear".to_vec()).await;
    drop(clear);
    let heard = read_all(input).await;
    println!("heard in the clear: {}", String::from_utf8_lossy(&heard));
    tell("ended", &ended.await);
    let (_clear, cleartext) = wit_stream::new();
    tell("once more", &port.unwrap(cleartext).await.map(drop));
    drop(answer);
    Ok(())
}

/// Serves clients none of which can be left in order.
pub(super) async fn fail(folder: &Folder) -> Result<(), Error> {
    let context = folder.server()?;
    context.set_timeout(Timer::Shutdown, Some(100))?;
    context.set_truncation(Truncation::Tolerated)?;
    let listener = listen(&context).await?;
    // One that ends its output without close_notify, and one that says nothing any more.
    for _ in 0..2 {
        let port = listener.accept().await?;
        let (_answer, plaintext) = wit_stream::new();
        let (question, ended) = port.handshake(plaintext).await?;
        let (_clear, cleartext) = wit_stream::new();
        let (unwrapped, _) = join(port.unwrap(cleartext), read_all(question)).await;
        tell("unwrap", &unwrapped.map(drop));
        tell("ended", &ended.await);
    }
    // One that was left alone by our end before.
    let port = listener.accept().await?;
    converse(&port, b"bye").await?;
    let (_clear, cleartext) = wit_stream::new();
    tell("unwrap", &port.unwrap(cleartext).await.map(drop));
    Ok(())
}
