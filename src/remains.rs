//! Layer 3: what has to outlive its port. A pollable is a child of a stream or socket, and a host traps
//! where a parent is dropped before its children; whether a pollable lives, nobody tells.

use std::cell::RefCell;
use std::collections::VecDeque;

use crate::net::{Connector, Streams};
use crate::pump::Transport as _;

/// How many ports' are kept; then the oldest go. Programs that drop a pollable after its port do so
/// soon after, or when garbage is collected. All others pay with as many sockets, which are shut down
/// both ways, and so few that no limit on them is near.
const KEPT: usize = 64;

thread_local! {
    static REMAINS: RefCell<VecDeque<Remains>> = const { RefCell::new(VecDeque::new()) };
}

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
        let oldest = REMAINS.with_borrow_mut(|remains| {
            remains.push_back(self);
            (remains.len() > KEPT).then(|| remains.pop_front())
        });
        drop(oldest);
    }
}
