//! Moves the bytes of one connection between its four streams, until both directions have ended.

use std::future::pending;
use std::pin::pin;
use std::rc::Rc;

use futures_util::future::{Either, join, join3, select};
use wit_bindgen::{FutureWriter, StreamReader, StreamResult, StreamWriter, spawn_local};

use super::ends::{Ends, Incoming, MOST, Outgoing, emptied, write_all};
use super::link::{Link, Unwrapping};
use crate::engine::Engine;
use crate::error::Error;
use crate::resources::bindings::exports::portcullis::tls::types::Error as WitError;
use crate::resources::bindings::{wit_future, wit_stream};
use crate::timers::Condition;
use crate::tls::State;

/// Is told how a direction has ended.
pub(super) type Tell = Box<dyn FnOnce(Result<(), Error>)>;

/// The plaintext of a connection, and whom to tell how its directions have ended.
pub(super) struct Plaintext {
    /// What the caller sends.
    pub(super) from_caller: StreamReader<u8>,
    /// Is told when all of it has left, or why not.
    pub(super) told: Tell,
    /// What the peer sends.
    pub(super) to_caller: StreamWriter<u8>,
    /// Is told how it ended, after it.
    pub(super) heard: Tell,
    /// Brings a byte when a call in another task has changed the connection, which cannot wake this one.
    pub(super) bell: Option<StreamReader<u8>>,
}

/// Does the handshake. What comes after it, or the alert that says why it has failed, goes on in the
/// task of the caller when that has returned.
pub(super) async fn shake_hands(
    link: &Rc<Link>,
    ends: Ends,
    plaintext: Plaintext,
) -> Result<(), Error> {
    let own = Rc::clone(link);
    let running = Box::pin(async move { run(&own, ends, plaintext).await });
    let shaking = pin!(link.attempt(None, Engine::handshake));
    match link.settle(select(running, shaking)).await {
        Either::Left(((), _)) => Err(link.failure().unwrap_or(Error::Closed)),
        Either::Right((result, running)) => {
            link.stop(Condition::Handshaking);
            if let Err(error) = &result {
                // The context may be what failed, not the connection.
                link.fail(error.clone());
            }
            let own = Rc::clone(link);
            spawn_local(async move { own.settle(running).await });
            result
        }
    }
}

/// Runs the connection.
async fn run(link: &Link, ends: Ends, plaintext: Plaintext) {
    link.start(Condition::Handshaking);
    // It lives as long as all of this: dropping it would close the socket's input, which resets a
    // connection on which we may still be sending.
    let mut from_peer = ends.from_peer;
    let mut to_peer = None;
    let (mut told, mut heard) = (Some(plaintext.told), Some(plaintext.heard));
    {
        let leaving = leave(link, ends.to_peer);
        let delivering = async {
            let result = deliver(link, plaintext.to_caller).await;
            tell(&mut heard, result);
        };
        let (taking, delivering) = (pin!(take(link, &mut from_peer)), pin!(delivering));
        let arriving = select(taking, delivering);
        let accepting = async {
            let result = accept(link, plaintext.from_caller).await;
            tell(&mut told, result);
        };
        let all = pin!(join3(leaving, arriving, accepting));
        let (watching, hearing) = (pin!(link.watch()), pin!(hear(link, plaintext.bell)));
        let aside = select(watching, hearing);
        if let Either::Left(((outgoing, ..), _)) = select(all, aside).await {
            to_peer = outgoing;
        }
    }
    // A peer that takes nothing has left these without an answer.
    let failure = link.failure().unwrap_or(Error::Closed);
    tell(&mut told, Err(failure.clone()));
    tell(&mut heard, Err(failure));
    unwrap(link, from_peer, to_peer).await;
}

/// Notices what calls in other tasks have changed.
async fn hear(link: &Link, bell: Option<StreamReader<u8>>) {
    if let Some(mut bell) = bell {
        while bell.next().await.is_some() {
            link.tell();
        }
    }
    pending().await
}

/// Resolves a future. Its reader may take its time, or be gone.
pub(crate) fn resolve<T: 'static>(future: FutureWriter<T>, value: T) {
    spawn_local(async move {
        // Nobody may be there to hear it.
        let _ = future.write(value).await;
    });
}

fn tell(whom: &mut Option<Tell>, result: Result<(), Error>) {
    if let Some(whom) = whom.take() {
        whom(result);
    }
}

/// From the peer's ciphertext into the connection. It does not end: what it has brought is worth
/// delivering, and that ends.
async fn take(link: &Link, from_peer: &mut Incoming) {
    loop {
        while from_peer.has_rest() {
            let seen = link.seen();
            if link.look(|engine| from_peer.feed(engine)).unwrap_or(false) {
                link.pass().await;
            } else if is_deaf(link) {
                link.tell();
                return pending().await;
            } else {
                link.wait(seen).await;
            }
        }
        // What comes behind TLS is for others.
        if is_deaf(link) && link.failure().is_none() {
            return pending().await;
        }
        if !from_peer.fetch().await {
            break;
        }
    }
    match from_peer.end().await {
        Ok(()) => {
            let _ = link.change(Engine::put_end);
        }
        Err(failure) if is_deaf(link) => drop(failure),
        Err(failure) => link.fail(failure),
    }
    pending().await
}

/// Whether nothing that comes from the peer is of use any more.
fn is_deaf(link: &Link) -> bool {
    let state = link.look(|engine| {
        matches!(
            engine.session().state(),
            State::ReadClosed | State::Closed | State::Failed(_)
        )
    });
    state.unwrap_or(true)
}

/// From the connection to the peer, until nothing will leave any more. What it has written to is
/// returned if more is to leave behind TLS.
async fn leave(link: &Link, mut to_peer: Outgoing) -> Option<Outgoing> {
    loop {
        let seen = link.seen();
        let ciphertext = link.look(|engine| engine.take_ciphertext(MOST));
        let ciphertext = ciphertext.unwrap_or_default();
        if !ciphertext.is_empty() {
            link.tell();
            match to_peer.write_all(ciphertext).await {
                Ok(()) => continue,
                Err(failure) => {
                    link.fail(failure);
                    return None;
                }
            }
        }
        if link.failure().is_some() {
            return None;
        }
        let has_closed = link
            .look(|engine| matches!(engine.session().state(), State::WriteClosed | State::Closed));
        if has_closed.unwrap_or(true) {
            let is_unwrapping = link.is_unwrapping();
            if is_unwrapping {
                link.start(Condition::Unwrapping);
            }
            link.leave();
            return is_unwrapping.then_some(to_peer);
        }
        link.wait(seen).await;
    }
}

/// From the connection to the caller.
async fn deliver(link: &Link, mut to_caller: StreamWriter<u8>) -> Result<(), Error> {
    link.attempt(None, Engine::handshake).await?;
    loop {
        let read = link.attempt(Some(Condition::Reading), |engine| engine.read(MOST));
        match read.await? {
            None => return Ok(()),
            Some(plaintext) => {
                if !write_all(&mut to_caller, plaintext).await {
                    // The caller wants no more. The connection goes on as long as it sends.
                    return link.left().await;
                }
            }
        }
    }
}

/// From the caller into the connection, and close_notify at the end. Ok when all has left.
async fn accept(link: &Link, mut from_caller: StreamReader<u8>) -> Result<(), Error> {
    link.attempt(None, Engine::handshake).await?;
    let mut buffer = emptied(Vec::new());
    loop {
        let mut reading = pin!(from_caller.read(buffer));
        let read = match select(reading.as_mut(), pin!(link.interrupted())).await {
            Either::Left((read, _)) => Some(read),
            Either::Right((Some(failure), _)) => return Err(failure),
            Either::Right((None, _)) => None,
        };
        // Something may have come before it was given up.
        let (status, filled) = read.unwrap_or_else(|| reading.cancel());
        let mut rest = filled.as_slice();
        while !rest.is_empty() {
            let written = link.attempt(Some(Condition::Full), |engine| engine.write(rest));
            rest = rest.get(written.await?..).unwrap_or_default();
            link.pass().await;
        }
        if !matches!(status, StreamResult::Complete(_)) {
            break;
        }
        buffer = emptied(filled);
    }
    link.attempt(None, |engine| engine.close_output()).await?;
    link.start(Condition::Closing);
    link.tell();
    link.left().await
}

/// Goes on in the clear, if TLS has ended as it should, and tells whoever has asked for that.
async fn unwrap(link: &Link, mut from_peer: Incoming, to_peer: Option<Outgoing>) {
    link.stop(Condition::Unwrapping);
    let is_closed = |engine: &mut Engine| {
        let session = engine.session();
        matches!(session.state(), State::Closed) && !session.is_truncated()
    };
    let to_peer = to_peer.filter(|_| link.look(is_closed).unwrap_or(false));
    let asked = link.unwrapping.replace(Unwrapping::Over(None));
    let (
        Some(mut to_peer),
        Unwrapping::Asked {
            cleartext,
            answered,
        },
    ) = (to_peer, asked)
    else {
        return;
    };
    let (to_caller, received) = wit_stream::new();
    let (outcome, told) = wit_future::new(|| Err(WitError::Closed));
    link.unwrapping
        .replace(Unwrapping::Over(Some((received, told))));
    drop(answered);
    let sending = async move { to_peer.copy(cleartext).await };
    let (sent, received) = join(sending, from_peer.copy(to_caller)).await;
    resolve(outcome, sent.and(received).map_err(WitError::from));
}
