//! What has to outlive its port. A pollable is a child of a stream or socket, and a host traps
//! where a parent is dropped before its children; whether a pollable lives, nobody tells.

use super::net;
use super::net::{Connector, Streams};
use crate::pump::Transport as _;

/// What pollables that were handed out may be children of.
#[derive(Default)]
pub(crate) struct Remains {
    pub(crate) streams: Option<Streams>,
    pub(crate) connector: Option<Connector>,
}

impl Remains {
    /// The port is gone. Both directions end now, and the handles are dropped later. Streams of a
    /// socket of the caller's are dropped now: the caller may drop that, which is their parent.
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
