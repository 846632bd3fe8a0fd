//! Connections that were given up and cannot be freed yet.
//!
//! A host may destroy an output stream by waiting until its bytes are sent. wasmtime 48 and 49 do
//! so, and the whole instance waits for that call, for as long as the peer of one connection likes.
//! Such a connection is kept here until the host has nothing more to wait for.

use std::cell::RefCell;
use std::rc::Rc;

use super::parts::Parts;

/// How many connections may wait for peers that read nothing. While this many wait, no new
/// connection is made or accepted. Each is a socket that its peer holds open, as it could hold an
/// open connection; so there is room for as many as a program has descriptors by default. With less
/// room, fewer peers could keep out all others than under a program's own limit on connections.
pub(super) const ROOM: usize = 1024;

/// How many connections one call looks at, so that the call stays short however many there are.
/// Each call adds one connection at most.
const LOOK: usize = 16;

#[derive(Default)]
struct Park {
    /// Connections with bytes that the host has not sent.
    sending: Vec<Rc<Parts>>,
    /// Where the next look begins.
    next: usize,
}

thread_local! {
    /// An instance is one thread.
    static PARK: RefCell<Park> = RefCell::default();
}

/// Frees a connection now, or once that is possible without waiting. What is kept until then has been
/// shut down: its peer must not wait for the next look.
pub(super) fn leave(parts: Rc<Parts>) {
    reap();
    if parts.is_freed_at_once() {
        return;
    }
    // The host waits for an output without room, unless it is shut down and no write is under way.
    parts.abort();
    if parts.is_freed_at_once() {
        return;
    }
    // Fails only when the thread has ended, and then everything is freed.
    let _ = PARK.try_with(|park| park.borrow_mut().sending.push(parts));
}

/// Frees connections that the host no longer has to wait for.
pub(super) fn reap() {
    look(LOOK);
}

/// Whether there is no room to park another connection.
pub(super) fn is_full() -> bool {
    reap();
    let is_full = || PARK.try_with(|park| park.borrow().sending.len() >= ROOM);
    if is_full().unwrap_or(false) {
        look(ROOM);
    }
    is_full().unwrap_or(false)
}

fn look(many: usize) {
    let free = PARK.try_with(|park| {
        let park = &mut *park.borrow_mut();
        let mut free = Vec::new();
        for _ in 0..many.min(park.sending.len()) {
            if park.next >= park.sending.len() {
                park.next = 0;
            }
            match park.sending.get(park.next) {
                Some(parts) if parts.is_freed_at_once() => {
                    free.push(park.sending.swap_remove(park.next));
                }
                _ => park.next = park.next.saturating_add(1),
            }
        }
        free
    });
    drop(free);
}
