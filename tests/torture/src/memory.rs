//! The first part: the core, in memory.

use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::cases::{Case, Transcript};
use crate::certs::Certificates;
use crate::exchange::{self, Outcome};
use crate::names::fits;
use crate::native::Native;
use crate::peer::Peer;
use crate::random::Random;
use crate::report::Tally;
use crate::setup::{Ends, Kind, Setup};
use crate::verdict::{self, Verdict};
use crate::wire::Middle;

/// What is run of all cases.
#[derive(Clone, Copy)]
pub(crate) struct Extent<'a> {
    pub(crate) seed: u64,
    /// Only the cases of these names.
    pub(crate) only: Option<&'a str>,
    /// One of so many cases.
    pub(crate) share: usize,
    /// How many storms each set-up has.
    pub(crate) storms: usize,
    /// How long storms go on after that.
    pub(crate) time: Duration,
}

/// Runs the cases; prints the slowest.
pub(crate) fn run(extent: Extent<'_>) -> Result<Tally> {
    let certificates = Certificates::new()?;
    let mut transcripts = Vec::new();
    let mut cases = Vec::new();
    for setup in Setup::all() {
        let control = Case::control(setup);
        let outcome = play(&control, &certificates)?;
        if let Verdict::Failed(why) = verdict::of(&control, &outcome) {
            bail!("{}: {why}", control.name);
        }
        let transcript = Transcript::new(setup, outcome.to_us, outcome.to_peer);
        let share = extent.share * Transcript::share(setup);
        let all = transcript.cases()?.into_iter();
        match extent.only {
            Some(only) => cases.extend(all.filter(|case| fits(only, &case.name))),
            None => {
                let is_taken = |case: &Case| Random::new(extent.seed, &case.name).below(share) == 0;
                cases.extend(all.filter(is_taken));
            }
        }
        transcripts.push(transcript);
    }
    match extent.only.and_then(|only| only.rsplit_once("/storm-")) {
        Some((_, number)) => {
            let number = number.parse().context("the number of a storm")?;
            let storms = transcripts.iter().map(|t| t.storm(extent.seed, number));
            cases.extend(storms.filter(|case| Some(case.name.as_str()) == extent.only));
        }
        None if extent.only.is_none() => {
            for number in 0..extent.storms {
                cases.extend(transcripts.iter().map(|t| t.storm(extent.seed, number)));
            }
        }
        None => {}
    }
    if cases.is_empty() {
        bail!("there is no case of that name");
    }
    if let (Some(_), [case]) = (extent.only, cases.as_slice()) {
        println!("to us: {:?}, to the peer: {:?}", case.to_us, case.to_peer);
    }
    let mut tally = on_all_cores(&cases, &certificates);
    let begun = Instant::now();
    let mut number = extent.storms;
    while extent.only.is_none() && begun.elapsed() < extent.time {
        let storms: Vec<_> = (number..number + 100)
            .flat_map(|number| {
                transcripts
                    .iter()
                    .map(move |t| t.storm(extent.seed, number))
            })
            .collect();
        tally.join(on_all_cores(&storms, &certificates));
        number += 100;
    }
    Ok(tally)
}

fn on_all_cores(cases: &[Case], certificates: &Certificates) -> Tally {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut tally = Tally::default();
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            let (verdict, memory) = judged(case, certificates);
            tally.memory = tally.memory.max(memory);
            tally.add(&case.name, &case.kind(), verdict);
        }
        tally
    };
    let workers = thread::available_parallelism().map_or(2, usize::from);
    let mut tally = Tally::default();
    thread::scope(|scope| {
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        for thread in threads {
            match thread.join() {
                Ok(part) => tally.join(part),
                Err(_) => tally.add("?", "?", Verdict::Failed("a worker panicked".to_owned())),
            }
        }
    });
    tally
}

/// The verdict, and the memory that the connection took.
fn judged(case: &Case, certificates: &Certificates) -> (Verdict, usize) {
    let played = panic::catch_unwind(AssertUnwindSafe(|| play(case, certificates)));
    match played {
        Ok(Ok(outcome)) => {
            let memory = outcome.memory.unwrap_or_default();
            (verdict::of(case, &outcome), memory)
        }
        Ok(Err(error)) => (Verdict::Failed(format!("{error:#}")), 0),
        Err(_) => (Verdict::Failed("it panicked".to_owned()), 0),
    }
}

/// Runs one case.
pub(crate) fn play(case: &Case, certificates: &Certificates) -> Result<Outcome> {
    let ends = Ends::new(case.setup, certificates)?;
    let (ours, theirs) = case.setup.plans();
    let connect = |tricks| {
        let middle = Middle::new(tricks, case.setup, &ends.secrets);
        let middle = Rc::new(RefCell::new(middle));
        let peer = Peer::new(ends.peer()?, theirs);
        let mut machine = Native::new(&ends, &middle)?;
        exchange::run(&mut machine, peer, &middle, ours)
    };
    if case.setup.kind == Kind::Resumed {
        connect([Vec::new(), Vec::new()])?;
    }
    connect([case.to_us.clone(), case.to_peer.clone()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trick::Trick;

    #[test]
    fn hostile_peers_get_typed_errors_and_honest_ones_their_bytes() {
        let tally = run(Extent {
            seed: 1,
            only: None,
            share: 150,
            storms: 3,
            time: Duration::ZERO,
        });
        let tally = tally.unwrap();
        assert!(tally.print("in memory"));
        assert!(tally.cases > 400, "{}", tally.cases);
    }

    #[test]
    fn a_trick_that_is_not_noticed_fails_its_case() {
        let certificates = Certificates::new().unwrap();
        let setup = Setup::all()[0];
        let mut case = Case::control(setup);
        let mut outcome = play(&case, &certificates).unwrap();
        assert_eq!(verdict::of(&case, &outcome), Verdict::Correct);
        // As if a record had been left out and everything had come all the same.
        case.to_us = vec![Trick::Drop(0)];
        outcome.is_harmed = true;
        let noticed = play(&case, &certificates).unwrap();
        assert!(matches!(verdict::of(&case, &noticed), Verdict::Typed(_)));
        assert!(matches!(verdict::of(&case, &outcome), Verdict::Failed(_)));
        outcome.is_harmed = false;
        outcome.received -= 1;
        assert!(matches!(verdict::of(&case, &outcome), Verdict::Failed(_)));
    }
}
