//! What a handshake does and rustls does not tell: who signed with which scheme, and what was presented.
//!
//! rustls asks for signatures and checks by objects that all connections of a configuration share; on
//! resumption it compares them, so there cannot be one for each connection. A session therefore puts its
//! witness where they find it, around each call of rustls, and takes it back. Nothing here knows sessions.

use std::cell::Cell;
use std::mem;
use std::sync::Arc;

use rustls::SignatureScheme;
use rustls::sign::CertifiedKey;

/// What has been seen of one connection.
#[derive(Debug, Default)]
pub(super) struct Witness {
    /// The scheme by which the peer has proved that it holds its key.
    pub(super) peer_scheme: Option<SignatureScheme>,
    /// The scheme that this side has signed with.
    pub(super) own_scheme: Option<SignatureScheme>,
    /// The identity that was chosen last; it is presented if this side signs.
    pub(super) chosen: Option<Arc<CertifiedKey>>,
    /// This side was asked for a certificate, and is a client.
    pub(super) was_asked: bool,
    /// The peer offers no scheme that the key which was last looked at could sign with.
    pub(super) lacks_scheme: bool,
}

thread_local! {
    /// The witness of the session that calls rustls.
    static PRESENT: Cell<Option<Witness>> = const { Cell::new(None) };
}

impl Witness {
    /// Sees what `call` does. A session that calls within has its own.
    pub(super) fn watch<T>(&mut self, call: impl FnOnce() -> T) -> T {
        let outer = PRESENT.replace(Some(mem::take(self)));
        let result = call();
        *self = PRESENT.replace(outer).unwrap_or_default();
        result
    }
}

/// Tells whoever is watching.
pub(super) fn tell(note: impl FnOnce(&mut Witness)) {
    if let Some(mut witness) = PRESENT.take() {
        note(&mut witness);
        PRESENT.set(Some(witness));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_session_sees_its_own_also_where_calls_nest_and_nobody_sees_the_rest() {
        let (mut outer, mut inner) = (Witness::default(), Witness::default());
        let see = |scheme| tell(|witness| witness.peer_scheme = Some(scheme));
        outer.watch(|| {
            see(SignatureScheme::ED25519);
            inner.watch(|| see(SignatureScheme::RSA_PSS_SHA256));
            tell(|witness| witness.was_asked = true);
        });
        see(SignatureScheme::ED448);
        assert_eq!(outer.peer_scheme, Some(SignatureScheme::ED25519));
        assert!(outer.was_asked && !inner.was_asked);
        assert_eq!(inner.peer_scheme, Some(SignatureScheme::RSA_PSS_SHA256));
        // What was seen before stays.
        inner.watch(|| tell(|witness| witness.was_asked = true));
        assert_eq!(inner.peer_scheme, Some(SignatureScheme::RSA_PSS_SHA256));
        assert!(inner.was_asked);
    }
}
