//! The core, as a crate of this program.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use portcullis::engine::Engine;
use portcullis::error::Error;
use portcullis::tls::{
    Config, KeyLog, Role, SendName, Session, Settings, Truncation, Verify, VerifyName, Version,
};
use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;

use crate::kebab::kebab;
use crate::machine::{Ahead, Facts, Failed, Fault, Hello, Machine};
use crate::setup::{self, Setup};

/// The core.
pub(crate) struct Native {
    ahead: Ahead,
    config: Option<Arc<Config>>,
    /// What is asked for the configuration, where one is.
    asking: Option<Arc<Config>>,
    engine: Option<Engine>,
    log: Option<Arc<KeyLog>>,
}

impl Native {
    pub(crate) fn new(ahead: Ahead) -> Self {
        Self {
            ahead,
            config: None,
            asking: None,
            engine: None,
            log: None,
        }
    }

    fn engine(&mut self) -> Result<&mut Engine, Fault> {
        self.engine.as_mut().ok_or_else(Fault::not_started)
    }

    fn session(&mut self) -> Result<&Session, Fault> {
        Ok(self.engine()?.session())
    }
}

/// The system's clock, some seconds ahead.
#[derive(Debug)]
struct Clock(Ahead);

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .ok()?;
        let ahead = Duration::from_secs(self.0.load(Ordering::Relaxed));
        Some(UnixTime::since_unix_epoch(now + ahead))
    }
}

fn settings(setup: &Setup) -> Result<Settings, Error> {
    let role = match setup.is_server {
        true => Role::Server,
        false => Role::Client,
    };
    let version = |number| match number {
        0x0303 => Version::Tls12,
        _ => Version::Tls13,
    };
    let mut settings = Settings::unverified(role);
    settings.set_versions(version(setup.versions.0), version(setup.versions.1))?;
    if let Some(words) = &setup.ciphers {
        settings.set_cipher_list(words)?;
    }
    if !setup.groups.is_empty() {
        settings.set_groups(&setup.groups)?;
    }
    if !setup.schemes.is_empty() {
        settings.set_signature_schemes(&setup.schemes)?;
    }
    if !setup.alpn.is_empty() {
        settings.set_alpn(&setup.alpn)?;
    }
    for (chain, key) in &setup.identities {
        settings.add_identity(chain, key, None)?;
    }
    for roots in &setup.roots {
        settings.add_trust_roots(roots)?;
    }
    settings.set_verify(match setup.verify {
        setup::Verify::Unverified => Verify::Unverified,
        setup::Verify::Deferred => Verify::Deferred,
        setup::Verify::Required => Verify::Required,
    });
    settings.set_verify_name(VerifyName::Unverified)?;
    if let Some(name) = &setup.server_name {
        settings.set_server_name(SendName::Name(name.clone()))?;
    }
    if setup.tolerates_truncation {
        settings.set_truncation(Truncation::Tolerated);
    }
    if setup.record_size.is_some() {
        settings.set_record_size(setup.record_size)?;
    }
    if setup.follows_own_order {
        settings.set_suite_preference(Role::Server)?;
    }
    if !setup.ticket_keys.is_empty() {
        settings.set_ticket_keys(&setup.ticket_keys)?;
    }
    if let Some(count) = setup.ticket_count {
        settings.set_ticket_count(count)?;
    }
    match (setup.early_data, setup.is_server) {
        (Some(_), false) => settings.offer_early_data()?,
        (Some(limit), true) => {
            settings.accept_early_data(limit)?;
            settings.write_before_finished()?;
        }
        (None, _) => {}
    }
    Ok(settings)
}

impl Machine for Native {
    fn configure(&mut self, setup: &Setup) -> Result<(), Fault> {
        let mut settings = settings(setup).map_err(fault)?;
        settings.set_clock(Arc::new(Clock(Arc::clone(&self.ahead))));
        if setup.logs_keys {
            self.log = Some(settings.log_keys());
        }
        self.config = Some(Arc::new(settings.seal().map_err(fault)?));
        self.asking = None;
        if setup.asks {
            let mut asking = Settings::unverified(Role::Server);
            asking.ask_for_context().map_err(fault)?;
            self.asking = Some(Arc::new(asking.seal().map_err(fault)?));
        }
        Ok(())
    }

    fn start(&mut self, host: Option<&str>) -> Result<(), Fault> {
        let config = self.asking.as_ref().or(self.config.as_ref());
        let config = config.ok_or_else(Fault::not_started)?;
        self.engine = Some(Engine::new(config, host).map_err(fault)?);
        Ok(())
    }

    fn put(&mut self, ciphertext: &[u8]) -> Result<usize, Fault> {
        Ok(self.engine()?.put_ciphertext(ciphertext))
    }

    fn put_end(&mut self) -> Result<(), Fault> {
        self.engine()?.put_end();
        Ok(())
    }

    fn take(&mut self, limit: usize) -> Result<Vec<u8>, Fault> {
        Ok(self.engine()?.take_ciphertext(limit))
    }

    fn is_ready(&mut self) -> Result<bool, Fault> {
        Ok(false)
    }

    fn hello(&mut self) -> Result<Option<Hello>, Fault> {
        let hello = self.session()?.client_hello();
        Ok(hello.map(|hello| Hello {
            server_name: hello.server_name.clone(),
            alpn: hello.alpn.clone(),
        }))
    }

    fn choose(&mut self) -> Result<(), Fault> {
        let config = self.config.clone().ok_or_else(Fault::not_started)?;
        self.engine()?.choose(&config).map_err(fault)
    }

    fn refuse(&mut self, alert: u8) -> Result<(), Fault> {
        self.engine()?.refuse(alert).map_err(fault)
    }

    fn handshake(&mut self) -> Result<(), Fault> {
        self.engine()?.handshake().map_err(fault)
    }

    fn read(&mut self, limit: usize) -> Result<Option<Vec<u8>>, Fault> {
        self.engine()?.read(limit).map_err(fault)
    }

    fn write(&mut self, plaintext: &[u8]) -> Result<usize, Fault> {
        self.engine()?.write(plaintext).map_err(fault)
    }

    fn write_early(&mut self, plaintext: &[u8]) -> Result<usize, Fault> {
        self.engine()?.write_early(plaintext).map_err(fault)
    }

    fn read_early(&mut self, limit: usize) -> Result<Option<Vec<u8>>, Fault> {
        self.engine()?.read_early(limit).map_err(fault)
    }

    fn update_keys(&mut self) -> Result<bool, Fault> {
        Ok(false)
    }

    fn close_output(&mut self) -> Result<(), Fault> {
        self.engine()?.close_output().map_err(fault)
    }

    fn facts(&mut self) -> Result<Facts, Fault> {
        let facts = self.session()?.facts();
        Ok(Facts {
            version: facts.version.map(|version| match version {
                Version::Tls12 => 0x0303,
                Version::Tls13 => 0x0304,
            }),
            cipher_suite: facts.cipher_suite,
            group: facts.group.map(str::to_owned),
            signature_scheme: facts.signature_scheme.map(str::to_owned),
            own_certificates: facts.own_certificates,
            alpn: facts.alpn,
            server_name: facts.server_name,
            is_resumed: facts.is_resumed,
            was_retried: facts.was_retried,
            peer_certificates: facts.peer_certificates,
            is_verified: facts.verify_result.is_ok(),
            was_early_data_accepted: facts.was_early_data_accepted,
        })
    }

    fn export(
        &mut self,
        label: &str,
        context: Option<&[u8]>,
        length: usize,
    ) -> Result<Vec<u8>, Fault> {
        let session = self.session()?;
        let length = u64::try_from(length).unwrap_or(u64::MAX);
        session
            .export_keying_material(label, context, length)
            .map_err(fault)
    }

    fn key_log(&mut self) -> Result<Vec<String>, Fault> {
        Ok(self.log.as_ref().map(|log| log.take()).unwrap_or_default())
    }
}

fn fault(error: Error) -> Fault {
    let name = match &error {
        Error::WantRead => return Fault::WantRead,
        Error::WantWrite => return Fault::WantWrite,
        Error::WantContext => return Fault::WantContext,
        Error::Certificate(refused) => format!("certificate/{}", kebab(&refused.reason)),
        Error::Protocol(broken) => format!("protocol/{}", kebab(&broken.reason)),
        Error::AlertReceived(alert) => format!("alert-received/{alert}"),
        Error::Configuration(refused) => format!(
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
    Fault::Failed(Failed {
        name,
        explanation: error.to_string(),
    })
}
