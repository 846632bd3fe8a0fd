//! Connections that were given up and cannot be freed yet.
//!
//! A host may destroy an output stream by waiting until its bytes are sent: wasmtime 48 and 49 do,
//! and with the one call waits the whole instance, for as long as the peer of one connection likes.
//! Such a connection is kept here until the host has nothing more to wait for.

use std::cell::RefCell;
use std::rc::Rc;

use super::parts::Parts;

/// How many connections may wait for peers that take nothing. Each is a socket that its peer holds
/// open, as it could hold an open connection; so there is room for as many as a program has
/// descriptors by default, and no new connection is made or accepted while it is taken. A smaller
/// number would let fewer peers shut the door than the programs' own limits on connections do.
pub(super) const ROOM: usize = 1024;

/// How many connections are looked at in one call, so that it stays short however many there are.
/// Each call adds one at most.
const LOOK: usize = 16;

#[derive(Default)]
struct Park {
    /// Those with bytes that the host has not sent.
    sending: Vec<Rc<Parts>>,
    /// Where the next look begins.
    next: usize,
}

thread_local! {
    /// An instance is one thread.
    static PARK: RefCell<Park> = RefCell::default();
}

/// Free a connection now, or once that is possible without waiting.
pub(super) fn leave(parts: Rc<Parts>) {
    reap();
    if parts.is_freed_at_once() {
        return;
    }
    // Fails only where the thread has ended, and with it everything.
    let _ = PARK.try_with(|park| park.borrow_mut().sending.push(parts));
}

/// Free what has become free.
pub(super) fn reap() {
    look(LOOK);
}

/// Whether there is no room for more connections that may end here.
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
