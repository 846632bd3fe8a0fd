//! The `portcullis` command against independent programs: OpenSSL, Python, curl, PostgreSQL, Exim.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop"
)]

mod support;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use support::{
    Folder, PATIENCE, Running, await_listener, finish, free_port, refusal, run, serve, tool,
};

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
        // What it makes says CA:TRUE and signs itself.
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
        let server = Command::new(&openssl)
            .args([
                "s_server", "-www", "-quiet", "-accept", &address, "-cert", &cert, "-key", &key,
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let _server = Running(server.unwrap());
        await_listener(port);
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
fn connect_fetches_a_page_from_python() {
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
    let server = Command::new(python)
        .args(["-c", &script])
        .current_dir(&folder.0)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let _server = Running(server.unwrap());
    await_listener(port);
    let target = format!("localhost:{port}");
    let arguments = ["connect", &target, "--cafile", &folder.path("ca.pem")];
    let output = run(&arguments, b"GET /hello.txt HTTP/1.0\r\n\r\n");
    assert!(
        String::from_utf8_lossy(&output.stdout).ends_with("hello from python"),
        "{output:?}"
    );
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
    let address = format!("127.0.0.1:{port}");
    let (cert, key) = (folder.path("cert.pem"), folder.path("key.pem"));
    for version in ["-tls1_2", "-tls1_3"] {
        let meet = |identity: &[&str]| {
            let mut child = Command::new(&openssl)
                .args([
                    "s_client",
                    "-quiet",
                    "-verify_return_error",
                    "-connect",
                    &address,
                ])
                .args(["-CAfile", &ca, "-servername", "localhost", version])
                .args(identity)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            let mut input = child.stdin.take().unwrap();
            let _ = input.write_all(b"echo this\n");
            let mut answer = String::new();
            let _ = BufReader::new(child.stdout.take().unwrap()).read_line(&mut answer);
            drop(input);
            drop(Running(child));
            answer
        };
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

#[test]
fn each_kind_of_failure_has_its_line_and_exit_status() {
    let folder = Folder::new("refusals");
    let other = Folder::new("refusals-other");
    let (_server, port) = serve(&folder, &["--echo"]);
    let target = format!("localhost:{port}");
    let ca = folder.path("ca.pem");
    let good = run(&["connect", &target, "--cafile", &ca, "--info"], b"");
    assert!(good.status.success(), "{good:?}");
    let json = run(
        &["connect", &target, "--cafile", &ca, "--info", "--json"],
        b"",
    );
    let facts: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert!(facts.is_object());

    let stranger = run(
        &[
            "connect",
            &target,
            "--cafile",
            &other.path("ca.pem"),
            "--info",
        ],
        b"",
    );
    assert!(refusal(&stranger, 1).contains("trusted authority"));
    let named = [
        "connect",
        &target,
        "--cafile",
        &ca,
        "--servername",
        "other.test",
        "--info",
    ];
    assert!(refusal(&run(&named, b""), 1).contains("other.test"));
    let absent = run(&["connect", &target, "--cafile", "/no/such/file"], b"");
    assert!(refusal(&absent, 2).contains("/no/such/file"));
    assert_eq!(
        run(&["connect", "localhost:70000"], b"").status.code(),
        Some(2)
    );
    assert_eq!(run(&["connect"], b"").status.code(), Some(2));
    let nobody = format!("127.0.0.1:{}", free_port());
    let refused = run(&["connect", &nobody, "--cafile", &ca], b"");
    assert!(refusal(&refused, 3).contains("refused"));
    let unknown = run(
        &["connect", "no-such-host.invalid:443", "--cafile", &ca],
        b"",
    );
    assert!(refusal(&unknown, 3).contains("no-such-host.invalid"));

    let speak = |speech: &'static [u8]| {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let target = format!("127.0.0.1:{}", listener.local_addr().unwrap().port());
        let peer = thread::spawn(move || {
            let mut socket = listener.accept().unwrap().0;
            socket.set_read_timeout(Some(PATIENCE)).unwrap();
            socket.write_all(speech).unwrap();
            while socket.read(&mut [0; 1024]).is_ok_and(|length| length > 0) {}
        });
        let output = run(
            &["connect", &target, "--cafile", &ca, "--timeout", "1"],
            b"",
        );
        peer.join().unwrap();
        output
    };
    assert!(refusal(&speak(b"HTTP/1.1 400 Bad Request\r\n\r\n"), 1).contains("HTTP"));
    assert!(refusal(&speak(b"SSH-2.0-OpenSSH\r\n"), 1).contains("does not speak TLS"));
    assert!(refusal(&speak(b""), 4).contains("handshake"));
}

/// Run a program of a test's own as a user that is not root; PostgreSQL insists on it.
fn unprivileged(program: &Path, arguments: &[&str]) -> Command {
    let is_root =
        fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    if !is_root {
        let mut command = Command::new(program);
        command.args(arguments);
        return command;
    }
    let mut command = Command::new("runuser");
    command
        .args(["-u", "postgres", "--"])
        .arg(program)
        .args(arguments);
    command
}

#[test]
fn starttls_reaches_a_real_postgresql() {
    let Some(initdb) = tool("initdb") else { return };
    let Some(postgres) = tool("postgres") else {
        return;
    };
    let folder = Folder::new("postgres");
    // Where an unprivileged user may go; the target directory may not be.
    let data = std::env::temp_dir().join(format!("portcullis-pg-{}", std::process::id()));
    let data_path = data.to_str().unwrap().to_owned();
    let made = unprivileged(&initdb, &["-D", &data_path, "-A", "trust", "-U", "tester"])
        .current_dir(std::env::temp_dir())
        .output()
        .unwrap();
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    for name in ["cert.pem", "key.pem"] {
        let copy = unprivileged(
            Path::new("/usr/bin/tee"),
            &[data.join(name).to_str().unwrap()],
        );
        finish(copy, &fs::read(folder.path(name)).unwrap());
    }
    let key = data.join("key.pem");
    unprivileged(Path::new("/bin/chmod"), &["600", key.to_str().unwrap()])
        .status()
        .unwrap();
    let port = free_port();
    let number = port.to_string();
    let server = unprivileged(
        &postgres,
        &[
            "-D",
            &data_path,
            "-p",
            &number,
            "-h",
            "127.0.0.1",
            "-k",
            &data_path,
            "-c",
            "ssl=on",
            "-c",
            "ssl_cert_file=cert.pem",
            "-c",
            "ssl_key_file=key.pem",
        ],
    )
    .current_dir(std::env::temp_dir())
    .stdout(Stdio::null())
    .stderr(Stdio::null())
    .spawn()
    .unwrap();
    let server = Running(server);
    await_listener(port);
    let target = format!("localhost:{port}");
    let ca = folder.path("ca.pem");
    let arguments = [
        "connect",
        &target,
        "--starttls",
        "postgres",
        "--cafile",
        &ca,
    ];
    let info = run(&[&arguments[..], &["--info"]].concat(), b"");
    assert!(info.status.success(), "{info:?}");
    assert!(
        String::from_utf8_lossy(&info.stdout).contains("TLSv1.3"),
        "{info:?}"
    );
    // A start-up message of version 3.0 for the user; the server answers "R", authentication.
    let mut start = b"\0\0\0\0\0\x03\0\0user\0tester\0database\0postgres\0\0".to_vec();
    start[3] = u8::try_from(start.len()).unwrap();
    start.extend(b"X\0\0\0\x04");
    let output = run(&arguments, &start);
    assert_eq!(output.stdout.first(), Some(&b'R'), "{output:?}");
    // The wrapper passes no signal on that cannot be caught: ask by the server's own file.
    let pid = unprivileged(
        Path::new("/usr/bin/head"),
        &["-1", data.join("postmaster.pid").to_str().unwrap()],
    )
    .output()
    .unwrap();
    let pid = String::from_utf8(pid.stdout).unwrap().trim().to_owned();
    unprivileged(Path::new("/bin/kill"), &["-INT", &pid])
        .status()
        .unwrap();
    drop(server);
    let _ = fs::remove_dir_all(&data);
}

#[test]
fn starttls_reaches_a_real_smtp_server() {
    let Some(exim) = tool("exim4") else { return };
    let folder = Folder::new("smtp");
    let port = free_port();
    let id = |flag| {
        let output = Command::new("id").arg(flag).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let (user, group) = (id("-un"), id("-gn"));
    let base = folder.path("");
    let base = base.trim_end_matches('/');
    let configuration = format!(
        "primary_hostname = localhost\n\
         exim_user = {user}\n\
         exim_group = {group}\n\
         spool_directory = {base}/spool\n\
         log_file_path = {base}/log.%s\n\
         local_interfaces = 127.0.0.1\n\
         daemon_smtp_ports = {port}\n\
         tls_advertise_hosts = *\n\
         tls_certificate = {base}/cert.pem\n\
         tls_privatekey = {base}/key.pem\n\
         host_lookup =\n\
         keep_environment =\n\
         acl_smtp_rcpt = deny\n"
    );
    fs::create_dir(folder.path("spool")).unwrap();
    fs::write(folder.path("exim.conf"), configuration).unwrap();
    let server = Command::new(exim)
        .args(["-C", &folder.path("exim.conf"), "-bdf"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let _server = Running(server.unwrap());
    await_listener(port);
    let target = format!("localhost:{port}");
    let ca = folder.path("ca.pem");
    let arguments = ["connect", &target, "--starttls", "smtp", "--cafile", &ca];
    let output = run(&arguments, b"EHLO client.test\r\nQUIT\r\n");
    let answer = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    // Within TLS it offers STARTTLS no more.
    assert!(answer.starts_with("250-localhost Hello"), "{answer}");
    assert!(
        answer.contains("221 ") && !answer.contains("STARTTLS"),
        "{answer}"
    );
}
