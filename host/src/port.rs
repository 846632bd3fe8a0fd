//! Handle on a port: interface `port`.

use std::time::Duration;

use wasmtime::component::ResourceAny;

use crate::client_hello::ClientHello;
use crate::context::{Context, milliseconds};
use crate::failure::Failure;
use crate::instance::{Instance, ask, call, within};
use crate::poll::Pollable;
use crate::port_types::{PlainTransport, Words};
use crate::session::Session;
use crate::types::{Address, Timer};

/// A connection; see resource `port` in `wit/port.wit` for its states, what each function does and
/// which errors it has.
#[derive(Debug)]
pub struct Port(pub(crate) ResourceAny);

#[expect(
    clippy::missing_errors_doc,
    reason = "wit/port.wit lists the errors of each function"
)]
impl Port {
    /// Begin to connect to a host and TCP port; never blocks.
    pub fn connect(
        instance: &mut Instance,
        context: &Context,
        host: &str,
        port: u16,
    ) -> Result<Self, Failure> {
        call!(instance, port.call_connect, context.0, host, port).map(Self)
    }

    /// Connect, waiting for the TCP connection but not for the handshake.
    pub fn blocking_connect(
        instance: &mut Instance,
        context: &Context,
        host: &str,
        port: u16,
    ) -> Result<Self, Failure> {
        call!(instance, port.call_blocking_connect, context.0, host, port).map(Self)
    }

    /// Speak TLS on a connection that is there already; see [`Instance::transport`].
    pub fn start(
        instance: &mut Instance,
        context: &Context,
        host: Option<&str>,
        transport: PlainTransport,
    ) -> Result<Self, Failure> {
        call!(instance, port.call_start, context.0, host, &transport).map(Self)
    }

    /// What the client has said, while operations say `WantContext`; none at any other time.
    pub fn client_hello(&self, instance: &mut Instance) -> Result<Option<ClientHello>, Failure> {
        let hello: Result<_, Failure> = ask!(instance, port.call_client_hello, self.0);
        Ok(hello?.map(ClientHello))
    }

    /// Go on with this context, after `WantContext`.
    pub fn set_context(&self, instance: &mut Instance, context: &Context) -> Result<(), Failure> {
        call!(instance, port.call_set_context, self.0, context.0)
    }

    /// Refuse the client by an alert of this number, after `WantContext`.
    pub fn refuse(&self, instance: &mut Instance, alert: u8) -> Result<(), Failure> {
        call!(instance, port.call_refuse, self.0, alert)
    }

    /// Go on with the handshake; never blocks.
    pub fn handshake(&self, instance: &mut Instance) -> Result<(), Failure> {
        call!(instance, port.call_handshake, self.0)
    }

    /// Finish the handshake.
    pub fn blocking_handshake(&self, instance: &mut Instance) -> Result<(), Failure> {
        call!(instance, port.call_blocking_handshake, self.0)
    }

    /// Read what is there, up to a length; none is the end. Never blocks.
    pub fn read(&self, instance: &mut Instance, length: u64) -> Result<Option<Vec<u8>>, Failure> {
        call!(instance, port.call_read, self.0, length)
    }

    /// Read at least a byte, up to a length; none is the end.
    pub fn blocking_read(
        &self,
        instance: &mut Instance,
        length: u64,
    ) -> Result<Option<Vec<u8>>, Failure> {
        call!(instance, port.call_blocking_read, self.0, length)
    }

    /// Read what is there, up to a length, in words of 64 bits, as guests do that are composed with the
    /// component; none is the end. Never blocks.
    pub fn read_words(
        &self,
        instance: &mut Instance,
        length: u64,
    ) -> Result<Option<Words>, Failure> {
        call!(instance, port.call_read_words, self.0, length)
    }

    /// The same, waiting for a byte or the end.
    pub fn blocking_read_words(
        &self,
        instance: &mut Instance,
        length: u64,
    ) -> Result<Option<Words>, Failure> {
        call!(instance, port.call_blocking_read_words, self.0, length)
    }

    /// How many bytes [`write`](Self::write) would take now; never blocks.
    pub fn check_write(&self, instance: &mut Instance) -> Result<u64, Failure> {
        call!(instance, port.call_check_write, self.0)
    }

    /// Write what there is room for, and return how much that was; never blocks.
    pub fn write(&self, instance: &mut Instance, plaintext: &[u8]) -> Result<usize, Failure> {
        let written = call!(instance, port.call_write, self.0, plaintext)?;
        Ok(within(written, plaintext))
    }

    /// Write all, and wait until the transport has taken it.
    pub fn blocking_write_all(
        &self,
        instance: &mut Instance,
        plaintext: &[u8],
    ) -> Result<(), Failure> {
        call!(instance, port.call_blocking_write_all, self.0, plaintext)
    }

    /// Write what there is room for of so many bytes, which come in words of 64 bits, and return how much
    /// that was; never blocks.
    pub fn write_words(
        &self,
        instance: &mut Instance,
        plaintext: &[u64],
        length: u64,
    ) -> Result<u64, Failure> {
        call!(instance, port.call_write_words, self.0, plaintext, length)
    }

    /// Write all of so many bytes, which come in words of 64 bits, and wait until the transport has
    /// taken them.
    pub fn blocking_write_all_words(
        &self,
        instance: &mut Instance,
        plaintext: &[u64],
        length: u64,
    ) -> Result<(), Failure> {
        call!(
            instance,
            port.call_blocking_write_all_words,
            self.0,
            plaintext,
            length
        )
    }

    /// Write what may leave before the handshake is done, and return how much that was; never blocks. Whoever
    /// sees it pass can send it again.
    pub fn write_early_data(
        &self,
        instance: &mut Instance,
        plaintext: &[u8],
    ) -> Result<usize, Failure> {
        let written = call!(instance, port.call_write_early_data, self.0, plaintext)?;
        Ok(within(written, plaintext))
    }

    /// Read what the client has sent before the handshake was done, up to a length; none is the end of
    /// it; never blocks.
    pub fn read_early_data(
        &self,
        instance: &mut Instance,
        length: u64,
    ) -> Result<Option<Vec<u8>>, Failure> {
        call!(instance, port.call_read_early_data, self.0, length)
    }

    /// Ok when the transport has taken everything that was written; never blocks.
    pub fn flush(&self, instance: &mut Instance) -> Result<(), Failure> {
        call!(instance, port.call_flush, self.0)
    }

    /// Take new keys for what this side sends, and ask the peer for new ones; never blocks.
    pub fn update_keys(&self, instance: &mut Instance) -> Result<(), Failure> {
        call!(instance, port.call_update_keys, self.0)
    }

    /// Send close_notify and go on reading; never blocks.
    pub fn close_output(&self, instance: &mut Instance) -> Result<(), Failure> {
        call!(instance, port.call_close_output, self.0)
    }

    /// Send close_notify and free the socket. Its pollables must have been dropped. What is left of the
    /// port, some 900 bytes of the instance's memory, is freed by [`drop`](Self::drop).
    pub fn close(&self, instance: &mut Instance) -> Result<(), Failure> {
        call!(instance, port.call_close, self.0)
    }

    /// End TLS in order and give the streams back, which [`start`](Self::start) was given; never
    /// blocks. [`Instance::take_transport`] takes them out of the instance.
    pub fn unwrap(&self, instance: &mut Instance) -> Result<PlainTransport, Failure> {
        call!(instance, port.call_unwrap, self.0)
    }

    /// The same, waiting for the peer's close_notify.
    pub fn blocking_unwrap(&self, instance: &mut Instance) -> Result<PlainTransport, Failure> {
        call!(instance, port.call_blocking_unwrap, self.0)
    }

    /// A pollable that is ready when reading or connecting is worth another call, and at once after
    /// the end of the connection.
    pub fn subscribe(&self, instance: &mut Instance) -> Result<Pollable, Failure> {
        ask!(instance, port.call_subscribe, self.0).map(Pollable)
    }

    /// A pollable that is ready when writing is worth another call, and at once after the end of
    /// the connection.
    pub fn subscribe_write(&self, instance: &mut Instance) -> Result<Pollable, Failure> {
        ask!(instance, port.call_subscribe_write, self.0).map(Pollable)
    }

    /// Change the limit of a timer of this port; none is no limit.
    pub fn set_timeout(
        &self,
        instance: &mut Instance,
        timer: Timer,
        limit: Option<Duration>,
    ) -> Result<(), Failure> {
        call!(
            instance,
            port.call_set_timeout,
            self.0,
            timer,
            limit.map(milliseconds)
        )
    }

    /// How long until the first running timer runs out; none if no timer runs.
    pub fn time_left(&self, instance: &mut Instance) -> Result<Option<Duration>, Failure> {
        let left: Result<_, Failure> = ask!(instance, port.call_time_left, self.0);
        Ok(left?.map(Duration::from_millis))
    }

    /// This side's address.
    pub fn local_address(&self, instance: &mut Instance) -> Result<Option<Address>, Failure> {
        ask!(instance, port.call_local_address, self.0)
    }

    /// The peer's address.
    pub fn remote_address(&self, instance: &mut Instance) -> Result<Option<Address>, Failure> {
        ask!(instance, port.call_remote_address, self.0)
    }

    /// What the handshake has agreed on. It may outlive the port.
    pub fn session(&self, instance: &mut Instance) -> Result<Session, Failure> {
        ask!(instance, port.call_session, self.0).map(Session)
    }

    /// Frees the port and its socket, sending nothing. Its pollables must have been dropped.
    pub fn drop(self, instance: &mut Instance) -> Result<(), Failure> {
        instance.drop_resource(self.0)
    }
}
