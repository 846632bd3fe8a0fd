//! The chains, each odd in one respect that its name says. They are made anew for every run.

mod algorithms;
mod constraints;
mod extensions;
mod fields;
mod names;
mod paths;
mod policies;
mod purposes;
mod roots;

use std::collections::BTreeSet;

use crate::certificate::{At, Chain, Draft, NAME};
use crate::key::Key;

/// What the peer is.
#[derive(Clone, PartialEq, Eq)]
pub enum Purpose {
    /// A server, which is asked for by this name.
    Server(String),
    Client,
}

/// A chain, and what it is judged by.
#[derive(Clone)]
pub struct Case {
    pub name: String,
    /// What the peer sends, its own certificate first.
    pub chain: Vec<Vec<u8>>,
    pub roots: Vec<Vec<u8>>,
    pub purpose: Purpose,
    /// Seconds from the beginning of 1970.
    pub time: u64,
    /// The key of the peer's own certificate, if somebody holds it.
    pub key: Option<Key>,
}

/// The first of June 2025.
pub const NOW: u64 = 1_748_736_000;

impl Case {
    /// A server with this chain, a leaf before authorities, below this root.
    pub fn new(name: impl Into<String>, chain: Vec<Vec<u8>>, root: Vec<u8>, key: &Key) -> Self {
        Self {
            name: name.into(),
            chain,
            roots: vec![root],
            purpose: Purpose::Server(NAME.to_owned()),
            time: NOW,
            key: Some(key.clone()),
        }
    }

    pub fn host(self, host: &str) -> Self {
        Self {
            purpose: Purpose::Server(host.to_owned()),
            ..self
        }
    }

    pub fn client(self) -> Self {
        Self {
            purpose: Purpose::Client,
            ..self
        }
    }

    pub fn at(self, time: u64) -> Self {
        Self { time, ..self }
    }
}

impl Chain {
    /// The chain as a case.
    pub fn case(&self, name: impl Into<String>) -> Case {
        let [root, middle, leaf] = self.issued();
        Case::new(name, vec![leaf, middle], root, &self.leaf.key)
    }
}

/// All chains.
#[derive(Default)]
pub struct Corpus {
    pub cases: Vec<Case>,
}

impl Corpus {
    pub fn new() -> Self {
        let mut corpus = Self::default();
        corpus.add(Chain::new().case("plain/server"));
        fields::add(&mut corpus);
        extensions::add(&mut corpus);
        purposes::add(&mut corpus);
        names::add(&mut corpus);
        constraints::add(&mut corpus);
        policies::add(&mut corpus);
        paths::add(&mut corpus);
        roots::add(&mut corpus);
        algorithms::add(&mut corpus);
        let names: BTreeSet<_> = corpus.cases.iter().map(|case| &case.name).collect();
        assert_eq!(names.len(), corpus.cases.len(), "two cases have one name");
        corpus
    }

    pub fn add(&mut self, case: Case) {
        self.cases.push(case);
    }

    /// A case for each of these places, in which the certificate there is changed.
    pub fn each(&mut self, places: &[At], name: &str, change: impl Fn(&mut Draft)) {
        for at in places {
            let mut chain = Chain::new();
            change(chain.at(*at));
            self.add(chain.case(format!("{name}/{}", at.name())));
        }
    }
}
