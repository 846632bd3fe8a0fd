//! Servers with many names, and servers in two instances that share sessions: their handshakes, by
//! those of one server with one context.

use std::cell::Cell;
use std::collections::HashMap;

use anyhow::Result;

use crate::connection::{Connection, Maker, shake_hands};
use crate::identity::{Identity, KeyType, NAME};
use crate::native::{self, Clients, Library, Terms};
use crate::ours::{Choice, Ours};
use crate::report::Report;
use crate::rounds::{Side, Watch, rounds};
use crate::stage::{Artifact, Stage};

/// How many names a server has.
const NAMES: usize = 10_000;

/// How many contexts these names are for.
const CONTEXTS: usize = 100;

/// What instances share.
const SECRET: [u8; 32] = [7; 32];

/// The `choice.` entries.
pub(crate) fn measure(stage: &Stage, report: &mut Report) -> Result<()> {
    let identity = &Identity::new(KeyType::P256)?;
    for artifact in &stage.artifacts {
        names(stage, artifact, identity, report)?;
        instances(stage, artifact, identity, report)?;
    }
    Ok(())
}

fn names(
    stage: &Stage,
    artifact: &Artifact,
    identity: &Identity,
    report: &mut Report,
) -> Result<()> {
    let terms = terms(identity, false);
    // The one that the client asks for stands in the middle.
    let name = |number: usize| match number {
        number if number == NAMES / 2 => NAME.to_owned(),
        number => format!("tenant-{number}.example"),
    };
    let many: HashMap<_, _> = (0..NAMES)
        .map(|number| (name(number), number % CONTEXTS))
        .collect();
    let guest = &artifact.guest;
    let sides = vec![
        side(stage, "one", Ours::server(guest, terms)?, terms)?,
        side(
            stage,
            "declared",
            Ours::server_of_names(guest, terms, CONTEXTS, &many, Choice::Declared)?,
            terms,
        )?,
        side(
            stage,
            "asked",
            Ours::server_of_names(guest, terms, CONTEXTS, &many, Choice::Asked)?,
            terms,
        )?,
    ];
    let outcome = rounds(&stage.progress, "names", stage.plan.rounds, sides)?;
    let one = outcome.of("one", 0)?;
    for kind in ["declared", "asked"] {
        let name = format!("choice.{NAMES}_names.{kind}.vs_one{}", artifact.suffix);
        report.beside(name, "1/s", outcome.of(kind, 0)?, ("one context", one));
    }
    Ok(())
}

fn instances(
    stage: &Stage,
    artifact: &Artifact,
    identity: &Identity,
    report: &mut Report,
) -> Result<()> {
    let guest = &artifact.guest;
    let pair = |secret: Option<&[u8]>, terms| -> Result<InTurn> {
        Ok(InTurn {
            servers: [
                Ours::server_with_tickets(guest, terms, secret)?,
                Ours::server_with_tickets(guest, terms, secret)?,
            ],
            next: Cell::new(0),
        })
    };
    let (full, resumed) = (terms(identity, false), terms(identity, true));
    let sides = vec![
        side(stage, "apart", pair(None, full)?, full)?,
        side(stage, "shared", pair(Some(&SECRET), resumed)?, resumed)?,
    ];
    let outcome = rounds(&stage.progress, "two instances", stage.plan.rounds, sides)?;
    let name = format!(
        "choice.two_instances.ticket_keys.vs_none{}",
        artifact.suffix
    );
    let apart = ("two instances without", outcome.of("apart", 0)?);
    report.beside(name, "1/s", outcome.of("shared", 0)?, apart);
    Ok(())
}

fn terms(identity: &Identity, resume: bool) -> Terms<'_> {
    Terms {
        resume,
        ..Terms::usual(identity)
    }
}

/// A native client that visits this server, whose time alone counts.
fn side<'a>(
    stage: &Stage,
    name: &'static str,
    server: impl Maker + 'a,
    terms: Terms<'_>,
) -> Result<Side<'a>> {
    let client = Clients(native::client_config(Library::AwsLc, terms)?);
    let count = stage.plan.handshakes;
    let visit = move |watch: &mut Watch| -> Result<Option<bool>> {
        let (client, server) = shake_hands((&client, &mut Watch::default()), (&server, watch))?;
        watch.time(|| drop(server));
        Ok(client.has_resumed())
    };
    // It leaves the sessions that later ones resume.
    visit(&mut Watch::default())?;
    let resume = terms.resume;
    Ok(Side::new(name.to_owned(), move || {
        let mut watch = Watch::default();
        for _ in 0..count {
            let has_resumed = visit(&mut watch)?;
            anyhow::ensure!(has_resumed == Some(resume), "resumed: {has_resumed:?}");
        }
        Ok(vec![
            f64::from(u32::try_from(count)?) / watch.0.as_secs_f64(),
        ])
    }))
}

/// Two servers that clients reach in turn, as behind a balancer.
struct InTurn {
    servers: [Ours; 2],
    next: Cell<usize>,
}

impl Maker for InTurn {
    fn make(&self) -> Result<Box<dyn Connection>> {
        let [first, second] = &self.servers;
        match self.next.replace(self.next.get() ^ 1) {
            0 => first.make(),
            _ => second.make(),
        }
    }
}
