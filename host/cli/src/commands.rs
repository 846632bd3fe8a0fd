//! The subcommands, a file each: its flags and what it does.

pub(crate) mod ciphers;
pub(crate) mod compose;
pub(crate) mod connect;
pub(crate) mod demo;
pub(crate) mod inspect;
pub(crate) mod run;
pub(crate) mod serve;
pub(crate) mod shell;
