//! The `portcullis` command against independent programs: OpenSSL, Python, curl.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop"
)]

mod support;

use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::process::{Command, Stdio};
use std::thread;

use support::{Folder, free_port, portcullis, run, say_to, serve, start, tool};

#[test]
fn the_demo_shows_what_it_promises() {
    let output = run(&["demo"], b"");
    let transcript = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{transcript}");
    for part in [
        "unknown-authority",
        "wrong-name",
        "expired",
        "Mutual",
        "STARTTLS",
    ] {
        assert!(transcript.contains(part), "{part}: {transcript}");
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let component = std::env::var("PORTCULLIS_COMPONENT").unwrap();
    let cases: [&[&str]; 5] = [
        &["ciphers"],
        &["ciphers", "--json"],
        &["inspect", &component],
        &["inspect", "--json", &component],
        &["demo"],
    ];
    for arguments in cases {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = portcullis(arguments).stdout(writer).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {told}");
        assert_eq!(told, "", "{arguments:?}");
        assert!(run(arguments, b"").stdout.len() > 40, "{arguments:?}");
    }
}

#[test]
fn connect_fetches_a_page_from_openssl_in_either_version_with_every_key_type() {
    let Some(openssl) = tool("openssl") else {
        return;
    };
    let folder = Folder::new("openssl");
    for algorithm in [
        &["EC", "-pkeyopt", "ec_paramgen_curve:P-256"][..],
        &["EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
        &["RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
        &["ED25519"],
    ] {
        let (cert, key) = (folder.path("own.pem"), folder.path("own.key"));
        // The certificate that this makes is self-signed, and says CA:TRUE.
        let made = Command::new(&openssl)
            .args([
                "req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=test", "-newkey",
            ])
            .args([&algorithm[0].to_owned()])
            .args(&algorithm[1..])
            .args([
                "-addext",
                "subjectAltName=DNS:localhost",
                "-keyout",
                &key,
                "-out",
                &cert,
            ])
            .output()
            .unwrap();
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
        let port = free_port();
        let address = format!("127.0.0.1:{port}");
        let mut server = Command::new(&openssl);
        server.stdin(Stdio::null()).args([
            "s_server", "-www", "-quiet", "-accept", &address, "-cert", &cert, "-key", &key,
        ]);
        let _server = start(server, &folder, port);
        for (version, shown) in [("--tls1_2", "TLSv1.2"), ("--tls1_3", "TLSv1.3")] {
            let target = format!("localhost:{port}");
            let request = b"GET / HTTP/1.0\r\n\r\n";
            let output = run(&["connect", &target, "--cafile", &cert, version], request);
            let page = String::from_utf8_lossy(&output.stdout);
            let facts = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{algorithm:?} {version}: {facts}");
            assert!(page.contains("s_server"), "{page}");
            assert!(facts.contains(shown), "{facts}");
        }
    }
}

#[test]
fn e13_connect_fetches_a_page_from_python_that_ends_without_close_notify() {
    let Some(python) = tool("python3") else {
        return;
    };
    let folder = Folder::new("python");
    fs::write(folder.path("hello.txt"), "hello from python").unwrap();
    let port = free_port();
    let script = format!(
        "import http.server, ssl\n\
         c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)\n\
         c.load_cert_chain('cert.pem', 'key.pem')\n\
         s = http.server.ThreadingHTTPServer(('127.0.0.1', {port}), \
         http.server.SimpleHTTPRequestHandler)\n\
         s.socket = c.wrap_socket(s.socket, server_side=True, do_handshake_on_connect=False)\n\
         s.serve_forever()\n"
    );
    let mut server = Command::new(python);
    server.args(["-c", &script]).current_dir(&folder.0);
    let _server = start(server, &folder, port);
    let target = format!("localhost:{port}");
    let arguments = ["connect", &target, "--cafile", &folder.path("ca.pem")];
    // The server sends no close_notify.
    for (flags, status) in [(&[][..], 1), (&["--ignore-unexpected-eof"], 0)] {
        let arguments = [&arguments[..], flags].concat();
        let output = run(&arguments, b"GET /hello.txt HTTP/1.0\r\n\r\n");
        let page = String::from_utf8_lossy(&output.stdout);
        assert!(page.ends_with("hello from python"), "{output:?}");
        assert_eq!(output.status.code(), Some(status), "{output:?}");
        let told = String::from_utf8_lossy(&output.stderr).contains("close_notify");
        assert_eq!(told, status != 0, "{output:?}");
    }
}

#[test]
fn curl_fetches_a_file_from_serve_and_refuses_a_stranger() {
    let Some(curl) = tool("curl") else { return };
    let folder = Folder::new("curl");
    let other = Folder::new("curl-other");
    let www = folder.0.join("www");
    fs::create_dir(&www).unwrap();
    let large: Vec<u8> = (0..=250).cycle().take(1 << 20).collect();
    fs::write(www.join("large.bin"), &large).unwrap();
    let (_server, port) = serve(&folder, &["--www", www.to_str().unwrap()]);
    let fetch = |ca: &Folder, file: &str| {
        let url = format!("https://localhost:{port}/{file}");
        let ca = ca.path("ca.pem");
        let arguments = ["-sS", "--fail", "--path-as-is", "--cacert", &ca, &url];
        Command::new(&curl).args(arguments).output().unwrap()
    };
    assert!(fetch(&folder, "large.bin").stdout == large);
    // 22: the server answered with an error; 60: the certificate was refused.
    assert_eq!(fetch(&folder, "none").status.code(), Some(22));
    assert_eq!(fetch(&folder, "../key.pem").status.code(), Some(22));
    assert_eq!(fetch(&other, "large.bin").status.code(), Some(60));
}

#[test]
fn serve_wants_the_client_certificate_it_was_told_to() {
    let Some(openssl) = tool("openssl") else {
        return;
    };
    let folder = Folder::new("mutual");
    let ca = folder.path("ca.pem");
    let (_server, port) = serve(&folder, &["--cafile", &ca, "--verify", "--echo"]);
    let (cert, key) = (folder.path("cert.pem"), folder.path("key.pem"));
    for version in ["-tls1_2", "-tls1_3"] {
        let meet =
            |identity: &[&str]| say_to(&openssl, port, &folder, &[&[version], identity].concat());
        assert_eq!(
            meet(&["-cert", &cert, "-key", &key]),
            "echo this\n",
            "{version}"
        );
        assert_eq!(meet(&[]), "", "{version}");
    }
}

#[test]
fn of_two_hundred_clients_the_silent_ones_hold_up_nobody() {
    let folder = Folder::new("many");
    let (_server, port) = serve(&folder, &["--echo"]);
    let connect = || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    let silent: Vec<_> = (0..20).map(|_| connect()).collect();
    let guest = portcullis_host::Guest::embedded().unwrap();
    let ca = fs::read(folder.path("ca.pem")).unwrap();
    let clients = (0..4).map(|_| {
        let (guest, ca) = (guest.clone(), ca.clone());
        thread::spawn(move || {
            use portcullis_host::context_types::Source;
            use portcullis_host::types::Role;
            use portcullis_host::{Context, Network, Options, Port};
            let network = Network::loopback().lookup();
            let mut tls = guest.instantiate(Options::new().network(network)).unwrap();
            let context = Context::secure(&mut tls, Role::Client).unwrap();
            context
                .add_trust_roots(&mut tls, &Source::Bytes(ca))
                .unwrap();
            // All are connected before the first is answered.
            let ports: Vec<_> = (0..45)
                .map(|_| Port::blocking_connect(&mut tls, &context, "localhost", port).unwrap())
                .collect();
            for port in &ports {
                port.blocking_write_all(&mut tls, b"hello").unwrap();
            }
            let answers = ports.iter().filter(|port| {
                let answer = port.blocking_read(&mut tls, 9).unwrap();
                answer.as_deref() == Some(b"hello")
            });
            answers.count()
        })
    });
    let clients: Vec<_> = clients.collect();
    let answered: usize = clients
        .into_iter()
        .map(|client| client.join().unwrap())
        .sum();
    assert_eq!((answered, silent.len()), (180, 20));
}
