//! The server behind `portcullis serve`: many connections in one poll loop, and what is served on
//! them.

pub(crate) mod connection;
pub(crate) mod door;
pub(crate) mod plan;
pub(crate) mod server;
pub(crate) mod service;
mod www;
