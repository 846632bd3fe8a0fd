//! Ends that speak TLS in the component, which runs on wasmtime as `portcullis-host` runs it.

use std::cell::RefCell;
use std::rc::Rc;

use anyhow::{Context as _, Result, ensure};
use portcullis_host::context_types::{Source, VerifyName};
use portcullis_host::types::{Role, Version};
use portcullis_host::{Context, Failure, Guest, Instance, Options, Port};
use rustls::ProtocolVersion;

use crate::connection::{Connection, Maker};
use crate::identity::NAME;
use crate::native::Terms;
use crate::wire::Wire;

/// An instance and a context in it, which make ends.
pub(crate) struct Ours {
    instance: Rc<RefCell<Instance>>,
    context: Context,
    role: Role,
}

impl Ours {
    /// A client that trusts the identity's root. It offers all suites: the peer's terms decide.
    pub(crate) fn client(guest: &Guest, terms: Terms<'_>) -> Result<Self> {
        let mut instance = guest.instantiate(Options::new())?;
        let context = Context::secure(&mut instance, Role::Client)?;
        context.add_trust_roots(&mut instance, &source(&terms.identity.root))?;
        context.set_verify_name(&mut instance, &VerifyName::Name(NAME.to_owned()))?;
        Self::new(instance, context, Role::Client, terms)
    }

    /// A server that presents the identity.
    pub(crate) fn server(guest: &Guest, terms: Terms<'_>) -> Result<Self> {
        let mut instance = guest.instantiate(Options::new())?;
        let context = Context::secure(&mut instance, Role::Server)?;
        let (chain, key) = (source(&terms.identity.chain), source(&terms.identity.key));
        context.load_identity(&mut instance, &chain, &key, None)?;
        Self::new(instance, context, Role::Server, terms)
    }

    fn new(mut instance: Instance, context: Context, role: Role, terms: Terms<'_>) -> Result<Self> {
        let version = match terms.version.version {
            ProtocolVersion::TLSv1_2 => Version::Tls12,
            _ => Version::Tls13,
        };
        context.set_versions(&mut instance, version, version)?;
        let group = terms.group.as_str().context("a group without a name")?;
        context.set_groups(&mut instance, &[group])?;
        context.seal(&mut instance)?;
        Ok(Self {
            instance: Rc::new(RefCell::new(instance)),
            context,
            role,
        })
    }

    /// How many bytes of memory the instance has.
    pub(crate) fn memory(&self) -> usize {
        self.instance.borrow().memory()
    }

    /// How much fuel the instance has spent.
    pub(crate) fn fuel_spent(&self) -> Result<u64> {
        self.instance
            .borrow()
            .fuel_spent()
            .context("the guest is not metered")
    }
}

impl Maker for Ours {
    fn make(&self) -> Result<Box<dyn Connection>> {
        let mut instance = self.instance.borrow_mut();
        let wire = Wire::default();
        let (input, output) = (Box::new(wire.clone()), Box::new(wire.clone()));
        let transport = instance.transport_of(input, output, Vec::new())?;
        let host = (self.role == Role::Client).then_some(NAME);
        let port = Port::start(&mut instance, &self.context, host, transport)?;
        Ok(Box::new(End {
            port: Some(port),
            wire,
            instance: Rc::clone(&self.instance),
        }))
    }
}

struct End {
    /// `None` once `drop` has taken it.
    port: Option<Port>,
    wire: Wire,
    instance: Rc<RefCell<Instance>>,
}

impl End {
    fn call<T>(
        &self,
        function: impl FnOnce(&Port, &mut Instance) -> Result<T, Failure>,
    ) -> Result<Option<T>> {
        let port = self.port.as_ref().context("the port is gone")?;
        match function(port, &mut self.instance.borrow_mut()) {
            Ok(value) => Ok(Some(value)),
            Err(failure) if failure.is_want() => Ok(None),
            Err(failure) => Err(failure.into()),
        }
    }
}

impl Connection for End {
    fn handshake(&mut self) -> Result<bool> {
        Ok(self.call(Port::handshake)?.is_some())
    }

    fn write(&mut self, plaintext: &[u8]) -> Result<()> {
        let written = self.call(|port, instance| port.write(instance, plaintext))?;
        ensure!(
            written == Some(plaintext.len()),
            "the component did not take it all"
        );
        Ok(())
    }

    fn read(&mut self, limit: usize) -> Result<usize> {
        let limit = u64::try_from(limit)?;
        match self.call(|port, instance| port.read(instance, limit))? {
            Some(plaintext) => Ok(plaintext.context("the peer has closed")?.len()),
            None => Ok(0),
        }
    }

    fn arrive(&mut self, ciphertext: &[u8]) {
        self.wire.arrive(ciphertext);
    }

    fn leave(&mut self, ciphertext: &mut Vec<u8>) {
        self.wire.leave(ciphertext);
    }

    fn has_resumed(&self) -> Option<bool> {
        None
    }
}

impl Drop for End {
    fn drop(&mut self) {
        if let Some(port) = self.port.take() {
            // This fails if the instance has trapped, which an earlier call has reported.
            let _ = port.drop(&mut self.instance.borrow_mut());
        }
    }
}

fn source(pem: &str) -> Source {
    Source::Bytes(pem.as_bytes().to_vec())
}
