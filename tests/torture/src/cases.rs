//! The cases: what is done to which connection.

use std::collections::HashMap;

use anyhow::Result;
use portcullis::tls::Version;

use crate::random::Random;
use crate::record::{CHANGE_CIPHER_SPEC, DATA, HANDSHAKE, HEADER};
use crate::setup::{Kind, Setup};
use crate::trick::{Injected, Trick};
use crate::wire::Logged;

/// One connection, and the tricks of its middle.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) setup: Setup,
    pub(crate) name: String,
    pub(crate) to_us: Vec<Trick>,
    pub(crate) to_peer: Vec<Trick>,
}

/// A direction.
#[derive(Clone, Copy, PartialEq, Eq)]
enum To {
    Us,
    Peer,
}

impl Case {
    /// Nothing is done.
    pub(crate) fn control(setup: Setup) -> Self {
        Self {
            setup,
            name: format!("{}/control", setup.name()),
            to_us: Vec::new(),
            to_peer: Vec::new(),
        }
    }

    fn of(setup: Setup, to: To, trick: Trick) -> Self {
        let (direction, to_us, to_peer) = match to {
            To::Us => ("to-us", vec![trick.clone()], Vec::new()),
            To::Peer => ("to-peer", Vec::new(), vec![trick.clone()]),
        };
        Self {
            setup,
            name: format!("{}/{direction}/{trick}", setup.name()),
            to_us,
            to_peer,
        }
    }

    /// Its tricks.
    pub(crate) fn tricks(&self) -> impl Iterator<Item = &Trick> {
        self.to_us.iter().chain(&self.to_peer)
    }

    /// The kind of what is done, for tables.
    pub(crate) fn kind(&self) -> String {
        match (self.to_us.as_slice(), self.to_peer.as_slice()) {
            ([], []) => "control".to_owned(),
            ([trick], []) => format!("{}, to us", trick.kind()),
            ([], [trick]) => format!("{}, to the peer", trick.kind()),
            _ => "storm".to_owned(),
        }
    }
}

/// What the connection of a set-up looks like when nothing is done.
pub(crate) struct Transcript {
    setup: Setup,
    to_us: Vec<Logged>,
    to_peer: Vec<Logged>,
}

impl Transcript {
    pub(crate) fn new(setup: Setup, to_us: Vec<Logged>, to_peer: Vec<Logged>) -> Self {
        Self {
            setup,
            to_us,
            to_peer,
        }
    }

    /// One of so many cases of a set-up is taken. A set-up of which everything is taken has each byte cut,
    /// flipped and made the last.
    pub(crate) fn share(setup: Setup) -> usize {
        match setup.kind {
            Kind::Plain => 1,
            Kind::Bulk => 200,
            _ => 8,
        }
    }

    /// All cases with one trick each.
    pub(crate) fn cases(&self) -> Result<Vec<Case>> {
        let mut cases = vec![Case::control(self.setup)];
        for (to, log) in [(To::Us, &self.to_us), (To::Peer, &self.to_peer)] {
            let mut add = |trick| cases.push(Case::of(self.setup, to, trick));
            self.whole(&mut add);
            self.bytes(to, log, &mut add);
            self.records(to, log, &mut add);
        }
        Ok(cases)
    }

    fn whole(&self, add: &mut impl FnMut(Trick)) {
        add(Trick::Hold);
        let sizes = [1, 2, 3, 4, 5, 6, 7, 13, 64, 255, 1000, 4096, 16_384];
        sizes.map(Trick::Split).into_iter().for_each(&mut *add);
        let drips: &[usize] = match self.setup.kind {
            Kind::Bulk => &[1000],
            _ => &[1, 2, 5, 17, 100],
        };
        drips.iter().copied().map(Trick::Drip).for_each(add);
    }

    fn bytes(&self, to: To, log: &[Logged], add: &mut impl FnMut(Trick)) {
        let length: usize = log.iter().map(|record| record.length).sum();
        let step = if self.setup.kind == Kind::Bulk { 97 } else { 1 };
        for at in (0..length).step_by(step) {
            if at > 0 {
                add(Trick::Cut(at));
            }
            add(Trick::Truncate(at));
            // Another bit of each byte.
            let bit = u8::try_from((at * 5 + at / 8) % 8).unwrap_or_default();
            add(Trick::Flip { at, bit });
            if at % 5 == 0 {
                add(Trick::Reset(at));
            }
            if to == To::Peer && at % 3 == 0 {
                add(Trick::Block(at));
                add(Trick::Break(at));
            }
        }
    }

    fn records(&self, to: To, log: &[Logged], add: &mut impl FnMut(Trick)) {
        let protected_from = match self.setup.version {
            Version::Tls12 => log.iter().position(|r| r.kind == CHANGE_CIPHER_SPEC),
            Version::Tls13 => None,
        };
        for (record, logged) in log.iter().enumerate() {
            add(Trick::Drop(record));
            add(Trick::Duplicate(record));
            if record + 1 < log.len() {
                add(Trick::Swap(record));
            }
            add(Trick::Empty(record));
            add(Trick::Shorten(record));
            add(Trick::Oversize(record));
            add(Trick::Reset(logged.start));
            add(Trick::Truncate(logged.start));
            for kind in [0, 20, 21, 22, 23, 24, 255] {
                if kind != logged.kind {
                    add(Trick::Retype { record, kind });
                }
            }
            let is_plain =
                logged.kind == HANDSHAKE && protected_from.is_none_or(|first| record < first);
            if is_plain && to == To::Us {
                for size in [1, 2, 3, 4, 7, 31, 100] {
                    if size + HEADER < logged.length {
                        add(Trick::Fragment { record, size });
                    }
                }
            }
            // What it takes to protect records is known from the first that is protected.
            let is_protected = match protected_from {
                Some(first) => record > first,
                None => logged.kind == DATA,
            };
            if is_protected {
                // Other data than the peer's, from a peer that has the keys, is the peer's.
                let sealed = Injected::ALL
                    .into_iter()
                    .filter(|what| what.content().is_some() && *what != Injected::Data);
                for what in sealed {
                    let is_long = matches!(what, Injected::Certificate | Injected::LongMessage);
                    let floods: &[usize] = match record % 3 {
                        0 if !is_long => &[1, 2, 40, 2000],
                        _ => &[1, 2, 40],
                    };
                    for &count in floods {
                        add(Trick::Seal {
                            record,
                            what,
                            count,
                        });
                    }
                }
            }
            for what in Injected::ALL {
                for count in [1, 2, 40] {
                    add(Trick::Inject {
                        record,
                        what,
                        count,
                    });
                }
                if record % 4 == 0 {
                    add(Trick::Inject {
                        record,
                        what,
                        count: 2000,
                    });
                }
            }
        }
    }

    /// A case of that number with several tricks, which the seed chooses.
    pub(crate) fn storm(&self, seed: u64, number: usize) -> Case {
        let name = format!("{}/storm-{number}", self.setup.name());
        let mut random = Random::new(seed, &name);
        // Much data in pieces of a few bytes would take as long as all other storms.
        let least = if self.setup.kind == Kind::Bulk {
            2000
        } else {
            1
        };
        let mut tricks = |log: &[Logged], is_to_peer: bool| -> Vec<Trick> {
            let length: usize = log.iter().map(|record| record.length).sum();
            (0..random.below(4))
                .map(|_| any_trick(&mut random, (length, log.len()), least, is_to_peer))
                .collect()
        };
        let to_us = tricks(&self.to_us, false);
        let to_peer = tricks(&self.to_peer, true);
        Case {
            setup: self.setup,
            name,
            to_us,
            to_peer,
        }
    }
}

fn any_trick(
    random: &mut Random,
    (bytes, records): (usize, usize),
    least: usize,
    is_to_peer: bool,
) -> Trick {
    let at = random.below(bytes);
    let record = random.below(records);
    let bit = u8::try_from(random.below(8)).unwrap_or_default();
    match random.below(if is_to_peer { 18 } else { 16 }) {
        0 => Trick::Split(least + random.below(2000)),
        1 => Trick::Cut(1 + at),
        2 => Trick::Hold,
        3 => Trick::Drip(least + 50 + random.below(2000)),
        4 => Trick::Split(least + random.below(9)),
        5 => Trick::Truncate(at),
        6 => Trick::Reset(at),
        7 => Trick::Flip { at, bit },
        8 => Trick::Drop(record),
        9 => Trick::Duplicate(record),
        10 => Trick::Swap(record),
        11 => Trick::Empty(record),
        12 => Trick::Shorten(record),
        13 => Trick::Retype {
            record,
            kind: 19 + bit,
        },
        14 | 15 => Trick::Inject {
            record,
            what: random
                .one_of(&Injected::ALL)
                .copied()
                .unwrap_or(Injected::Noise),
            count: 1 + random.below(60),
        },
        16 => Trick::Block(at),
        _ => Trick::Break(at),
    }
}

/// So many cases, the same number of each kind as far as there are any.
pub(crate) fn sample(all: Vec<Case>, count: usize, seed: u64, name: &str) -> Vec<Case> {
    let mut random = Random::new(seed, name);
    let mut kinds: Vec<Vec<Case>> = Vec::new();
    let mut places = HashMap::new();
    for case in all {
        let key = (case.setup.name(), case.kind());
        let place = *places.entry(key).or_insert_with(|| {
            kinds.push(Vec::new());
            kinds.len() - 1
        });
        if let Some(kind) = kinds.get_mut(place) {
            kind.push(case);
        }
    }
    let mut chosen = Vec::new();
    while chosen.len() < count && !kinds.is_empty() {
        for kind in &mut kinds {
            if !kind.is_empty() {
                let index = random.below(kind.len());
                chosen.push(kind.swap_remove(index));
            }
        }
        kinds.retain(|kind| !kind.is_empty());
    }
    chosen
}

#[cfg(test)]
mod tests {
    use crate::names::fits;

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, name, is_it) in [
            ("a/b-1", "a/b-1", true),
            ("a/b-1", "a/b-12", false),
            ("a/*", "a/b-1", true),
            ("*-1", "a/b-1", true),
            ("a*b*2", "a/b-12", true),
            ("a*c*2", "a/b-12", false),
        ] {
            assert_eq!(fits(pattern, name), is_it, "{pattern} {name}");
        }
    }
}
