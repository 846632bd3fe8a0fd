//! Keeps handles for a while after their port was dropped: pollables that were handed out may be
//! children of them, and dropping a parent before its child traps. What a handle is, only its owner
//! knows.

use std::any::Any;
use std::cell::RefCell;
use std::collections::VecDeque;

/// For how many ports handles are kept; then the oldest are dropped. Programs that drop a pollable
/// after its port do so soon after, or when garbage is collected. All other programs pay with this
/// many sockets, which are shut down both ways, and are dropped as soon as there is no other socket
/// for a new connection.
const KEPT: usize = 64;

thread_local! {
    /// The oldest first.
    static HANDLES: RefCell<VecDeque<Box<dyn Any>>> = const { RefCell::new(VecDeque::new()) };
}

/// Keeps a port's handles.
pub(crate) fn keep(handles: Box<dyn Any>) {
    let oldest = HANDLES.with_borrow_mut(|kept| {
        kept.push_back(handles);
        (kept.len() > KEPT).then(|| kept.pop_front())
    });
    drop(oldest);
}

/// Drops the oldest handles, because sockets have run out. Returns whether there were any.
pub(super) fn give_way() -> bool {
    // The handles are dropped when the list is no longer borrowed.
    let oldest = HANDLES.with_borrow_mut(VecDeque::pop_front);
    oldest.is_some()
}
