//! Callers that do anything: every function of every interface, with arguments at every edge, in any
//! order, and handles dropped at any moment. The built component, in a wasmtime without anything of
//! ours, answers by values and typed errors, and neither traps nor stands still.
//!
//! The functions and their types are read from the component, so that a new function is called without
//! a change here. `PORTCULLIS_SEQUENCES` is how many sequences are run, `PORTCULLIS_SEED` the first.
#![allow(
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop"
)]

#[path = "callers/beginning.rs"]
mod beginning;
#[path = "callers/caller.rs"]
mod caller;
#[path = "callers/subject.rs"]
mod subject;
mod support;
#[path = "callers/values.rs"]
mod values;

use std::collections::{BTreeMap, BTreeSet};
use std::env;

use caller::Caller;
use subject::Subject;

/// How many sequences the gate runs.
const SEQUENCES: u64 = 60;

#[derive(Default)]
struct Tally {
    calls: usize,
    drops: usize,
    given_up: usize,
    /// How many pollables have outlived their sockets, which ends an instance.
    outlived: usize,
    /// How often each function has answered.
    answers: BTreeMap<String, usize>,
    /// How often each case of `error`.
    errors: BTreeMap<String, usize>,
}

fn variable(name: &str, default: u64) -> u64 {
    let text = env::var(name).ok();
    text.map_or(default, |text| text.parse().expect("a number"))
}

#[test]
fn whatever_is_called_in_whatever_order_is_answered_by_a_value_or_a_typed_error() {
    let subject = Subject::new();
    let mut tally = Tally::default();
    let first = variable("PORTCULLIS_SEED", 1);
    let count = variable("PORTCULLIS_SEQUENCES", SEQUENCES);
    for seed in first..first + count {
        println!("PORTCULLIS_SEED={seed}");
        let mut caller = Caller::new(&subject, seed);
        // Those that are given up are not dropped in order: their instance is gone.
        let _ = caller.run(usize::try_from(seed).unwrap(), &mut tally);
    }
    println!(
        "{} calls, {} handles dropped, {} waits given up, {} pollables that outlived; errors: {:?}",
        tally.calls, tally.drops, tally.given_up, tally.outlived, tally.errors
    );
    let called: BTreeSet<_> = tally.answers.keys().collect();
    let never: Vec<_> = subject
        .functions
        .iter()
        .map(|function| &function.name)
        .filter(|name| !called.contains(name))
        .collect();
    if count >= SEQUENCES {
        assert!(never.is_empty(), "never called: {never:?}");
    }
}
