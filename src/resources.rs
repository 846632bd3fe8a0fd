//! The resources that every form of the component has, and the interfaces of functions alone: they
//! convert between `wit/` and the core, and know no sockets.

pub(crate) mod bindings;
mod certificate;
pub(crate) mod client_hello;
pub(crate) mod component;
pub(crate) mod context;
pub(crate) mod conv;
pub(crate) mod engine;
pub(crate) mod environment;
pub(crate) mod fs;
mod key_log;
pub(crate) mod session;
