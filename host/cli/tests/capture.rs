//! What somebody sees who records the network, with the key log and without: Wireshark's `dumpcap`
//! on loopback, and its `tshark`.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop"
)]

mod support;

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use support::{Folder, PATIENCE, Running, finish, free_port, portcullis, serving, skip, tool};

const REQUEST: &str = "GET /between-us.html HTTP/1.0";
const PAGE: &str = "hello from the gate";

/// What goes over a port of loopback, while the value lives.
struct Capture {
    tshark: PathBuf,
    file: String,
    port: u16,
    _recorder: Running,
}

/// A command that runs a program as root, or as who this is if it cannot be root.
fn privileged(program: PathBuf) -> Command {
    let is_root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    let mut sudo = Command::new("sudo");
    let test = sudo.args(["-n", "true"]).stderr(Stdio::null()).status();
    if is_root || !test.is_ok_and(|status| status.success()) {
        return Command::new(program);
    }
    let mut command = Command::new("sudo");
    command.arg("-n").arg(program);
    command
}

impl Capture {
    /// Records to the file; none if that is not to be had here, which is a loud skip or a failure.
    fn start(folder: &Folder, name: &str, port: u16) -> Option<Self> {
        let (dumpcap, tshark) = (tool("dumpcap")?, tool("tshark")?);
        let file = folder.path(name);
        let mut command = privileged(dumpcap);
        // Standard output is a file of ours, whoever the recorder is.
        command
            .args([
                "-q",
                "-i",
                "lo",
                "-f",
                &format!("tcp port {port}"),
                "-w",
                "-",
            ])
            .stdin(Stdio::null())
            .stdout(File::create(&file).unwrap())
            .stderr(Stdio::piped());
        let mut recorder = Running(command.spawn().unwrap());
        let mut told = String::new();
        let mut lines = BufReader::new(recorder.0.stderr.take().unwrap());
        // It says so when the network is open and the filter is set.
        while !told.contains("File:") {
            if lines.read_line(&mut told).unwrap() == 0 {
                skip(&format!("`dumpcap` cannot record loopback: {told}"));
                return None;
            }
        }
        Some(Self {
            tshark,
            file,
            port,
            _recorder: recorder,
        })
    }

    /// Everything that tshark finds in the record, with a key log or without.
    fn read(&self, keys: Option<&str>) -> String {
        let mut command = Command::new(&self.tshark);
        command.args(["-r", &self.file, "-V", "-d"]);
        command.arg(format!("tcp.port=={},tls", self.port));
        // Without it tshark would take what the environment names.
        let keys = format!("tls.keylog_file:{}", keys.unwrap_or_default());
        command.args(["-o", &keys]);
        let output = finish(command, b"");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The same, once the page is in it. What has been sent comes to the file a little later, and so
    /// does what a server logs.
    fn read_page(&self, keys: &str) -> String {
        let started = Instant::now();
        loop {
            let found = self.read(Some(keys));
            if found.contains(PAGE) {
                return found;
            }
            assert!(started.elapsed() < PATIENCE, "{found}");
        }
    }
}

#[test]
fn tshark_reads_with_the_key_log_of_either_side_what_it_cannot_read_without() {
    let folder = Folder::new("capture");
    let www = folder.path("www");
    fs::create_dir(&www).unwrap();
    fs::write(format!("{www}/between-us.html"), PAGE).unwrap();
    let files = ["cert.pem", "key.pem", "ca.pem"].map(|name| folder.path(name));
    let [cert, key, ca] = files.each_ref().map(String::as_str);
    let mut earlier = String::new();
    for version in ["1_2", "1_3"] {
        let port = free_port();
        let Some(capture) = Capture::start(&folder, version, port) else {
            return;
        };
        let logs = ["client", "server"].map(|side| folder.path(&format!("{side}-{version}")));
        let [client_keys, server_keys] = &logs;
        let address = format!("127.0.0.1:{port}");
        let mut server = portcullis(&[
            "serve", &address, "--cert", cert, "--key", key, "--www", &www,
        ]);
        server.env("SSLKEYLOGFILE", server_keys);
        server.stderr(Stdio::null());
        let (_server, _) = serving(server);
        let target = format!("localhost:{port}");
        let only = format!("--tls{version}");
        let mut client = portcullis(&["connect", &target, "--cafile", ca, &only]);
        client.env("SSLKEYLOGFILE", client_keys);
        let output = finish(client, format!("{REQUEST}\r\n\r\n").as_bytes());
        assert!(output.status.success(), "{output:?}");
        assert!(output.stdout.ends_with(PAGE.as_bytes()), "{output:?}");

        for keys in &logs {
            let found = capture.read_page(keys);
            assert!(found.contains(REQUEST), "{found}");
        }
        // The record is whole by now.
        for keys in [None, Some(earlier.as_str()).filter(|keys| !keys.is_empty())] {
            let found = capture.read(keys);
            assert!(found.contains("Application Data"), "{found}");
            assert!(
                !found.contains("between-us") && !found.contains(PAGE),
                "{found}"
            );
        }
        earlier.clone_from(client_keys);
    }
}
