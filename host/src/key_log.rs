//! Handle on the secrets of connections: interface `key-log`.

use wasmtime::component::ResourceAny;

use crate::failure::Failure;
use crate::instance::{Instance, ask};

/// The log of a context, got by [`Context::log_keys`](crate::Context::log_keys). Whoever has its lines
/// can read and forge the connections that they are of.
#[derive(Debug)]
pub struct KeyLog(pub(crate) ResourceAny);

#[expect(
    clippy::missing_errors_doc,
    reason = "no function fails but by a trap, or by a handle of another instance"
)]
impl KeyLog {
    /// The lines that have come since the last call, in the format of NSS, without line ends.
    pub fn take_lines(&self, instance: &mut Instance) -> Result<Vec<String>, Failure> {
        ask!(instance, key_log.call_take_lines, self.0)
    }

    /// Frees it; the connections are logged as before.
    pub fn drop(self, instance: &mut Instance) -> Result<(), Failure> {
        instance.drop_resource(self.0)
    }
}
