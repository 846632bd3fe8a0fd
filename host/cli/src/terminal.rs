//! The terminal and the streams of the process.

pub(crate) mod colour;
pub(crate) mod progress;
pub(crate) mod signals;
pub(crate) mod stdio;
