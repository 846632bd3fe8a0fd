//! Groups of flags that several commands share: what they mean, and what they set in a context.

pub(crate) mod alpn;
pub(crate) mod groups;
pub(crate) mod identity;
pub(crate) mod key_log;
mod names;
pub(crate) mod pins;
pub(crate) mod proxy;
pub(crate) mod resolve;
pub(crate) mod revocation;
pub(crate) mod sigalgs;
pub(crate) mod target;
pub(crate) mod tickets;
pub(crate) mod timers;
pub(crate) mod trust;
