//! The resource `session`, the facts of a connection.

use std::cell::RefCell;
use std::rc::Rc;

use super::bindings::exports::portcullis::tls::session::{Guest, GuestSession};
use super::bindings::exports::portcullis::tls::types::{
    CertificateError as WitCertificateError, Error as WitError, Version as WitVersion,
};
use super::component::Component;
use crate::error::Error;
use crate::tls::{Facts, Session, Viewed};

/// A view of a connection, and of the facts that are left when what it belongs to is dropped.
pub(crate) struct SessionOf {
    owner: Rc<RefCell<dyn Viewed>>,
}

impl SessionOf {
    pub(crate) fn new(owner: Rc<RefCell<dyn Viewed>>) -> Self {
        Self { owner }
    }

    fn fact<T>(&self, live: impl FnOnce(&Session) -> T, kept: impl FnOnce(&Facts) -> T) -> T {
        self.owner.borrow().view().fact(live, kept)
    }

    fn secret(
        &self,
        derive: impl FnOnce(&Session) -> Result<Vec<u8>, Error>,
    ) -> Result<Vec<u8>, WitError> {
        Ok(self.owner.borrow().view().secret(derive)?)
    }
}

impl Guest for Component {
    type Session = SessionOf;
}

impl GuestSession for SessionOf {
    fn version(&self) -> Option<WitVersion> {
        let version = self.fact(Session::version, |facts| facts.version);
        version.map(WitVersion::from)
    }

    fn cipher_suite(&self) -> Option<String> {
        self.fact(Session::cipher_suite, |facts| facts.cipher_suite.clone())
    }

    fn group(&self) -> Option<String> {
        self.fact(Session::group, |facts| facts.group)
            .map(str::to_owned)
    }

    fn signature_scheme(&self) -> Option<String> {
        self.fact(Session::signature_scheme, |facts| facts.signature_scheme)
            .map(str::to_owned)
    }

    fn own_signature_scheme(&self) -> Option<String> {
        self.fact(Session::own_signature_scheme, |facts| {
            facts.own_signature_scheme
        })
        .map(str::to_owned)
    }

    fn own_certificates(&self) -> Vec<Vec<u8>> {
        self.fact(
            |session| owned(session.own_certificates()),
            |facts| facts.own_certificates.clone(),
        )
    }

    fn was_certificate_requested(&self) -> Option<bool> {
        self.fact(Session::was_certificate_requested, |facts| {
            facts.was_certificate_requested
        })
    }

    fn alpn(&self) -> Option<String> {
        self.fact(Session::alpn, |facts| facts.alpn.clone())
    }

    fn server_name(&self) -> Option<String> {
        self.fact(Session::server_name, |facts| facts.server_name.clone())
    }

    fn is_resumed(&self) -> Option<bool> {
        self.fact(Session::is_resumed, |facts| facts.is_resumed)
    }

    fn was_retried(&self) -> Option<bool> {
        self.fact(Session::was_retried, |facts| facts.was_retried)
    }

    fn was_early_data_accepted(&self) -> Option<bool> {
        self.fact(Session::was_early_data_accepted, |facts| {
            facts.was_early_data_accepted
        })
    }

    fn is_logged(&self) -> bool {
        self.fact(Session::is_logged, |facts| facts.is_logged)
    }

    fn export_keying_material(
        &self,
        label: String,
        context: Option<Vec<u8>>,
        length: u64,
    ) -> Result<Vec<u8>, WitError> {
        self.secret(|session| session.export_keying_material(&label, context.as_deref(), length))
    }

    fn channel_binding(&self, name: String) -> Result<Vec<u8>, WitError> {
        self.secret(|session| session.channel_binding(&name))
    }

    fn peer_certificates(&self) -> Vec<Vec<u8>> {
        self.fact(
            |session| owned(session.peer_certificates()),
            |facts| facts.peer_certificates.clone(),
        )
    }

    fn verify_result(&self) -> Result<(), WitCertificateError> {
        let result = self.fact(Session::verify_result, |facts| facts.verify_result.clone());
        result.map_err(WitCertificateError::from)
    }

    fn is_truncated(&self) -> bool {
        self.fact(Session::is_truncated, |facts| facts.is_truncated)
    }
}

fn owned(certificates: &[impl AsRef<[u8]>]) -> Vec<Vec<u8>> {
    let certificates = certificates.iter();
    certificates.map(|der| der.as_ref().to_vec()).collect()
}
