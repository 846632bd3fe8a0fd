//! Ends that speak TLS in the component, which runs on wasmtime as `portcullis-host` runs it.

use std::cell::RefCell;
use std::collections::HashMap;
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
    /// What its ports are asked to choose from, by the name that the client asks for.
    choices: Option<Rc<HashMap<String, Rc<Context>>>>,
}

/// Who chooses the context of a connection.
#[derive(Clone, Copy)]
pub(crate) enum Choice {
    /// The component, by names that it was told.
    Declared,
    /// Its caller, when it is asked.
    Asked,
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
        Self::server_with_tickets(guest, terms, None)
    }

    /// A server that presents the identity, with a number of contexts for these names.
    pub(crate) fn server_of_names(
        guest: &Guest,
        terms: Terms<'_>,
        contexts: usize,
        names: &HashMap<String, usize>,
        choice: Choice,
    ) -> Result<Self> {
        let mut instance = guest.instantiate(Options::new())?;
        let contexts = (0..contexts)
            .map(|_| {
                let context = Self::identified(&mut instance, terms)?;
                prepare(&mut instance, &context, Role::Server, terms)?;
                Ok(Rc::new(context))
            })
            .collect::<Result<Vec<_>>>()?;
        let front = Context::secure(&mut instance, Role::Server)?;
        let named = names
            .iter()
            .filter_map(|(name, number)| Some((name, contexts.get(*number)?)));
        let mut choices = None;
        match choice {
            Choice::Declared => {
                for (name, context) in named {
                    front.add_name(&mut instance, name, context)?;
                }
            }
            Choice::Asked => {
                front.ask_for_context(&mut instance)?;
                let all = named.map(|(name, context)| (name.clone(), Rc::clone(context)));
                choices = Some(Rc::new(all.collect()));
            }
        }
        let server = Self::new(instance, front, Role::Server, terms)?;
        Ok(Self { choices, ..server })
    }

    /// A server that presents the identity, and seals tickets under a key made of the secret.
    pub(crate) fn server_with_tickets(
        guest: &Guest,
        terms: Terms<'_>,
        secret: Option<&[u8]>,
    ) -> Result<Self> {
        let mut instance = guest.instantiate(Options::new())?;
        let context = Self::identified(&mut instance, terms)?;
        if let Some(secret) = secret {
            context.set_ticket_keys(&mut instance, &[secret.to_vec()])?;
        }
        Self::new(instance, context, Role::Server, terms)
    }

    fn identified(instance: &mut Instance, terms: Terms<'_>) -> Result<Context> {
        let context = Context::secure(instance, Role::Server)?;
        let (chain, key) = (source(&terms.identity.chain), source(&terms.identity.key));
        context.load_identity(instance, &chain, &key, None)?;
        Ok(context)
    }

    fn new(mut instance: Instance, context: Context, role: Role, terms: Terms<'_>) -> Result<Self> {
        prepare(&mut instance, &context, role, terms)?;
        Ok(Self {
            instance: Rc::new(RefCell::new(instance)),
            context,
            role,
            choices: None,
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
            choices: self.choices.clone(),
        }))
    }
}

struct End {
    /// `None` once `drop` has taken it.
    port: Option<Port>,
    wire: Wire,
    instance: Rc<RefCell<Instance>>,
    choices: Option<Rc<HashMap<String, Rc<Context>>>>,
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

impl End {
    /// Chooses the context of the connection, if the port asks for one.
    fn choose(&self) -> Result<bool> {
        let (Some(choices), Some(port)) = (&self.choices, &self.port) else {
            return Ok(false);
        };
        let instance = &mut self.instance.borrow_mut();
        let Some(hello) = port.client_hello(instance)? else {
            return Ok(false);
        };
        let name = hello
            .server_name(instance)?
            .context("no name is asked for")?;
        let context = choices.get(&name).context("nobody has this name")?;
        hello.drop(instance)?;
        port.set_context(instance, context)?;
        Ok(true)
    }
}

impl Connection for End {
    fn handshake(&mut self) -> Result<bool> {
        let is_done = self.call(Port::handshake)?.is_some();
        if !is_done && self.choose()? {
            return Ok(self.call(Port::handshake)?.is_some());
        }
        Ok(is_done)
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

/// Sets the version and the group, and seals the context. What resumes nothing keeps and sends nothing
/// for it, as the native ends.
fn prepare(instance: &mut Instance, context: &Context, role: Role, terms: Terms<'_>) -> Result<()> {
    let version = match terms.version.version {
        ProtocolVersion::TLSv1_2 => Version::Tls12,
        _ => Version::Tls13,
    };
    context.set_versions(instance, version, version)?;
    let group = terms.group.as_str().context("a group without a name")?;
    context.set_groups(instance, &[group])?;
    if !terms.resume {
        context.set_session_cache(instance, 0)?;
        if role == Role::Server {
            context.set_ticket_count(instance, 0)?;
        }
    }
    Ok(context.seal(instance)?)
}

fn source(pem: &str) -> Source {
    Source::Bytes(pem.as_bytes().to_vec())
}
