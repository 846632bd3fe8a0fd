//! The built component: early data, which a client sends with the session that it resumes, against
//! rustls with ring's cryptography, and OpenSSL.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop"
)]

mod support;

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;

use portcullis_host::context_types::Verify;
use portcullis_host::types::{ConfigurationItem, ConfigurationReason, Error, Role};
use portcullis_host::{Context, Engine, Instance, Listener, Port};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, ServerConfig};
use support::certs::{Authority, Identity, Leaf, NAME};
use support::component::{bytes, client_context, configuration, error, instance, server_context};
use support::folder::Folder;
use support::peers::{
    PATIENCE, ServerStream, TLS12, TLS13, client_config, connect_tcp, connect_tls, listen,
    serve_tls, server_config,
};
use support::require_tool;

/// What is sent early.
const EARLY: &[u8] = b"GET / HTTP/1.1\r\n\r\n";

/// More than any answer or request here.
const MUCH: u64 = 1 << 20;

fn authority() -> (Authority, Identity) {
    let root = Authority::root("Root");
    let identity = root.issue(&Leaf::server().names(&[NAME, "localhost"]));
    (root, identity)
}

/// A client of the component's that offers early data.
fn offering_client(tls: &mut Instance, root: &Authority) -> Context {
    let client = client_context(tls, &root.pem());
    client.offer_early_data(tls).unwrap();
    client
}

/// A server of rustls that takes this much early data.
fn taking_config(identity: &Identity, limit: u32) -> Arc<ServerConfig> {
    let config = server_config(&identity.chain_pem(), &identity.key_pem(), None, TLS13);
    let mut config = Arc::try_unwrap(config).unwrap();
    config.max_early_data_size = limit;
    Arc::new(config)
}

/// A client of rustls that sends early data if it may.
fn sending_config(root: &Authority) -> Arc<ClientConfig> {
    let mut config = Arc::try_unwrap(client_config(&root.pem(), None, TLS13)).unwrap();
    config.enable_early_data = true;
    Arc::new(config)
}

/// Reads what came early and what came after, and answers with both.
fn answer(stream: &mut ServerStream) -> (Vec<u8>, Vec<u8>) {
    stream.conn.complete_io(&mut stream.sock).unwrap();
    let mut early = Vec::new();
    if let Some(mut data) = stream.conn.early_data() {
        data.read_to_end(&mut early).unwrap();
    }
    let mut late = Vec::new();
    let mut byte = [0];
    while late.last() != Some(&b'.') {
        stream.read_exact(&mut byte).unwrap();
        late.push(byte[0]);
    }
    stream.write_all(b"answer").unwrap();
    stream.conn.send_close_notify();
    stream.flush().unwrap();
    (early, late)
}

/// What a visit of the component's client turned out to be.
struct Visit {
    /// How much it could write early.
    written: usize,
    /// What the first call of the handshake returned.
    handshake: Result<(), Error>,
    was_accepted: Option<bool>,
    is_resumed: Option<bool>,
    /// What the server took early, and then.
    heard: (Vec<u8>, Vec<u8>),
}

/// Visits a server of rustls, writes early, and then in order.
fn visit(tls: &mut Instance, client: &Context, server: &Arc<ServerConfig>, early: &[u8]) -> Visit {
    let (address, thread) = serve_tls(Arc::clone(server), answer);
    let port = Port::connect(tls, client, "localhost", address.port()).unwrap();
    let written = match early {
        [] => 0,
        early => port.write_early_data(tls, early).unwrap(),
    };
    let handshake = port
        .blocking_handshake(tls)
        .map_err(|failure| failure.error().unwrap().clone());
    // Whatever it said, the connection goes on.
    port.blocking_handshake(tls).unwrap();
    assert_eq!(port.write_early_data(tls, b"late").unwrap(), 0);
    port.blocking_write_all(tls, b"late.").unwrap();
    assert_eq!(port.blocking_read(tls, MUCH).unwrap().unwrap(), b"answer");
    assert_eq!(port.blocking_read(tls, MUCH).unwrap(), None);
    let session = port.session(tls).unwrap();
    let visit = Visit {
        written,
        handshake,
        was_accepted: session.was_early_data_accepted(tls).unwrap(),
        is_resumed: session.is_resumed(tls).unwrap(),
        heard: thread.join().unwrap(),
    };
    port.close(tls).unwrap();
    visit
}

#[test]
fn what_a_client_writes_early_is_taken_by_a_server_that_knows_its_session() {
    let (root, identity) = authority();
    let server = taking_config(&identity, 100);
    let mut tls = instance();
    let client = offering_client(&mut tls, &root);
    // Without a session there is nothing to send it with.
    let first = visit(&mut tls, &client, &server, EARLY);
    assert_eq!(first.written, 0);
    assert_eq!(first.handshake, Ok(()));
    assert_eq!(first.was_accepted, None);
    assert_eq!(first.heard, (Vec::new(), b"late.".to_vec()));
    let second = visit(&mut tls, &client, &server, EARLY);
    assert_eq!(second.written, EARLY.len());
    assert_eq!(second.handshake, Ok(()));
    assert_eq!(second.was_accepted, Some(true));
    assert_eq!(second.heard, (EARLY.to_vec(), b"late.".to_vec()));
    // The server's limit holds.
    let much = visit(&mut tls, &client, &server, &[b'x'; 1000]);
    assert_eq!(much.written, 100);
    assert_eq!(much.heard.0, [b'x'; 100]);
    // Who writes nothing early is told nothing of it.
    let none = visit(&mut tls, &client, &server, &[]);
    assert_eq!((none.is_resumed, none.was_accepted), (Some(true), None));
    // A client that was not told to offer it does not.
    let other = client_context(&mut tls, &root.pem());
    for is_resumed in [false, true] {
        let quiet = visit(&mut tls, &other, &server, EARLY);
        assert_eq!((quiet.is_resumed, quiet.written), (Some(is_resumed), 0));
    }
}

#[test]
fn a_client_is_told_once_that_its_early_data_was_not_taken() {
    let (root, identity) = authority();
    let mut tls = instance();
    let client = offering_client(&mut tls, &root);
    let server = taking_config(&identity, 100);
    visit(&mut tls, &client, &server, &[]);
    // It knows nothing of the session.
    let stranger = taking_config(&identity, 100);
    let refused = visit(&mut tls, &client, &stranger, EARLY);
    assert_eq!(refused.written, EARLY.len());
    assert_eq!(refused.handshake, Err(Error::EarlyDataRejected));
    assert_eq!(refused.was_accepted, Some(false));
    assert_eq!(refused.heard, (Vec::new(), b"late.".to_vec()));
}

/// The component's server that takes early data.
struct Server {
    tls: Instance,
    listener: Listener,
    number: u16,
}

impl Server {
    fn new(identity: &Identity, prepare: impl FnOnce(&mut Instance, &Context)) -> Self {
        let mut tls = instance();
        let context = server_context(&mut tls, &identity.chain_pem(), &identity.key_pem());
        prepare(&mut tls, &context);
        let (listener, number) = listen(&mut tls, &context);
        Self {
            tls,
            listener,
            number,
        }
    }

    /// Lets a client in once, so that it has a session.
    fn welcome(&mut self, client: &Arc<ClientConfig>) {
        let (config, number) = (Arc::clone(client), self.number);
        let client = thread::spawn(move || {
            let mut stream = connect_tls(config, NAME, number);
            stream.write_all(b"hello").unwrap();
            // Tickets come before the answer, and after the client's Finished.
            stream.read_exact(&mut [0; 5]).unwrap();
        });
        let tls = &mut self.tls;
        let port = self.listener.blocking_accept(tls).unwrap();
        assert_eq!(port.blocking_read(tls, MUCH).unwrap().unwrap(), b"hello");
        port.blocking_write_all(tls, b"hello").unwrap();
        client.join().unwrap();
    }
}

fn take_early(limit: u32) -> impl Fn(&mut Instance, &Context) {
    move |tls, context| context.accept_early_data(tls, limit).unwrap()
}

/// The first flight of a client of rustls: its ClientHello, and early data.
fn first_flight(client: &Arc<ClientConfig>) -> (ClientConnection, Vec<u8>) {
    let name = ServerName::try_from(NAME).unwrap();
    let mut connection = ClientConnection::new(Arc::clone(client), name).unwrap();
    let mut early = connection.early_data().unwrap();
    early.write_all(EARLY).unwrap();
    let mut flight = Vec::new();
    while connection.wants_write() {
        connection.write_tls(&mut flight).unwrap();
    }
    (connection, flight)
}

/// Sends bytes and nothing more.
fn send(number: u16, flight: &[u8]) -> TcpStream {
    let mut socket = connect_tcp(number);
    socket.write_all(flight).unwrap();
    socket.shutdown(Shutdown::Write).unwrap();
    socket
}

#[test]
fn early_data_that_is_sent_again_is_not_taken() {
    let (root, identity) = authority();
    let client = sending_config(&root);
    let mut server = Server::new(&identity, take_early(100));
    server.welcome(&client);
    let (_, flight) = first_flight(&client);
    for is_first in [true, false, false] {
        let _socket = send(server.number, &flight);
        let tls = &mut server.tls;
        let port = server.listener.blocking_accept(tls).unwrap();
        // Whoever sends it again has no keys to go on with, as this client has not.
        assert_eq!(error(port.blocking_handshake(tls)), Error::Truncated);
        if is_first {
            // What has come is delivered before the failure.
            let early = port.read_early_data(tls, MUCH).unwrap();
            assert_eq!(early.unwrap(), EARLY);
        }
        assert_eq!(error(port.read_early_data(tls, MUCH)), Error::Truncated);
        assert_eq!(error(port.blocking_read(tls, MUCH)), Error::Truncated);
    }
}

#[test]
fn a_server_answers_early_data_before_the_clients_finished() {
    let (root, identity) = authority();
    let client = sending_config(&root);
    let mut server = Server::new(&identity, |tls, context| {
        take_early(100)(tls, context);
        context.write_before_finished(tls).unwrap();
    });
    server.welcome(&client);
    let (mut connection, flight) = first_flight(&client);
    let mut socket = connect_tcp(server.number);
    socket.write_all(&flight).unwrap();
    let tls = &mut server.tls;
    let port = server.listener.blocking_accept(tls).unwrap();
    let early = loop {
        match port.read_early_data(tls, 3) {
            Ok(early) => break early,
            Err(failure) => assert_eq!(failure.error(), Some(&Error::WantRead)),
        }
        let ready = port.subscribe(tls).unwrap();
        tls.poll(&[&ready], Some(PATIENCE)).unwrap();
        ready.drop(tls).unwrap();
    };
    assert_eq!(early.unwrap(), EARLY[..3]);
    let rest = port.read_early_data(tls, MUCH).unwrap();
    assert_eq!(rest.unwrap(), EARLY[3..]);
    // There may be more, as long as the handshake is not done.
    assert_eq!(error(port.read_early_data(tls, MUCH)), Error::WantRead);
    let session = port.session(tls).unwrap();
    assert_eq!(session.was_early_data_accepted(tls).unwrap(), None);
    assert_eq!(port.write(tls, b"answer").unwrap(), 6);
    // The client says no more until it has the answer.
    let mut answer = [0; 6];
    let mut length = 0;
    while length < answer.len() {
        connection.read_tls(&mut socket).unwrap();
        connection.process_new_packets().unwrap();
        length += connection.reader().read(&mut answer[length..]).unwrap_or(0);
    }
    assert_eq!(&answer, b"answer");
    connection.writer().write_all(b"late").unwrap();
    while connection.wants_write() {
        connection.write_tls(&mut socket).unwrap();
    }
    assert_eq!(port.blocking_read(tls, MUCH).unwrap().unwrap(), b"late");
    assert_eq!(session.was_early_data_accepted(tls).unwrap(), Some(true));
    assert_eq!(port.read_early_data(tls, MUCH).unwrap(), None);
    assert_eq!(session.is_resumed(tls).unwrap(), Some(true));
    let refused = error(port.write_early_data(tls, b"x"));
    assert!(matches!(refused, Error::InvalidArgument(_)), "{refused:?}");
}

#[test]
fn a_server_that_takes_no_early_data_has_the_client_send_it_again() {
    let (root, identity) = authority();
    let client = sending_config(&root);
    // Without early data a server's tickets allow none, so that the session is of another server
    // of the same name, which shares no memory with this one.
    let mut first = Server::new(&identity, take_early(100));
    first.welcome(&client);
    let mut server = Server::new(&identity, |_, _| {});
    let (config, number) = (Arc::clone(&client), server.number);
    let client = thread::spawn(move || {
        let mut stream = connect_tls(config, NAME, number);
        stream.conn.early_data().unwrap().write_all(EARLY).unwrap();
        stream.conn.complete_io(&mut stream.sock).unwrap();
        assert!(!stream.conn.is_early_data_accepted());
        stream.write_all(b"again").unwrap();
        stream.read_exact(&mut [0; 5]).unwrap();
    });
    let tls = &mut server.tls;
    let port = server.listener.blocking_accept(tls).unwrap();
    port.blocking_handshake(tls).unwrap();
    assert_eq!(port.read_early_data(tls, MUCH).unwrap(), None);
    assert_eq!(port.blocking_read(tls, MUCH).unwrap().unwrap(), b"again");
    let session = port.session(tls).unwrap();
    assert_eq!(session.was_early_data_accepted(tls).unwrap(), None);
    port.blocking_write_all(tls, b"hello").unwrap();
    client.join().unwrap();
}

#[test]
fn engines_send_and_take_early_data() {
    let (root, identity) = authority();
    let mut tls = instance();
    let client = offering_client(&mut tls, &root);
    let server = server_context(&mut tls, &identity.chain_pem(), &identity.key_pem());
    server.accept_early_data(&mut tls, 100).unwrap();
    let stranger = server.copy(&mut tls).unwrap();
    let drive = |tls: &mut Instance, engines: [&Engine; 2]| {
        let mut is_moving = true;
        while is_moving {
            is_moving = false;
            for (from, to) in [(0, 1), (1, 0)] {
                let ciphertext = engines[from].take_ciphertext(tls, MUCH).unwrap();
                is_moving |= !ciphertext.is_empty();
                let put = engines[to].put_ciphertext(tls, &ciphertext).unwrap();
                assert_eq!(put, ciphertext.len());
            }
        }
    };
    for (server, is_taken) in [
        (&server, None),
        (&server, Some(true)),
        (&stranger, Some(false)),
    ] {
        let ends = [
            Engine::start(&mut tls, &client, Some(NAME)).unwrap(),
            Engine::start(&mut tls, server, None).unwrap(),
        ];
        let [client, server] = &ends;
        let written = client.write_early_data(&mut tls, EARLY).unwrap();
        assert_eq!(written > 0, is_taken.is_some());
        let refused = error(client.read_early_data(&mut tls, MUCH));
        assert!(matches!(refused, Error::InvalidArgument(_)), "{refused:?}");
        drive(&mut tls, [client, server]);
        if is_taken == Some(true) {
            let early = server.read_early_data(&mut tls, MUCH).unwrap();
            assert_eq!(early.unwrap(), EARLY);
        }
        assert_eq!(server.read_early_data(&mut tls, MUCH).unwrap(), None);
        if is_taken == Some(false) {
            let told = client.write(&mut tls, b"late");
            assert_eq!(error(told), Error::EarlyDataRejected);
        }
        assert_eq!(client.write(&mut tls, b"late").unwrap(), 4);
        client.handshake(&mut tls).unwrap_err();
        drive(&mut tls, [client, server]);
        client.handshake(&mut tls).unwrap();
        let late = server.read(&mut tls, MUCH).unwrap();
        assert_eq!(late.unwrap(), b"late");
        let session = client.session(&mut tls).unwrap();
        assert_eq!(session.was_early_data_accepted(&mut tls).unwrap(), is_taken);
    }
}

/// A change after which early data cannot be safe.
type Spoil = fn(&mut Instance, &Context);

#[test]
fn early_data_is_refused_where_it_cannot_be_safe() {
    let (root, identity) = authority();
    let mut tls = instance();
    let tls = &mut tls;
    let client = client_context(tls, &root.pem());
    let server = server_context(tls, &identity.chain_pem(), &identity.key_pem());
    for refused in [
        client.accept_early_data(tls, 1),
        server.offer_early_data(tls),
        server.accept_early_data(tls, 0),
        server.accept_early_data(tls, (1 << 20) + 1),
    ] {
        let refused = error(refused);
        assert!(matches!(refused, Error::InvalidArgument(_)), "{refused:?}");
    }
    client.offer_early_data(tls).unwrap();
    server.accept_early_data(tls, 1 << 20).unwrap();
    let spoil: [(Role, Spoil); 5] = [
        (Role::Client, |tls, context| {
            context.set_protocol(tls, "tlsv12").unwrap();
        }),
        (Role::Client, |tls, context| {
            context.set_session_cache(tls, 0).unwrap();
        }),
        (Role::Client, |tls, context| {
            context.set_verify(tls, Verify::Deferred).unwrap();
        }),
        (Role::Server, |tls, context| {
            context.set_session_cache(tls, 0).unwrap();
        }),
        (Role::Server, |tls, context| {
            context.set_ticket_keys(tls, &[vec![1; 32]]).unwrap();
        }),
    ];
    for (role, spoil) in spoil {
        let context = match role {
            Role::Client => client.copy(tls).unwrap(),
            Role::Server => server.copy(tls).unwrap(),
        };
        spoil(tls, &context);
        let refused = configuration(context.seal(tls));
        assert_eq!(refused.item, ConfigurationItem::EarlyData);
        assert_eq!(refused.reason, ConfigurationReason::Conflict);
    }
    client.seal(tls).unwrap();
    server.add_trust_roots(tls, &bytes(&root.pem())).unwrap();
    server.set_verify(tls, Verify::Required).unwrap();
    server.seal(tls).unwrap();
    // TLS 1.2 has none.
    let (address, thread) = serve_tls(
        server_config(&identity.chain_pem(), &identity.key_pem(), None, TLS12),
        |stream| stream.conn.complete_io(&mut stream.sock).is_ok(),
    );
    let port = Port::connect(tls, &client, "localhost", address.port()).unwrap();
    assert_eq!(port.write_early_data(tls, EARLY).unwrap(), 0);
    port.blocking_handshake(tls).unwrap();
    assert!(thread.join().unwrap());
}

#[test]
fn openssl_sends_early_data_that_is_taken() {
    if !require_tool("openssl") {
        return;
    }
    let (root, identity) = authority();
    let folder = Folder::new();
    folder.put("ca.pem", root.pem());
    folder.put("early", EARLY);
    let mut server = Server::new(&identity, take_early(100));
    let arguments: [&[&str]; 2] = [
        &["-sess_out", "session.pem"],
        &["-sess_in", "session.pem", "-early_data", "early"],
    ];
    for (is_resumed, arguments) in [false, true].into_iter().zip(arguments) {
        let client = Command::new("openssl")
            .current_dir(folder.path())
            .args(["s_client", "-tls1_3", "-ign_eof", "-CAfile", "ca.pem"])
            .args(["-servername", NAME, "-connect"])
            .arg(format!("127.0.0.1:{}", server.number))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let tls = &mut server.tls;
        let port = server.listener.blocking_accept(tls).unwrap();
        port.blocking_handshake(tls).unwrap();
        let early = port.read_early_data(tls, MUCH).unwrap();
        assert_eq!(early.as_deref(), is_resumed.then_some(EARLY));
        port.blocking_write_all(tls, b"hello").unwrap();
        port.close(tls).unwrap();
        let output = client.wait_with_output().unwrap();
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(told.contains("hello"), "{told}");
        let is_accepted = told.contains("Early data was accepted");
        assert_eq!(is_accepted, is_resumed, "{told}");
    }
}
