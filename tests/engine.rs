//! The built component: TLS whose ciphertext the caller moves, in memory, through a pipe, and inside
//! another TLS connection.
#![allow(
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop"
)]

mod support;

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};

use portcullis_host::context_types::VerifyName;
use portcullis_host::types::{CertificateReason, Error, Version};
use portcullis_host::{Context, Engine, Failure, Instance, Port};
use rustls::{ClientConnection, Connection, ServerConnection, StreamOwned};
use support::certs::{Authority, Identity, Leaf, NAME};
use support::component::{client_context, error, instance, server_context};
use support::folder::Folder;
use support::peers::{TLS12, TLS13, client_config, echo_and_close, serve_tls, server_config};
use support::require_tool;

/// The versions by the seed's names.
const VERSIONS: [&str; 2] = ["tlsv12", "tlsv13"];

/// An authority, and what it has issued to the server.
fn identities() -> (Authority, Identity) {
    let root = Authority::root("Root");
    let identity = root.issue(&Leaf::server());
    (root, identity)
}

fn contexts(tls: &mut Instance, version: &str) -> [Context; 2] {
    let (root, identity) = identities();
    let client = client_context(tls, &root.pem());
    let server = server_context(tls, &identity.chain_pem(), &identity.key_pem());
    for context in [&client, &server] {
        context.set_protocol(tls, version).unwrap();
    }
    [client, server]
}

/// Two engines, and what is on its way to each.
struct Pair {
    engines: [Engine; 2],
    wires: [Vec<u8>; 2],
    /// How much is taken and put at once.
    piece: usize,
}

impl Pair {
    fn new(tls: &mut Instance, version: &str, piece: usize) -> Self {
        let [client, server] = contexts(tls, version);
        Self {
            engines: [
                Engine::start(tls, &client, Some(NAME)).unwrap(),
                Engine::start(tls, &server, None).unwrap(),
            ],
            wires: [Vec::new(), Vec::new()],
            piece,
        }
    }

    /// Moves ciphertext both ways until there is none, or none is taken.
    fn drive(&mut self, tls: &mut Instance) {
        let mut is_moving = true;
        while is_moving {
            is_moving = false;
            for (from, to) in [(0, 1), (1, 0)] {
                let wire = &mut self.wires[to];
                let taken = self.engines[from].take_ciphertext(tls, self.piece as u64);
                wire.extend(taken.unwrap());
                let put = &wire[..wire.len().min(self.piece)];
                let count = self.engines[to].put_ciphertext(tls, put).unwrap();
                wire.drain(..count);
                is_moving |= count > 0;
            }
        }
    }

    fn open(tls: &mut Instance, version: &str) -> Self {
        let mut pair = Self::new(tls, version, 16 * 1024);
        pair.drive(tls);
        for engine in &pair.engines {
            engine.handshake(tls).unwrap();
        }
        pair
    }
}

fn read(tls: &mut Instance, engine: &Engine) -> Result<Option<Vec<u8>>, Failure> {
    engine.read(tls, 1 << 20)
}

#[test]
fn two_engines_talk_in_pieces_of_any_length() {
    let mut tls = instance();
    for (version, number) in [("tlsv12", Version::Tls12), ("tlsv13", Version::Tls13)] {
        for piece in [1, 1000, usize::MAX >> 1] {
            let mut pair = Pair::new(&mut tls, version, piece);
            // Nothing is known before, and each says which way ciphertext has to move.
            let [client, server] = &pair.engines;
            assert_eq!(error(client.handshake(&mut tls)), Error::WantWrite);
            assert_eq!(error(server.handshake(&mut tls)), Error::WantRead);
            assert_eq!(error(client.write(&mut tls, b"x")), Error::WantWrite);
            assert_eq!(error(read(&mut tls, server)), Error::WantRead);
            assert_eq!(error(client.close_output(&mut tls)), Error::WantWrite);
            let session = client.session(&mut tls).unwrap();
            assert_eq!(session.version(&mut tls).unwrap(), None);
            pair.drive(&mut tls);
            assert_eq!(session.version(&mut tls).unwrap(), Some(number));
            for (from, to) in [(0, 1), (1, 0)] {
                pair.engines[from].handshake(&mut tls).unwrap();
                assert_eq!(pair.engines[from].write(&mut tls, b"hello").unwrap(), 5);
                pair.engines[from].close_output(&mut tls).unwrap();
                pair.engines[from].close_output(&mut tls).unwrap();
                let refused = pair.engines[from].write(&mut tls, b"x");
                assert_eq!(error(refused), Error::Closed);
                pair.drive(&mut tls);
                let heard = read(&mut tls, &pair.engines[to]).unwrap();
                assert_eq!(heard.unwrap(), b"hello", "{version} {piece}");
                pair.drive(&mut tls);
                assert_eq!(read(&mut tls, &pair.engines[to]).unwrap(), None);
            }
            // The session outlives its engine, and the secrets do not.
            session
                .export_keying_material(&mut tls, "label", None, 32)
                .unwrap();
            for engine in pair.engines {
                engine.drop(&mut tls).unwrap();
            }
            assert_eq!(session.version(&mut tls).unwrap(), Some(number));
            assert_eq!(session.verify_result(&mut tls).unwrap(), Ok(()));
            let gone = session.export_keying_material(&mut tls, "label", None, 32);
            assert_eq!(error(gone), Error::Closed);
            session.drop(&mut tls).unwrap();
        }
    }
    assert_eq!(tls.resource_count(), instance().resource_count());
}

#[test]
fn what_is_held_is_bounded_both_ways() {
    let mut tls = instance();
    for version in VERSIONS {
        let mut pair = Pair::open(&mut tls, version);
        let [client, server] = &pair.engines;
        // A writer has to have its ciphertext taken.
        let mut sent = 0;
        let full = loop {
            match client.write(&mut tls, &[7; 50_000]) {
                Ok(count) => sent += count,
                Err(full) => break full,
            }
            assert!(sent < 200_000);
        };
        assert_eq!(full.error(), Some(&Error::WantWrite));
        assert_eq!(client.write(&mut tls, b"").unwrap(), 0);
        assert!(client.has_ciphertext(&mut tls).unwrap());
        let wire = client.take_ciphertext(&mut tls, u64::MAX).unwrap();
        assert!(!client.has_ciphertext(&mut tls).unwrap());
        assert!(client.write(&mut tls, b"more").unwrap() > 0);
        // A reader has to read: no more is taken before that.
        let count = server.put_ciphertext(&mut tls, &wire).unwrap();
        assert!(count < 40_000, "{count}");
        assert_eq!(server.put_ciphertext(&mut tls, &wire[count..]).unwrap(), 0);
        pair.wires[1].extend_from_slice(&wire[count..]);
        let mut heard = 0;
        loop {
            match read(&mut tls, &pair.engines[1]) {
                Ok(plaintext) => heard += plaintext.unwrap().len(),
                Err(_) => break,
            }
            pair.drive(&mut tls);
        }
        assert_eq!(heard, sent + 4);
    }
}

#[test]
fn what_arrived_before_a_failure_is_read_first_and_the_alert_is_there_to_take() {
    let mut tls = instance();
    for version in VERSIONS {
        let pair = Pair::open(&mut tls, version);
        let [client, server] = &pair.engines;
        for word in [b"good", b"evil"] {
            client.write(&mut tls, word).unwrap();
        }
        let mut wire = client.take_ciphertext(&mut tls, u64::MAX).unwrap();
        *wire.last_mut().unwrap() ^= 1;
        server.put_ciphertext(&mut tls, &wire).unwrap();
        assert_eq!(read(&mut tls, server).unwrap().unwrap(), b"good");
        let failure = error(read(&mut tls, server));
        assert!(matches!(failure, Error::Protocol(_)), "{failure:?}");
        assert_eq!(error(server.write(&mut tls, b"x")), failure);
        assert_eq!(server.put_ciphertext(&mut tls, &wire).unwrap(), 0);
        let alert = server.take_ciphertext(&mut tls, u64::MAX).unwrap();
        assert_eq!(client.put_ciphertext(&mut tls, &alert).unwrap(), 0);
        assert_eq!(error(read(&mut tls, client)), Error::AlertReceived(20));
    }
}

#[test]
fn arguments_and_ends_are_judged_as_those_of_a_port() {
    let mut tls = instance();
    let [client, _] = contexts(&mut tls, "auto");
    let refused = error(Engine::start(&mut tls, &client, None));
    assert!(matches!(refused, Error::InvalidArgument(_)), "{refused:?}");
    let pair = Pair::open(&mut tls, "auto");
    let [near, far] = &pair.engines;
    let refused = error(near.read(&mut tls, 0));
    assert!(matches!(refused, Error::InvalidArgument(_)), "{refused:?}");
    assert_eq!(near.take_ciphertext(&mut tls, 0).unwrap(), b"");
    // The end comes after what was put.
    far.write(&mut tls, b"last").unwrap();
    let wire = far.take_ciphertext(&mut tls, u64::MAX).unwrap();
    assert_eq!(near.put_ciphertext(&mut tls, &wire).unwrap(), wire.len());
    near.put_end(&mut tls).unwrap();
    near.put_end(&mut tls).unwrap();
    assert_eq!(read(&mut tls, near).unwrap().unwrap(), b"last");
    assert_eq!(error(read(&mut tls, near)), Error::Truncated);
    let session = near.session(&mut tls).unwrap();
    assert!(session.is_truncated(&mut tls).unwrap());
    // In the handshake too.
    let cut = Engine::start(&mut tls, &client, Some(NAME)).unwrap();
    cut.put_end(&mut tls).unwrap();
    assert_eq!(error(cut.handshake(&mut tls)), Error::Truncated);
    // What is no TLS is told as such.
    let strange = Engine::start(&mut tls, &client, Some(NAME)).unwrap();
    strange
        .put_ciphertext(&mut tls, b"HTTP/1.1 400\r\n")
        .unwrap();
    let failure = error(strange.handshake(&mut tls));
    assert!(matches!(failure, Error::Protocol(_)), "{failure:?}");
}

#[test]
fn a_certificate_is_judged_and_its_refusal_reaches_the_peer() {
    let mut tls = instance();
    let [client, server] = contexts(&mut tls, "tlsv13");
    for (host, reason) in [
        (NAME, None),
        ("other.test", Some(CertificateReason::WrongName)),
    ] {
        let mut pair = Pair {
            engines: [
                Engine::start(&mut tls, &client, Some(host)).unwrap(),
                Engine::start(&mut tls, &server, None).unwrap(),
            ],
            wires: [Vec::new(), Vec::new()],
            piece: 16 * 1024,
        };
        pair.drive(&mut tls);
        let [client, server] = &pair.engines;
        let Some(reason) = reason else {
            client.handshake(&mut tls).unwrap();
            server.handshake(&mut tls).unwrap();
            continue;
        };
        match error(client.handshake(&mut tls)) {
            Error::Certificate(refused) => assert_eq!(refused.reason, reason),
            other => panic!("{other:?}"),
        }
        let told = error(server.handshake(&mut tls));
        assert_eq!(told, Error::AlertReceived(42));
    }
}

#[test]
fn what_follows_the_peers_close_notify_is_not_taken() {
    let mut tls = instance();
    for version in VERSIONS {
        let pair = Pair::open(&mut tls, version);
        let [client, server] = &pair.engines;
        client.write(&mut tls, b"last").unwrap();
        client.close_output(&mut tls).unwrap();
        let mut wire = client.take_ciphertext(&mut tls, u64::MAX).unwrap();
        let length = wire.len();
        wire.extend_from_slice(b"USER clear\r\n");
        let mut taken = server.put_ciphertext(&mut tls, &wire).unwrap();
        assert_eq!(read(&mut tls, server).unwrap().unwrap(), b"last");
        taken += server.put_ciphertext(&mut tls, &wire[taken..]).unwrap();
        assert_eq!(taken, length, "{version}");
        assert_eq!(read(&mut tls, server).unwrap(), None);
        // The other direction is still open.
        assert_eq!(server.write(&mut tls, b"answer").unwrap(), 6);
    }
}

/// Moves ciphertext between an engine and a connection of rustls in memory, and has both sides say
/// `hello` and the end.
fn meet(tls: &mut Instance, engine: &Engine, mut peer: Connection) {
    let mut heard = Vec::new();
    let (mut has_written, mut has_ended, mut has_read) = (false, false, false);
    peer.writer().write_all(b"hello").unwrap();
    for _ in 0..100 {
        let wire = engine.take_ciphertext(tls, u64::MAX).unwrap();
        let mut rest = wire.as_slice();
        while !rest.is_empty() && peer.read_tls(&mut rest).unwrap() > 0 {
            let state = peer.process_new_packets().unwrap();
            has_ended |= state.peer_has_closed();
            let mut some = vec![0; state.plaintext_bytes_to_read()];
            peer.reader().read_exact(&mut some).unwrap();
            heard.extend(some);
        }
        let mut wire = Vec::new();
        while peer.wants_write() {
            peer.write_tls(&mut wire).unwrap();
        }
        let mut rest = wire.as_slice();
        loop {
            let taken = engine.put_ciphertext(tls, rest).unwrap();
            rest = &rest[taken..];
            match engine.read(tls, 100) {
                Ok(Some(said)) => assert_eq!(said, b"hello"),
                Ok(None) => has_read = true,
                Err(failure) => assert!(failure.is_want(), "{failure}"),
            }
            if taken == 0 {
                break;
            }
        }
        if !has_written && engine.write(tls, b"hello").is_ok() {
            has_written = true;
            engine.close_output(tls).unwrap();
        }
        if has_ended {
            peer.send_close_notify();
        }
        if has_ended && has_read {
            assert_eq!(heard, b"hello");
            return;
        }
    }
    panic!("nothing moves any more");
}

#[test]
fn an_engine_meets_rustls_in_memory_in_either_role() {
    let mut tls = instance();
    let (root, identity) = identities();
    let (chain, key) = (identity.chain_pem(), identity.key_pem());
    for versions in [TLS12, TLS13] {
        let context = client_context(&mut tls, &root.pem());
        let engine = Engine::start(&mut tls, &context, Some(NAME)).unwrap();
        let config = server_config(&chain, &key, None, versions);
        let server = ServerConnection::new(config).unwrap();
        meet(&mut tls, &engine, server.into());

        let context = server_context(&mut tls, &chain, &key);
        let engine = Engine::start(&mut tls, &context, None).unwrap();
        let config = client_config(&root.pem(), None, versions);
        let name = NAME.to_owned().try_into().unwrap();
        let client = ClientConnection::new(config, name).unwrap();
        meet(&mut tls, &engine, client.into());
    }
}

/// OpenSSL at the other end of two pipes: says what it hears, in capitals, and its end.
const PIPED: &str = r#"
import ssl, sys
role, version, *files = sys.argv[1:]
context = ssl.SSLContext(getattr(ssl, "PROTOCOL_TLS_" + role))
context.minimum_version = context.maximum_version = getattr(ssl.TLSVersion, version)
if role == "SERVER":
    context.load_cert_chain(*files)
else:
    context.load_verify_locations(files[0])
came, goes = ssl.MemoryBIO(), ssl.MemoryBIO()
name = files[1] if role == "CLIENT" else None
tls = context.wrap_bio(came, goes, role == "SERVER", name)
def run(call, *arguments):
    while True:
        try:
            result = call(*arguments)
            break
        except ssl.SSLWantReadError:
            flush()
            came.write(sys.stdin.buffer.read1(4096))
    flush()
    return result
def flush():
    sys.stdout.buffer.write(goes.read())
    sys.stdout.buffer.flush()
run(tls.do_handshake)
run(tls.write, run(tls.read, 100).upper())
run(tls.unwrap)
"#;

#[test]
fn an_engine_talks_to_openssl_through_a_pipe_in_either_role() {
    if !require_tool("python3") {
        return;
    }
    let mut tls = instance();
    let (root, identity) = identities();
    let folder = Folder::new();
    let [chain, key, ca] = [
        ("chain.pem", identity.chain_pem()),
        ("key.pem", identity.key_pem()),
        ("ca.pem", root.pem()),
    ]
    .map(|(name, text)| folder.put(name, text));
    for version in ["TLSv1_2", "TLSv1_3"] {
        for role in ["SERVER", "CLIENT"] {
            let engine = if role == "SERVER" {
                let context = client_context(&mut tls, &root.pem());
                Engine::start(&mut tls, &context, Some(NAME)).unwrap()
            } else {
                let context = server_context(&mut tls, &identity.chain_pem(), &identity.key_pem());
                Engine::start(&mut tls, &context, None).unwrap()
            };
            let files: [&str; 2] = match role {
                "SERVER" => [&chain, &key],
                _ => [&ca, NAME],
            };
            let mut peer = Command::new("python3")
                .args(["-c", PIPED, role, version])
                .args(files)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let mut to = peer.stdin.take().unwrap();
            let mut from = peer.stdout.take().unwrap();
            let mut heard = Vec::new();
            let mut has_written = false;
            loop {
                if !has_written && engine.write(&mut tls, b"hello").is_ok() {
                    has_written = true;
                }
                to.write_all(&engine.take_ciphertext(&mut tls, u64::MAX).unwrap())
                    .unwrap();
                match read(&mut tls, &engine) {
                    Ok(Some(plaintext)) => heard.extend(plaintext),
                    Ok(None) => break,
                    Err(failure) => {
                        assert!(failure.is_want(), "{failure}");
                        let mut wire = vec![0; 4096];
                        let count = from.read(&mut wire).unwrap();
                        assert!(count > 0, "{role} {version}");
                        let mut rest = &wire[..count];
                        while !rest.is_empty() {
                            let taken = engine.put_ciphertext(&mut tls, rest).unwrap();
                            rest = &rest[taken..];
                            // What is not taken waits for this, or for the read.
                            let answer = engine.take_ciphertext(&mut tls, u64::MAX).unwrap();
                            to.write_all(&answer).unwrap();
                            if let Ok(Some(plaintext)) = read(&mut tls, &engine) {
                                heard.extend(plaintext);
                            }
                        }
                    }
                }
            }
            engine.close_output(&mut tls).unwrap();
            to.write_all(&engine.take_ciphertext(&mut tls, u64::MAX).unwrap())
                .unwrap();
            assert_eq!(heard, b"HELLO", "{role} {version}");
            assert!(peer.wait().unwrap().success(), "{role} {version}");
        }
    }
}

#[test]
fn tls_runs_inside_tls_through_a_peer_that_ends_the_outer_one() {
    let mut tls = instance();
    let (root, identity) = identities();
    let (inner_root, inner_identity) = identities();
    for versions in [TLS12, TLS13] {
        let inner = server_config(
            &inner_identity.chain_pem(),
            &inner_identity.key_pem(),
            None,
            versions,
        );
        let outer = server_config(&identity.chain_pem(), &identity.key_pem(), None, versions);
        let (address, peer) = serve_tls(outer, move |stream| {
            let connection = ServerConnection::new(inner).unwrap();
            let mut inner = StreamOwned::new(connection, &mut *stream);
            let mut heard = [0; 20_000];
            inner.read_exact(&mut heard).unwrap();
            inner.write_all(&heard).unwrap();
            inner.conn.send_close_notify();
            inner.flush().unwrap();
            // Until the outer one ends.
            echo_and_close(stream)
        });
        let context = client_context(&mut tls, &root.pem());
        context
            .set_verify_name(&mut tls, &VerifyName::Name(NAME.to_owned()))
            .unwrap();
        let port = Port::blocking_connect(&mut tls, &context, "127.0.0.1", address.port()).unwrap();
        let context = client_context(&mut tls, &inner_root.pem());
        let engine = Engine::start(&mut tls, &context, Some(NAME)).unwrap();
        let said: Vec<u8> = (0..20_000_u32).map(|number| number as u8).collect();
        let (mut unsaid, mut heard) = (said.as_slice(), Vec::new());
        let mut wire = Vec::new();
        let is_ended = loop {
            match engine.write(&mut tls, unsaid) {
                Ok(count) => unsaid = &unsaid[count..],
                Err(failure) => assert!(failure.is_want(), "{failure}"),
            }
            let ciphertext = engine.take_ciphertext(&mut tls, u64::MAX).unwrap();
            port.blocking_write_all(&mut tls, &ciphertext).unwrap();
            match read(&mut tls, &engine) {
                Ok(Some(plaintext)) => heard.extend(plaintext),
                Ok(None) => break true,
                Err(failure) => {
                    assert!(failure.is_want(), "{failure}");
                    if wire.is_empty() {
                        match port.blocking_read(&mut tls, 16 * 1024).unwrap() {
                            Some(more) => wire = more,
                            None => break false,
                        }
                    }
                }
            }
            let taken = engine.put_ciphertext(&mut tls, &wire).unwrap();
            wire.drain(..taken);
        };
        assert!(is_ended);
        assert_eq!(heard, said);
        port.close_output(&mut tls).unwrap();
        assert_eq!(port.blocking_read(&mut tls, 1).unwrap(), None);
        port.close(&mut tls).unwrap();
        peer.join().unwrap().unwrap();
    }
}

#[test]
fn a_server_that_is_told_to_writes_before_its_client_has_finished() {
    let mut tls = instance();
    for is_told in [true, false] {
        let [client, server] = contexts(&mut tls, "tlsv13");
        if is_told {
            server.write_before_finished(&mut tls).unwrap();
        }
        let client = Engine::start(&mut tls, &client, Some(NAME)).unwrap();
        let server = Engine::start(&mut tls, &server, None).unwrap();
        let hello = client.take_ciphertext(&mut tls, 1 << 20).unwrap();
        server.put_ciphertext(&mut tls, &hello).unwrap();
        match is_told {
            true => assert_eq!(server.write(&mut tls, b"banner").unwrap(), 6),
            false => assert_eq!(error(server.write(&mut tls, b"banner")), Error::WantWrite),
        }
        let flight = server.take_ciphertext(&mut tls, 1 << 20).unwrap();
        client.put_ciphertext(&mut tls, &flight).unwrap();
        match read(&mut tls, &client) {
            Ok(banner) => assert!(is_told && banner.unwrap() == b"banner"),
            Err(failure) => assert!(!is_told && failure.is_want(), "{failure}"),
        }
        assert_eq!(error(server.handshake(&mut tls)), Error::WantRead);
    }
}
