//! When a server's session tickets leave: with its first answer, and at the latest when it has to
//! wait.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop"
)]

mod support;

use std::cell::RefCell;
use std::rc::Rc;

use portcullis::error::Error;
use portcullis::pump::{Pump, Received};
use portcullis::tls::{Plaintext, Session, Version};
use support::bench::{LIMITS, START};
use support::certs::NAME;
use support::pair::configs;
use support::transports::{Script, Scripted};

/// A server in a pump, its transport's script, and a client in memory.
struct Served {
    server: Pump<Scripted>,
    script: Rc<RefCell<Script>>,
    client: Session,
}

impl Served {
    fn new(version: Version) -> Self {
        let (client, server) = configs(version);
        let (transport, script) = Scripted::new();
        let session = Session::new(&server, None).unwrap();
        Self {
            server: Pump::new(session, transport, Vec::new(), LIMITS),
            script,
            client: Session::new(&client, Some(NAME)).unwrap(),
        }
    }

    /// Hand what the client has to send to the server's next read.
    fn speak(&mut self) {
        let mut said = Vec::new();
        self.client.poll_ciphertext(&mut said);
        if !said.is_empty() {
            let found = Ok(Received::Bytes(said));
            self.script.borrow_mut().reads.push_back(found);
        }
    }

    /// Hand the server's writes to the client; returns how many there were since the last time.
    fn deliver(&mut self) -> usize {
        let writes = std::mem::take(&mut self.script.borrow_mut().sent);
        for write in &writes {
            self.client.handle_ciphertext(write).unwrap();
        }
        writes.len()
    }

    /// A handshake up to the client's last flight, which is yet to be read.
    fn almost_open(version: Version) -> Self {
        let mut served = Self::new(version);
        served.speak();
        assert_eq!(served.server.handshake(START), Err(Error::WantRead));
        assert_eq!(served.deliver(), 1);
        served
    }
}

#[test]
fn tickets_leave_with_the_answer_if_the_request_is_there() {
    let mut served = Served::almost_open(Version::Tls13);
    served.client.write(b"request").unwrap();
    served.speak();
    assert_eq!(served.server.handshake(START), Ok(()));
    // A flush waits for what was written, and not for tickets.
    assert_eq!(served.server.flush(START), Ok(()));
    let request = served.server.read(99, START).unwrap().unwrap();
    assert_eq!(request, b"request");
    assert_eq!(served.deliver(), 0);
    assert_eq!(served.server.write(b"answer", START), Ok(6));
    assert_eq!(served.deliver(), 1);
    let answer = Plaintext::Bytes(b"answer".to_vec());
    assert_eq!(served.client.read(99), Ok(answer));
}

#[test]
fn tickets_leave_when_the_server_has_to_wait() {
    let mut served = Served::almost_open(Version::Tls13);
    served.speak();
    assert_eq!(served.server.handshake(START), Ok(()));
    assert_eq!(served.deliver(), 0);
    assert_eq!(served.server.read(99, START), Err(Error::WantRead));
    assert_eq!(served.deliver(), 1);
    // They leave once.
    assert_eq!(served.server.read(99, START), Err(Error::WantRead));
    assert_eq!(served.deliver(), 0);
}

#[test]
fn tickets_leave_with_the_end_of_a_server_that_says_nothing() {
    let mut served = Served::almost_open(Version::Tls13);
    served.speak();
    assert_eq!(served.server.handshake(START), Ok(()));
    assert_eq!(served.server.close_output(START), Ok(()));
    assert_eq!(served.deliver(), 1);
    assert_eq!(served.client.read(99), Ok(Plaintext::End));
}

#[test]
fn tickets_keep_no_timer_running() {
    let mut served = Served::almost_open(Version::Tls13);
    served.speak();
    assert_eq!(served.server.handshake(START), Ok(()));
    assert_eq!(served.server.time_left(START), None);
}

#[test]
fn the_last_flight_of_tls_12_waits_for_nothing() {
    let mut served = Served::almost_open(Version::Tls12);
    served.speak();
    assert_eq!(served.server.handshake(START), Ok(()));
    assert_eq!(served.deliver(), 1);
    assert!(served.client.version().is_some());
}
