//! Random sequences of operations on both ends of a connection, over a transport that takes, cuts,
//! delays, changes and ends what it is given, with a clock that the test turns. After each operation the
//! rules of `explorer/rules.rs` hold; at the end of each sequence both ends go on as programs do, and
//! nobody waits for ever.
//!
//! `PORTCULLIS_TORTURE_CASES` is the number of sequences for each version, `PORTCULLIS_TORTURE_SEED`
//! the seed of the first; each has the next number. A failure prints its seed, and the shortest part
//! of its sequence that fails.
#![allow(
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    unreachable_pub,
    reason = "a test that cannot go on should stop"
)]

mod support;

#[path = "explorer/end.rs"]
mod end;
#[path = "explorer/network.rs"]
mod network;
#[path = "explorer/race.rs"]
mod race;
#[path = "explorer/random.rs"]
mod random;
#[path = "explorer/rules.rs"]
mod rules;
#[path = "explorer/script.rs"]
mod script;
#[path = "explorer/settle.rs"]
mod settle;
#[path = "explorer/world.rs"]
mod world;

use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;

use end::IS_TOLD;
use portcullis::tls::Version;
use script::Script;

/// How many sequences of each version are run unless another number is given.
const CASES: u64 = 600;

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{variable} is no number: {text}")),
    )
}

/// What is wrong with the sequence, if anything.
fn flaw(script: &Script) -> Option<String> {
    match catch_unwind(AssertUnwindSafe(|| world::run(script))) {
        Ok(Ok(())) => None,
        Ok(Err(broken)) => Some(broken),
        Err(panic) => Some(match panic.downcast_ref::<String>() {
            Some(text) => format!("panic: {text}"),
            None => format!("panic: {:?}", panic.downcast_ref::<&str>()),
        }),
    }
}

/// What a flaw says without where and when it was found.
fn kind(flaw: &str) -> String {
    let (_, rule) = flaw.split_once(" at ").unwrap_or(("", flaw));
    rule.chars().filter(|each| each.is_alphabetic()).collect()
}

/// Takes steps away as long as the same rule is broken.
fn shrink(mut script: Script, broken: &str) -> Script {
    let is_same = |script: &Script| flaw(script).is_some_and(|flaw| kind(&flaw) == kind(broken));
    let mut lot = script.steps.len().div_ceil(2).max(1);
    loop {
        let mut from = 0;
        while from < script.steps.len() {
            let mut shorter = script.clone();
            let to = (from + lot).min(shorter.steps.len());
            shorter.steps.drain(from..to);
            if is_same(&shorter) {
                script = shorter;
            } else {
                from += lot;
            }
        }
        if lot == 1 {
            return script;
        }
        lot = lot.div_ceil(2);
    }
}

fn explore(version: Version) {
    let first = number("PORTCULLIS_TORTURE_SEED").unwrap_or(1);
    let cases = number("PORTCULLIS_TORTURE_CASES").unwrap_or(CASES);
    for seed in first..first + cases {
        let script = Script::of(seed, version);
        if let Some(broken) = flaw(&script) {
            let shortest = shrink(script, &broken);
            IS_TOLD.store(true, Ordering::Relaxed);
            let why = flaw(&shortest).unwrap_or_default();
            let lines = shortest.steps.iter().map(|step| format!("    {step:?}\n"));
            panic!(
                "PORTCULLIS_TORTURE_SEED={seed} PORTCULLIS_TORTURE_CASES=1: {broken}\n\
                 the shortest that fails: {why}\n{:?}\n{}",
                shortest.setting,
                lines.collect::<String>()
            );
        }
    }
}

#[test]
fn no_sequence_of_tls12_breaks_a_rule() {
    explore(Version::Tls12);
}

#[test]
fn no_sequence_of_tls13_breaks_a_rule() {
    explore(Version::Tls13);
}

#[test]
fn every_address_of_a_host_is_tried_in_time() {
    let first = number("PORTCULLIS_TORTURE_SEED").unwrap_or(1);
    let cases = number("PORTCULLIS_TORTURE_CASES").unwrap_or(CASES);
    for seed in first..first + cases {
        if let Err(broken) = race::run(seed) {
            panic!("PORTCULLIS_TORTURE_SEED={seed} PORTCULLIS_TORTURE_CASES=1: {broken}");
        }
    }
}

#[test]
fn no_sequence_that_fuzzing_has_kept_breaks_a_rule() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/operations");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let script = Script::of_bytes(&std::fs::read(&path).unwrap());
        if let Some(broken) = flaw(&script) {
            panic!("{}: {broken}\n{script:#?}", path.display());
        }
        count += 1;
    }
    assert!(count > 0, "no input in {folder}");
}
