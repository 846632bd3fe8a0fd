//! Handle on an engine: interface `engine`.

use wasmtime::component::ResourceAny;

use crate::client_hello::ClientHello;
use crate::context::Context;
use crate::failure::Failure;
use crate::instance::{Instance, ask, call, within};
use crate::session::Session;

/// A connection whose ciphertext the caller moves; see resource `engine` in `wit/engine.wit` for what
/// each function does and which errors it has. No function blocks.
#[derive(Debug)]
pub struct Engine(pub(crate) ResourceAny);

#[expect(
    clippy::missing_errors_doc,
    reason = "wit/engine.wit lists the errors of each function"
)]
impl Engine {
    /// Speak TLS in the role of the context; a client says whom it talks to.
    pub fn start(
        instance: &mut Instance,
        context: &Context,
        host: Option<&str>,
    ) -> Result<Self, Failure> {
        call!(instance, engine.call_start, context.0, host).map(Self)
    }

    /// Put what the peer has sent, and return how much of it was taken, from the front.
    pub fn put_ciphertext(
        &self,
        instance: &mut Instance,
        ciphertext: &[u8],
    ) -> Result<usize, Failure> {
        let taken: Result<_, Failure> =
            ask!(instance, engine.call_put_ciphertext, self.0, ciphertext);
        Ok(within(taken?, ciphertext))
    }

    /// Say that the transport has ended.
    pub fn put_end(&self, instance: &mut Instance) -> Result<(), Failure> {
        ask!(instance, engine.call_put_end, self.0)
    }

    /// Take up to so many bytes for the peer; they have to be sent.
    pub fn take_ciphertext(&self, instance: &mut Instance, limit: u64) -> Result<Vec<u8>, Failure> {
        ask!(instance, engine.call_take_ciphertext, self.0, limit)
    }

    /// Whether there is ciphertext to take.
    pub fn has_ciphertext(&self, instance: &mut Instance) -> Result<bool, Failure> {
        ask!(instance, engine.call_has_ciphertext, self.0)
    }

    /// What the client has said, while operations say `WantContext`; none at any other time.
    pub fn client_hello(&self, instance: &mut Instance) -> Result<Option<ClientHello>, Failure> {
        let hello: Result<_, Failure> = ask!(instance, engine.call_client_hello, self.0);
        Ok(hello?.map(ClientHello))
    }

    /// Go on with this context, after `WantContext`.
    pub fn set_context(&self, instance: &mut Instance, context: &Context) -> Result<(), Failure> {
        call!(instance, engine.call_set_context, self.0, context.0)
    }

    /// Refuse the client by an alert of this number, after `WantContext`.
    pub fn refuse(&self, instance: &mut Instance, alert: u8) -> Result<(), Failure> {
        call!(instance, engine.call_refuse, self.0, alert)
    }

    /// Ok when the handshake is done and its last flight was taken.
    pub fn handshake(&self, instance: &mut Instance) -> Result<(), Failure> {
        call!(instance, engine.call_handshake, self.0)
    }

    /// Read what is there, up to a length; none is the end.
    pub fn read(&self, instance: &mut Instance, length: u64) -> Result<Option<Vec<u8>>, Failure> {
        call!(instance, engine.call_read, self.0, length)
    }

    /// Write what there is room for, and return how much that was.
    pub fn write(&self, instance: &mut Instance, plaintext: &[u8]) -> Result<usize, Failure> {
        let written = call!(instance, engine.call_write, self.0, plaintext)?;
        Ok(within(written, plaintext))
    }

    /// Write what may leave before the handshake is done, and return how much that was. Whoever
    /// sees it pass can send it again.
    pub fn write_early_data(
        &self,
        instance: &mut Instance,
        plaintext: &[u8],
    ) -> Result<usize, Failure> {
        let written = call!(instance, engine.call_write_early_data, self.0, plaintext)?;
        Ok(within(written, plaintext))
    }

    /// Read what the client has sent before the handshake was done, up to a length; none is the end of
    /// it.
    pub fn read_early_data(
        &self,
        instance: &mut Instance,
        length: u64,
    ) -> Result<Option<Vec<u8>>, Failure> {
        call!(instance, engine.call_read_early_data, self.0, length)
    }

    /// Make close_notify the last of the ciphertext, and go on reading.
    pub fn close_output(&self, instance: &mut Instance) -> Result<(), Failure> {
        call!(instance, engine.call_close_output, self.0)
    }

    /// What the handshake has agreed on. It may outlive the engine.
    pub fn session(&self, instance: &mut Instance) -> Result<Session, Failure> {
        ask!(instance, engine.call_session, self.0).map(Session)
    }

    /// Frees the engine, sending nothing.
    pub fn drop(self, instance: &mut Instance) -> Result<(), Failure> {
        instance.drop_resource(self.0)
    }
}
