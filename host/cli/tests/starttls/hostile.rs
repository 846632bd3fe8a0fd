//! Servers that never come to TLS, or come to it with more than they should say.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::Output;
use std::thread;
use std::time::{Duration, Instant};

use super::support::{PATIENCE, run};

/// The protocols, and how a server of each begins.
const BEGINNINGS: [(&str, &[u8]); 13] = [
    ("ftp", b"220-"),
    ("imap", b"* OK "),
    ("irc", b":a NOTICE * :"),
    ("ldap", b"\x30\x84\0\0\x0f\xff"),
    ("lmtp", b"220-"),
    ("mysql", b"\xff\0\0\0\x0a"),
    ("nntp", b"200 "),
    ("pop3", b"+OK "),
    ("postgres", b"E\0\0\0\x20S"),
    ("sieve", b"\"IMPLEMENTATION\" \""),
    ("smtp", b"220-"),
    ("xmpp", b"<?xml version='1.0'?><stream:stream a='"),
    ("xmpp-server", b"<stream:stream><stream:features>"),
];

/// The output of the command with a peer that treats its one connection in this way.
fn meet(protocol: &str, more: &[&str], peer: impl FnOnce(TcpStream) + Send + 'static) -> Output {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let target = format!("127.0.0.1:{}", listener.local_addr().unwrap().port());
    let peer = thread::spawn(move || peer(listener.accept().unwrap().0));
    let fixed = ["connect", &target, "--insecure", "--starttls", protocol];
    let output = run(&[&fixed[..], more].concat(), b"");
    peer.join().unwrap();
    output
}

/// The last line; a warning stands before it.
fn last_line(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    text.trim_end()
        .lines()
        .last()
        .unwrap_or_default()
        .to_owned()
}

/// Says this and then one byte after the other, each in time, until the client is gone.
fn drip(mut socket: TcpStream, beginning: &[u8]) {
    let pause = Some(Duration::from_millis(20));
    socket.set_read_timeout(pause).unwrap();
    let mut drip = beginning.iter().copied().chain(std::iter::repeat(b'0'));
    while socket.write_all(&[drip.next().unwrap()]).is_ok() {
        if matches!(socket.read(&mut [0; 4096]), Ok(0)) {
            break;
        }
    }
}

/// Says this and then a row of lines without end, as fast as the client takes it.
fn flood(mut socket: TcpStream, beginning: &[u8]) {
    let mut written = socket.write_all(beginning);
    while written.is_ok() {
        written = socket.write_all(&b"0\r\n".repeat(1000));
    }
}

#[test]
fn dialogue_has_a_limit_however_slow_its_bytes_come() {
    let all: Vec<_> = BEGINNINGS
        .into_iter()
        .map(|(protocol, beginning)| {
            thread::spawn(move || {
                let begun = Instant::now();
                let output = meet(protocol, &["--timeout", "2"], |socket| {
                    drip(socket, beginning);
                });
                let line = last_line(&output);
                assert_eq!(output.status.code(), Some(4), "{protocol}: {line}");
                assert!(line.contains("in time"), "{protocol}: {line}");
                assert!(begun.elapsed() < PATIENCE);
            })
        })
        .collect();
    for one in all {
        one.join().unwrap();
    }
}

#[test]
fn dialogue_has_a_limit_however_fast_its_bytes_come() {
    for (protocol, beginning) in BEGINNINGS {
        let output = meet(protocol, &[], |socket| flood(socket, beginning));
        let line = last_line(&output);
        assert_eq!(output.status.code(), Some(1), "{protocol}: {line}");
        assert!(line.contains("STARTTLS refused"), "{protocol}: {line}");
    }
}

/// An attacker in between can put bytes behind the go-ahead. They are taken for TLS, and fail.
#[test]
fn what_is_said_after_the_go_ahead_is_never_data() {
    let dialogues: [(&str, &[&[u8]]); 7] = [
        ("ftp", &[b"220 a\r\n", b"234 go\r\n500 more\r\n"]),
        ("imap", &[b"* OK a\r\n", b"a1 OK go\r\n* OK more\r\n"]),
        ("irc", &[b":a 670 * :go\r\n:a NOTICE * :more\r\n"]),
        (
            "nntp",
            &[b"200 a\r\n", b"500 what?\r\n", b"382 go\r\n200 more\r\n"],
        ),
        ("postgres", &[b"Smore than it should say"]),
        (
            "sieve",
            &[b"\"STARTTLS\"\r\nOK\r\n", b"OK\r\nOK \"more\"\r\n"],
        ),
        (
            "xmpp",
            &[
                b"<stream:stream><stream:features><starttls/></stream:features>",
                b"<proceed/><message>more</message>",
            ],
        ),
    ];
    for (protocol, says) in dialogues {
        let output = meet(protocol, &[], move |mut socket| {
            socket.set_read_timeout(Some(PATIENCE)).unwrap();
            for (number, part) in says.iter().enumerate() {
                if number > 0 {
                    // What the client says in answer to the part before.
                    let _ = socket.read(&mut [0; 1024]);
                }
                let _ = socket.write_all(part);
            }
            while socket.read(&mut [0; 1024]).is_ok_and(|length| length > 0) {}
        });
        let line = last_line(&output);
        assert_eq!(output.status.code(), Some(1), "{protocol}: {line}");
        assert!(line.contains("does not speak TLS"), "{protocol}: {line}");
        assert!(output.stdout.is_empty(), "{protocol}: {output:?}");
    }
}
