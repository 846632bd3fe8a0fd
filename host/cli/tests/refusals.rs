//! What bad input gets from the `portcullis` command: its own line and exit status for each kind.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop"
)]

mod support;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::process::{Output, Stdio};
use std::thread;
use std::time::Duration;

use support::{
    Folder, PATIENCE, finish, free_port, portcullis, refusal, run, serve, serving, tool,
};

#[test]
fn each_kind_of_failure_has_its_line_and_exit_status() {
    let folder = Folder::new("refusals");
    let other = Folder::new("refusals-other");
    let (_server, port) = serve(&folder, &["--echo"]);
    let target = format!("localhost:{port}");
    let ca = folder.path("ca.pem");
    let info = ["connect", &target, "--info", "--cafile"];
    let good = run(&[&info[..], &[&ca]].concat(), b"");
    assert!(good.status.success(), "{good:?}");
    let json = run(&[&info[..], &[&ca, "--json"]].concat(), b"");
    let facts: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert!(facts.is_object());

    let other_ca = other.path("ca.pem");
    let stranger = run(&[&info[..], &[&other_ca]].concat(), b"");
    assert!(refusal(&stranger, 1).contains("trusted authority"));
    let named = run(
        &[&info[..], &[&ca, "--servername", "other.test"]].concat(),
        b"",
    );
    assert!(refusal(&named, 1).contains("other.test"));

    for (arguments, part) in [
        (&["connect", "localhost:70000"][..], "70000"),
        (&["connect", "localhost:-1"], "-1"),
        (&["connect", "localhost:0"], "port 0"),
        (&["connect", "localhost:https"], "https"),
        (&["connect", "https://localhost/"], "give HOST:PORT"),
        (&["connect"], "portcullis connect --help"),
        (
            &["serve", "127.0.0.1:65536", "--cert", "c", "--key", "k"],
            "65536",
        ),
    ] {
        assert!(refusal(&run(arguments, b""), 2).contains(part), "{part}");
    }
    let nobody = format!("127.0.0.1:{}", free_port());
    let refused = run(&["connect", &nobody, "--cafile", &ca], b"");
    assert!(refusal(&refused, 3).contains("connection refused"));
    // Without a port, the command takes that of the protocol.
    let unknown = ["connect", "no-such-host.invalid", "--cafile", &ca];
    for (more, port) in [(&[][..], 443), (&["--starttls", "imap"], 143)] {
        let output = run(&[&unknown[..], more].concat(), b"");
        assert!(refusal(&output, 3).contains(&format!("no-such-host.invalid:{port}")));
    }
    let taken = format!("127.0.0.1:{port}");
    let (cert, key) = (folder.path("cert.pem"), folder.path("key.pem"));
    let second = run(&["serve", &taken, "--cert", &cert, "--key", &key], b"");
    assert!(refusal(&second, 3).contains("address in use"));
}

#[test]
fn files_that_are_not_what_they_should_be_are_named_with_the_reason() {
    let Some(openssl) = tool("openssl") else {
        return;
    };
    let folder = Folder::new("files");
    let other = Folder::new("files-other");
    let write = |name: &str, contents: &[u8]| {
        fs::write(folder.path(name), contents).unwrap();
        folder.path(name)
    };
    let (cert, key) = (folder.path("cert.pem"), folder.path("key.pem"));
    let (cert_pem, key_pem) = (fs::read(&cert).unwrap(), fs::read(&key).unwrap());
    let empty = write("empty.pem", b"");
    let garbage = write("garbage.pem", b"hello");
    let cut_cert = write("cut-cert.pem", &cert_pem[..cert_pem.len() - 10]);
    let cut_key = write("cut-key.pem", &key_pem[..key_pem.len() - 10]);
    let absent = folder.path("absent.pem");
    let encrypted = folder.path("encrypted.pem");
    let made = std::process::Command::new(openssl)
        .args([
            "pkcs8",
            "-topk8",
            "-passout",
            "pass:open sesame",
            "-in",
            &key,
        ])
        .args(["-out", &encrypted])
        .status();
    assert!(made.unwrap().success());
    let other_key = other.path("key.pem");

    // The file that is named in the line is the one at fault.
    for (cert, key, named, reason) in [
        (&empty, &key, &empty, "empty"),
        (&garbage, &key, &garbage, "cannot be parsed"),
        (&cut_cert, &key, &cut_cert, "cannot be parsed"),
        (&absent, &key, &absent, "No such file"),
        (&key, &key, &key, "no certificate"),
        (&cert, &empty, &empty, "empty"),
        (&cert, &garbage, &garbage, "cannot be parsed"),
        (&cert, &cut_key, &cut_key, "cannot be parsed"),
        (&cert, &absent, &absent, "No such file"),
        (&cert, &cert, &cert, "no private key"),
        (&cert, &other_key, &other_key, "do not belong together"),
        (&cert, &encrypted, &encrypted, "PORTCULLIS_PASSPHRASE"),
    ] {
        let identity = ["--cert", cert, "--key", key];
        let nobody = format!("127.0.0.1:{}", free_port());
        for command in [
            &["serve", "127.0.0.1:0"][..],
            &["connect", &nobody, "--insecure"],
        ] {
            let mut command = portcullis(&[command, &identity].concat());
            command.env_remove("PORTCULLIS_PASSPHRASE");
            let output = finish(command, b"");
            let line = last_line(&output);
            assert_eq!(output.status.code(), Some(2), "{line}");
            assert!(line.contains(named) && line.contains(reason), "{line}");
        }
    }
    let identity = ["serve", "127.0.0.1:0", "--cert", &cert, "--key", &encrypted];
    let mut wrong = portcullis(&identity);
    wrong.env("PORTCULLIS_PASSPHRASE", "open barley");
    let line = refusal(&finish(wrong, b""), 2);
    assert!(
        line.contains("passphrase") && line.contains(&encrypted),
        "{line}"
    );
    let mut right = portcullis(&identity);
    right
        .env("PORTCULLIS_PASSPHRASE", "open sesame")
        .stderr(Stdio::null());
    drop(serving(right));

    for (file, reason) in [
        (&empty, "empty"),
        (&garbage, "cannot be parsed"),
        (&cut_cert, "cannot be parsed"),
        (&absent, "No such file"),
        (&key, "no certificate"),
    ] {
        let line = refusal(&run(&["connect", "localhost:1", "--cafile", file], b""), 2);
        assert!(
            line.contains(file.as_str()) && line.contains(reason),
            "{line}"
        );
    }
    let none = run(&["connect", "localhost:1", "--capath", &absent], b"");
    assert!(refusal(&none, 2).contains(&absent));
}

/// The line that reports the failure; a warning may stand before it.
fn last_line(output: &Output) -> String {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    assert!(!text.contains("bug"), "{text}");
    text.trim_end()
        .lines()
        .last()
        .unwrap_or_default()
        .to_owned()
}

/// What a peer does with its one connection.
type Peer = fn(TcpStream);

/// The output of the command with a peer on loopback that treats its one connection in this way.
fn meet(arguments: &[&str], peer: Peer) -> Output {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let target = format!("127.0.0.1:{}", listener.local_addr().unwrap().port());
    let peer = thread::spawn(move || {
        let socket = listener.accept().unwrap().0;
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        peer(socket);
    });
    let output = run(
        &[&["connect", &target, "--insecure"], arguments].concat(),
        b"",
    );
    peer.join().unwrap();
    output
}

/// A short limit, if it is to run out.
fn timeout(status: i32) -> &'static [&'static str] {
    if status == 4 {
        &["--timeout", "1"]
    } else {
        &[]
    }
}

fn stay(mut socket: TcpStream) {
    while socket.read(&mut [0; 1024]).is_ok_and(|length| length > 0) {}
}

fn say(mut socket: TcpStream, speech: &[u8]) {
    socket.write_all(speech).unwrap();
    stay(socket);
}

fn close(mut socket: TcpStream) {
    // Reads the client's first message, because closing with bytes unread would reset the
    // connection.
    let _ = socket.read(&mut [0; 4096]);
    socket.shutdown(Shutdown::Both).unwrap();
}

/// Sends one byte at a time, until the client is gone.
fn drip(mut socket: TcpStream, opening: &[u8]) {
    let pause = Some(Duration::from_millis(20));
    socket.set_read_timeout(pause).unwrap();
    let mut drip = opening.iter().copied().chain(std::iter::repeat(b'0'));
    while socket.write_all(&[drip.next().unwrap()]).is_ok() {
        if matches!(socket.read(&mut [0; 4096]), Ok(0)) {
            break;
        }
    }
}

#[test]
fn servers_that_misbehave_are_told_apart_by_line_and_exit_status() {
    let peers: [(Peer, i32, &str); 8] = [
        (
            |socket| say(socket, b"HTTP/1.1 400 Bad Request\r\n\r\n"),
            1,
            "plain HTTP",
        ),
        (
            |socket| say(socket, b"SSH-2.0-OpenSSH\r\n"),
            1,
            "does not speak TLS",
        ),
        (|socket| say(socket, &[0xff; 100]), 1, "does not speak TLS"),
        (
            |socket| say(socket, &[0x16, 3, 3, 0xff, 0xff, 0, 0, 0]),
            1,
            "longer than any may be",
        ),
        (close, 1, "in the middle of the handshake"),
        // Closing with bytes unread resets the connection.
        (
            |mut socket| socket.read_exact(&mut [0]).unwrap(),
            3,
            "connection lost",
        ),
        (
            |socket| drip(socket, &[0x16, 3, 3, 0x40, 0]),
            4,
            "handshake took longer",
        ),
        (stay, 4, "handshake took longer"),
    ];
    for (peer, status, part) in peers {
        let output = meet(timeout(status), peer);
        let line = last_line(&output);
        assert_eq!(output.status.code(), Some(status), "{line}");
        assert!(line.contains(part), "{line}");
        assert!(!line.contains("was read"), "{line}");
    }
}

#[test]
fn servers_that_misbehave_before_starttls_are_told_apart_too() {
    let peers: [(Peer, i32, &str); 6] = [
        (
            |socket| say(socket, b"HTTP/1.1 400 Bad Request\r\n"),
            1,
            "HTTP/1.1 400",
        ),
        (
            |socket| say(socket, b"220 a\r\n250 a\r\n"),
            1,
            "does not offer STARTTLS",
        ),
        (
            |socket| say(socket, b"220 a\r\n250 STARTTLS\r\n220 go\r\nHTTP/1.1\r\n"),
            1,
            "plain HTTP",
        ),
        (
            |socket| socket.shutdown(Shutdown::Both).unwrap(),
            3,
            "closed the connection",
        ),
        (|socket| drip(socket, b"220-"), 4, "in time"),
        (stay, 4, "in time"),
    ];
    for (peer, status, part) in peers {
        let starttls = [&["--starttls", "smtp"], timeout(status)].concat();
        let output = meet(&starttls, peer);
        let line = last_line(&output);
        assert_eq!(output.status.code(), Some(status), "{line}");
        assert!(line.contains(part), "{line}");
    }
}

#[test]
fn serve_once_tells_how_its_client_failed_in_one_line() {
    let folder = Folder::new("once");
    let ca = folder.path("ca.pem");
    let once = |client: &dyn Fn(u16)| {
        let (cert, key) = (folder.path("cert.pem"), folder.path("key.pem"));
        let mut command = portcullis(&[
            "serve",
            "127.0.0.1:0",
            "--once",
            "--cert",
            &cert,
            "--key",
            &key,
        ]);
        command.stderr(Stdio::piped());
        let (mut server, port) = serving(command);
        client(port);
        let status = server.0.wait().unwrap();
        let mut line = String::new();
        let mut errors = server.0.stderr.take().unwrap();
        errors.read_to_string(&mut line).unwrap();
        assert_eq!(line.lines().count(), 1, "{line}");
        (status.code(), line)
    };
    let visit = |client: Peer| {
        once(&|port| {
            let socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
            socket.set_read_timeout(Some(PATIENCE)).unwrap();
            client(socket);
        })
    };
    let (status, line) = once(&|port| {
        let target = format!("localhost:{port}");
        let output = run(
            &["connect", &target, "--half-close", "--cafile", &ca],
            b"hello",
        );
        assert_eq!(output.stdout, b"hello");
    });
    assert_eq!(status, Some(0), "{line}");
    assert!(line.contains("5 bytes in, 5 out"), "{line}");
    let clients: [(Peer, &str); 3] = [
        (
            (|socket| say(socket, b"GET / HTTP/1.1\r\n\r\n")),
            "plain HTTP",
        ),
        (|socket| say(socket, &[0xff; 100]), "does not speak TLS"),
        (drop, "in the middle of the handshake"),
    ];
    for (client, part) in clients {
        let (status, line) = visit(client);
        assert_eq!(status, Some(1), "{line}");
        assert!(
            line.starts_with("portcullis: ") && line.contains(part),
            "{line}"
        );
    }
}

/// A core module whose `_start` is one instruction, `unreachable`.
const TRAPS: &[u8] = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x05\x03\x01\0\x01\
    \x07\x13\x02\x06memory\x02\0\x06_start\0\0\x0a\x05\x01\x03\0\0\x0b";

#[test]
fn trap_of_a_program_is_told_by_its_cause_and_where_it_was_in_lines() {
    let folder = Folder::new("trap");
    let file = folder.path("traps.wasm");
    fs::write(&file, TRAPS).unwrap();
    let output = run(&["run", &file], b"");
    let line = last_line(&output);
    assert_eq!(output.status.code(), Some(1), "{line}");
    assert!(
        line.contains(&file) && line.contains("unreachable"),
        "{line}"
    );
    assert!(!line.contains("backtrace"), "{line}");
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("wasm backtrace"), "{told}");
    assert!(!told.contains('\u{fffd}'), "{told}");

    fs::write(&file, b"\0asm").unwrap();
    assert!(refusal(&run(&["run", &file], b""), 2).contains(&file));
}
