//! What is left of a connection in the memory of the process that had it: no secret of it, but what
//! resumes its session. The key log
//! tells what to look for, and OpenSSL derives the keys from it.
#![cfg(target_os = "linux")]
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop"
)]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Instant;

use support::{Folder, PATIENCE, portcullis, serving, tool};

/// What is looked for, and its name.
struct Secret {
    name: String,
    bytes: Vec<u8>,
}

/// The secrets in a key log, and in TLS 1.3 the keys made of them (RFC 8446 §7.3).
fn secrets(openssl: &Path, log: &str, key_length: usize) -> Vec<Secret> {
    let mut all = Vec::new();
    for line in log.lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.split(' ');
        let name = words.next().unwrap();
        let hex = words.nth(1).unwrap();
        let bytes = (0..hex.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
            .collect();
        all.push(Secret {
            name: name.to_owned(),
            bytes,
        });
        if name.contains("TRAFFIC") {
            let bytes = expanded(openssl, hex, key_length);
            let name = format!("key of {name}");
            all.push(Secret { name, bytes });
        }
    }
    all
}

/// The key log when it has so many lines of secrets; it is written beside the connection.
fn logged(log: &str, lines: usize) -> String {
    let begun = Instant::now();
    loop {
        let text = fs::read_to_string(log).unwrap_or_default();
        let whole = text.lines().filter(|line| !line.starts_with('#')).count();
        if whole == lines && text.ends_with('\n') {
            return text;
        }
        assert!(begun.elapsed() < PATIENCE, "{text}");
        thread::yield_now();
    }
}

/// HKDF-Expand-Label with the label "key".
fn expanded(openssl: &Path, secret: &str, length: usize) -> Vec<u8> {
    let label = "746c73313320"; // "tls13 "
    let info = format!("00{length:02x}09{label}6b657900");
    let output = Command::new(openssl)
        .args(["kdf", "-binary", "-keylen", &length.to_string()])
        .args(["-kdfopt", "digest:SHA2-256", "-kdfopt", "mode:EXPAND_ONLY"])
        .args(["-kdfopt", &format!("hexkey:{secret}")])
        .args(["-kdfopt", &format!("hexinfo:{info}"), "HKDF"])
        .output()
        .unwrap();
    assert_eq!(output.stdout.len(), length, "{output:?}");
    output.stdout
}

/// Which of the secrets are in the writable memory of a process, and in how many places.
fn found(process: u32, secrets: &[Secret]) -> BTreeMap<&str, usize> {
    let maps = fs::read_to_string(format!("/proc/{process}/maps")).unwrap();
    let mut memory = fs::File::open(format!("/proc/{process}/mem")).unwrap();
    let mut found = BTreeMap::new();
    for line in maps.lines() {
        let mut words = line.split(' ');
        let (begin, end) = words.next().unwrap().split_once('-').unwrap();
        let [begin, end] = [begin, end].map(|text| u64::from_str_radix(text, 16).unwrap());
        if !words.next().unwrap().starts_with("rw") {
            continue;
        }
        memory.seek(SeekFrom::Start(begin)).unwrap();
        let mut region = Vec::new();
        // Some of the system's own regions cannot be read.
        let _ = (&memory).take(end - begin).read_to_end(&mut region);
        for secret in secrets {
            let places = region.windows(secret.bytes.len());
            let count = places.filter(|place| *place == secret.bytes).count();
            if count > 0 {
                *found.entry(secret.name.as_str()).or_default() += count;
            }
        }
    }
    found
}

#[test]
fn no_secret_of_a_connection_is_in_memory_after_it() {
    let Some(openssl) = tool("openssl") else {
        return;
    };
    for (version, choose, suite, key_length) in [
        (
            "-tls1_3",
            "-ciphersuites",
            "TLS_CHACHA20_POLY1305_SHA256",
            32,
        ),
        ("-tls1_3", "-ciphersuites", "TLS_AES_128_GCM_SHA256", 16),
        ("-tls1_2", "-cipher", "ECDHE+CHACHA20", 32),
    ] {
        let folder = Folder::new("wiped");
        let [log, cert, key] = ["log", "cert.pem", "key.pem"].map(|name| folder.path(name));
        let mut server = portcullis(&["serve", "127.0.0.1:0", "--cert", &cert, "--key", &key]);
        server.env("SSLKEYLOGFILE", &log).stderr(Stdio::piped());
        let (mut server, port) = serving(server);
        let process = server.0.id();
        let mut told = BufReader::new(server.0.stderr.take().unwrap()).lines();
        let mut client = Command::new(&openssl)
            .current_dir(&folder.0)
            .args(["s_client", version, choose, suite, "-CAfile", "ca.pem"])
            .args(["-servername", "localhost", "-quiet", "-no_ign_eof"])
            .args(["-connect", &format!("127.0.0.1:{port}")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut input = client.stdin.take().unwrap();
        // More than one record each way.
        let text = [vec![b'x'; 40_000], b"\n".to_vec()].concat();
        let copy = text.clone();
        let writing = thread::spawn(move || {
            input.write_all(&copy).unwrap();
            input
        });
        let mut echo = vec![0; text.len()];
        let mut output = client.stdout.take().unwrap();
        output.read_exact(&mut echo).unwrap();
        assert_eq!(echo, text);
        let lines = if version == "-tls1_2" { 1 } else { 5 };
        let secrets = secrets(&openssl, &logged(&log, lines), key_length);
        // What a connection works with is there: the search finds what there is.
        let live = found(process, &secrets);
        let works_with = match version {
            "-tls1_2" => "CLIENT_RANDOM",
            _ => "CLIENT_TRAFFIC_SECRET_0",
        };
        assert!(live.contains_key(works_with), "{suite}: {live:?}");
        // What the handshake worked with is gone already.
        let handshakes = live.keys().find(|name| name.contains("HANDSHAKE"));
        assert_eq!(handshakes, None, "{suite}");
        drop(writing.join().unwrap());
        client.wait().unwrap();
        // Each connection has its line when it has ended.
        told.find(|line| line.as_ref().unwrap().contains("bytes in"))
            .unwrap()
            .unwrap();
        let left = found(process, &secrets);
        // A server of TLS 1.2 keeps one copy of the secret of a session, to resume it.
        let kept = match version {
            "-tls1_2" => BTreeMap::from([("CLIENT_RANDOM", 1)]),
            _ => BTreeMap::new(),
        };
        assert_eq!(left, kept, "{suite}");
    }
}
