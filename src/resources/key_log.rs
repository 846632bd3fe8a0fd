//! The resource `key-log`.

use std::sync::Arc;

use super::bindings::exports::portcullis::tls::key_log::{Guest, GuestKeyLog};
use super::component::Component;
use crate::tls::KeyLog;

/// The log of a context.
pub(crate) struct KeyLogOfContext(pub(crate) Arc<KeyLog>);

impl Guest for Component {
    type KeyLog = KeyLogOfContext;
}

impl GuestKeyLog for KeyLogOfContext {
    fn take_lines(&self) -> Vec<String> {
        self.0.take()
    }
}
