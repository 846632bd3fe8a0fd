//! What the tests of the command share: the command, other programs beside it, and what the tests
//! of the library share.
#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "test files use different parts, and a test that cannot go on should stop"
)]

mod brokers;
mod command;
mod programs;
#[path = "../../../tests/support/mod.rs"]
mod shared;

use std::time::Duration;

pub use brokers::{grpc, mosquitto, redis};
pub use command::{echoed, finish, inspected, portcullis, refusal, run, say, serve, serving};
pub use programs::{
    PASSWORD, Running, await_log, nginx, postgresql, postgresql_asking, say_to, start, tool,
};
pub use shared::*;

/// No step of a test takes longer.
pub const PATIENCE: Duration = Duration::from_secs(60);
