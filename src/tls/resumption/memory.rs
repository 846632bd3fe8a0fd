//! Sessions that the server keeps itself: those of one sealed context.

use std::fmt;
use std::sync::Arc;

use rustls::server::{ServerSessionMemoryCache, StoresServerSessions};
use zeroize::Zeroizing;

use super::gate::Gate;

/// The latest sessions, each with the time at which it was made before it.
pub(super) struct Memory {
    sessions: Arc<dyn StoresServerSessions>,
    gate: Arc<Gate>,
}

impl Memory {
    pub(super) fn new(count: usize, gate: Arc<Gate>) -> Self {
        let sessions = ServerSessionMemoryCache::new(count);
        Self { sessions, gate }
    }

    fn pass(&self, stamped: Option<Vec<u8>>) -> Option<Vec<u8>> {
        let stamped = Zeroizing::new(stamped?);
        self.gate.pass(&stamped).map(<[u8]>::to_vec)
    }
}

impl StoresServerSessions for Memory {
    fn put(&self, id: Vec<u8>, session: Vec<u8>) -> bool {
        match self.gate.stamp(&Zeroizing::new(session)) {
            Some(mut stamped) => self.sessions.put(id, std::mem::take(&mut *stamped)),
            None => false,
        }
    }

    fn get(&self, id: &[u8]) -> Option<Vec<u8>> {
        self.pass(self.sessions.get(id))
    }

    fn take(&self, id: &[u8]) -> Option<Vec<u8>> {
        self.pass(self.sessions.take(id))
    }

    fn can_cache(&self) -> bool {
        true
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").finish_non_exhaustive()
    }
}
