//! The resource `session`, the facts of a connection.

use std::sync::{Arc, Mutex};

use portcullis::error::Error;
use portcullis::tls;
use portcullis::tls::{Facts, Viewed};
use wasmtime::Result as Trappable;
use wasmtime::component::Resource;

use super::bindings::portcullis::tls::session::{Host, HostSession};
use super::bindings::portcullis::tls::types::{CertificateError, Version};
use super::fault::Fault;
use super::view::{View, lock};

/// A view of a connection, and of the facts that are left when what it belongs to is dropped.
pub struct Session(Arc<Mutex<dyn Viewed + Send>>);

impl Session {
    pub(super) fn of(owner: Arc<Mutex<dyn Viewed + Send>>) -> Self {
        Self(owner)
    }
}

type This = Resource<Session>;

impl View<'_> {
    fn fact<T>(
        &mut self,
        this: &This,
        live: impl FnOnce(&tls::Session) -> T,
        kept: impl FnOnce(&Facts) -> T,
    ) -> Trappable<T> {
        Ok(lock(&self.table().get(this)?.0).view().fact(live, kept))
    }

    fn secret(
        &mut self,
        this: &This,
        derive: impl FnOnce(&tls::Session) -> Result<Vec<u8>, Error>,
    ) -> Result<Vec<u8>, Fault> {
        Ok(lock(&self.table().get(this)?.0).view().secret(derive)?)
    }
}

impl Host for View<'_> {}

impl HostSession for View<'_> {
    fn version(&mut self, this: This) -> Trappable<Option<Version>> {
        let version = self.fact(&this, tls::Session::version, |facts| facts.version)?;
        Ok(version.map(Version::from))
    }

    fn cipher_suite(&mut self, this: This) -> Trappable<Option<String>> {
        self.fact(&this, tls::Session::cipher_suite, |facts| {
            facts.cipher_suite.clone()
        })
    }

    fn group(&mut self, this: This) -> Trappable<Option<String>> {
        let group = self.fact(&this, tls::Session::group, |facts| facts.group)?;
        Ok(group.map(str::to_owned))
    }

    fn signature_scheme(&mut self, this: This) -> Trappable<Option<String>> {
        let scheme = self.fact(&this, tls::Session::signature_scheme, |facts| {
            facts.signature_scheme
        })?;
        Ok(scheme.map(str::to_owned))
    }

    fn own_signature_scheme(&mut self, this: This) -> Trappable<Option<String>> {
        let scheme = self.fact(&this, tls::Session::own_signature_scheme, |facts| {
            facts.own_signature_scheme
        })?;
        Ok(scheme.map(str::to_owned))
    }

    fn own_certificates(&mut self, this: This) -> Trappable<Vec<Vec<u8>>> {
        self.fact(
            &this,
            |session| owned(session.own_certificates()),
            |facts| facts.own_certificates.clone(),
        )
    }

    fn was_certificate_requested(&mut self, this: This) -> Trappable<Option<bool>> {
        self.fact(&this, tls::Session::was_certificate_requested, |facts| {
            facts.was_certificate_requested
        })
    }

    fn alpn(&mut self, this: This) -> Trappable<Option<String>> {
        self.fact(&this, tls::Session::alpn, |facts| facts.alpn.clone())
    }

    fn server_name(&mut self, this: This) -> Trappable<Option<String>> {
        self.fact(&this, tls::Session::server_name, |facts| {
            facts.server_name.clone()
        })
    }

    fn is_resumed(&mut self, this: This) -> Trappable<Option<bool>> {
        self.fact(&this, tls::Session::is_resumed, |facts| facts.is_resumed)
    }

    fn was_retried(&mut self, this: This) -> Trappable<Option<bool>> {
        self.fact(&this, tls::Session::was_retried, |facts| facts.was_retried)
    }

    fn was_early_data_accepted(&mut self, this: This) -> Trappable<Option<bool>> {
        self.fact(&this, tls::Session::was_early_data_accepted, |facts| {
            facts.was_early_data_accepted
        })
    }

    fn is_logged(&mut self, this: This) -> Trappable<bool> {
        self.fact(&this, tls::Session::is_logged, |facts| facts.is_logged)
    }

    fn export_keying_material(
        &mut self,
        this: This,
        label: String,
        context: Option<Vec<u8>>,
        length: u64,
    ) -> Result<Vec<u8>, Fault> {
        self.secret(&this, |session| {
            session.export_keying_material(&label, context.as_deref(), length)
        })
    }

    fn channel_binding(&mut self, this: This, name: String) -> Result<Vec<u8>, Fault> {
        self.secret(&this, |session| session.channel_binding(&name))
    }

    fn peer_certificates(&mut self, this: This) -> Trappable<Vec<Vec<u8>>> {
        self.fact(
            &this,
            |session| owned(session.peer_certificates()),
            |facts| facts.peer_certificates.clone(),
        )
    }

    fn verify_result(&mut self, this: This) -> Trappable<Result<(), CertificateError>> {
        let result = self.fact(&this, tls::Session::verify_result, |facts| {
            facts.verify_result.clone()
        })?;
        Ok(result.map_err(CertificateError::from))
    }

    fn is_truncated(&mut self, this: This) -> Trappable<bool> {
        self.fact(&this, tls::Session::is_truncated, |facts| {
            facts.is_truncated
        })
    }

    fn drop(&mut self, this: This) -> Trappable<()> {
        self.table().delete(this)?;
        Ok(())
    }
}

fn owned(certificates: &[impl AsRef<[u8]>]) -> Vec<Vec<u8>> {
    let certificates = certificates.iter();
    certificates.map(|der| der.as_ref().to_vec()).collect()
}
