//! Peers that send more than anybody can use: one call does a bounded amount of work, whatever
//! comes.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop"
)]

mod support;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use chacha20poly1305::ChaCha20Poly1305;
use chacha20poly1305::aead::{AeadInOut as _, KeyInit as _};
use portcullis::error::{Error, Timer};
use portcullis::pump::{Pump, Received, Wait};
use portcullis::tls::{Session, Version};
use rustls::{ConnectionTrafficSecrets, ServerConnection};
use support::bench::{Bench, LIMITS, SECOND, START};
use support::certs::{Authority, Leaf, NAME};
use support::pair::{client_settings, seal};
use support::peers::{TLS13, server_config};
use support::transports::{Script, Scripted};

/// How many bytes hosts give in one read.
const CHUNK: usize = 64 * 1024;
/// The most reads from the transport, and the most records without data, in one call.
const MOST: usize = 33;

/// A client of ours, and a server of rustls that sends what ours would not.
struct Flood {
    client: Pump<Scripted>,
    script: Rc<RefCell<Script>>,
    server: ServerConnection,
}

impl Flood {
    fn new() -> Self {
        let authority = Authority::root("Root");
        let identity = authority.issue(&Leaf::server());
        let config = server_config(&identity.chain_pem(), &identity.key_pem(), None, TLS13);
        let mut config = Arc::unwrap_or_clone(config);
        config.send_tls13_tickets = 0;
        config.enable_secret_extraction = true;
        let mut server = ServerConnection::new(Arc::new(config)).unwrap();
        server.set_buffer_limit(None);
        let session = Session::new(&seal(&client_settings(authority.der())), Some(NAME)).unwrap();
        let (transport, script) = Scripted::new();
        let client = Pump::new(session, transport, Vec::new(), LIMITS);
        let mut flood = Self {
            client,
            script,
            server,
        };
        while flood.client.handshake(START) != Ok(()) || flood.server.is_handshaking() {
            flood.exchange();
        }
        flood
    }

    fn exchange(&mut self) {
        for flight in std::mem::take(&mut self.script.borrow_mut().sent) {
            let mut rest = flight.as_slice();
            while !rest.is_empty() {
                self.server.read_tls(&mut rest).unwrap();
                self.server.process_new_packets().unwrap();
            }
        }
        self.deliver();
    }

    fn deliver(&mut self) {
        let mut sent = Vec::new();
        while self.server.wants_write() {
            self.server.write_tls(&mut sent).unwrap();
        }
        will_read(&self.script, &sent);
    }

    /// Send bytes, each after sixteen key updates: at twice as many rustls ends the connection
    /// itself.
    fn change_keys(&mut self, bytes: usize) {
        use std::io::Write as _;
        for _ in 0..bytes {
            for _ in 0..16 {
                self.server.refresh_traffic_keys().unwrap();
            }
            self.server.writer().write_all(b"x").unwrap();
        }
        self.deliver();
    }

    /// Send that many session tickets, each in a record of its own. No library sends them so: they
    /// are written and encrypted by hand.
    fn send_tickets(self, count: u64) -> (Pump<Scripted>, Rc<RefCell<Script>>) {
        // RFC 8446 §4.6.1: type and length, lifetime, age, nonce, ticket, extensions.
        let ticket = [4, 0, 0, 0, 0, 0, 28, 32, 0, 0, 0, 0, 1, 7, 0, 2, 8, 9, 0, 0];
        let mut ticket = ticket.to_vec();
        ticket[3] = u8::try_from(ticket.len() - 4).unwrap();
        // RFC 8446 §5.2: the type of what is inside.
        ticket.push(22);
        let secrets = self.server.dangerous_extract_secrets().unwrap();
        let (first, ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv }) = secrets.tx else {
            panic!("the client's first suite");
        };
        let cipher = ChaCha20Poly1305::new_from_slice(key.as_ref()).unwrap();
        let mut sent = Vec::new();
        for number in first..first + count {
            let header = [23, 3, 3, 0, u8::try_from(ticket.len() + 16).unwrap()];
            let mut nonce: [u8; 12] = iv.as_ref().try_into().unwrap();
            for (byte, bits) in nonce[4..].iter_mut().zip(number.to_be_bytes()) {
                *byte ^= bits;
            }
            let mut record = ticket.clone();
            let tag = cipher
                .encrypt_inout_detached((&nonce).into(), &header, record.as_mut_slice().into())
                .unwrap();
            sent.extend(header);
            sent.extend(record);
            sent.extend(tag);
        }
        will_read(&self.script, &sent);
        (self.client, self.script)
    }
}

fn will_read(script: &RefCell<Script>, sent: &[u8]) {
    let chunks = sent.chunks(CHUNK);
    let reads = chunks.map(|chunk| Ok(Received::Bytes(chunk.to_vec())));
    script.borrow_mut().reads.extend(reads);
}

#[test]
fn a_flood_of_tickets_leaves_a_read_after_a_bounded_amount_of_work() {
    let (mut client, script) = Flood::new().send_tickets(10_000);
    let mut calls = 0;
    loop {
        let before = script.borrow().reads_made;
        assert_eq!(client.read(1, START), Err(Error::WantRead));
        // A read of 64 KiB holds more records than a call takes.
        assert!(script.borrow().reads_made - before <= 2);
        calls += 1;
        match client.wait_to_read() {
            // Other work may have its turn, and then the read goes on.
            Wait::Nothing => {}
            Wait::Input if script.borrow().reads.is_empty() => break,
            Wait::Input => {}
            other => panic!("{other:?}"),
        }
    }
    assert!(calls >= 10_000 / MOST, "{calls}");
}

#[test]
fn the_read_timer_runs_out_in_the_middle_of_a_flood() {
    let (mut client, script) = Flood::new().send_tickets(10_000);
    let mut now = START;
    let ended = loop {
        match client.read(1, now) {
            Err(Error::WantRead) => now += Duration::from_millis(100),
            other => break other,
        }
    };
    assert_eq!(ended, Err(Error::Timeout(Timer::Read)));
    assert_eq!(now, START + 2 * SECOND);
    assert!(!script.borrow().reads.is_empty());
}

#[test]
fn a_read_takes_a_few_bytes_of_a_peer_that_changes_keys_all_the_time() {
    let mut flood = Flood::new();
    flood.change_keys(200);
    let (mut bytes, mut calls) = (0, 0);
    while bytes < 200 {
        calls += 1;
        match flood.client.read(1 << 20, START) {
            Ok(Some(plaintext)) => {
                bytes += plaintext.len();
                assert!(plaintext.len() * 16 <= MOST, "{} bytes", plaintext.len());
            }
            Err(Error::WantRead) => assert_eq!(flood.client.wait_to_read(), Wait::Nothing),
            other => panic!("{other:?}"),
        }
    }
    assert!(calls >= 200 * 16 / MOST, "{calls}");
}

#[test]
fn answers_to_new_keys_do_not_heap_up_for_a_peer_that_does_not_read() {
    let mut flood = Flood::new();
    flood.script.borrow_mut().writes.extend([Some(0); 10_000]);
    flood.change_keys(500);
    let mut bytes = 0;
    while bytes < 500 {
        match flood.client.read(1 << 20, START) {
            Ok(Some(plaintext)) => bytes += plaintext.len(),
            Err(Error::WantRead) => {}
            other => panic!("{other:?}"),
        }
    }
    // The answer to the key updates leaves with the next data: one for all of them.
    flood.script.borrow_mut().writes.clear();
    assert_eq!(flood.client.write(b"x", START), Ok(1));
    let sent: usize = flood.script.borrow().sent.iter().map(Vec::len).sum();
    assert!((24..100).contains(&sent), "{sent}");
    flood.exchange();
}

#[test]
fn a_drip_of_single_bytes_leaves_a_handshake_after_a_bounded_number_of_reads() {
    let mut bench = Bench::new(Version::Tls13);
    assert_eq!(bench.client.handshake(START), Err(Error::WantRead));
    // A record of 16 KiB.
    let drip = [0x16, 3, 3, 0x40].into_iter().chain([0; 16_000]);
    let reads = drip.map(|byte| Ok(Received::Bytes(vec![byte])));
    bench.script.borrow_mut().reads.extend(reads);
    let mut calls = 0;
    while !bench.script.borrow().reads.is_empty() {
        let before = bench.script.borrow().reads_made;
        assert_eq!(bench.client.handshake(START), Err(Error::WantRead));
        assert!(bench.script.borrow().reads_made - before <= MOST);
        calls += 1;
    }
    assert!(calls >= 16_000 / MOST, "{calls}");
    let end = START + 10 * SECOND;
    assert_eq!(
        bench.client.handshake(end),
        Err(Error::Timeout(Timer::Handshake))
    );
}

#[test]
fn what_is_thrown_away_on_close_has_an_end_however_short_the_reads() {
    let mut bench = Bench::open(Version::Tls13);
    let reads = (0..100_000).map(|_| Ok(Received::Bytes(vec![0])));
    bench.script.borrow_mut().reads.extend(reads);
    let before = bench.script.borrow().reads_made;
    bench.client.release();
    assert!(bench.script.borrow().reads_made - before <= 256);
    assert!(bench.script.borrow().is_dropped);
}
