//! The tasks that wait on one stream. Several may wait for the same input: the first to be woken
//! takes what has come, and that may have been all that the others waited for.

use std::future::Future;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// What a task waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Input,
    Output,
}

/// The tasks that wait.
#[derive(Debug, Default)]
pub(crate) struct Waiters(Mutex<List>);

#[derive(Debug, Default)]
struct List {
    next: u64,
    waiting: Vec<Waiter>,
}

#[derive(Debug)]
struct Waiter {
    number: u64,
    direction: Direction,
    is_called: bool,
    waker: Option<Waker>,
}

/// A task's place among those that wait. A task that gives up calls the others: they may have
/// relied on what it would have done.
struct Place<'a> {
    waiters: &'a Waiters,
    number: u64,
    has_given_up: bool,
}

impl Waiters {
    /// Wait until `ready` is done, or until the task is called.
    pub(crate) async fn wait(&self, direction: Direction, ready: impl Future<Output = ()>) {
        let mut place = self.join(direction);
        let mut ready = pin!(ready);
        std::future::poll_fn(|context| {
            if place.is_called(context) {
                return Poll::Ready(());
            }
            ready.as_mut().poll(context)
        })
        .await;
        place.has_given_up = false;
    }

    /// Let the tasks that wait in that direction, or all, try again.
    pub(crate) fn call(&self, direction: Option<Direction>) {
        let mut wakers = Vec::new();
        for waiter in &mut self.lock().waiting {
            if direction.is_none_or(|direction| direction == waiter.direction) {
                waiter.is_called = true;
                wakers.extend(waiter.waker.take());
            }
        }
        wakers.into_iter().for_each(Waker::wake);
    }

    fn join(&self, direction: Direction) -> Place<'_> {
        let mut list = self.lock();
        let number = list.next;
        list.next = number.wrapping_add(1);
        list.waiting.push(Waiter {
            number,
            direction,
            is_called: false,
            waker: None,
        });
        Place {
            waiters: self,
            number,
            has_given_up: true,
        }
    }

    fn lock(&self) -> MutexGuard<'_, List> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place<'_> {
    fn is_called(&self, context: &Context<'_>) -> bool {
        let mut list = self.waiters.lock();
        let mine = |waiter: &&mut Waiter| waiter.number == self.number;
        list.waiting.iter_mut().find(mine).is_none_or(|waiter| {
            waiter.waker = Some(context.waker().clone());
            waiter.is_called
        })
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let is_mine = |waiter: &Waiter| waiter.number == self.number;
        self.waiters
            .lock()
            .waiting
            .retain(|waiter| !is_mine(waiter));
        if self.has_given_up {
            self.waiters.call(None);
        }
    }
}
