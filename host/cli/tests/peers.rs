//! The `portcullis` command against other TLS stacks, as client and as server: GnuTLS, Node's and
//! Python's; and key exchange groups with an OpenSSL that has ML-KEM.
//!
//! Over 400 lines: the other stacks are driven by scripts, which are written out here.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop"
)]

mod support;

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::Instant;

use rcgen::KeyPair;
use serde_json::Value;
use support::{
    Folder, PATIENCE, Running, finish, free_port, portcullis, refusal, run, serve, serving, skip,
    start, tool,
};

/// Another TLS stack, as programs that run in the folder of a case.
struct Peer {
    program: &'static str,
    /// A program of the same package that serves, if it is another one.
    server: &'static str,
    /// The arguments of a server that sends back what it gets.
    serve: fn(&Case<'_>) -> Vec<String>,
    /// The arguments of a client of localhost that says hello and prints the answer.
    connect: fn(&Case<'_>) -> Vec<String>,
}

/// The settings that both sides are started with.
struct Case<'a> {
    port: u16,
    /// `2` or `3`, of TLS 1.
    version: &'a str,
    /// Whether the server requires a client certificate.
    mutual: bool,
    /// Whether the client has a certificate: that of the server, which says nothing of its usage.
    identified: bool,
}

const GNUTLS: Peer = Peer {
    program: "gnutls-cli",
    server: "gnutls-serv",
    serve: |case| {
        let mut arguments = gnutls(case);
        let port = case.port.to_string();
        arguments.extend(words(
            "--echo --x509certfile cert.pem --x509keyfile key.pem --port",
        ));
        arguments.push(port);
        arguments.extend(words(if case.mutual {
            "--require-client-cert --verify-client-cert"
        } else {
            "--disable-client-cert"
        }));
        arguments
    },
    connect: |case| {
        let mut arguments = gnutls(case);
        if case.identified {
            arguments.extend(words("--x509certfile cert.pem --x509keyfile key.pem"));
        }
        arguments.extend([
            "--port".to_owned(),
            case.port.to_string(),
            "localhost".to_owned(),
        ]);
        arguments
    },
};

fn gnutls(case: &Case<'_>) -> Vec<String> {
    let version = case.version;
    let versions = format!("--priority=NORMAL:-VERS-ALL:+VERS-TLS1.{version}");
    vec![versions, "--x509cafile=ca.pem".to_owned()]
}

const NODE: Peer = Peer {
    program: "node",
    server: "node",
    serve: |case| {
        let Case { port, mutual, .. } = case;
        let options = node(case, true);
        let script = format!(
            "tls.createServer({{{options}, requestCert: {mutual}}},
                (socket) => socket.on('error', () => {{}}).pipe(socket))
            .listen({port}, '127.0.0.1')"
        );
        vec!["-e".to_owned(), script]
    },
    connect: |case| {
        let port = case.port;
        let options = node(case, case.identified);
        let script = format!(
            "const socket = tls.connect({{{options}, port: {port}, host: '127.0.0.1',
                servername: 'localhost'}}, () => socket.write('hello\\n'));
            socket.on('data', (data) => {{ process.stdout.write(data); socket.end(); }})"
        );
        vec!["-e".to_owned(), script]
    },
};

fn node(case: &Case<'_>, identified: bool) -> String {
    let version = case.version;
    let identity = if identified {
        "cert: fs.readFileSync('cert.pem'), key: fs.readFileSync('key.pem'),"
    } else {
        ""
    };
    format!(
        "{identity} ca: fs.readFileSync('ca.pem'), minVersion: 'TLSv1.{version}', \
         maxVersion: 'TLSv1.{version}'"
    )
}

const PYTHON: Peer = Peer {
    program: "python3",
    server: "python3",
    serve: |case| {
        let port = case.port;
        let verify = if case.mutual { "REQUIRED" } else { "NONE" };
        let context = python(case, "SERVER", true);
        let script = format!(
            "{context}
c.verify_mode = ssl.CERT_{verify}
listener = socket.create_server(('127.0.0.1', {port}))
while True:
    try:
        with c.wrap_socket(listener.accept()[0], server_side=True) as s:
            while data := s.recv(4096):
                s.sendall(data)
            s.unwrap()
    except OSError:
        pass
"
        );
        vec!["-c".to_owned(), script]
    },
    connect: |case| {
        let port = case.port;
        let context = python(case, "CLIENT", case.identified);
        let script = format!(
            "{context}
s = socket.create_connection(('127.0.0.1', {port}))
with c.wrap_socket(s, server_hostname='localhost') as s:
    s.sendall(b'hello\\n')
    print(s.recv(9).decode())
"
        );
        vec!["-c".to_owned(), script]
    },
};

fn python(case: &Case<'_>, role: &str, identified: bool) -> String {
    let version = case.version;
    let identity = if identified {
        "c.load_cert_chain('cert.pem', 'key.pem')"
    } else {
        ""
    };
    format!(
        "import socket, ssl
c = ssl.SSLContext(ssl.PROTOCOL_TLS_{role})
c.load_verify_locations('ca.pem')
c.minimum_version = c.maximum_version = ssl.TLSVersion.TLSv1_{version}
{identity}"
    )
}

fn words(text: &str) -> impl Iterator<Item = String> + use<'_> {
    text.split(' ').map(str::to_owned)
}

/// Folders with a key of each type.
fn folders(name: &str) -> Option<Vec<Folder>> {
    let openssl = tool("openssl")?;
    let key = |algorithm: &str| {
        // rcgen makes no RSA keys, and Ed25519 keys in a form that few others read.
        let mut command = Command::new(&openssl);
        let output = command
            .args(["genpkey", "-algorithm", algorithm])
            .output()
            .unwrap();
        let pem = String::from_utf8(output.stdout).unwrap();
        KeyPair::from_pem(&pem).unwrap()
    };
    let keys = [
        ("ec", KeyPair::generate().unwrap()),
        ("rsa", key("RSA")),
        ("ed", key("ED25519")),
    ];
    let folders = keys.map(|(kind, key)| Folder::with_key(&format!("{name}-{kind}"), &key));
    Some(folders.into())
}

/// The command, as a client of the peer.
fn connects_to(name: &str, peer: &Peer) {
    let (Some(server), Some(folders)) = (tool(peer.server), folders(&format!("{name}-server")))
    else {
        return;
    };
    let stranger = Folder::new(&format!("{name}-stranger"));
    for folder in &folders {
        for (version, mutual) in [("2", false), ("2", true), ("3", false), ("3", true)] {
            let case = Case {
                port: free_port(),
                version,
                mutual,
                identified: mutual,
            };
            let mut command = Command::new(&server);
            command
                .args((peer.serve)(&case))
                .current_dir(&folder.0)
                .stdin(Stdio::null());
            let _server = start(command, folder, case.port);
            let what = format!("{} TLS 1.{version}, mutual: {mutual}", folder.0.display());
            let target = format!("localhost:{}", case.port);
            let connect = |ca: &Folder, identified: bool| {
                let [ca, cert, key] = [
                    ca.path("ca.pem"),
                    folder.path("cert.pem"),
                    folder.path("key.pem"),
                ];
                let mut arguments = vec!["connect", &target, "--half-close", "--cafile", &ca];
                if identified {
                    arguments.extend(["--cert", &cert, "--key", &key]);
                }
                run(&arguments, b"hello\n")
            };
            let output = connect(folder, mutual);
            let facts = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.stdout, b"hello\n", "{what}: {facts}");
            assert!(output.status.success(), "{what}: {facts}");
            assert!(
                facts.contains(&format!("TLSv1.{version}")),
                "{what}: {facts}"
            );
            let line = refusal(&connect(&stranger, mutual), 1);
            assert!(line.contains("trusted authority"), "{what}: {line}");
            if mutual {
                let output = connect(folder, false);
                assert_eq!(
                    (output.status.code(), output.stdout),
                    (Some(1), vec![]),
                    "{what}"
                );
            }
        }
    }
}

/// The command, as a server of the peer.
fn serves(name: &str, peer: &Peer) {
    let (Some(client), Some(folders)) = (tool(peer.program), folders(&format!("{name}-client")))
    else {
        return;
    };
    let stranger = Folder::new(&format!("{name}-other"));
    for folder in &folders {
        for mutual in [false, true] {
            let ca = folder.path("ca.pem");
            let verify = ["--cafile", &ca, "--verify"];
            let (_server, port) = serve(folder, if mutual { &verify } else { &[] });
            for version in ["2", "3"] {
                let what = format!("{} TLS 1.{version}, mutual: {mutual}", folder.0.display());
                let ask = |identified, at: &Folder| {
                    let case = Case {
                        port,
                        version,
                        mutual,
                        identified,
                    };
                    hears_hello(&client, (peer.connect)(&case), at)
                };
                assert!(ask(mutual, folder), "{what}");
                // In the other folder, the client finds another authority and another client
                // certificate.
                assert!(!ask(mutual, &stranger), "{what}");
                assert!(!mutual || !ask(false, folder), "{what}");
            }
        }
    }
}

/// Whether a client gets back what it says.
fn hears_hello(client: &Path, arguments: Vec<String>, folder: &Folder) -> bool {
    let child = Command::new(client)
        .args(arguments)
        .current_dir(&folder.0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut running = Running(child.unwrap());
    // Some clients say hello by themselves. The input stays open, because some leave when it ends.
    let mut input = running.0.stdin.take().unwrap();
    let _ = input.write_all(b"hello\n");
    let lines = BufReader::new(running.0.stdout.take().unwrap()).lines();
    lines.map_while(Result::ok).any(|line| line == "hello")
}

#[test]
fn we_connect_to_gnutls() {
    connects_to("gnutls", &GNUTLS);
}

#[test]
fn we_connect_to_node() {
    connects_to("node", &NODE);
}

#[test]
fn we_connect_to_python() {
    connects_to("python", &PYTHON);
}

#[test]
fn we_serve_gnutls() {
    serves("gnutls", &GNUTLS);
}

#[test]
fn we_serve_node() {
    serves("node", &NODE);
}

#[test]
fn we_serve_python() {
    serves("python", &PYTHON);
}

/// The beginning of both scripts. The groups are in OpenSSL's syntax; with none, OpenSSL chooses.
/// pyOpenSSL has no function for them.
const MODERN: &str = "
import socket, sys
from OpenSSL import SSL
number, groups = int(sys.argv[1]), sys.argv[2]
context = SSL.Context(SSL.TLS_METHOD)
context.load_verify_locations('ca.pem')
if groups:
    assert SSL._lib.SSL_CTX_set1_curves_list(context._context, groups.encode()) == 1
";

/// Sends the name of the group to everyone who says something.
const MODERN_SERVER: &str = "
context.use_certificate_chain_file('cert.pem')
context.use_privatekey_file('key.pem')
listener = socket.create_server(('127.0.0.1', number))
while True:
    connection = SSL.Connection(context, listener.accept()[0])
    connection.set_accept_state()
    try:
        connection.recv(100)
        connection.sendall(connection.get_group_name().encode())
        connection.shutdown()
    except SSL.Error:
        pass
";

/// Prints the name of the group when it gets back what it says.
const MODERN_CLIENT: &str = "
context.set_verify(SSL.VERIFY_PEER)
connection = SSL.Connection(context, socket.create_connection(('127.0.0.1', number)))
connection.set_tlsext_host_name(b'localhost')
connection.set_connect_state()
connection.sendall(b'hello')
assert connection.recv(100) == b'hello'
print(connection.get_group_name())
";

/// Our groups and OpenSSL's, empty for the own choice, and the group that they agree on, if any.
const MEETINGS: [(&str, &str, Option<&str>); 11] = [
    ("", "", Some("x25519mlkem768")),
    ("x25519mlkem768", "", Some("x25519mlkem768")),
    ("", "X25519MLKEM768", Some("x25519mlkem768")),
    ("", "X25519", Some("x25519")),
    ("", "SecP256r1MLKEM768", Some("secp256r1mlkem768")),
    ("secp256r1mlkem768", "", Some("secp256r1mlkem768")),
    ("secp256r1mlkem768", "X25519MLKEM768", None),
    ("x25519", "", Some("x25519")),
    ("secp384r1", "P-384:X25519", Some("secp384r1")),
    ("secp256r1", "X25519:P-256", Some("secp256r1")),
    ("x25519mlkem768", "X25519", None),
];

/// A Python whose OpenSSL has ML-KEM, which that of Debian has not.
fn modern_python() -> Option<PathBuf> {
    let found = std::env::var_os("PORTCULLIS_TOOLS")
        .map(|tools| Path::new(&tools).join("openssl/bin/python3"))
        .filter(|python| python.is_file());
    if found.is_none() {
        skip("pyOpenSSL is not in the folder of the tools; run `cargo xtask test`");
    }
    found
}

/// One end of a meeting, in the folder of the certificates.
fn modern(python: &Path, folder: &Folder, script: &str, port: u16, groups: &str) -> Command {
    let mut command = Command::new(python);
    command
        .args(["-c", &format!("{MODERN}{script}")])
        .args([&port.to_string(), groups])
        .current_dir(&folder.0)
        .stdin(Stdio::null());
    command
}

fn with_groups<'a>(arguments: &[&'a str], groups: &'a str) -> Vec<&'a str> {
    let mut arguments = arguments.to_vec();
    if !groups.is_empty() {
        arguments.extend(["--groups", groups]);
    }
    arguments
}

#[test]
fn we_connect_to_an_openssl_with_ml_kem_in_each_group() {
    let Some(python) = modern_python() else {
        return;
    };
    let folder = Folder::new("modern-server");
    for (ours, theirs, met) in MEETINGS {
        let port = free_port();
        let server = modern(&python, &folder, MODERN_SERVER, port, theirs);
        let _server = start(server, &folder, port);
        let (target, ca) = (format!("localhost:{port}"), folder.path("ca.pem"));
        let connect = ["connect", &target, "--cafile", &ca];
        let output = run(&with_groups(&connect, ours), b"hello");
        let group = String::from_utf8_lossy(&output.stdout).to_lowercase();
        match met {
            Some(met) => assert_eq!(group, met, "{ours} {theirs}: {output:?}"),
            None => assert!(refusal(&output, 1).contains("alert 40"), "{output:?}"),
        }
    }
}

#[test]
fn we_serve_an_openssl_with_ml_kem_in_each_group() {
    let Some(python) = modern_python() else {
        return;
    };
    let folder = Folder::new("modern-client");
    for (ours, theirs, met) in MEETINGS {
        let (_server, port) = serve(&folder, &with_groups(&[], ours));
        let mut client = modern(&python, &folder, MODERN_CLIENT, port, theirs);
        let output = client.output().unwrap();
        let group = String::from_utf8_lossy(&output.stdout).to_lowercase();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            group.trim(),
            met.unwrap_or_default(),
            "{ours} {theirs}: {said}"
        );
        assert_eq!(
            output.status.success(),
            met.is_some(),
            "{ours} {theirs}: {said}"
        );
        assert!(
            met.is_some() || said.contains("handshake failure"),
            "{said}"
        );
    }
}

/// The lines of a key log, sorted, without the comments that OpenSSL writes.
fn key_log(path: &str) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let mut lines: Vec<_> = lines.map(str::to_owned).collect();
    lines.sort();
    lines
}

/// The last line on standard error of a command that was refused by TLS.
#[track_caller]
fn refusal_of(output: &Output) -> String {
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    told.lines().last().unwrap().to_owned()
}

#[test]
fn openssl_agrees_on_the_protocol_of_alpn_or_refuses_and_both_key_logs_are_the_same() {
    let Some(openssl) = tool("openssl") else {
        return;
    };
    let folder = Folder::new("alpn");
    let (ca, ours, theirs) = (
        folder.path("ca.pem"),
        folder.path("ours"),
        folder.path("theirs"),
    );
    for (number, version) in [("2", "--tls1_2"), ("3", "--tls1_3")] {
        let port = free_port();
        let mut server = Command::new(&openssl);
        server.current_dir(&folder.0).stdin(Stdio::null()).args([
            "s_server",
            "-www",
            "-quiet",
            "-accept",
            &format!("127.0.0.1:{port}"),
            "-cert",
            "cert.pem",
            "-key",
            "key.pem",
            "-alpn",
            "http/1.1,h2",
            "-keylogfile",
            &theirs,
        ]);
        let server = start(server, &folder, port);
        let target = format!("localhost:{port}");
        let fetch = |alpn: &str| {
            let arguments = [
                "connect", &target, "--cafile", &ca, version, "--json", "--alpn", alpn,
            ];
            let mut command = portcullis(&arguments);
            command.env("SSLKEYLOGFILE", &ours);
            finish(command, b"GET / HTTP/1.0\r\n\r\n")
        };
        let output = fetch("h2,http/1.1");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{told}");
        // It says aloud that secrets are written.
        let (warning, facts) = told.split_once('\n').unwrap();
        assert!(
            warning.contains("SSLKEYLOGFILE") && warning.contains(&ours),
            "{told}"
        );
        let facts: Value = serde_json::from_str(facts).unwrap();
        assert_eq!(facts["version"], format!("TLSv1.{number}"));
        assert_eq!(facts["alpn"], "http/1.1");
        let logged = key_log(&ours);
        assert!(!logged.is_empty());
        assert_eq!(logged, key_log(&theirs));
        let mode = fs::metadata(&ours).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let refused = refusal_of(&fetch("postgresql"));
        assert!(refused.contains("no_application_protocol"), "{refused}");
        drop(server);
        for path in [&ours, &theirs] {
            fs::remove_file(path).unwrap();
        }
    }
}

/// All that a program tells that is given no input.
fn told_by(program: Command) -> String {
    let output = finish(program, b"");
    let told = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&told).into_owned()
}

#[test]
fn serve_agrees_on_the_protocol_of_alpn_or_refuses_and_logs_what_its_client_logs() {
    let Some(openssl) = tool("openssl") else {
        return;
    };
    let folder = Folder::new("serve-alpn");
    let (ca, ours, theirs) = (
        folder.path("ca.pem"),
        folder.path("ours"),
        folder.path("theirs"),
    );
    let (cert, key) = (folder.path("cert.pem"), folder.path("key.pem"));
    let arguments = [
        "serve",
        "127.0.0.1:0",
        "--cert",
        &cert,
        "--key",
        &key,
        "--alpn",
        "h2,mqtt",
    ];
    let mut server = portcullis(&arguments);
    server.env("SSLKEYLOGFILE", &ours).stderr(Stdio::null());
    let (_server, logged) = serving(server);
    let meet = |port: u16, alpn: &str| {
        let address = format!("127.0.0.1:{port}");
        let mut client = Command::new(&openssl);
        client.args([
            "s_client", "-connect", &address, "-CAfile", &ca, "-alpn", alpn,
        ]);
        client.args(["-servername", "localhost"]);
        if port == logged {
            client.args(["-keylogfile", &theirs]);
        }
        told_by(client)
    };
    let told = meet(logged, "mqtt,h2");
    assert!(told.contains("ALPN protocol: h2"), "{told}");
    let told = meet(logged, "http/1.1");
    assert!(told.contains("no application protocol"), "{told}");
    let mut tolerant = portcullis(&arguments);
    tolerant.arg("--alpn-optional").stderr(Stdio::null());
    let (_tolerant, other) = serving(tolerant);
    let told = meet(other, "http/1.1");
    assert!(told.contains("No ALPN negotiated"), "{told}");
    assert!(told.contains("Verify return code: 0"), "{told}");
    // Ours may be written after its client has gone.
    let expected = key_log(&theirs);
    let started = Instant::now();
    while !expected.iter().all(|line| key_log(&ours).contains(line)) {
        assert!(
            started.elapsed() < PATIENCE,
            "{:?}, {expected:?}",
            key_log(&ours)
        );
        thread::yield_now();
    }
}

#[test]
fn openssl_resumes_with_a_server_of_the_same_ticket_key_and_with_no_other() {
    let Some(openssl) = tool("openssl") else {
        return;
    };
    let folder = Folder::new("tickets");
    let (first, second) = (folder.path("first.key"), folder.path("second.key"));
    fs::write(&first, [1; 48]).unwrap();
    fs::write(&second, [2; 80]).unwrap();
    let meet = |keys: &[&str], session: &[&str]| {
        let keys = keys.iter().flat_map(|key| ["--ticket-key", *key]);
        let arguments: Vec<_> = keys.chain(["--ticket-count", "1"]).collect();
        let (_server, port) = serve(&folder, &arguments);
        let mut client = Command::new(&openssl);
        client
            .current_dir(&folder.0)
            .args(["s_client", "-CAfile", "ca.pem", "-servername", "localhost"])
            .args(["-connect", &format!("127.0.0.1:{port}")])
            .args(session)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut client = client.spawn().unwrap();
        let mut stdin = client.stdin.take().unwrap();
        stdin.write_all(b"hello\n").unwrap();
        let mut told = Vec::new();
        for line in BufReader::new(client.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            // Tickets come before the echo.
            let is_echo = line == "hello";
            told.push(line);
            if is_echo {
                break;
            }
        }
        drop(stdin);
        client.wait().unwrap();
        told.iter().any(|line| line.starts_with("Reused, "))
    };
    let (keep, resume) = (["-sess_out", "own.pem"], ["-sess_in", "own.pem"]);
    assert!(!meet(&[&first], &keep));
    assert!(meet(&[&first], &resume));
    assert!(meet(&[&second, &first], &resume));
    assert!(!meet(&[&second], &resume));
    fs::write(&first, [1; 31]).unwrap();
    let cert = folder.path("cert.pem");
    let arguments = [
        "serve",
        "127.0.0.1:0",
        "--cert",
        &cert,
        "--key",
        &folder.path("key.pem"),
        "--ticket-key",
        &first,
    ];
    let refused = refusal(&run(&arguments, b""), 2);
    assert!(
        refused.contains("--ticket-key") && refused.contains("31 bytes"),
        "{refused}"
    );
}

#[test]
fn openssl_is_shown_the_ocsp_response() {
    let Some(openssl) = tool("openssl") else {
        return;
    };
    let folder = Folder::new("staple");
    let make = |arguments: &str| {
        let mut make = Command::new(&openssl);
        make.current_dir(&folder.0).args(arguments.split(' '));
        assert!(make.output().unwrap().status.success(), "{arguments}");
    };
    make("req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -keyout own.key -out own.pem");
    // The responder knows no certificate, and signs that.
    fs::write(folder.path("index.txt"), "").unwrap();
    make(
        "ocsp -index index.txt -rsigner own.pem -rkey own.key -CA own.pem -issuer own.pem \
         -cert own.pem -noverify -respout staple.der",
    );
    let (cert, key) = (folder.path("own.pem"), folder.path("own.key"));
    for version in ["-tls1_2", "-tls1_3"] {
        for is_stapled in [true, false] {
            let staple = folder.path("staple.der");
            let staple = ["--staple", staple.as_str()];
            let staple = if is_stapled { &staple[..] } else { &[] };
            let fixed = ["serve", "127.0.0.1:0", "--cert", &cert, "--key", &key];
            let mut server = portcullis(&[&fixed[..], staple].concat());
            server.stderr(Stdio::null());
            let (_server, port) = serving(server);
            let output = Command::new(&openssl)
                .args(["s_client", "-status", version, "-connect"])
                .arg(format!("127.0.0.1:{port}"))
                .stdin(Stdio::null())
                .output()
                .unwrap();
            let told = String::from_utf8_lossy(&output.stdout);
            let is_shown = told.contains("OCSP Response Status: successful");
            assert_eq!(is_shown, is_stapled, "{told}");
        }
    }
    let arguments = ["serve", "127.0.0.1:0", "--cert", &cert, "--key", &key];
    let arguments = [&arguments[..], &["--staple", &cert]].concat();
    let refused = refusal(&run(&arguments, b""), 2);
    assert!(refused.contains("OCSP response"), "{refused}");
}

#[test]
fn we_meet_openssl_in_the_signature_schemes_that_each_side_was_told() {
    let Some(openssl) = tool("openssl") else {
        return;
    };
    let folder = Folder::new("sigalgs");
    let (cert, key) = (folder.path("rsa.pem"), folder.path("rsa.key"));
    let mut make = Command::new(&openssl);
    make.args("req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost".split(' '));
    make.args(["-addext", "subjectAltName=DNS:localhost"]);
    make.args(["-keyout", &key, "-out", &cert]);
    assert!(finish(make, b"").status.success());
    for version in ["tls1_2", "tls1_3"] {
        let version_flag = format!("--{version}");
        // OpenSSL serves: it takes the first of ours that it was told, too.
        let port = free_port();
        let mut server = Command::new(&openssl);
        server.stdin(Stdio::null()).args(["s_server", "-quiet"]);
        server.args(["-accept", &format!("127.0.0.1:{port}")]);
        server.args(["-cert", &cert, "-key", &key, "-verify", "1"]);
        server.args(["-sigalgs", "RSA-PSS+SHA256:RSA-PSS+SHA384"]);
        let server = start(server, &folder, port);
        let target = format!("localhost:{port}");
        let connect = |schemes: &str| {
            let arguments = [
                "connect",
                &target,
                "--cafile",
                &cert,
                &version_flag,
                "--info",
                "--sigalgs",
                schemes,
            ];
            run(&arguments, b"")
        };
        for (schemes, met) in [
            ("RSA-PSS+SHA384", "rsa_pss_rsae_sha384"),
            ("ed25519,rsa_pss_rsae_sha256", "rsa_pss_rsae_sha256"),
        ] {
            let output = connect(schemes);
            let told = String::from_utf8_lossy(&output.stdout);
            assert!(told.contains(&format!("signed    {met}\n")), "{output:?}");
            assert!(told.contains("asked     for a certificate, and got none\n"));
        }
        let refused = refusal_of(&connect("rsa_pss_rsae_sha512"));
        assert!(refused.contains("alert 40"), "{refused}");
        drop(server);
        // We serve, and our order of suites decides, which has ChaCha20 first, unless it is to be
        // the client's.
        let arguments = [
            "serve",
            "127.0.0.1:0",
            "--cert",
            &cert,
            "--key",
            &key,
            "--sigalgs",
            "rsa_pss_rsae_sha384:rsa_pss_rsae_sha256",
            "--record-size",
            "512",
        ];
        let start = |more: &[&str]| {
            let mut server = portcullis(&[&arguments[..], more].concat());
            server.stderr(Stdio::null());
            serving(server)
        };
        let (_server, port) = start(&[]);
        let (_other, other) = start(&["--client-preference"]);
        let meet = |schemes: &str, port: u16| {
            let mut client = Command::new(&openssl);
            client.args(["s_client", "-connect", &format!("127.0.0.1:{port}")]);
            client.args([
                "-CAfile",
                &cert,
                "-sigalgs",
                schemes,
                &format!("-{version}"),
            ]);
            told_by(client)
        };
        for (schemes, digest) in [
            // Our order decides.
            ("RSA-PSS+SHA256:RSA-PSS+SHA384", "SHA384"),
            ("RSA-PSS+SHA512:RSA-PSS+SHA256", "SHA256"),
        ] {
            let told = meet(schemes, port);
            let line = format!("Peer signing digest: {digest}\n");
            assert!(told.contains(&line), "{told}");
            let suite = told.lines().find(|line| line.contains("Cipher is"));
            assert!(suite.unwrap().contains("CHACHA20"), "{told}");
        }
        let told = meet("RSA-PSS+SHA256", other);
        let suite = told.lines().find(|line| line.contains("Cipher is"));
        assert!(suite.unwrap().contains("AES"), "{told}");
        let told = meet("RSA-PSS+SHA512", port);
        assert!(told.contains("handshake failure"), "{version}: {told}");
    }
}
