//! The choice of a context by what the client says.

use std::pin::pin;

use futures_util::future::{Either, select};

use super::{Folder, converse, listen, tell};
use crate::bindings::portcullis::tls::client_hello::ClientHello;
use crate::bindings::portcullis::tls::context::Context;
use crate::bindings::portcullis::tls::types::{Error, Role, Timer, Version};
use crate::bindings::wasi::clocks0_3_0::monotonic_clock::wait_for;
use crate::bindings::wit_stream;

const MILLISECOND: u64 = 1_000_000;

/// Longer than the timer of the handshake in `choose_too_late`.
const LONG: u64 = 300 * MILLISECOND;

/// A context that leaves the choice to the caller.
fn asking() -> Result<Context, Error> {
    let context = Context::secure(Role::Server);
    context.ask_for_context()?;
    Ok(context)
}

fn tell_hello(result: &Result<Option<ClientHello>, Error>) {
    tell("hello", result);
    match result {
        Ok(Some(hello)) => println!("name: {:?}, alpn: {:?}", hello.server_name(), hello.alpn()),
        Ok(None) => println!("nothing to choose"),
        Err(_) => {}
    }
}

/// Serves one client after another: one that is served, one that is refused, one that cannot agree with
/// the choice, and three that say nothing to choose by.
pub(super) async fn choose(folder: &Folder) -> Result<(), Error> {
    let listener = listen(&asking()?).await?;
    let served = folder.server()?;
    let nameless = Context::secure(Role::Server);
    let client = folder.client()?;

    let port = listener.accept().await?;
    tell("choice too early", &port.set_context(&served));
    tell("refusal too early", &port.refuse(112).await);
    let (_answer, plaintext) = wit_stream::new();
    tell("handshake too early", &port.handshake(plaintext).await);
    tell_hello(&port.client_hello().await);
    tell_hello(&port.client_hello().await);
    tell("refusal by close_notify", &port.refuse(0).await);
    tell("a client's context", &port.set_context(&client));
    tell("a context without identity", &port.set_context(&nameless));
    tell("choice", &port.set_context(&served));
    tell_hello(&port.client_hello().await);
    tell("a second choice", &port.set_context(&served));
    converse(&port, b"welcome").await?;
    tell_hello(&port.client_hello().await);

    let port = listener.accept().await?;
    tell_hello(&port.client_hello().await);
    tell("refusal", &port.refuse(112).await);
    let (_answer, plaintext) = wit_stream::new();
    tell("handshake", &port.handshake(plaintext).await);
    tell("a second refusal", &port.refuse(112).await);

    let newest = folder.server()?;
    newest.set_versions(Version::Tls13, Version::Tls13)?;
    let port = listener.accept().await?;
    tell_hello(&port.client_hello().await);
    tell("choice", &port.set_context(&newest));
    let (_answer, plaintext) = wit_stream::new();
    tell("handshake", &port.handshake(plaintext).await);

    for _ in 0..3 {
        let port = listener.accept().await?;
        tell_hello(&port.client_hello().await);
        let (_answer, plaintext) = wit_stream::new();
        tell("handshake", &port.handshake(plaintext).await);
    }
    Ok(())
}

/// Serves clients of whom one says nothing, one waits for the choice, and one is given up.
pub(super) async fn choose_too_late(folder: &Folder) -> Result<(), Error> {
    let context = asking()?;
    context.set_timeout(Timer::Handshake, Some(LONG / MILLISECOND / 3))?;
    let listener = listen(&context).await?;
    let served = folder.server()?;

    let port = listener.accept().await?;
    tell_hello(&port.client_hello().await);

    let port = listener.accept().await?;
    tell_hello(&port.client_hello().await);
    wait_for(LONG).await;
    tell("choice", &port.set_context(&served));
    let (_answer, plaintext) = wit_stream::new();
    tell("handshake", &port.handshake(plaintext).await);

    let patient = listen(&asking()?).await?;
    let port = patient.accept().await?;
    let outcome = match select(pin!(port.client_hello()), pin!(wait_for(MILLISECOND))).await {
        Either::Left((result, _)) => result,
        Either::Right(_) => Ok(None),
    };
    tell_hello(&outcome);
    tell_hello(&port.client_hello().await);
    Ok(())
}
