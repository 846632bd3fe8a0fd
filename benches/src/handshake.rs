//! Handshakes in memory: the time that one end takes, be it the component or native rustls. The
//! other end is always native rustls with aws-lc-rs, and its time is not counted.

use anyhow::{Result, ensure};
use rustls::version::{TLS12, TLS13};
use rustls::{NamedGroup, SupportedProtocolVersion};

use crate::connection::{Maker, shake_hands};
use crate::identity::{Identity, KeyType};
use crate::native::{self, Clients, Library, Servers, Terms};
use crate::ours::Ours;
use crate::report::Report;
use crate::rounds::{Side, Watch, rounds};
use crate::stage::Stage;

const VERSIONS: [(&SupportedProtocolVersion, &str); 2] = [(&TLS13, "tls13"), (&TLS12, "tls12")];

/// The figures of a side's turn: both ends' work, and each end's.
const FIGURES: [(&str, usize); 3] = [("", 0), (".client", 1), (".server", 2)];

/// The `handshake.` entries.
pub(crate) fn measure(stage: &Stage, report: &mut Report) -> Result<()> {
    let identity = &Identity::new(KeyType::P256)?;
    for (version, version_name) in VERSIONS {
        let terms = Terms {
            version,
            ..Terms::usual(identity)
        };
        for key_type in KeyType::ALL {
            let terms = Terms {
                identity: &Identity::new(key_type)?,
                ..terms
            };
            let name = key_type.name();
            compare(stage, report, &format!("{version_name}.{name}"), terms)?;
        }
        let resumed = Terms {
            resume: true,
            ..terms
        };
        compare(stage, report, &format!("{version_name}.resumed"), resumed)?;
    }
    let hybrid = Terms {
        group: NamedGroup::X25519MLKEM768,
        ..Terms::usual(identity)
    };
    compare(stage, report, "tls13.p256.x25519mlkem768", hybrid)
}

fn compare(stage: &Stage, report: &mut Report, kind: &str, terms: Terms<'_>) -> Result<()> {
    let count = stage.plan.handshakes;
    let mut sides = Vec::new();
    for (suffix, guest) in stage.forms() {
        let (client, server) = (Ours::client(guest, terms)?, Ours::server(guest, terms)?);
        let ends = Ends::new(client, server, terms)?;
        sides.push(Side::new(format!("ours{suffix}"), move || ends.turn(count)));
    }
    let libraries = Library::with(terms.group);
    for &library in libraries {
        let ends = Ends::new(
            Clients(native::client_config(library, terms)?),
            Servers(native::server_config(library, terms)?),
            terms,
        )?;
        sides.push(Side::new(library.name(), move || ends.turn(count)));
    }
    let title = format!("handshakes, {kind}");
    let outcome = rounds(&stage.progress, &title, stage.plan.rounds, sides)?;
    for (suffix, _) in stage.forms() {
        for (end, figure) in FIGURES {
            let ours = outcome.of(&format!("ours{suffix}"), figure)?;
            for library in libraries {
                let theirs = outcome.of(library.name(), figure)?;
                let name = format!("handshake.{kind}{end}.vs_{}{suffix}", library.name());
                report.beside(name, "1/s", ours, (library.title(), theirs));
            }
        }
    }
    Ok(())
}

/// A measured client and a measured server, each with a native peer.
pub(crate) struct Ends<C, S> {
    pub(crate) client: C,
    pub(crate) server: S,
    native_client: Clients,
    native_server: Servers,
    resume: bool,
}

impl<C: Maker, S: Maker> Ends<C, S> {
    pub(crate) fn new(client: C, server: S, terms: Terms<'_>) -> Result<Self> {
        let ends = Self {
            client,
            server,
            native_client: Clients(native::client_config(Library::AwsLc, terms)?),
            native_server: Servers(native::server_config(Library::AwsLc, terms)?),
            resume: false,
        };
        // These two handshakes are full ones; they leave the sessions that later ones resume.
        ends.as_client(&mut Watch::default())?;
        ends.as_server(&mut Watch::default())?;
        Ok(Self {
            resume: terms.resume,
            ..ends
        })
    }

    fn turn(&self, count: usize) -> Result<Vec<f64>> {
        let (mut client, mut server) = (Watch::default(), Watch::default());
        for _ in 0..count {
            self.as_client(&mut client)?;
            self.as_server(&mut server)?;
        }
        let count = f64::from(u32::try_from(count)?);
        Ok(vec![
            count / (client.0 + server.0).as_secs_f64(),
            count / client.0.as_secs_f64(),
            count / server.0.as_secs_f64(),
        ])
    }

    /// Run a handshake of the measured client; `watch` counts the client's time only.
    pub(crate) fn as_client(&self, watch: &mut Watch) -> Result<()> {
        let mut other = Watch::default();
        let (client, server) =
            shake_hands((&self.client, watch), (&self.native_server, &mut other))?;
        self.check(server.has_resumed())?;
        watch.time(|| drop(client));
        Ok(())
    }

    /// Run a handshake of the measured server; `watch` counts the server's time only.
    pub(crate) fn as_server(&self, watch: &mut Watch) -> Result<()> {
        let mut other = Watch::default();
        let (client, server) =
            shake_hands((&self.native_client, &mut other), (&self.server, watch))?;
        self.check(client.has_resumed())?;
        watch.time(|| drop(server));
        Ok(())
    }

    fn check(&self, has_resumed: Option<bool>) -> Result<()> {
        ensure!(has_resumed == Some(self.resume), "resumed: {has_resumed:?}");
        Ok(())
    }
}
