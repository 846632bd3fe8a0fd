//! A client in a pump over a scripted transport, and a server in memory, with a clock that the test
//! turns.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use portcullis::error::{Error, NetworkError};
use portcullis::pump::{Pump, Received};
use portcullis::tls::{Config, Session, Timeouts, Truncation, Version};

use super::certs::{Authority, Leaf, NAME};
use super::pair::{client_settings, configs, seal, server_settings};
use super::transports::{Script, Scripted};

pub const SECOND: Duration = Duration::from_secs(1);
pub const START: Duration = Duration::from_secs(1000);

pub const LIMITS: Timeouts = Timeouts {
    connect: None,
    handshake: Some(10_000),
    read: Some(2_000),
    shutdown: Some(3_000),
    write: Some(4_000),
};

/// A client in a pump, its transport's script, and the server at the other end.
pub struct Bench {
    pub client: Pump<Scripted>,
    pub script: Rc<RefCell<Script>>,
    pub server: Session,
}

impl Bench {
    pub fn new(version: Version) -> Self {
        let (client, server) = configs(version);
        Self::of(&client, &server)
    }

    pub fn of(client: &Arc<Config>, server: &Arc<Config>) -> Self {
        let (transport, script) = Scripted::new();
        let session = Session::new(client, Some(NAME)).unwrap();
        Self {
            client: Pump::new(session, transport, Vec::new(), LIMITS),
            script,
            server: Session::new(server, None).unwrap(),
        }
    }

    /// With a client that tolerates truncation.
    pub fn tolerant() -> Self {
        let authority = Authority::root("Root");
        let mut client = client_settings(authority.der());
        client.set_truncation(Truncation::Tolerated);
        let server = server_settings(&authority.issue(&Leaf::server()));
        Self::of(&seal(&client), &seal(&server))
    }

    /// Hand what was sent to the server, and its answer to the client's transport.
    pub fn exchange(&mut self) {
        for flight in std::mem::take(&mut self.script.borrow_mut().sent) {
            let _ = self.server.handle_ciphertext(&flight);
        }
        let mut answer = Vec::new();
        self.server.poll_ciphertext(&mut answer);
        if !answer.is_empty() {
            self.will_read(Ok(Received::Bytes(answer)));
        }
    }

    pub fn will_read(&self, found: Result<Received, NetworkError>) {
        self.script.borrow_mut().reads.push_back(found);
    }

    pub fn open(version: Version) -> Self {
        let mut bench = Self::new(version);
        bench.shake_hands();
        bench
    }

    pub fn shake_hands(&mut self) {
        while self.client.handshake(START) == Err(Error::WantRead) {
            self.exchange();
        }
        self.exchange();
        // Tickets, if any.
        assert_eq!(self.client.read(1, START), Err(Error::WantRead));
    }
}
