//! What is fuzzed: one function for each target, over any bytes. Each says what has to hold; that
//! nothing panics has to hold always.
//!
//! The functions of `core` are run over the kept inputs by `tests/corpora.rs` too, those of the
//! command by its own tests: the corpora in `corpus/` are tests of every build.
#![allow(
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "what cannot go on should stop"
)]

mod command;
mod core;
mod operations;
pub mod seeds;
mod support;

// The command's, which its dialogues are held by.
#[path = "../../host/cli/src/wire.rs"]
mod wire;

#[path = "../../host/cli/src/serving"]
mod serving {
    //! What the command's file server stands on.
    pub(crate) mod service;

    pub mod www {
        pub mod http;
        pub mod site;
    }
}

pub use command::{http, starttls};
pub use core::{client, credentials, records, server, signatures, wire, words};
pub use operations::operations;
