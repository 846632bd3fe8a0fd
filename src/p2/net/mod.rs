//! TCP and name resolution by wasi:sockets. This module must not know TLS.

mod acceptor;
mod address;
mod connector;
mod failure;
mod kept;
mod park;
mod parts;
mod streams;

pub(crate) use acceptor::Acceptor;
pub(crate) use connector::Connector;
pub(crate) use kept::keep;
pub(crate) use streams::Streams;
