//! Handle on a listener: interface `listener`.

use std::net::IpAddr;

use wasmtime::component::ResourceAny;

use crate::context::Context;
use crate::failure::Failure;
use crate::instance::{Instance, ask, call};
use crate::poll::Pollable;
use crate::port::Port;
use crate::types::Address;

/// A listening socket; see resource `listener` in `wit/listener.wit` for what each function does
/// and which errors it has.
#[derive(Debug)]
pub struct Listener(ResourceAny);

#[expect(
    clippy::missing_errors_doc,
    reason = "wit/listener.wit lists the errors of each function"
)]
impl Listener {
    /// Listen on a local address and port; 0 picks a free one.
    pub fn listen(
        instance: &mut Instance,
        context: &Context,
        ip: IpAddr,
        port: u16,
        backlog: Option<u64>,
    ) -> Result<Self, Failure> {
        call!(
            instance,
            listener.call_listen,
            context.0,
            &ip.to_string(),
            port,
            backlog
        )
        .map(Self)
    }

    /// Take a connection that waits; never blocks.
    pub fn accept(&self, instance: &mut Instance) -> Result<Port, Failure> {
        call!(instance, listener.call_accept, self.0).map(Port)
    }

    /// Take a connection, waiting for one.
    pub fn blocking_accept(&self, instance: &mut Instance) -> Result<Port, Failure> {
        call!(instance, listener.call_blocking_accept, self.0).map(Port)
    }

    /// Whether a connection waits.
    pub fn accept_ready(&self, instance: &mut Instance) -> Result<bool, Failure> {
        call!(instance, listener.call_accept_ready, self.0)
    }

    /// Use another context for connections accepted from now on.
    pub fn set_context(&self, instance: &mut Instance, context: &Context) -> Result<(), Failure> {
        call!(instance, listener.call_set_context, self.0, context.0)
    }

    /// The address and port it listens on.
    pub fn local_address(&self, instance: &mut Instance) -> Result<Address, Failure> {
        call!(instance, listener.call_local_address, self.0)
    }

    /// A pollable that is ready when a connection waits, and at once after [`close`](Self::close).
    pub fn subscribe(&self, instance: &mut Instance) -> Result<Pollable, Failure> {
        ask!(instance, listener.call_subscribe, self.0).map(Pollable)
    }

    /// Stop listening and free the socket. Its pollables must have been dropped.
    pub fn close(&self, instance: &mut Instance) -> Result<(), Failure> {
        ask!(instance, listener.call_close, self.0)
    }

    /// Frees the listener and its socket. Its pollables must have been dropped.
    pub fn drop(self, instance: &mut Instance) -> Result<(), Failure> {
        instance.drop_resource(self.0)
    }
}
