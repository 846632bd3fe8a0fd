//! `portcullis serve` with clients that take their time, and where it listens.
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
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use support::{Folder, PATIENCE, Running, finish, portcullis, refusal, run, serve, serving, skip};

const REQUEST: &[u8] = b"GET / HTTP/1.0\r\n\r\n";
const PAGE: &str = "hello from the gate";

/// A folder with a page to serve.
fn site(name: &str) -> (Folder, String) {
    let folder = Folder::new(name);
    let www = folder.path("www");
    fs::create_dir(&www).unwrap();
    fs::write(format!("{www}/index.html"), PAGE).unwrap();
    (folder, www)
}

#[track_caller]
fn is_served(folder: &Folder, port: u16) {
    let target = format!("localhost:{port}");
    let output = run(
        &["connect", &target, "--cafile", &folder.path("ca.pem")],
        REQUEST,
    );
    let page = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    assert!(page.ends_with(PAGE), "{output:?}");
}

fn silent(port: u16) -> TcpStream {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap()
}

/// A client whose input the test writes.
fn client(folder: &Folder, port: u16) -> Running {
    let target = format!("localhost:{port}");
    let child = portcullis(&["connect", &target, "--cafile", &folder.path("ca.pem")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    Running(child.unwrap())
}

#[test]
fn head_of_a_request_that_comes_byte_by_byte_is_given_up() {
    let (folder, www) = site("drip");
    let (_server, port) = serve(&folder, &["--www", &www, "--header-timeout", "1"]);
    let mut slow = client(&folder, port);
    let mut input = slow.0.stdin.take().unwrap();
    let mut output = slow.0.stdout.take().unwrap();
    let (ended, end) = mpsc::channel();
    let reading = thread::spawn(move || {
        let mut answer = String::new();
        output.read_to_string(&mut answer).unwrap();
        ended.send(()).unwrap();
        answer
    });
    let begun = Instant::now();
    let mut drip = b"GET / HTTP/1.1\r\nX: "
        .iter()
        .copied()
        .chain(std::iter::repeat(b'a'));
    // Each byte comes long before a timer for silence would run out.
    while end.recv_timeout(Duration::from_millis(50)).is_err() {
        assert!(begun.elapsed() < PATIENCE);
        let _ = input.write_all(&[drip.next().unwrap()]);
    }
    let answer = reading.join().unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    is_served(&folder, port);
}

#[test]
fn more_silent_clients_than_there_are_places_hold_up_nobody() {
    let (folder, www) = site("places");
    let places = [
        "--www",
        &www,
        "--max-connections",
        "5",
        "--header-timeout",
        "none",
    ];
    let (_server, port) = serve(&folder, &places);
    // Some say nothing at all; some have done their handshakes.
    let open: Vec<Running> = (0..5).map(|_| client(&folder, port)).collect();
    let silent: Vec<TcpStream> = (0..20).map(|_| silent(port)).collect();
    is_served(&folder, port);
    is_served(&folder, port);
    drop((open, silent));
    is_served(&folder, port);
}

#[test]
fn those_who_have_said_what_they_want_keep_their_places() {
    let folder = Folder::new("keep");
    let (_server, port) = serve(&folder, &["--echo", "--max-connections", "2"]);
    let mut talking = client(&folder, port);
    let mut input = talking.0.stdin.take().unwrap();
    let mut output = BufReader::new(talking.0.stdout.take().unwrap());
    let mut say = |line: &str| {
        input.write_all(line.as_bytes()).unwrap();
        let mut answer = String::new();
        output.read_line(&mut answer).unwrap();
        answer
    };
    assert_eq!(say("one\n"), "one\n");
    // All of these get the other place, one after the other.
    let mut gone: Vec<TcpStream> = (0..4).map(|_| silent(port)).collect();
    for socket in gone.iter_mut().take(3) {
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        // The server closes the connection by an end or a reset.
        let _ = socket.read(&mut [0]);
    }
    assert_eq!(say("two\n"), "two\n");
}

#[test]
fn too_few_descriptors_make_fewer_places_and_hold_up_nobody() {
    let (folder, www) = site("descriptors");
    let (cert, key) = (folder.path("cert.pem"), folder.path("key.pem"));
    let limited = |more: &[&str]| {
        let mut shell = Command::new("sh");
        shell
            .args(["-c", "ulimit -n 64; exec \"$@\"", "sh"])
            .arg(env!("CARGO_BIN_EXE_portcullis"))
            .args(["serve", "127.0.0.1:0", "--cert", &cert, "--key", &key])
            .args(["--www", &www])
            .args(more)
            .stderr(Stdio::piped());
        shell
    };
    let too_many = finish(limited(&["--max-connections", "30"]), b"");
    let line = refusal(&too_many, 2);
    assert!(
        line.contains("not for 30") && line.contains("ulimit -n"),
        "{line}"
    );

    let (mut server, port) = serving(limited(&[]));
    let errors = BufReader::new(server.0.stderr.take().unwrap());
    let reading = thread::spawn(move || errors.lines().map_while(Result::ok).collect::<Vec<_>>());
    let silent: Vec<TcpStream> = (0..100).map(|_| silent(port)).collect();
    is_served(&folder, port);
    drop(silent);
    is_served(&folder, port);
    drop(server);
    let lines = reading.join().unwrap();
    assert!(
        lines.iter().any(|line| line.contains("places")),
        "{lines:?}"
    );
    for line in lines {
        assert!(
            !line.contains("no more sockets") && !line.contains("404 Not"),
            "{line}"
        );
    }
}

/// Whether this machine has IPv6.
fn has_ipv6() -> bool {
    let has = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok();
    if !has {
        skip("this machine has no IPv6");
    }
    has
}

/// `portcullis serve` at this address, and the lines that it says.
fn serve_at(folder: &Folder, address: &str, more: &[&str]) -> (Running, Vec<SocketAddr>) {
    let (cert, key) = (folder.path("cert.pem"), folder.path("key.pem"));
    let fixed = ["serve", address, "--cert", &cert, "--key", &key];
    let mut command = portcullis(&[&fixed, more].concat());
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut server = Running(command.spawn().unwrap());
    let mut said = [0; 1024];
    // The lines come in one write.
    let length = server.0.stdout.as_mut().unwrap().read(&mut said).unwrap();
    let said = String::from_utf8_lossy(&said[..length]);
    let addresses = said
        .lines()
        .map(|line| line.strip_prefix("listening on ").unwrap().parse().unwrap());
    (server, addresses.collect())
}

#[test]
fn every_address_is_every_address_of_both_families_unless_said_otherwise() {
    if !has_ipv6() {
        return;
    }
    let folder = Folder::new("dual");
    let unspecified = [Ipv6Addr::UNSPECIFIED.into(), Ipv4Addr::UNSPECIFIED.into()];
    let (_server, addresses) = serve_at(&folder, "[::]:0", &[]);
    let port = addresses[0].port();
    assert_eq!(addresses, unspecified.map(|ip| SocketAddr::new(ip, port)));
    for target in [format!("127.0.0.1:{port}"), format!("[::1]:{port}")] {
        let ca = folder.path("ca.pem");
        let name = ["--verify-hostname", "localhost", "--half-close"];
        let fixed = ["connect", &target, "--cafile", &ca];
        let output = run(&[&fixed[..], &name].concat(), b"hello");
        assert!(output.status.success(), "{target}: {output:?}");
        assert_eq!(output.stdout, b"hello", "{target}");
    }

    let (_server, addresses) = serve_at(&folder, "[::]:0", &["--ipv6-only"]);
    let port = addresses[0].port();
    assert_eq!(addresses, [SocketAddr::new(unspecified[0], port)]);
    let reached = |ip: IpAddr| TcpStream::connect((ip, port)).is_ok();
    assert!(reached(Ipv6Addr::LOCALHOST.into()));
    assert!(!reached(Ipv4Addr::LOCALHOST.into()));
}

#[test]
fn more_addresses_are_listened_at_with_the_port_of_the_first_or_their_own() {
    let folder = Folder::new("bind");
    let own = support::free_port();
    let own_place = format!("127.0.0.3:{own}");
    // What is said twice is listened at once.
    let more = ["127.0.0.2:0", "127.0.0.1:0", &own_place];
    let more = more.map(|address| ["--bind", address]).concat();
    let (_server, addresses) = serve_at(&folder, "127.0.0.1:0", &more);
    let port = addresses[0].port();
    let expected = [("127.0.0.1", port), ("127.0.0.2", port), ("127.0.0.3", own)];
    let expected = expected.map(|(ip, port)| format!("{ip}:{port}").parse::<SocketAddr>().unwrap());
    assert_eq!(addresses, expected);
    let ca = folder.path("ca.pem");
    for address in addresses {
        let name = ["--verify-hostname", "localhost", "--half-close"];
        let fixed = ["connect", &address.to_string(), "--cafile", &ca];
        let output = run(&[&fixed[..], &name].concat(), b"hello");
        assert!(output.status.success(), "{address}: {output:?}");
        assert_eq!(output.stdout, b"hello", "{address}");
    }
    assert!(TcpStream::connect(("127.0.0.3", port)).is_err());
    if !has_ipv6() {
        return;
    }
    let (_server, addresses) = serve_at(&folder, "127.0.0.1:0", &["--bind", "[::1]:0"]);
    assert_eq!(addresses.len(), 2);
    for address in addresses {
        assert!(TcpStream::connect(address).is_ok(), "{address}");
    }
}

#[test]
fn addresses_with_zones_and_mapped_ones_are_connected_to() {
    let folder = Folder::new("zones");
    let ca = folder.path("ca.pem");
    let fixed = ["--cafile", &ca, "--info"];
    let connect = |target: &str, more: &[&str]| {
        let arguments = [&["connect", target], &fixed[..], more].concat();
        run(&arguments, b"")
    };
    let (_server, port) = serve(&folder, &["--echo"]);
    let mapped = connect(&format!("[::ffff:127.0.0.1]:{port}"), &[]);
    assert!(mapped.status.success(), "{mapped:?}");
    let facts = String::from_utf8_lossy(&mapped.stdout);
    assert!(facts.contains(&format!("127.0.0.1:{port}")), "{facts}");

    if !has_ipv6() {
        return;
    }
    // Not every machine has a link-local address. The resolver takes a numeric zone for other
    // addresses too.
    let (_server, addresses) = serve_at(&folder, "[::1]:0", &[]);
    let name = ["--verify-hostname", "localhost"];
    let port = addresses[0].port();
    let zoned = connect(&format!("[::1%1]:{port}"), &name);
    assert!(zoned.status.success(), "{zoned:?}");
    let nowhere = connect("[fe80::1%nosuchzone]:443", &name);
    assert!(refusal(&nowhere, 3).contains("the zone an interface here"));
}

#[test]
fn names_in_unicode_are_asked_for_as_dns_and_certificates_have_them() {
    let folder = Folder::new("unicode");
    let (_server, port) = serve(&folder, &["--echo"]);
    let ca = folder.path("ca.pem");
    let unknown = run(&["connect", "bücher.invalid:1", "--cafile", &ca], b"");
    assert!(refusal(&unknown, 3).contains("xn--bcher-kva.invalid:1"));
    let target = format!("127.0.0.1:{port}");
    for flag in ["--servername", "--verify-hostname"] {
        let output = run(
            &[
                "connect",
                &target,
                "--cafile",
                &ca,
                flag,
                "Bücher.example",
                "--info",
            ],
            b"",
        );
        assert!(
            refusal(&output, 1).contains("asked for xn--bcher-kva.example"),
            "{output:?}"
        );
    }
    let wrong = run(&["connect", "b\u{fffd}cher:1", "--cafile", &ca], b"");
    assert!(refusal(&wrong, 2).contains("IDNA"));
}
