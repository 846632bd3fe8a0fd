//! Rounds in which every side has its turn, so that other load on the machine hits all alike.

use std::time::Duration;

use anyhow::{Context, Result};
use rustix::time::{ClockId, clock_gettime};

use crate::progress::Progress;
use crate::report::Samples;

/// A side that is measured: each call of `turn` returns its figures.
pub(crate) struct Side<'a> {
    name: String,
    turn: Box<dyn FnMut() -> Result<Vec<f64>> + 'a>,
}

impl<'a> Side<'a> {
    pub(crate) fn new(
        name: impl Into<String>,
        turn: impl FnMut() -> Result<Vec<f64>> + 'a,
    ) -> Self {
        Self {
            name: name.into(),
            turn: Box::new(turn),
        }
    }
}

/// What the sides showed, each under its name.
pub(crate) struct Outcome {
    sides: Vec<(String, Vec<Samples>)>,
}

impl Outcome {
    /// One of the figures of a side.
    pub(crate) fn of(&self, name: &str, figure: usize) -> Result<&Samples> {
        let found = self.sides.iter().find(|(side, _)| side == name);
        found
            .and_then(|(_, figures)| figures.get(figure))
            .with_context(|| format!("{name} has no figure {figure}"))
    }
}

/// Give each side one turn that does not count, and then one in each round.
pub(crate) fn rounds(
    progress: &Progress,
    title: &str,
    count: usize,
    mut sides: Vec<Side<'_>>,
) -> Result<Outcome> {
    let mut outcome = Outcome {
        sides: sides
            .iter()
            .map(|side| (side.name.clone(), Vec::new()))
            .collect(),
    };
    for round in 0..=count {
        progress.show(&format!("{title}: round {round} of {count}"));
        for (side, (_, figures)) in sides.iter_mut().zip(&mut outcome.sides) {
            let values = (side.turn)().with_context(|| format!("{title}: {}", side.name))?;
            if round == 0 {
                figures.resize(values.len(), Samples::default());
                continue;
            }
            for (samples, value) in figures.iter_mut().zip(values) {
                samples.0.push(value);
            }
        }
    }
    Ok(outcome)
}

/// Adds up the time of what it is given to run, and not of what happens in between. It counts the
/// processor time of this thread, so that other programs do not add to it.
#[derive(Default)]
pub(crate) struct Watch(pub(crate) Duration);

impl Watch {
    pub(crate) fn time<T>(&mut self, what: impl FnOnce() -> T) -> T {
        let before = of_this_thread();
        let result = what();
        self.0 += of_this_thread().saturating_sub(before);
        result
    }
}

/// The processor time of this thread.
pub(crate) fn of_this_thread() -> Duration {
    at(ClockId::ThreadCPUTime)
}

/// The processor time of all threads of this process.
pub(crate) fn of_this_process() -> Duration {
    at(ClockId::ProcessCPUTime)
}

fn at(clock: ClockId) -> Duration {
    // These clocks are never negative.
    clock_gettime(clock).try_into().unwrap_or_default()
}

/// Millions of bytes per second.
pub(crate) fn megabytes_per_second(bytes: usize, time: Duration) -> f64 {
    let bytes = f64::from(u32::try_from(bytes).unwrap_or(u32::MAX));
    bytes / 1e6 / time.as_secs_f64()
}
