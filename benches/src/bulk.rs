//! Records of 16 KiB through whole TLS ends in memory: the component by its interface, and native
//! rustls.

use anyhow::{Result, ensure};
use rustls::CipherSuite;

use crate::connection::{Connection, Maker, RECORD, read_all, shake_hands};
use crate::identity::{Identity, KeyType};
use crate::native::{self, Clients, Library, Servers, Terms};
use crate::ours::Ours;
use crate::report::Report;
use crate::rounds::{Side, Watch, megabytes_per_second, rounds};
use crate::stage::Stage;

/// The suites of TLS 1.3.
pub(crate) const SUITES: [CipherSuite; 3] = [
    CipherSuite::TLS13_CHACHA20_POLY1305_SHA256,
    CipherSuite::TLS13_AES_128_GCM_SHA256,
    CipherSuite::TLS13_AES_256_GCM_SHA384,
];

/// How many records one turn has: 1 MiB in all.
const RECORDS: usize = 64;

/// The figures of a side's turn: seal and open.
const FIGURES: [(&str, usize); 2] = [("seal", 0), ("open", 1)];

/// The `bulk.` entries.
pub(crate) fn measure(stage: &Stage, report: &mut Report) -> Result<()> {
    let identity = Identity::new(KeyType::P256)?;
    for suite in SUITES {
        let name = native::suite_name(suite)?;
        let terms = terms(&identity, suite);
        let mut sides = Vec::new();
        for (suffix, guest) in stage.forms() {
            let mut pair = Pair::new(&Ours::client(guest, terms)?, terms)?;
            sides.push(Side::new(format!("ours{suffix}"), move || pair.turn()));
        }
        for library in Library::ALL {
            let client = Clients(native::client_config(library, terms)?);
            let mut pair = Pair::new(&client, terms)?;
            sides.push(Side::new(library.name(), move || pair.turn()));
        }
        let title = format!("records, {name}");
        let outcome = rounds(&stage.progress, &title, stage.plan.rounds, sides)?;
        for (suffix, _) in stage.forms() {
            for (direction, figure) in FIGURES {
                let ours = outcome.of(&format!("ours{suffix}"), figure)?;
                for library in Library::ALL {
                    let theirs = outcome.of(library.name(), figure)?;
                    let name = format!("bulk.{name}.{direction}.vs_{}{suffix}", library.name());
                    report.beside(name, "MB/s", ours, (library.title(), theirs));
                }
            }
        }
    }
    Ok(())
}

/// Terms of a full handshake with this suite only.
pub(crate) fn terms(identity: &Identity, suite: CipherSuite) -> Terms<'_> {
    Terms {
        suite: Some(suite),
        ..Terms::usual(identity)
    }
}

/// A measured client that is connected with a native server.
pub(crate) struct Pair {
    client: Box<dyn Connection>,
    server: Box<dyn Connection>,
    record: Vec<u8>,
    ciphertext: Vec<u8>,
}

impl Pair {
    pub(crate) fn new(client: &dyn Maker, terms: Terms<'_>) -> Result<Self> {
        let server = Servers(native::server_config(Library::AwsLc, terms)?);
        let mut watch = Watch::default();
        let mut other = Watch::default();
        let (client, server) = shake_hands((client, &mut watch), (&server, &mut other))?;
        Ok(Self {
            client,
            server,
            record: vec![0x5a; RECORD],
            ciphertext: Vec::new(),
        })
    }

    fn turn(&mut self) -> Result<Vec<f64>> {
        let (mut sealing, mut opening) = (Watch::default(), Watch::default());
        self.seal(&mut sealing)?;
        self.open(&mut opening)?;
        let speed = |watch: Watch| megabytes_per_second(RECORDS * RECORD, watch.0);
        Ok(vec![speed(sealing), speed(opening)])
    }

    /// The client writes 1 MiB; `watch` counts the client's time only.
    pub(crate) fn seal(&mut self, watch: &mut Watch) -> Result<()> {
        watch.time(|| (0..RECORDS).try_for_each(|_| self.client.write(&self.record)))?;
        self.client.leave(&mut self.ciphertext);
        self.server.arrive(&self.ciphertext);
        arrived(read_all(&mut *self.server)?)
    }

    /// The client reads 1 MiB; `watch` counts the client's time only.
    pub(crate) fn open(&mut self, watch: &mut Watch) -> Result<()> {
        (0..RECORDS).try_for_each(|_| self.server.write(&self.record))?;
        self.server.leave(&mut self.ciphertext);
        self.client.arrive(&self.ciphertext);
        arrived(watch.time(|| read_all(&mut *self.client))?)
    }
}

fn arrived(bytes: usize) -> Result<()> {
    ensure!(bytes == RECORDS * RECORD, "{bytes} bytes arrived");
    Ok(())
}
