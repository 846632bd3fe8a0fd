//! Certificates and keys that are renewed while a server runs, again and again.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Mutex, PoisonError, RwLock};
use std::thread::Scope;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use rcgen::{PKCS_ECDSA_P256_SHA256, PKCS_ED25519};
use rustix::process::Signal;
use rustls::RootCertStore;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;

use super::PATIENCE;
use crate::certs::{Authority, Identity};
use crate::programs::program::Program;

/// How long it takes from one to the next.
const PAUSE: Duration = Duration::from_millis(200);

/// One of so many is refused, because its key is another's.
const REFUSED: usize = 5;

/// After so many there is another key for tickets, beside the last one.
const TICKETS: usize = 8;

/// The certificates of a server, one after the other, of two authorities in turn.
pub(super) struct Renewals {
    authorities: [Authority; 2],
    folder: PathBuf,
    /// All that there have been.
    leaves: RwLock<Vec<CertificateDer<'static>>>,
    /// The last that the server has said it uses.
    used: AtomicUsize,
    count: AtomicUsize,
    refused: AtomicUsize,
}

impl Renewals {
    /// The first, which are written to files.
    pub(super) fn new(folder: &Path) -> Result<Self> {
        let renewals = Self {
            authorities: [Authority::new("Odd root")?, Authority::new("Even root")?],
            folder: folder.to_owned(),
            leaves: RwLock::default(),
            used: AtomicUsize::new(0),
            count: AtomicUsize::new(0),
            refused: AtomicUsize::new(0),
        };
        for file in ["ticket.old", "ticket.new"] {
            fs::write(folder.join(file), secret()?)?;
        }
        let first = renewals.identity(0)?;
        renewals.write(&first)?;
        renewals.add(&first);
        Ok(renewals)
    }

    /// Has the server use the files.
    pub(super) fn tell(&self, serve: &mut Command) {
        for (flag, file) in [
            ("--cert", "cert.pem"),
            ("--key", "key.pem"),
            ("--ticket-key", "ticket.new"),
            ("--ticket-key", "ticket.old"),
        ] {
            serve.arg(flag).arg(self.folder.join(file));
        }
    }

    /// What clients trust.
    pub(super) fn roots(&self) -> Result<RootCertStore> {
        let mut roots = RootCertStore::empty();
        for authority in &self.authorities {
            roots.add(authority.root.clone())?;
        }
        Ok(roots)
    }

    /// The place of the last that the server has said it uses.
    pub(super) fn used(&self) -> usize {
        self.used.load(Ordering::Acquire)
    }

    /// The place of a certificate.
    pub(super) fn place(&self, leaf: &CertificateDer<'_>) -> Option<usize> {
        let leaves = self.leaves.read();
        let leaves = leaves.unwrap_or_else(PoisonError::into_inner);
        // Most are the last or the one before.
        leaves.iter().rposition(|known| known == leaf)
    }

    pub(super) fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    pub(super) fn refused(&self) -> usize {
        self.refused.load(Ordering::Relaxed)
    }

    /// Whether some were used and some were refused.
    pub(super) fn is_mixed(&self) -> bool {
        self.refused() > 0 && self.used() > 0
    }

    fn identity(&self, number: usize) -> Result<Identity> {
        let [even, odd] = &self.authorities;
        let authority = if number.is_multiple_of(2) { even } else { odd };
        let algorithm = match number % 3 {
            0 => &PKCS_ED25519,
            _ => &PKCS_ECDSA_P256_SHA256,
        };
        authority.issue_to_server(u64::try_from(number)? + 10, algorithm)
    }

    fn write(&self, identity: &Identity) -> Result<()> {
        fs::write(self.folder.join("cert.pem"), &identity.certificate_pem)?;
        fs::write(self.folder.join("key.pem"), &identity.key_pem)?;
        Ok(())
    }

    fn add(&self, identity: &Identity) -> usize {
        let leaves = self.leaves.write();
        let mut leaves = leaves.unwrap_or_else(PoisonError::into_inner);
        leaves.push(identity.certificate.clone());
        leaves.len() - 1
    }

    /// Has the server load its files again, and waits until it says that it has, or has not.
    fn renew(&self, program: &Program) -> Result<()> {
        let number = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        let identity = self.identity(number)?;
        self.write(&identity)?;
        let is_fit = !number.is_multiple_of(REFUSED);
        // The server may use it before it has said so.
        let place = match is_fit {
            true => Some(self.add(&identity)),
            false => {
                let other = self.identity(number)?;
                fs::write(self.folder.join("key.pem"), &other.key_pem)?;
                None
            }
        };
        if number.is_multiple_of(TICKETS) {
            fs::rename(
                self.folder.join("ticket.new"),
                self.folder.join("ticket.old"),
            )?;
            fs::write(self.folder.join("ticket.new"), secret()?)?;
        }
        let lines = program.lines();
        program.signal(Signal::HUP)?;
        let said = program.await_line(lines, PATIENCE, |line| {
            line.starts_with("reloaded: ") || line.starts_with("not reloaded")
        });
        let said = said.with_context(|| format!("renewal {number}"))?;
        ensure!(
            said.starts_with("reloaded: ") == is_fit,
            "renewal {number}: {said}"
        );
        match place {
            Some(place) => self.used.store(place, Ordering::Release),
            None => {
                self.refused.fetch_add(1, Ordering::Relaxed);
            }
        }
        Ok(())
    }
}

fn secret() -> Result<[u8; 32]> {
    let mut secret = [0; 32];
    let filled = ring::default_provider().secure_random.fill(&mut secret);
    filled.map_err(|_| anyhow!("no random bytes"))?;
    Ok(secret)
}

/// Renews until it is dropped.
pub(super) struct Renewal {
    _stop: Sender<()>,
}

impl Renewal {
    pub(super) fn begin<'scope, 'env>(
        scope: &'scope Scope<'scope, 'env>,
        renewals: &'env Renewals,
        program: &'env Program,
        failures: &'env Mutex<Vec<String>>,
    ) -> Self {
        let (stop, stopped) = mpsc::channel::<()>();
        scope.spawn(move || {
            loop {
                if let Err(error) = renewals.renew(program) {
                    let failures = failures.lock();
                    let mut failures = failures.unwrap_or_else(PoisonError::into_inner);
                    failures.push(format!("{error:#}"));
                    return;
                }
                if stopped.recv_timeout(PAUSE) != Err(mpsc::RecvTimeoutError::Timeout) {
                    return;
                }
            }
        });
        Self { _stop: stop }
    }
}
