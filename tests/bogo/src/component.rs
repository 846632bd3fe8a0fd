//! The built component, run by the host's library.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use anyhow::{Result, anyhow};
use portcullis_host::context_types::{ServerName, Source, Truncation, Verify, VerifyName};
use portcullis_host::types::{Error, Role, Version};
use portcullis_host::{
    ClientHello, Context, Engine, Failure, Guest, HostWallClock, Instance, KeyLog, Options, Port,
    Session,
};

use crate::kebab::kebab;
use crate::machine::{Ahead, Facts, Failed, Fault, Hello, Machine};
use crate::pipe::{Output, Pipe};
use crate::setup::{self, Setup};

/// An instance of the component.
pub(crate) struct Component {
    instance: Instance,
    context: Option<Context>,
    /// What asks for the context, where one does.
    asking: Option<Context>,
    link: Option<Link>,
    /// Whether connections are ports.
    has_ports: bool,
    session: Option<Session>,
    log: Option<KeyLog>,
}

/// How long a look takes at what is ready or is not.
const LOOK: Duration = Duration::from_millis(1);

/// What is no longer than this is no timer of a connection, but a pause of the port's.
const PAUSE: Duration = Duration::from_secs(1);

/// A connection, by either of the two ways to have one.
enum Link {
    Engine(Engine),
    Port(Port, Pipe),
}

impl Component {
    /// An instance of the component in the file. It gets clock and randomness, and nothing else.
    pub(crate) fn new(path: &Path, ahead: Ahead, has_ports: bool) -> Result<Self> {
        let options = Options::new().wall_clock(Clock(ahead)).inherit_stderr();
        let guest = Guest::from_file(path).map_err(|error| anyhow!("{error:#}"))?;
        let instance = guest.instantiate(options);
        Ok(Self {
            instance: instance.map_err(|error| anyhow!("{error:#}"))?,
            context: None,
            asking: None,
            link: None,
            has_ports,
            session: None,
            log: None,
        })
    }

    fn connection(&mut self) -> Result<(&Link, &Session, &mut Instance), Fault> {
        match (&self.link, &self.session) {
            (Some(link), Some(session)) => Ok((link, session, &mut self.instance)),
            _ => Err(Fault::not_started()),
        }
    }

    /// Calls a function that engines and ports have.
    fn on<T>(
        &mut self,
        of_engine: impl FnOnce(&Engine, &mut Instance) -> Result<T, Failure>,
        of_port: impl FnOnce(&Port, &mut Instance) -> Result<T, Failure>,
    ) -> Result<T, Fault> {
        let (link, _, instance) = self.connection()?;
        match link {
            Link::Engine(engine) => of_engine(engine, instance).map_err(fault),
            Link::Port(port, _) => of_port(port, instance).map_err(fault),
        }
    }

    fn context(&mut self, setup: &Setup) -> Result<Context, Failure> {
        let tls = &mut self.instance;
        let role = match setup.is_server {
            true => Role::Server,
            false => Role::Client,
        };
        let version = |number| match number {
            0x0303 => Version::Tls12,
            _ => Version::Tls13,
        };
        let context = Context::unverified(tls, role)?;
        context.set_versions(tls, version(setup.versions.0), version(setup.versions.1))?;
        if let Some(words) = &setup.ciphers {
            context.set_cipher_list(tls, words)?;
        }
        if !setup.groups.is_empty() {
            context.set_groups(tls, &setup.groups)?;
        }
        if !setup.schemes.is_empty() {
            context.set_signature_schemes(tls, &setup.schemes)?;
        }
        if !setup.alpn.is_empty() {
            context.set_alpn(tls, &setup.alpn)?;
        }
        let source = |bytes: &Vec<u8>| Source::Bytes(bytes.clone());
        for (chain, key) in &setup.identities {
            context.add_identity(tls, &source(chain), &source(key), None)?;
        }
        for roots in &setup.roots {
            context.add_trust_roots(tls, &source(roots))?;
        }
        let verify = match setup.verify {
            setup::Verify::Unverified => Verify::Unverified,
            setup::Verify::Deferred => Verify::Deferred,
            setup::Verify::Required => Verify::Required,
        };
        context.set_verify(tls, verify)?;
        context.set_verify_name(tls, &VerifyName::Unverified)?;
        if let Some(name) = &setup.server_name {
            context.set_server_name(tls, &ServerName::Name(name.clone()))?;
        }
        if setup.tolerates_truncation {
            context.set_truncation(tls, Truncation::Tolerated)?;
        }
        if setup.record_size.is_some() {
            context.set_record_size(tls, setup.record_size)?;
        }
        if setup.follows_own_order {
            context.set_suite_preference(tls, Role::Server)?;
        }
        if !setup.ticket_keys.is_empty() {
            context.set_ticket_keys(tls, &setup.ticket_keys)?;
        }
        if let Some(count) = setup.ticket_count {
            context.set_ticket_count(tls, count)?;
        }
        match (setup.early_data, setup.is_server) {
            (Some(_), false) => context.offer_early_data(tls)?,
            (Some(limit), true) => {
                context.accept_early_data(tls, limit)?;
                context.write_before_finished(tls)?;
            }
            (None, _) => {}
        }
        Ok(context)
    }
}

/// The system's clock, some seconds ahead.
struct Clock(Ahead);

impl HostWallClock for Clock {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(1)
    }

    fn now(&self) -> Duration {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        now.unwrap_or_default() + Duration::from_secs(self.0.load(Ordering::Relaxed))
    }
}

impl Machine for Component {
    fn configure(&mut self, setup: &Setup) -> Result<(), Fault> {
        let context = self.context(setup).map_err(fault)?;
        let tls = &mut self.instance;
        if setup.logs_keys {
            self.log = Some(context.log_keys(tls).map_err(fault)?);
        }
        context.seal(tls).map_err(fault)?;
        self.context = Some(context);
        self.asking = None;
        if setup.asks {
            let asking = Context::unverified(tls, Role::Server).map_err(fault)?;
            asking.ask_for_context(tls).map_err(fault)?;
            self.asking = Some(asking);
        }
        Ok(())
    }

    fn start(&mut self, host: Option<&str>) -> Result<(), Fault> {
        let context = self.asking.as_ref().or(self.context.as_ref());
        let context = context.ok_or_else(Fault::not_started)?;
        let tls = &mut self.instance;
        if let Some(session) = self.session.take() {
            session.drop(tls).map_err(fault)?;
        }
        match self.link.take() {
            Some(Link::Engine(engine)) => engine.drop(tls).map_err(fault)?,
            Some(Link::Port(port, _)) => port.drop(tls).map_err(fault)?,
            None => {}
        }
        let (link, session) = match self.has_ports {
            true => {
                let pipe = Pipe::default();
                let (input, output) = (Box::new(pipe.clone()), Box::new(Output(pipe.clone())));
                let transport = tls.transport_of(input, output, Vec::new());
                let port = Port::start(tls, context, host, transport.map_err(fault)?);
                let port = port.map_err(fault)?;
                let session = port.session(tls);
                (Link::Port(port, pipe), session)
            }
            false => {
                let engine = Engine::start(tls, context, host).map_err(fault)?;
                let session = engine.session(tls);
                (Link::Engine(engine), session)
            }
        };
        self.session = Some(session.map_err(fault)?);
        self.link = Some(link);
        Ok(())
    }

    fn put(&mut self, ciphertext: &[u8]) -> Result<usize, Fault> {
        match self.connection()? {
            (Link::Engine(engine), _, tls) => engine.put_ciphertext(tls, ciphertext).map_err(fault),
            (Link::Port(_, pipe), ..) => {
                pipe.put(ciphertext);
                Ok(ciphertext.len())
            }
        }
    }

    fn put_end(&mut self) -> Result<(), Fault> {
        match self.connection()? {
            (Link::Engine(engine), _, tls) => engine.put_end(tls).map_err(fault),
            (Link::Port(_, pipe), ..) => {
                pipe.put_end();
                Ok(())
            }
        }
    }

    fn take(&mut self, limit: usize) -> Result<Vec<u8>, Fault> {
        match self.connection()? {
            (Link::Engine(engine), _, tls) => {
                engine.take_ciphertext(tls, length(limit)).map_err(fault)
            }
            (Link::Port(_, pipe), ..) => Ok(pipe.take(limit)),
        }
    }

    fn is_ready(&mut self) -> Result<bool, Fault> {
        self.on(
            |_, _| Ok(false),
            |port, tls| {
                // A port keeps its last flight back for a moment, and then wants to be called.
                let pause = port.time_left(tls)?.filter(|left| *left <= PAUSE);
                let pollable = port.subscribe(tls)?;
                let ready = tls.poll(&[&pollable], Some(pause.unwrap_or(LOOK)))?;
                pollable.drop(tls)?;
                Ok(pause.is_some() || !ready.is_empty())
            },
        )
    }

    fn hello(&mut self) -> Result<Option<Hello>, Fault> {
        let hello = self.on(Engine::client_hello, Port::client_hello)?;
        let tls = &mut self.instance;
        hello
            .map(|hello| said(hello, tls).map_err(fault))
            .transpose()
    }

    fn choose(&mut self) -> Result<(), Fault> {
        let chosen = match (&self.link, &self.context) {
            (Some(Link::Engine(engine)), Some(context)) => {
                engine.set_context(&mut self.instance, context)
            }
            (Some(Link::Port(port, _)), Some(context)) => {
                port.set_context(&mut self.instance, context)
            }
            _ => return Err(Fault::not_started()),
        };
        chosen.map_err(fault)
    }

    fn refuse(&mut self, alert: u8) -> Result<(), Fault> {
        self.on(
            |engine, tls| engine.refuse(tls, alert),
            |port, tls| port.refuse(tls, alert),
        )
    }

    fn handshake(&mut self) -> Result<(), Fault> {
        self.on(Engine::handshake, Port::handshake)
    }

    fn read(&mut self, limit: usize) -> Result<Option<Vec<u8>>, Fault> {
        let limit = length(limit);
        self.on(
            |engine, tls| engine.read(tls, limit),
            |port, tls| port.read(tls, limit),
        )
    }

    fn write(&mut self, plaintext: &[u8]) -> Result<usize, Fault> {
        self.on(
            |engine, tls| engine.write(tls, plaintext),
            |port, tls| port.write(tls, plaintext),
        )
    }

    fn write_early(&mut self, plaintext: &[u8]) -> Result<usize, Fault> {
        self.on(
            |engine, tls| engine.write_early_data(tls, plaintext),
            |port, tls| port.write_early_data(tls, plaintext),
        )
    }

    fn read_early(&mut self, limit: usize) -> Result<Option<Vec<u8>>, Fault> {
        let limit = length(limit);
        self.on(
            |engine, tls| engine.read_early_data(tls, limit),
            |port, tls| port.read_early_data(tls, limit),
        )
    }

    fn update_keys(&mut self) -> Result<bool, Fault> {
        self.on(
            |_, _| Ok(false),
            |port, tls| port.update_keys(tls).map(|()| true),
        )
    }

    fn close_output(&mut self) -> Result<(), Fault> {
        self.on(Engine::close_output, Port::close_output)
    }

    fn facts(&mut self) -> Result<Facts, Fault> {
        let (_, session, tls) = self.connection()?;
        facts(session, tls).map_err(fault)
    }

    fn export(
        &mut self,
        label: &str,
        context: Option<&[u8]>,
        count: usize,
    ) -> Result<Vec<u8>, Fault> {
        let (_, session, tls) = self.connection()?;
        session
            .export_keying_material(tls, label, context, length(count))
            .map_err(fault)
    }

    fn key_log(&mut self) -> Result<Vec<String>, Fault> {
        match &self.log {
            Some(log) => log.take_lines(&mut self.instance).map_err(fault),
            None => Ok(Vec::new()),
        }
    }
}

fn said(hello: ClientHello, tls: &mut Instance) -> Result<Hello, Failure> {
    let protocols = hello.alpn(tls)?.into_iter().map(String::into_bytes);
    let said = Hello {
        server_name: hello.server_name(tls)?,
        alpn: protocols.collect(),
    };
    hello.drop(tls)?;
    Ok(said)
}

fn facts(session: &Session, tls: &mut Instance) -> Result<Facts, Failure> {
    Ok(Facts {
        version: session.version(tls)?.map(|version| match version {
            Version::Tls12 => 0x0303,
            Version::Tls13 => 0x0304,
        }),
        cipher_suite: session.cipher_suite(tls)?,
        group: session.group(tls)?,
        signature_scheme: session.signature_scheme(tls)?,
        own_certificates: session.own_certificates(tls)?,
        alpn: session.alpn(tls)?,
        server_name: session.server_name(tls)?,
        is_resumed: session.is_resumed(tls)?,
        was_retried: session.was_retried(tls)?,
        peer_certificates: session.peer_certificates(tls)?,
        is_verified: session.verify_result(tls)?.is_ok(),
        was_early_data_accepted: session.was_early_data_accepted(tls)?,
    })
}

fn length(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

fn fault(failure: Failure) -> Fault {
    let (error, explanation) = match failure {
        Failure::Tls { error, explanation } => (error, explanation),
        broken => return Fault::Broken(broken.to_string()),
    };
    let name = match &error {
        Error::WantRead => return Fault::WantRead,
        Error::WantWrite => return Fault::WantWrite,
        Error::WantContext => return Fault::WantContext,
        Error::Certificate(refused) => format!("certificate/{}", kebab(&refused.reason)),
        Error::Protocol(broken) => format!("protocol/{}", kebab(&broken.reason)),
        Error::AlertReceived(alert) => format!("alert-received/{alert}"),
        Error::InvalidConfiguration(refused) => format!(
            "invalid-configuration/{}/{}",
            kebab(&refused.item),
            kebab(&refused.reason)
        ),
        Error::Closed => "closed".to_owned(),
        Error::Truncated => "truncated".to_owned(),
        Error::InvalidArgument(_) => "invalid-argument".to_owned(),
        Error::NotSupported(_) => "not-supported".to_owned(),
        Error::EarlyDataRejected => "early-data-rejected".to_owned(),
        _ => "other".to_owned(),
    };
    Fault::Failed(Failed { name, explanation })
}
