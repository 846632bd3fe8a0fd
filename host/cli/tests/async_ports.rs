//! Ports of `portcullis:tls-async` with peers that choose what they do: `async-check` plays one side, run
//! with the component for WASI 0.3; rustls with ring's cryptography, OpenSSL and bare TCP the other.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop"
)]

mod support;

use std::io::{BufRead as _, BufReader, Lines, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::process::{ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::thread;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{
    AlertDescription, ClientConfig, ClientConnection, RootCertStore, ServerConfig,
    ServerConnection, StreamOwned, SupportedProtocolVersion,
};
use support::{Folder, PATIENCE, Running, example, portcullis, tool};

/// A scenario that is played.
struct Played {
    process: Running,
    said: Lines<BufReader<ChildStdout>>,
}

impl Played {
    /// None if the program is missing, which is a loud skip or a failure.
    fn start(scenario: &str, folder: &Folder, server: Option<u16>) -> Option<Self> {
        let program = example("async_check")?;
        let path = folder.0.to_str().unwrap();
        let mut command = portcullis(&["run", "--network", "loopback", "--dir", path]);
        command.arg(program).args([scenario, path]);
        command.args(server.map(|port| port.to_string()));
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut process = Running(command.spawn().unwrap());
        let said = BufReader::new(process.0.stdout.take().unwrap()).lines();
        Some(Self { process, said })
    }

    #[track_caller]
    fn says(&mut self, lines: &[&str]) {
        for line in lines {
            assert_eq!(self.said.next().unwrap().unwrap(), *line);
        }
    }

    /// Where it listens, which it says next.
    fn port(&mut self) -> u16 {
        let line = self.said.next().unwrap().unwrap();
        let port = line.strip_prefix("listening on 127.0.0.1:").unwrap();
        port.parse().unwrap()
    }

    #[track_caller]
    fn ends(mut self) {
        assert_eq!(self.said.next().transpose().unwrap(), None);
        assert!(self.process.0.wait().unwrap().success());
    }
}

fn connect(port: u16) -> TcpStream {
    patient(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap())
}

fn patient(socket: TcpStream) -> TcpStream {
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.set_write_timeout(Some(PATIENCE)).unwrap();
    socket
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn client_config(
    folder: &Folder,
    versions: &[&'static SupportedProtocolVersion],
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    let root = CertificateDer::from_pem_file(folder.path("ca.pem")).unwrap();
    roots.add(root).unwrap();
    let builder = ClientConfig::builder_with_provider(provider());
    let builder = builder.with_protocol_versions(versions).unwrap();
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    config.enable_early_data = true;
    Arc::new(config)
}

/// A server that takes early data.
fn server_config(folder: &Folder) -> Arc<ServerConfig> {
    let chain = CertificateDer::from_pem_file(folder.path("cert.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(folder.path("key.pem")).unwrap();
    let builder = ServerConfig::builder_with_provider(provider());
    let mut config = builder
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![chain], key)
        .unwrap();
    config.max_early_data_size = 1000;
    Arc::new(config)
}

type Client = StreamOwned<ClientConnection, TcpStream>;

fn client(config: &Arc<ClientConfig>, name: &str, port: u16) -> Client {
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let connection = ClientConnection::new(Arc::clone(config), name).unwrap();
    StreamOwned::new(connection, connect(port))
}

/// Says this under TLS, and returns what the server says.
fn converse(client: &mut Client, words: &[u8]) -> Vec<u8> {
    client.write_all(words).unwrap();
    client.conn.send_close_notify();
    client.flush().unwrap();
    let mut heard = Vec::new();
    client.read_to_end(&mut heard).unwrap();
    heard
}

/// The alert that ends the handshake.
fn alert(client: &mut Client) -> AlertDescription {
    let error = client.flush().unwrap_err();
    match error.get_ref().and_then(|inner| inner.downcast_ref()) {
        Some(rustls::Error::AlertReceived(alert)) => *alert,
        _ => panic!("{error:?}"),
    }
}

/// Everything that comes, of a peer that may have reset the connection.
fn heard(socket: &mut TcpStream) -> Vec<u8> {
    let mut heard = Vec::new();
    let _ = socket.read_to_end(&mut heard);
    heard
}

#[test]
fn a_context_is_chosen_by_what_the_client_says() {
    let folder = Folder::new("async-choice");
    let Some(mut server) = Played::start("choice", &folder, None) else {
        return;
    };
    let port = server.port();
    let config = client_config(&folder, &[&TLS13, &TLS12]);

    let mut served = client(&config, "localhost", port);
    assert_eq!(converse(&mut served, b"hello"), b"welcome");
    server.says(&[
        "choice too early: invalid-argument",
        "refusal too early: invalid-argument",
        "handshake too early: want-context",
        "hello: ok",
        "name: Some(\"localhost\"), alpn: [\"h2\"]",
        "hello: ok",
        "name: Some(\"localhost\"), alpn: [\"h2\"]",
        "refusal by close_notify: invalid-argument",
        "a client's context: invalid-argument",
        "a context without identity: certificate-chain missing",
        "choice: ok",
        "hello: ok",
        "nothing to choose",
        "a second choice: invalid-argument",
        "handshake: ok",
        "heard: hello",
        "ended: ok",
        "hello: closed",
    ]);

    let mut refused = client(&config, "other.example", port);
    assert_eq!(alert(&mut refused), AlertDescription::UnrecognisedName);
    server.says(&[
        "hello: ok",
        "name: Some(\"other.example\"), alpn: [\"h2\"]",
        "refusal: ok",
        "handshake: protocol unrecognized-name",
        "a second refusal: invalid-argument",
    ]);

    // The context that is chosen has TLS 1.3 alone.
    let mut old = client(&client_config(&folder, &[&TLS12]), "localhost", port);
    assert_eq!(alert(&mut old), AlertDescription::ProtocolVersion);
    server.says(&[
        "hello: ok",
        "name: Some(\"localhost\"), alpn: [\"h2\"]",
        "choice: ok",
        "handshake: protocol no-common-version",
    ]);

    let mut plain = connect(port);
    plain.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    assert_eq!(heard(&mut plain), b"");
    let same = |case: &str| [format!("hello: {case}"), format!("handshake: {case}")];
    server.says(&same("protocol plain-http").each_ref().map(String::as_str));

    let mut gone = connect(port);
    gone.shutdown(Shutdown::Write).unwrap();
    assert_eq!(heard(&mut gone), b"");
    server.says(&same("truncated").each_ref().map(String::as_str));

    // A warning, where a ClientHello is expected; the answer is unexpected_message.
    let mut strange = connect(port);
    strange.write_all(&[21, 3, 3, 0, 2, 1, 90]).unwrap();
    assert_eq!(heard(&mut strange), [21, 3, 3, 0, 2, 2, 10]);
    server.says(
        &same("protocol unexpected-message")
            .each_ref()
            .map(String::as_str),
    );
    server.ends();
}

#[test]
fn the_timer_of_the_handshake_runs_through_the_choice() {
    let folder = Folder::new("async-choice-timer");
    let Some(mut server) = Played::start("choice-timer", &folder, None) else {
        return;
    };
    let port = server.port();
    let mut silent = connect(port);
    assert_eq!(heard(&mut silent), b"");
    server.says(&["hello: timeout handshake"]);

    let mut kept_waiting = client(&client_config(&folder, &[&TLS13]), "localhost", port);
    // It is cut off, whatever has come before.
    kept_waiting.read_to_end(&mut Vec::new()).unwrap_err();
    server.says(&[
        "hello: ok",
        "name: Some(\"localhost\"), alpn: [\"h2\"]",
        "choice: ok",
        "handshake: timeout handshake",
    ]);

    // A call that is given up ends its connection.
    let port = server.port();
    let mut given_up = connect(port);
    assert_eq!(heard(&mut given_up), b"");
    server.says(&["hello: ok", "nothing to choose", "hello: closed"]);
    server.ends();
}

#[test]
fn a_server_reads_early_data_before_the_handshake_is_done() {
    let folder = Folder::new("async-early-server");
    let Some(mut server) = Played::start("early-server", &folder, None) else {
        return;
    };
    let port = server.port();
    let config = client_config(&folder, &[&TLS13]);
    let mut first = client(&config, "localhost", port);
    assert!(first.conn.early_data().is_none());
    assert_eq!(converse(&mut first, b"first"), b"late");
    let refused = [
        "no length: invalid-argument",
        "writing as a server: invalid-argument",
    ];
    server.says(&refused);
    server.says(&[
        "handshake: ok",
        "heard: first",
        "ended: ok",
        "accepted: None",
        "after: None",
    ]);

    let mut second = client(&config, "localhost", port);
    let mut early = second.conn.early_data().unwrap();
    early.write_all(b"GET /early").unwrap();
    while second.conn.wants_write() {
        second.conn.write_tls(&mut second.sock).unwrap();
    }
    server.says(&refused);
    // The handshake is not done.
    server.says(&["early: GET /early"]);
    assert_eq!(converse(&mut second, b"second"), b"late");
    assert!(second.conn.is_early_data_accepted());
    server.says(&[
        "handshake: ok",
        "heard: second",
        "ended: ok",
        "accepted: Some(true)",
        "after: None",
    ]);

    let mut third = client(&config, "localhost", port);
    let mut early = third.conn.early_data().unwrap();
    early.write_all(b"GET /later").unwrap();
    assert_eq!(converse(&mut third, b"third"), b"late");
    server.says(&[
        "handshake: ok",
        "heard: third",
        "ended: ok",
        "stayed: GET /later",
    ]);
    server.ends();
}

#[test]
fn a_client_writes_early_data_and_learns_whether_it_was_taken() {
    let folder = Folder::new("async-early-client");
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let Some(mut visitor) = Played::start("early-client", &folder, Some(port)) else {
        return;
    };
    let known = server_config(&folder);
    // The last one knows nothing of the session.
    let configs = [Arc::clone(&known), known, server_config(&folder)];
    let mut taken = Vec::new();
    for config in configs {
        let (socket, _) = listener.accept().unwrap();
        let mut connection = ServerConnection::new(config).unwrap();
        let mut socket = patient(socket);
        connection.complete_io(&mut socket).unwrap();
        let mut early = Vec::new();
        if let Some(mut data) = connection.early_data() {
            data.read_to_end(&mut early).unwrap();
        }
        let mut stream = StreamOwned::new(connection, socket);
        let mut late = Vec::new();
        stream.read_to_end(&mut late).unwrap();
        stream.write_all(b"answer").unwrap();
        stream.conn.send_close_notify();
        stream.flush().unwrap();
        taken.push([early, late].map(|bytes| String::from_utf8(bytes).unwrap()));
    }
    assert_eq!(taken, [["", "late"], ["early", "late"], ["", "late"]]);
    for (written, accepted) in [(0, "None"), (5, "Some(true)"), (5, "Some(false)")] {
        visitor.says(&[
            &format!("written: {written}"),
            "handshake: ok",
            "heard: answer",
            "ended: ok",
            &format!("accepted: {accepted}"),
            "too late: 0",
            "reading as a client: invalid-argument",
        ]);
    }
    visitor.ends();
}

#[test]
fn new_keys_leave_while_nothing_else_does() {
    let folder = Folder::new("async-keys");
    let Some(openssl) = tool("openssl") else {
        return;
    };
    let Some(mut server) = Played::start("keys", &folder, None) else {
        return;
    };
    let port = server.port();
    for (version, named, outcome) in [
        ("-tls1_3", "tls13", "ok"),
        ("-tls1_2", "tls12", "not-supported"),
    ] {
        let mut command = Command::new(&openssl);
        let address = format!("127.0.0.1:{port}");
        command.args(["s_client", version, "-msg", "-connect", &address]);
        command.args(["-CAfile", &folder.path("ca.pem")]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut client = Running(command.stderr(Stdio::null()).spawn().unwrap());
        let said = BufReader::new(client.0.stdout.take().unwrap()).lines();
        let mut said = said.map(Result::unwrap);
        // It says nothing until it has the new keys, and the server waits for what it says.
        let awaited = match outcome {
            "ok" => ", KeyUpdate",
            _ => "Verify return code: 0",
        };
        assert!(said.any(|line| line.contains(awaited)), "{awaited}");
        let mut input = client.0.stdin.take().unwrap();
        input.write_all(b"x\n").unwrap();
        let rest: Vec<_> = said.collect();
        drop(input);
        // It was asked for new ones of its own.
        let is_answered = rest
            .iter()
            .any(|line| line.starts_with(">>>") && line.contains(", KeyUpdate"));
        assert_eq!(is_answered, outcome == "ok", "{rest:?}");
        assert!(rest.iter().any(|line| line.contains("done")), "{rest:?}");
        server.says(&[
            "before the handshake: invalid-argument",
            &format!("version: {named}"),
            &format!("new keys: {outcome}"),
            "heard: Some(120)",
            "ended: ok",
            "after the end: closed",
        ]);
    }
    server.ends();
}

/// Goes out of TLS when the other end does, with words in the clear behind close_notify.
fn leave<T>(connection: &mut rustls::ConnectionCommon<T>, mut socket: TcpStream) {
    while connection.is_handshaking() {
        connection.complete_io(&mut socket).unwrap();
    }
    connection.writer().write_all(b"bye").unwrap();
    let mut heard = Vec::new();
    loop {
        while connection.wants_write() {
            connection.write_tls(&mut socket).unwrap();
        }
        let state = connection.process_new_packets().unwrap();
        let mut buffer = vec![0; state.plaintext_bytes_to_read()];
        connection.reader().read_exact(&mut buffer).unwrap();
        heard.append(&mut buffer);
        if state.peer_has_closed() {
            break;
        }
        assert!(connection.read_tls(&mut socket).unwrap() > 0);
    }
    assert_eq!(heard, b"secret");
    let mut last = Vec::new();
    connection.send_close_notify();
    connection.write_tls(&mut last).unwrap();
    last.extend(b"too far, ");
    socket.write_all(&last).unwrap();
    let mut clear = [0; 5];
    socket.read_exact(&mut clear).unwrap();
    assert_eq!(&clear, b"clear");
    socket.write_all(b"and on").unwrap();
    socket.shutdown(Shutdown::Write).unwrap();
    assert_eq!(self::heard(&mut socket), b"");
}

/// What whoever has left TLS has to tell.
const LEFT: [&str; 6] = [
    "heard: bye",
    "unwrap: ok",
    "ended: ok",
    "heard in the clear: too far, and on",
    "ended: ok",
    "once more: closed",
];

#[test]
fn a_connection_goes_on_in_the_clear() {
    let folder = Folder::new("async-unwrap");
    let Some(mut server) = Played::start("unwrap", &folder, None) else {
        return;
    };
    for is_over_streams in [false, true] {
        let port = server.port();
        let client = client(&client_config(&folder, &[&TLS13]), "localhost", port);
        let (mut connection, socket) = client.into_parts();
        leave(&mut connection, socket);
        if !is_over_streams {
            server.says(&["before the handshake: invalid-argument"]);
        }
        server.says(&LEFT);
    }
    server.ends();

    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let config = server_config(&folder);
    let ours = thread::spawn(move || {
        let (socket, _) = listener.accept().unwrap();
        let mut connection = ServerConnection::new(config).unwrap();
        leave(&mut connection, patient(socket));
    });
    let mut client = Played::start("unwrap-client", &folder, Some(port)).unwrap();
    client.says(&LEFT);
    client.ends();
    ours.join().unwrap();
}

#[test]
fn tls_that_does_not_end_in_order_is_not_left() {
    let folder = Folder::new("async-unwrap-refused");
    let Some(mut server) = Played::start("unwrap-refused", &folder, None) else {
        return;
    };
    let port = server.port();
    let config = client_config(&folder, &[&TLS13]);

    // It reads to the end, and says none of its own.
    let mut rude = client(&config, "localhost", port);
    assert_eq!(rude.read_to_end(&mut Vec::new()).unwrap(), 0);
    rude.sock.shutdown(Shutdown::Write).unwrap();
    server.says(&["unwrap: truncated", "ended: ok"]);

    let mut silent = client(&config, "localhost", port);
    assert_eq!(silent.read_to_end(&mut Vec::new()).unwrap(), 0);
    server.says(&["unwrap: timeout shutdown", "ended: timeout shutdown"]);

    let mut polite = client(&config, "localhost", port);
    assert_eq!(converse(&mut polite, b"hello"), b"bye");
    server.says(&[
        "handshake: ok",
        "heard: hello",
        "ended: ok",
        "unwrap: closed",
    ]);
    server.ends();
}
