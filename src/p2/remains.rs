//! Handles that have to outlive their port. A pollable is a child of a stream or socket, and a host
//! traps where a parent is dropped before its children. Nothing tells the component whether a
//! pollable is still alive.

use super::net;
use super::net::{Connector, Streams};
use crate::pump::Transport as _;

/// Handles that may be the parents of pollables that were handed out.
#[derive(Default)]
pub(crate) struct Remains {
    pub(crate) streams: Option<Streams>,
    pub(crate) connector: Option<Connector>,
}

impl Remains {
    /// Called when the port is dropped: ends both directions now, and drops the handles later.
    /// Streams of a caller's socket are dropped now: the caller may drop the socket, which is their
    /// parent.
    pub(crate) fn keep(mut self) {
        self.streams = self.streams.take().filter(Streams::has_socket);
        if let Some(streams) = &mut self.streams {
            streams.abort();
        } else if self.connector.is_none() {
            return;
        }
        net::keep(Box::new(self));
    }
}
