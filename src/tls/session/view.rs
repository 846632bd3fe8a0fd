//! What there is to tell of a connection whose resource may be closed, or not connected yet.

use super::{Facts, Session};
use crate::error::Error;

/// What has a session, or had one.
pub trait Viewed {
    /// What there is of it now.
    fn view(&self) -> View<'_>;
}

/// What there is of a session.
pub enum View<'a> {
    /// There is no connection yet.
    Awaited,
    /// There is one.
    Live(&'a Session),
    /// The connection is gone, and these facts are kept.
    Kept(&'a Facts),
    /// There never was a connection, and there will be none.
    Nothing,
}

impl View<'_> {
    /// A fact: from the session, from the facts that were kept of it, or from the default facts if
    /// there is no connection.
    pub fn fact<T>(&self, live: impl FnOnce(&Session) -> T, kept: impl FnOnce(&Facts) -> T) -> T {
        match self {
            Self::Live(session) => live(session),
            Self::Kept(facts) => kept(facts),
            Self::Awaited | Self::Nothing => kept(&Facts::default()),
        }
    }

    /// What is derived from the secrets of the connection, and gone with it.
    ///
    /// # Errors
    /// `WantRead`: there is no connection yet. `Closed`: it is gone. Those of `derive`.
    pub fn secret(
        &self,
        derive: impl FnOnce(&Session) -> Result<Vec<u8>, Error>,
    ) -> Result<Vec<u8>, Error> {
        match self {
            Self::Live(session) => derive(session),
            Self::Awaited => Err(Error::WantRead),
            Self::Kept(_) | Self::Nothing => Err(Error::Closed),
        }
    }
}
