//! Handles that pollables may be children of, kept for a while after their port has gone. What they are
//! is for their owner to know.

use std::any::Any;
use std::cell::RefCell;
use std::collections::VecDeque;

/// How many ports' are kept; then the oldest go. Programs that drop a pollable after its port do so
/// soon after, or when garbage is collected. All others pay with as many sockets, which are shut down
/// both ways, and which go as soon as there is no other for a new connection.
const KEPT: usize = 64;

thread_local! {
    /// The oldest first.
    static HANDLES: RefCell<VecDeque<Box<dyn Any>>> = const { RefCell::new(VecDeque::new()) };
}

/// Keep a port's handles.
pub(crate) fn keep(handles: Box<dyn Any>) {
    let oldest = HANDLES.with_borrow_mut(|kept| {
        kept.push_back(handles);
        (kept.len() > KEPT).then(|| kept.pop_front())
    });
    drop(oldest);
}

/// Let go of the oldest, where sockets have run out; whether there were any.
pub(super) fn give_way() -> bool {
    // Not dropped while the list is borrowed.
    let oldest = HANDLES.with_borrow_mut(VecDeque::pop_front);
    oldest.is_some()
}
