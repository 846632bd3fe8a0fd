//! The built component: TLS that ends in order, and a connection that goes on in the clear.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop"
)]

mod support;

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use portcullis_host::context_types::VerifyName;
use portcullis_host::types::{Error, Timer};
use portcullis_host::{Failure, Instance, Port};
use rustls::{ClientConnection, Connection, IoState, ServerConnection};
use support::certs::{Authority, Leaf, NAME};
use support::component::{client_context, error, instance, server_context};
use support::folder::Folder;
use support::peers::{
    PATIENCE, TLS12, TLS13, client_config, connect_tcp, echo_and_close, serve_tcp, serve_tls,
    server_config,
};
use support::require_tool;

/// The same certificates for all connections of a test.
struct Parties {
    root: String,
    chain: String,
    key: String,
}

impl Parties {
    fn new() -> Self {
        let root = Authority::root("Root");
        let identity = root.issue(&Leaf::server());
        Self {
            root: root.pem(),
            chain: identity.chain_pem(),
            key: identity.key_pem(),
        }
    }

    /// A port in this role on the connection, and a second handle on the connection.
    fn start(&self, tls: &mut Instance, is_client: bool, socket: TcpStream) -> (Port, TcpStream) {
        let second = socket.try_clone().unwrap();
        let transport = tls.transport(socket, Vec::new()).unwrap();
        let port = if is_client {
            let context = client_context(tls, &self.root);
            Port::start(tls, &context, Some(NAME), transport)
        } else {
            let context = server_context(tls, &self.chain, &self.key);
            Port::start(tls, &context, None, transport)
        };
        (port.unwrap(), second)
    }

    /// The other end of it.
    fn peer(
        &self,
        is_client: bool,
        versions: &[&'static rustls::SupportedProtocolVersion],
    ) -> Connection {
        if is_client {
            let config = server_config(&self.chain, &self.key, None, versions);
            ServerConnection::new(config).unwrap().into()
        } else {
            let config = client_config(&self.root, None, versions);
            let name = NAME.to_owned().try_into().unwrap();
            ClientConnection::new(config, name).unwrap().into()
        }
    }
}

/// Two ends of a connection on loopback.
fn sockets() -> (TcpStream, TcpStream) {
    let (address, far) = serve_tcp(|socket| socket);
    let near = connect_tcp(address.port());
    (near, far.join().unwrap())
}

/// What the peer has to send.
fn outgoing(peer: &mut Connection) -> Vec<u8> {
    let mut wire = Vec::new();
    while peer.wants_write() {
        peer.write_tls(&mut wire).unwrap();
    }
    wire
}

/// Reads one record, and not a byte more.
fn receive(peer: &mut Connection, far: &mut TcpStream) -> IoState {
    let mut record = vec![0; 5];
    far.read_exact(&mut record).unwrap();
    let length = usize::from(u16::from_be_bytes([record[3], record[4]]));
    record.resize(5 + length, 0);
    far.read_exact(&mut record[5..]).unwrap();
    let mut rest = record.as_slice();
    loop {
        peer.read_tls(&mut rest).unwrap();
        let state = peer.process_new_packets().unwrap();
        if rest.is_empty() {
            return state;
        }
    }
}

fn shake_hands(peer: &mut Connection, far: &mut TcpStream) {
    while peer.is_handshaking() {
        far.write_all(&outgoing(peer)).unwrap();
        receive(peer, far);
    }
}

/// A number of bytes of plaintext, after the handshake.
fn hear(peer: &mut Connection, far: &mut TcpStream, length: usize) -> Vec<u8> {
    shake_hands(peer, far);
    far.write_all(&outgoing(peer)).unwrap();
    while receive(peer, far).plaintext_bytes_to_read() < length {}
    let mut heard = vec![0; length];
    peer.reader().read_exact(&mut heard).unwrap();
    heard
}

/// Takes the streams out of the instance, goes on with the second handle, and reads a number of bytes in
/// the clear.
fn go_on(tls: &mut Instance, port: &Port, second: &mut TcpStream, length: usize) -> Vec<u8> {
    let plain = port.blocking_unwrap(tls).unwrap();
    let (input, output, mut heard) = tls.take_transport(plain).unwrap();
    drop((input, output));
    second.set_nonblocking(false).unwrap();
    let had = heard.len();
    heard.resize(length.max(had), 0);
    second.read_exact(&mut heard[had..]).unwrap();
    heard
}

#[test]
fn what_came_in_one_segment_with_close_notify_is_the_callers() {
    let parties = Parties::new();
    let mut tls = instance();
    for versions in [TLS12, TLS13] {
        for is_client in [true, false] {
            let (near, mut far) = sockets();
            let mut connection = parties.peer(is_client, versions);
            let peer = thread::spawn(move || {
                let heard = hear(&mut connection, &mut far, 5);
                connection.writer().write_all(&heard).unwrap();
                connection.send_close_notify();
                let mut wire = outgoing(&mut connection);
                wire.extend_from_slice(b"220 in the clear");
                far.write_all(&wire).unwrap();
                while !receive(&mut connection, &mut far).peer_has_closed() {}
                let mut clear = Vec::new();
                far.read_to_end(&mut clear).unwrap();
                clear
            });
            let (port, mut second) = parties.start(&mut tls, is_client, near);
            port.blocking_write_all(&mut tls, b"hello").unwrap();
            assert_eq!(port.blocking_read(&mut tls, 9).unwrap().unwrap(), b"hello");
            let heard = go_on(&mut tls, &port, &mut second, 16);
            assert_eq!(heard, b"220 in the clear");
            second.write_all(b"USER clear").unwrap();
            // The port is closed, and its facts stay.
            assert_eq!(error(port.read(&mut tls, 1)), Error::Closed);
            assert_eq!(error(port.unwrap(&mut tls)), Error::Closed);
            port.close(&mut tls).unwrap();
            let session = port.session(&mut tls).unwrap();
            assert!(session.version(&mut tls).unwrap().is_some());
            port.drop(&mut tls).unwrap();
            drop(second);
            assert_eq!(peer.join().unwrap(), b"USER clear");
        }
    }
}

#[test]
fn tls_starts_again_on_streams_that_were_given_back() {
    let parties = Parties::new();
    let mut tls = instance();
    let (near, mut far) = sockets();
    let [mut first, mut second] = [(), ()].map(|()| parties.peer(false, TLS13));
    let peer = thread::spawn(move || {
        first.writer().write_all(b"one").unwrap();
        shake_hands(&mut first, &mut far);
        first.send_close_notify();
        // The next handshake begins in the segment that ends this one.
        let wire = [outgoing(&mut first), outgoing(&mut second)].concat();
        far.write_all(&wire).unwrap();
        while !receive(&mut first, &mut far).peer_has_closed() {}
        second.writer().write_all(b"two").unwrap();
        shake_hands(&mut second, &mut far);
        second.send_close_notify();
        far.write_all(&outgoing(&mut second)).unwrap();
        let _ = far.read_to_end(&mut Vec::new());
    });
    let (port, _) = parties.start(&mut tls, false, near);
    // A pollable that was handed out, and dropped before the streams.
    let waiting = port.subscribe(&mut tls).unwrap();
    assert_eq!(port.blocking_read(&mut tls, 9).unwrap().unwrap(), b"one");
    let plain = port.blocking_unwrap(&mut tls).unwrap();
    waiting.drop(&mut tls).unwrap();
    port.drop(&mut tls).unwrap();
    let context = server_context(&mut tls, &parties.chain, &parties.key);
    let port = Port::start(&mut tls, &context, None, plain).unwrap();
    assert_eq!(port.blocking_read(&mut tls, 9).unwrap().unwrap(), b"two");
    assert_eq!(port.blocking_read(&mut tls, 9).unwrap(), None);
    port.close(&mut tls).unwrap();
    peer.join().unwrap();
}

/// Python's `ssl`, which is OpenSSL, on the connection that it is given as a descriptor.
const PYTHON: &str = r#"
import socket, ssl, sys
role, version, first, port, *files = sys.argv[1:]
context = ssl.SSLContext(getattr(ssl, "PROTOCOL_TLS_" + role))
context.minimum_version = context.maximum_version = getattr(ssl.TLSVersion, version)
plain = socket.create_connection(("127.0.0.1", int(port)), 30)
if role == "SERVER":
    context.load_cert_chain(*files)
    tls = context.wrap_socket(plain, server_side=True)
else:
    context.load_verify_locations(files[0])
    tls = context.wrap_socket(plain, server_hostname=files[1])
tls.sendall(tls.recv(100).upper())
if first == "WE":
    assert tls.recv(1) == b""
plain = tls.unwrap()
plain.sendall(b"220 in the clear")
heard = b""
while more := plain.recv(100):
    heard += more
assert heard == b"USER clear", heard
"#;

fn python(role: &str, version: &str, first: &str, port: u16, files: [&str; 2]) -> Child {
    Command::new("python3")
        .args(["-c", PYTHON, role, version, first, &port.to_string()])
        .args(files)
        .stdin(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn python_unwraps_with_us_whoever_begins_and_in_either_role() {
    if !require_tool("python3") {
        return;
    }
    let parties = Parties::new();
    let folder = Folder::new();
    let [chain, key, ca] = [
        ("chain.pem", &parties.chain),
        ("key.pem", &parties.key),
        ("ca.pem", &parties.root),
    ]
    .map(|(name, text)| folder.put(name, text));
    let mut tls = instance();
    for version in ["TLSv1_2", "TLSv1_3"] {
        for (is_client, role, files) in [
            (true, "SERVER", [chain.as_str(), &key]),
            (false, "CLIENT", [ca.as_str(), NAME]),
        ] {
            for first in ["WE", "THEY"] {
                let (address, accepted) = serve_tcp(|socket| socket);
                let mut peer = python(role, version, first, address.port(), files);
                let socket = accepted.join().unwrap();
                let (port, mut second) = parties.start(&mut tls, is_client, socket);
                port.blocking_write_all(&mut tls, b"hello").unwrap();
                assert_eq!(port.blocking_read(&mut tls, 9).unwrap().unwrap(), b"HELLO");
                if first == "THEY" {
                    assert_eq!(port.blocking_read(&mut tls, 9).unwrap(), None);
                }
                let heard = go_on(&mut tls, &port, &mut second, 16);
                assert_eq!(heard, b"220 in the clear", "{version} {role} {first}");
                second.write_all(b"USER clear").unwrap();
                port.drop(&mut tls).unwrap();
                drop(second);
                assert!(peer.wait().unwrap().success(), "{version} {role} {first}");
            }
        }
    }
}

/// A client's port whose server runs this after the handshake.
fn open(
    tls: &mut Instance,
    parties: &Parties,
    serve: impl FnOnce(&mut rustls::Stream<'_, ServerConnection, TcpStream>) + Send + 'static,
) -> (Port, thread::JoinHandle<()>) {
    let (near, mut far) = sockets();
    let config = server_config(&parties.chain, &parties.key, None, TLS13);
    let peer = thread::spawn(move || {
        let mut connection = ServerConnection::new(config).unwrap();
        connection.complete_io(&mut far).unwrap();
        serve(&mut rustls::Stream::new(&mut connection, &mut far));
    });
    let (port, _) = parties.start(tls, true, near);
    port.blocking_handshake(tls).unwrap();
    (port, peer)
}

#[test]
fn plaintext_before_close_notify_is_read_first() {
    let parties = Parties::new();
    let mut tls = instance();
    let (port, peer) = open(&mut tls, &parties, |stream| {
        stream.write_all(b"last words").unwrap();
        stream.conn.send_close_notify();
        stream.flush().unwrap();
        assert_eq!(stream.read(&mut [0; 1]).unwrap(), 0);
    });
    let refused = error(port.blocking_unwrap(&mut tls));
    assert!(matches!(refused, Error::InvalidArgument(_)), "{refused:?}");
    let heard = port.blocking_read(&mut tls, 99).unwrap();
    assert_eq!(heard.unwrap(), b"last words");
    assert_eq!(port.blocking_read(&mut tls, 99).unwrap(), None);
    let plain = port.unwrap(&mut tls).unwrap();
    assert_eq!(plain.already_read, b"");
    peer.join().unwrap();
}

#[test]
fn a_peer_that_does_not_answer_runs_into_the_shutdown_timer() {
    let parties = Parties::new();
    let mut tls = instance();
    let (said, say) = std::sync::mpsc::channel::<()>();
    let (port, peer) = open(&mut tls, &parties, move |_| {
        let _ = say.recv_timeout(PATIENCE);
    });
    let millisecond = Some(Duration::from_millis(1));
    port.set_timeout(&mut tls, Timer::Shutdown, millisecond)
        .unwrap();
    let late = error(port.blocking_unwrap(&mut tls));
    assert_eq!(late, Error::Timeout(Timer::Shutdown));
    port.drop(&mut tls).unwrap();
    drop(said);
    peer.join().unwrap();

    // One that ends without it was cut.
    let (port, peer) = open(&mut tls, &parties, |stream| {
        stream.sock.shutdown(Shutdown::Write).unwrap();
        // All that we send is read, so that nothing is reset.
        stream.sock.read_to_end(&mut Vec::new()).unwrap();
    });
    let cut = error(port.blocking_unwrap(&mut tls));
    assert_eq!(cut, Error::Truncated);
    port.drop(&mut tls).unwrap();
    peer.join().unwrap();
}

#[test]
fn only_streams_of_the_callers_are_given_back() {
    let parties = Parties::new();
    let mut tls = instance();
    let config = server_config(&parties.chain, &parties.key, None, TLS13);
    let (address, peer) = serve_tls(config, echo_and_close);
    let context = client_context(&mut tls, &parties.root);
    context
        .set_verify_name(&mut tls, &VerifyName::Name(NAME.to_owned()))
        .unwrap();
    let is_refused = |result: Result<_, Failure>| {
        let refused = error(result);
        assert!(matches!(refused, Error::NotSupported(_)), "{refused:?}");
    };
    let port = Port::connect(&mut tls, &context, "127.0.0.1", address.port()).unwrap();
    is_refused(port.unwrap(&mut tls));
    is_refused(port.blocking_unwrap(&mut tls));
    port.blocking_handshake(&mut tls).unwrap();
    is_refused(port.unwrap(&mut tls));
    // It goes on as if nothing had been asked.
    port.blocking_write_all(&mut tls, b"hello").unwrap();
    assert_eq!(port.blocking_read(&mut tls, 9).unwrap().unwrap(), b"hello");
    port.close(&mut tls).unwrap();
    assert_eq!(error(port.unwrap(&mut tls)), Error::Closed);
    peer.join().unwrap().unwrap();
}
