//! Early data, both ways.

use super::{Folder, converse, listen, tell};
use crate::bindings::portcullis::tls::types::Error;
use crate::bindings::portcullis::tls_async::port::Port;

/// More than a client says early here.
const MUCH: u64 = 1 << 20;

/// Serves two clients, the second of which knows its session.
pub(super) async fn take(folder: &Folder) -> Result<(), Error> {
    let context = folder.server()?;
    context.accept_early_data(1000)?;
    let listener = listen(&context).await?;
    for _ in 0..2 {
        let port = listener.accept().await?;
        tell("no length", &port.read_early_data(0).await);
        tell("writing as a server", &port.write_early_data(b"early"));
        // Not more than ten bytes at once, until there are none.
        while let Some(early) = port.read_early_data(10).await? {
            println!("early: {}", String::from_utf8_lossy(&early));
        }
        converse(&port, b"late").await?;
        println!("accepted: {:?}", port.session().was_early_data_accepted());
        println!("after: {:?}", port.read_early_data(MUCH).await?);
    }
    // What is not read before the handshake stays.
    let port = listener.accept().await?;
    converse(&port, b"late").await?;
    let early = port.read_early_data(MUCH).await?.unwrap_or_default();
    println!("stayed: {}", String::from_utf8_lossy(&early));
    Ok(())
}

/// Visits a server three times, which has forgotten the session at the last time.
pub(super) async fn send(folder: &Folder, server: u16) -> Result<(), Error> {
    let context = folder.client()?;
    context.offer_early_data()?;
    for _ in 0..3 {
        let port = Port::connect(&context, "localhost".to_owned(), server).await?;
        println!("written: {}", port.write_early_data(b"early")?);
        converse(&port, b"late").await?;
        println!("accepted: {:?}", port.session().was_early_data_accepted());
        println!("too late: {}", port.write_early_data(b"early")?);
        tell("reading as a client", &port.read_early_data(MUCH).await);
    }
    Ok(())
}
