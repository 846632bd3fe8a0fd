//! What ports do that needs a peer of its own kind: one scenario each, by name, against a peer that
//! the caller of the program brings. Each tells on standard output what has happened.

mod choice;
mod early;
mod keys;
mod unwrapping;

use std::fmt::Debug;

use futures_util::future::join;

use crate::Outcome;
use crate::bindings::portcullis::tls::context::{Context, Source};
use crate::bindings::portcullis::tls::errors::explain;
use crate::bindings::portcullis::tls::types::{Error, Role};
use crate::bindings::portcullis::tls_async::listener::Listener;
use crate::bindings::portcullis::tls_async::port::Port;
use crate::bindings::wit_stream;
use crate::streams::read_all;

/// Where the files of a scenario are: `cert.pem`, `key.pem` and `ca.pem`.
pub(crate) struct Folder(pub(crate) String);

impl Folder {
    fn file(&self, name: &str) -> Source {
        Source::Path(format!("{}/{name}", self.0))
    }

    /// A server's context with an identity.
    fn server(&self) -> Result<Context, Error> {
        let context = Context::secure(Role::Server);
        context.load_identity(&self.file("cert.pem"), &self.file("key.pem"), None)?;
        Ok(context)
    }

    /// A client's context that trusts the authority of the folder.
    fn client(&self) -> Result<Context, Error> {
        let context = Context::secure(Role::Client);
        context.add_trust_roots(&self.file("ca.pem"))?;
        Ok(context)
    }
}

/// Plays a scenario. Clients are given the port of their server.
pub(crate) async fn play(name: &str, folder: &Folder, server: Option<u16>) -> Outcome {
    let played = match (name, server) {
        ("choice", None) => choice::choose(folder).await,
        ("choice-timer", None) => choice::choose_too_late(folder).await,
        ("early-server", None) => early::take(folder).await,
        ("early-client", Some(port)) => early::send(folder, port).await,
        ("keys", None) => keys::renew(folder).await,
        ("unwrap", None) => unwrapping::unwrap(folder).await,
        ("unwrap-client", Some(port)) => unwrapping::unwrap_client(folder, port).await,
        ("unwrap-refused", None) => unwrapping::fail(folder).await,
        _ => return Err(format!("there is no scenario {name:?}")),
    };
    played.map_err(|error| explain(&error))
}

/// A listener on a free port, which is told.
async fn listen(context: &Context) -> Result<Listener, Error> {
    let listener = Listener::listen(context, "127.0.0.1".to_owned(), 0).await?;
    let address = listener.local_address()?;
    println!("listening on {}:{}", address.ip, address.port);
    Ok(listener)
}

/// The case of an error, as the interface writes it.
fn case(error: &Error) -> String {
    match error {
        Error::Protocol(error) => format!("protocol {}", name(&error.reason)),
        Error::Timeout(timer) => format!("timeout {}", name(timer)),
        Error::InvalidArgument(_) => "invalid-argument".to_owned(),
        Error::InvalidConfiguration(error) => {
            format!("{} {}", name(&error.item), name(&error.reason))
        }
        Error::NotSupported(_) => "not-supported".to_owned(),
        other => name(other),
    }
}

/// What the bindings call a case, in the words of the interface.
fn name(case: &impl Debug) -> String {
    let mut name = String::new();
    for letter in format!("{case:?}")
        .rsplit("::")
        .next()
        .unwrap_or_default()
        .chars()
    {
        if letter.is_uppercase() && !name.is_empty() {
            name.push('-');
        }
        name.extend(letter.to_lowercase());
    }
    name
}

/// Tells what a call has returned.
fn tell<T>(what: &str, result: &Result<T, Error>) {
    match result {
        Ok(_) => println!("{what}: ok"),
        Err(error) => println!("{what}: {}", case(error)),
    }
}

/// Does the handshake, says this, and tells everything that the client says.
async fn converse(port: &Port, words: &[u8]) -> Result<(), Error> {
    let (mut answer, plaintext) = wit_stream::new();
    let result = port.handshake(plaintext).await;
    tell("handshake", &result);
    let (question, ended) = result?;
    let talking = async move {
        answer.write_all(words.to_vec()).await;
    };
    let ((), heard) = join(talking, read_all(question)).await;
    println!("heard: {}", String::from_utf8_lossy(&heard));
    tell("ended", &ended.await);
    Ok(())
}
