//! The second part: the built component, run by the host's library. Its engines have the middle of the
//! first part, its ports have sockets on loopback; what becomes of a connection is what became of the
//! core's.

mod engine;
mod interrupted;
mod port;

use std::cell::RefCell;
use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::path::Path;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use anyhow::{Result, anyhow, bail, ensure};
use portcullis::tls::{Role as OurRole, Version as OurVersion};
use portcullis_host::context_types::{Source, Verify};
use portcullis_host::types::{Error, Role, Timer, Version};
use portcullis_host::{
    Context, Failure as HostFailure, Guest, Instance, Listener, Network, Options, Port,
};

use self::engine::Engined;
use crate::cases::{self, Case, Transcript};
use crate::certs::{Certificates, Identity, NAME};
use crate::exchange::{self, Outcome, WAITS};
use crate::hostile::Hostile;
use crate::kebab::kebab;
use crate::memory;
use crate::names::fits;
use crate::pattern::{self, Check};
use crate::peer::Peer;
use crate::report::Tally;
use crate::setup::{Ends, Kind, Setup};
use crate::trick::Trick;
use crate::verdict::{self, Verdict};
use crate::wire::Middle;

/// The limit of each timer of a port.
const LIMIT: Duration = Duration::from_secs(2);

/// No peer of a port lasts longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// How much memory an instance may have in the end: its own, and that of one connection.
const MEMORY: usize = 8 * 1024 * 1024;

/// What is run.
pub(crate) struct Extent<'a> {
    pub(crate) seed: u64,
    pub(crate) only: Option<&'a str>,
    /// How many connections engines have, and ports.
    pub(crate) connections: usize,
    pub(crate) component: &'a Path,
}

/// Runs the cases in one instance for all.
pub(crate) fn run(extent: &Extent<'_>) -> Result<Vec<(String, Tally)>> {
    let certificates = Certificates::new()?;
    let guest = Guest::from_file(extent.component).map_err(|error| anyhow!("{error:#}"))?;
    let mut tallies = Vec::new();
    for has_ports in [false, true] {
        let options = Options::new()
            .network(Network::loopback().lookup())
            .inherit_stderr();
        let instance = guest.instantiate(options);
        let mut rig = Rig {
            instance: instance.map_err(|error| anyhow!("{error:#}"))?,
            certificates: &certificates,
        };
        let name = if has_ports { "ports" } else { "engines" };
        let mut tally = Tally::default();
        let before = rig.instance.resource_count();
        for setup in setups() {
            if let Err(error) = rig.torture(extent, setup, has_ports, &mut tally) {
                tally.add(
                    &setup.name(),
                    "instance",
                    Verdict::Failed(format!("{error:#}")),
                );
                break;
            }
        }
        let (left, memory) = (rig.instance.resource_count(), rig.instance.memory());
        println!(
            "{name}: {memory} bytes of linear memory in the end; {before} resources before, {left} after"
        );
        for (holds, what) in [
            (left == before, "that all resources are given back"),
            (memory <= MEMORY, "the bound on linear memory"),
        ] {
            tally.promise(what, "instance", holds);
        }
        tallies.push((name.to_owned(), tally));
    }
    let interrupted = interrupted::run(extent, &certificates)?;
    tallies.push(("interrupted".to_owned(), interrupted));
    Ok(tallies)
}

fn setups() -> impl Iterator<Item = Setup> {
    Setup::all()
        .into_iter()
        .filter(|setup| setup.kind == Kind::Plain)
}

/// An instance, and what its connections have.
struct Rig<'a> {
    instance: Instance,
    certificates: &'a Certificates,
}

impl Rig<'_> {
    fn torture(
        &mut self,
        extent: &Extent<'_>,
        setup: Setup,
        has_ports: bool,
        tally: &mut Tally,
    ) -> Result<()> {
        let control = memory::play(&Case::control(setup), self.certificates)?;
        let all = Transcript::new(setup, control.to_us, control.to_peer).cases()?;
        let is_fit = if has_ports { fits_ports } else { fits_engines };
        let all = all
            .into_iter()
            .filter(|case| is_fit(case) && extent.only.is_none_or(|only| fits(only, &case.name)));
        let chosen = match extent.only {
            Some(_) => all.collect(),
            None => cases::sample(
                all.collect(),
                extent.connections / 4,
                extent.seed,
                "component",
            ),
        };
        let context = self.context(setup)?;
        let tls = &mut self.instance;
        let listener = match (has_ports, setup.role) {
            (true, OurRole::Server) => {
                let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
                let listener = Listener::listen(tls, &context, local, 0, None);
                Some(listener.map_err(broken)?)
            }
            _ => None,
        };
        for case in chosen {
            let core = memory::play(&case, self.certificates)?;
            let found = match has_ports {
                true => self.play_port(&case, &context, listener.as_ref()),
                false => self.play_engine(&case, &context),
            };
            let verdict = match found {
                Ok(outcome) => judge(&case, &core, &outcome),
                // Nothing can be had from an instance that has trapped.
                Err(error) => bail!("{}: {error:#}", case.name),
            };
            tally.add(&case.name, &case.kind(), verdict);
        }
        let tls = &mut self.instance;
        if let Some(listener) = listener {
            listener.drop(tls).map_err(broken)?;
        }
        context.drop(tls).map_err(broken)
    }

    fn context(&mut self, setup: Setup) -> Result<Context> {
        Self::context_in(&mut self.instance, self.certificates, setup).map_err(broken)
    }

    fn context_in(
        tls: &mut Instance,
        certificates: &Certificates,
        setup: Setup,
    ) -> Result<Context, HostFailure> {
        let version = match setup.version {
            OurVersion::Tls12 => Version::Tls12,
            OurVersion::Tls13 => Version::Tls13,
        };
        let context = match setup.role {
            OurRole::Client => {
                let context = Context::secure(tls, Role::Client)?;
                let root = Source::Bytes(certificates.root.to_vec());
                context.add_trust_roots(tls, &root)?;
                context.set_verify(tls, Verify::Required)?;
                context
            }
            OurRole::Server => {
                let context = Context::secure(tls, Role::Server)?;
                let (chain, key) = sources(&certificates.server);
                context.load_identity(tls, &chain, &key, None)?;
                context
            }
        };
        context.set_versions(tls, version, version)?;
        // Each case is a full handshake, as the core's is.
        context.set_session_cache(tls, 0)?;
        for timer in [Timer::Handshake, Timer::Read, Timer::Write, Timer::Shutdown] {
            context.set_timeout(tls, timer, Some(LIMIT))?;
        }
        context.seal(tls)?;
        Ok(context)
    }

    fn play_engine(&mut self, case: &Case, context: &Context) -> Result<Outcome> {
        let ends = Ends::new(case.setup, self.certificates)?;
        let (ours, theirs) = case.setup.plans();
        let tricks = [case.to_us.clone(), case.to_peer.clone()];
        let middle = Rc::new(RefCell::new(Middle::new(tricks, case.setup, &ends.secrets)));
        let mut machine = Engined::start(&mut self.instance, context, ends.host(), &middle)?;
        let peer = Peer::new(ends.peer()?, theirs);
        let outcome = exchange::run(&mut machine, peer, &middle, ours)?;
        match machine.trap {
            Some(trap) => bail!("{trap}"),
            None => Ok(outcome),
        }
    }

    fn play_port(
        &mut self,
        case: &Case,
        context: &Context,
        listener: Option<&Listener>,
    ) -> Result<Outcome> {
        let ends = Ends::new(case.setup, self.certificates)?;
        let (ours, theirs) = case.setup.plans();
        let tricks = [case.to_us.clone(), case.to_peer.clone()];
        let middle = Middle::new(tricks, case.setup, &ends.secrets);
        let peer = Peer::new(ends.peer()?, theirs);
        let tls = &mut self.instance;
        let (port, attack) = match listener {
            Some(listener) => {
                let number = listener.local_address(tls).map_err(broken)?.port;
                let attack =
                    thread::spawn(move || Hostile::connect(number, peer, middle)?.run(PATIENCE));
                (listener.blocking_accept(tls).map_err(broken)?, attack)
            }
            None => {
                let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
                let number = socket.local_addr()?.port();
                let attack = thread::spawn(move || {
                    let (socket, _) = socket.accept()?;
                    Hostile::over(socket, peer, middle)?.run(PATIENCE)
                });
                let port = Port::blocking_connect(tls, context, NAME, number);
                (port.map_err(broken)?, attack)
            }
        };
        let mut received = Check::new(pattern::THEIRS);
        let error = match port::converse(tls, &port, ours, LIMIT, &mut received) {
            Ok(()) => None,
            Err(failure) => Some(name(failure)?),
        };
        port.drop(tls).map_err(broken)?;
        let ended = attack
            .join()
            .map_err(|_| anyhow!("the attacker panicked"))??;
        Ok(Outcome {
            input_error: error.clone(),
            error,
            received: received.count,
            safe: 0,
            was_closed: false,
            is_harmed: ended.is_harmed,
            is_peer_harmed: ended.is_harmed,
            is_wrong: received.is_wrong || ended.is_wrong,
            is_peer_content: ended.is_peer_content,
            peer: ended.failure,
            second_error: None,
            is_released: true,
            turns: 0,
            time: ended.time,
            memory: None,
            to_us: ended.to_us,
            to_peer: ended.to_peer,
        })
    }
}

fn sources(identity: &Identity) -> (Source, Source) {
    (
        Source::Bytes(identity.certificate_pem.clone().into_bytes()),
        Source::Bytes(identity.key_pem.clone().into_bytes()),
    )
}

/// Engines know no transport that fails, and no timers.
fn fits_engines(case: &Case) -> bool {
    case.tricks()
        .all(|trick| !matches!(trick, Trick::Reset(_) | Trick::Break(_) | Trick::Block(_)))
}

/// What comes slowly takes too long here, and what the socket takes of a reset is its own affair.
fn fits_ports(case: &Case) -> bool {
    case.tricks().all(|trick| match trick {
        Trick::Drip(bytes) => *bytes > 50,
        Trick::Split(bytes) => *bytes > 10,
        Trick::Break(_) => false,
        _ => true,
    })
}

/// The outcome has to be the core's, where neither timers nor the moments of a network make one.
fn judge(case: &Case, core: &Outcome, found: &Outcome) -> Verdict {
    let is_of_time = |outcome: &Outcome| {
        let error = outcome.error.as_deref().unwrap_or_default();
        error == WAITS || error.starts_with("timeout/") || error.starts_with("network/")
    };
    if is_of_time(core) && is_of_time(found) {
        return Verdict::Typed("waits, times out, or is reset".to_owned());
    }
    if found.is_wrong {
        return Verdict::Failed(format!("other bytes were received than were sent: {found}"));
    }
    if core.error != found.error {
        // Which of our records the peer sees before the transport ends is a matter of time.
        let is_timed = is_of_time(core) || is_of_time(found) || (is_end(found) && is_end(core));
        if core.is_peer_harmed && is_timed {
            return Verdict::Harmless(
                "how a connection ends that the peer gives up is a matter of time",
            );
        }
        // Random bytes, and the order of a client's extensions.
        let is_flip = case
            .tricks()
            .any(|trick| matches!(trick, Trick::Flip { .. }));
        if is_flip && core.error.is_some() && found.error.is_some() {
            return Verdict::Harmless(
                "what a changed byte means differs from one handshake to the next",
            );
        }
        return Verdict::Failed(format!("the core has another outcome: {core}; {found}"));
    }
    match &found.error {
        Some(error) => Verdict::Typed(error.clone()),
        None if !case.tricks().all(Trick::is_harmless) => match verdict::of(case, core) {
            Verdict::Correct => Verdict::Correct,
            other => other,
        },
        None => Verdict::Correct,
    }
}

/// The peer has ended the connection, by an alert or without.
fn is_end(outcome: &Outcome) -> bool {
    match outcome.error.as_deref() {
        None | Some("truncated" | "closed" | "ended early") => true,
        Some(error) => error.starts_with("alert-received/"),
    }
}

fn broken(failure: HostFailure) -> anyhow::Error {
    anyhow!("{failure}")
}

/// The name of a typed error, as the core's have.
fn name(failure: HostFailure) -> Result<String> {
    let Some(error) = failure.error() else {
        bail!("{failure}");
    };
    ensure!(!failure.is_want(), "an operation that waits says want");
    Ok(match error {
        Error::Certificate(refused) => format!("certificate/{}", kebab(&refused.reason)),
        Error::Protocol(broken) => format!("protocol/{}", kebab(&broken.reason)),
        Error::AlertReceived(alert) => format!("alert-received/{alert}"),
        Error::Timeout(timer) => format!("timeout/{}", kebab(timer)),
        Error::Network(network) => format!("network/{}", kebab(&network.code)),
        Error::Closed => "closed".to_owned(),
        Error::Truncated => "truncated".to_owned(),
        other => format!("unexpected: {other:?}"),
    })
}
