//! What of a handshake is done before the call that does it all: by turns, each of which writes or
//! reads, in the task of whoever waits for the result.

use std::pin::pin;

use futures_util::future::{Either, select};

use super::ends::{Ends, MOST};
use super::link::Link;
use crate::engine::Engine;
use crate::error::Error;
use crate::timers::Condition;

/// What is waited for: tried before each turn, until it succeeds or fails.
pub(super) type Attempt<'a> = &'a mut dyn FnMut(&mut Engine) -> Result<(), Error>;

/// Goes on with the handshake until the attempt succeeds. If it cannot any more, the alert leaves.
pub(super) async fn go_on(link: &Link, ends: &mut Ends, attempt: Attempt<'_>) -> Result<(), Error> {
    link.start(Condition::Handshaking);
    let result = {
        let turns = pin!(turns(link, ends, attempt));
        let (failed, watching) = (pin!(link.failed()), pin!(link.watch()));
        let all = select(turns, select(failed, watching));
        match link.settle(all).await {
            Either::Left((result, _)) => result,
            Either::Right(_) => Err(link.failure().unwrap_or(Error::Closed)),
        }
    };
    if link.failure().is_some() {
        say_farewell(link, ends).await;
    }
    result
}

/// Sends the alert of a connection that has failed.
pub(super) async fn say_farewell(link: &Link, ends: &mut Ends) {
    let alert = link.look(|engine| engine.take_ciphertext(MOST));
    let alert = alert.unwrap_or_default();
    if !alert.is_empty() {
        let leaving = pin!(ends.to_peer.write_all(alert));
        // Whether or not it leaves, the failure stays the same.
        let _ = link.settle(select(leaving, pin!(link.watch()))).await;
    }
}

async fn turns(link: &Link, ends: &mut Ends, attempt: Attempt<'_>) -> Result<(), Error> {
    loop {
        match link.look(&mut *attempt).and_then(|result| result) {
            Err(Error::WantRead | Error::WantWrite) => {}
            result => return result,
        }
        let ciphertext = link.look(|engine| engine.take_ciphertext(MOST))?;
        if !ciphertext.is_empty() {
            if let Err(failure) = ends.to_peer.write_all(ciphertext).await {
                link.fail(failure);
            }
        } else if ends.from_peer.has_rest() {
            if !link.look(|engine| ends.from_peer.feed(engine))? {
                // It takes whatever a handshake that waits to read is given.
                link.fail(Error::Other(None));
            }
        } else if !ends.from_peer.fetch().await {
            match ends.from_peer.end().await {
                Ok(()) => link.look(Engine::put_end)?,
                Err(failure) => link.fail(failure),
            }
            return Err(link.failure().unwrap_or(Error::Closed));
        }
    }
}
