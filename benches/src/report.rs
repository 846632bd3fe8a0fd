//! What was measured: samples of interleaved rounds, and the entries made of them.

use std::fmt::Write as _;

use anyhow::{Result, bail};
use serde::Serialize;

/// What one side showed in each round.
#[derive(Clone, Debug, Default)]
pub(crate) struct Samples(pub(crate) Vec<f64>);

impl Samples {
    /// The middle, and the quartiles around it.
    pub(crate) fn spread(&self) -> Spread {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        Spread {
            low: quantile(&sorted, 0.25),
            middle: quantile(&sorted, 0.5),
            high: quantile(&sorted, 0.75),
        }
    }

    /// The median of the rounds' ratios: what slows a round down slows both sides down.
    pub(crate) fn ratio_to(&self, peer: &Self) -> f64 {
        let ratios = self.0.iter().zip(&peer.0);
        Self(ratios.map(|(ours, theirs)| ours / theirs).collect())
            .spread()
            .middle
    }

    /// Each sample turned into another.
    pub(crate) fn map(&self, turn: impl Fn(f64) -> f64) -> Self {
        Self(self.0.iter().map(|sample| turn(*sample)).collect())
    }
}

/// The median and the quartiles.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spread {
    pub(crate) low: f64,
    pub(crate) middle: f64,
    pub(crate) high: f64,
}

/// The value below which a share of the sorted samples lies, interpolated between two of them.
pub(crate) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else {
        return f64::NAN;
    };
    let mut left = share * f64::from(u32::try_from(last).unwrap_or(u32::MAX));
    let mut index = 0;
    while left >= 1.0 {
        left -= 1.0;
        index += 1;
    }
    let at = |index: usize| {
        sorted
            .get(index)
            .or_else(|| sorted.last())
            .copied()
            .unwrap_or(f64::NAN)
    };
    at(index) * (1.0 - left) + at(index + 1) * left
}

/// One figure.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Entry {
    /// Dotted, from the general to the particular; `vs_` and the peer at the end if there is one.
    pub(crate) name: String,
    /// Ours: the median.
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
    /// Ours divided by the peer's, whether more or less is better.
    pub(crate) ratio: Option<f64>,
    pub(crate) peer: Option<String>,
    /// The peer's median.
    #[serde(skip)]
    pub(crate) peer_value: Option<f64>,
    /// The quartiles of `value`.
    pub(crate) low: f64,
    pub(crate) high: f64,
}

/// All figures, in the order in which they were measured.
#[derive(Debug, Default)]
pub(crate) struct Report {
    entries: Vec<Entry>,
}

impl Report {
    /// A figure with nothing to compare it to.
    pub(crate) fn alone(&mut self, name: impl Into<String>, unit: &'static str, ours: &Samples) {
        self.add(name.into(), unit, ours, None);
    }

    /// A figure beside the same figure of a peer, which `peer` names in a few words.
    pub(crate) fn beside(
        &mut self,
        name: impl Into<String>,
        unit: &'static str,
        ours: &Samples,
        (peer, theirs): (&str, &Samples),
    ) {
        self.add(name.into(), unit, ours, Some((peer, theirs)));
    }

    fn add(
        &mut self,
        name: String,
        unit: &'static str,
        ours: &Samples,
        peer: Option<(&str, &Samples)>,
    ) {
        let Spread { low, middle, high } = ours.spread();
        self.entries.push(Entry {
            name,
            value: middle,
            unit,
            ratio: peer.map(|(_, theirs)| ours.ratio_to(theirs)),
            peer: peer.map(|(name, _)| name.to_owned()),
            peer_value: peer.map(|(_, theirs)| theirs.spread().middle),
            low,
            high,
        });
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.name == name)
    }

    /// Fails if a figure is missing or is no number, so that nothing is dropped unseen.
    pub(crate) fn require<'a>(&self, names: impl Iterator<Item = &'a str>) -> Result<()> {
        let whole =
            |entry: &Entry| entry.value.is_finite() && entry.ratio.is_none_or(f64::is_finite);
        let missing: Vec<_> = names
            .filter(|name| !self.get(name).is_some_and(whole))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        bail!("not measured: {}", missing.join(", "))
    }

    /// A Markdown table of the entries whose names begin with the prefix.
    pub(crate) fn table(&self, prefix: &str) -> String {
        let mut table = String::from(
            "| figure | value | quartiles | unit | ratio | to |\n|---|---:|---:|---|---:|---|\n",
        );
        for entry in self
            .entries
            .iter()
            .filter(|entry| entry.name.starts_with(prefix))
        {
            let ratio = entry.ratio.map(number).unwrap_or_default();
            let peer = entry.peer.as_deref().unwrap_or_default();
            // Writing to memory does not fail.
            let _ = writeln!(
                table,
                "| `{}` | {} | {} – {} | {} | {ratio} | {peer} |",
                entry.name,
                number(entry.value),
                number(entry.low),
                number(entry.high),
                entry.unit
            );
        }
        table
    }
}

/// A number with three significant digits or all of its integer digits, thousands apart.
pub(crate) fn number(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude < 1.0 {
        return format!("{value:.3}");
    }
    if magnitude < 10.0 {
        return format!("{value:.2}");
    }
    if magnitude < 100.0 {
        return format!("{value:.1}");
    }
    let digits = format!("{value:.0}");
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 && !grouped.ends_with('-') {
            grouped.push(' ');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spread_is_median_and_quartiles() {
        let spread = Samples(vec![5.0, 1.0, 4.0, 2.0, 3.0]).spread();
        assert_eq!((spread.low, spread.middle, spread.high), (2.0, 3.0, 4.0));
        assert_eq!(Samples(vec![1.0, 2.0]).spread().middle, 1.5);
    }

    #[test]
    fn ratio_is_taken_round_by_round() {
        let (ours, theirs) = (Samples(vec![1.0, 10.0, 4.0]), Samples(vec![2.0, 20.0, 4.0]));
        assert_eq!(ours.ratio_to(&theirs), 0.5);
    }

    #[test]
    fn figure_that_is_missing_or_no_number_is_named() {
        let mut report = Report::default();
        report.alone("there", "s", &Samples(vec![1.0]));
        report.alone("broken", "s", &Samples(Vec::new()));
        assert!(report.require(&["there"]).is_ok());
        let error = report.require(&["there", "broken", "absent"]).unwrap_err();
        assert_eq!(error.to_string(), "not measured: broken, absent");
    }

    #[test]
    fn numbers_have_three_digits_that_count() {
        assert_eq!(number(0.0123), "0.012");
        assert_eq!(number(1.234), "1.23");
        assert_eq!(number(12.34), "12.3");
        assert_eq!(number(1_234_567.0), "1 234 567");
    }
}
