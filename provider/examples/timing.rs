//! Whether the time that an operation takes depends on its secrets: `cargo xtask timing` runs this as
//! WebAssembly, compiled by wasmtime, in both flavours.
//!
//! The method is dudect's (Reparaz, Balasch, Verbauwhede, 2017): one class of inputs has a fixed
//! secret, the other random ones; both are timed in random order, and Welch's t compares their means,
//! over all times and over those below several percentiles. A |t| that stays small however many are
//! taken means that this saw no difference; it is no proof that there is none. Two operations that do
//! depend on their secrets are among them, to show that such are found.
//!
//! Arguments: how many rounds of samples at most, how many times as many samples in each, then RSA keys
//! as PKCS #8 in hexadecimal.
//! A line for each operation: name, samples, the largest |t| in hundredths, and the median in
//! nanoseconds.
#![allow(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a tool that cannot go on should stop"
)]

mod operations;
#[path = "../../tests/support/splitmix.rs"]
mod splitmix;

use std::env;
use std::hint::black_box;
use std::time::Instant;

use operations::{Random, Watch};

/// How many inputs are made before they are timed.
const BATCH: usize = 100;
/// A |t| above which more samples are taken: what is noise falls, and what is a leak grows.
const UNCLEAR: f64 = 4.5;
/// The times below which comparisons are made, as parts of all.
const CROPS: [f64; 7] = [1.0, 0.99, 0.95, 0.9, 0.75, 0.5, 0.25];

/// The timer, and what it is to take.
struct Timing {
    random: Random,
    rounds: usize,
    factor: usize,
}

impl Watch for Timing {
    fn random(&mut self) -> &mut Random {
        &mut self.random
    }

    /// Times an operation, at first so many times, and prints what was found. `make` makes an input
    /// of the fixed class or the random one.
    fn of<I>(
        &mut self,
        name: &str,
        samples: usize,
        mut make: impl FnMut(&mut Random, bool) -> I,
        mut run: impl FnMut(I),
    ) {
        let mut times: Vec<(bool, f64)> = Vec::new();
        let mut largest = 0.0;
        for round in 0..self.rounds {
            // Each round doubles what there is.
            let wanted = (samples * self.factor) << round;
            while times.len() < wanted {
                let inputs: Vec<_> = (0..BATCH)
                    .map(|_| {
                        let is_fixed = self.random.next() & 1 == 0;
                        (is_fixed, make(&mut self.random, is_fixed))
                    })
                    .collect();
                for (is_fixed, input) in inputs {
                    let input = black_box(input);
                    let begun = Instant::now();
                    run(input);
                    times.push((is_fixed, begun.elapsed().as_nanos() as f64));
                }
            }
            largest = largest_t(&times);
            if largest < UNCLEAR {
                break;
            }
        }
        let mut sorted: Vec<_> = times.iter().map(|(_, time)| *time).collect();
        sorted.sort_by(f64::total_cmp);
        let median = sorted[sorted.len() / 2];
        // As integers: how floating point is written is what LLVM miscompiles for wide arithmetic
        // (`xtask/src/wide.rs`).
        let (t, median) = ((largest * 100.0) as u64, median as u64);
        println!("{name}\t{}\t{t}\t{median}", times.len());
    }
}

/// The largest |t| over all crops. The first times, in which caches fill, do not count.
fn largest_t(times: &[(bool, f64)]) -> f64 {
    let times = &times[times.len() / 50..];
    let mut sorted: Vec<_> = times.iter().map(|(_, time)| *time).collect();
    sorted.sort_by(f64::total_cmp);
    let crops = CROPS.iter().map(|part| {
        let last = ((sorted.len() - 1) as f64 * part) as usize;
        let limit = sorted[last];
        let of = |class: bool| {
            let times = times.iter().filter(|(is_fixed, _)| *is_fixed == class);
            Moments::of(times.map(|(_, time)| *time).filter(|time| *time <= limit))
        };
        of(true).t(&of(false)).abs()
    });
    crops.fold(0.0, f64::max)
}

/// Count, mean and variance.
struct Moments {
    count: f64,
    mean: f64,
    variance: f64,
}

impl Moments {
    fn of(times: impl Iterator<Item = f64>) -> Self {
        // Welford's way.
        let (mut count, mut mean, mut squares) = (0.0, 0.0, 0.0);
        for time in times {
            count += 1.0;
            let before: f64 = time - mean;
            mean += before / count;
            squares += before * (time - mean);
        }
        Self {
            count,
            mean,
            variance: squares / (count - 1.0),
        }
    }

    fn t(&self, other: &Self) -> f64 {
        let spread = self.variance / self.count + other.variance / other.count;
        match spread > 0.0 {
            true => (self.mean - other.mean) / spread.sqrt(),
            false => 0.0,
        }
    }
}

fn main() {
    let mut arguments = env::args().skip(1);
    let mut number = || {
        arguments
            .next()
            .expect("a number")
            .parse()
            .expect("a number")
    };
    let mut timing = Timing {
        random: Random::new(1, |_| {}),
        rounds: number(),
        factor: number(),
    };
    operations::controls(&mut timing);
    operations::records(&mut timing);
    operations::macs(&mut timing);
    operations::exchanges(&mut timing);
    operations::signatures(&mut timing);
    let keys: Vec<_> = arguments
        .map(|key| operations::load(&operations::bytes(&key)))
        .collect();
    operations::rsa(&mut timing, &keys);
}
