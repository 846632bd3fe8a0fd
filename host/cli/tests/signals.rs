//! What `portcullis serve` does on SIGTERM, SIGINT and SIGHUP, with OpenSSL's client.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop"
)]

mod support;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::{ChildStderr, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use rcgen::KeyPair;
use rustix::process::{Pid, Signal, kill_process};
use support::{Folder, PATIENCE, Running, finish, portcullis, say_to, serving, tool};

/// `portcullis serve`, and what it says on standard error.
struct Server {
    process: Running,
    port: u16,
    errors: BufReader<ChildStderr>,
}

impl Server {
    fn new(folder: &Folder, more: &[&str]) -> Self {
        let (cert, key) = (folder.path("cert.pem"), folder.path("key.pem"));
        let fixed = ["serve", "127.0.0.1:0", "--cert", &cert, "--key", &key];
        let mut command = portcullis(&[&fixed, more].concat());
        command.stdin(Stdio::null()).stderr(Stdio::piped());
        command.env_remove("PORTCULLIS_PASSPHRASE");
        let (mut process, port) = serving(command);
        let errors = BufReader::new(process.0.stderr.take().unwrap());
        Self {
            process,
            port,
            errors,
        }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.process.0), signal).unwrap();
    }

    /// The next line that has this in it.
    #[track_caller]
    fn says(&mut self, part: &str) -> String {
        let mut before = String::new();
        loop {
            let mut line = String::new();
            let length = self.errors.read_line(&mut line).unwrap();
            assert!(length > 0, "it never says {part:?}, but {before}");
            if line.contains(part) {
                return line;
            }
            before += &line;
        }
    }

    /// The exit status, and what else was said.
    fn ends(mut self) -> (Option<i32>, String) {
        let mut said = String::new();
        self.errors.read_to_string(&mut said).unwrap();
        (self.process.0.wait().unwrap().code(), said)
    }
}

/// OpenSSL's client on a connection, which says a line and hears it.
struct Talk {
    _process: Running,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Talk {
    fn new(openssl: &Path, port: u16) -> Self {
        let mut child = Command::new(openssl)
            .args(["s_client", "-quiet", "-no_ign_eof"])
            .args(["-connect", &format!("127.0.0.1:{port}")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut talk = Self {
            _process: Running(child),
            input,
            output,
        };
        assert!(talk.is_heard("one\n"));
        talk
    }

    fn is_heard(&mut self, line: &str) -> bool {
        let said = self.input.as_mut().unwrap().write_all(line.as_bytes());
        let mut heard = String::new();
        said.is_ok() && self.output.read_line(&mut heard).is_ok() && heard == line
    }
}

fn is_open(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[test]
fn a_server_that_is_to_end_lets_connections_end_and_accepts_no_more() {
    let Some(openssl) = tool("openssl") else {
        return;
    };
    let folder = Folder::new("graceful");
    for signal in [Signal::TERM, Signal::INT] {
        let mut server = Server::new(&folder, &["--grace", "600"]);
        let port = server.port;
        let mut talk = Talk::new(&openssl, port);
        assert!(is_open(port));
        server.signal(signal);
        let told = server.says("stopping");
        assert!(told.contains("600 s") && told.contains("--grace"), "{told}");
        assert!(!is_open(port));
        assert!(talk.is_heard("two\n"));
        // The client says goodbye.
        drop(talk.input.take());
        let (status, said) = server.ends();
        assert_eq!(status, Some(0), "{said}");
        assert!(said.ends_with("stopped\n"), "{said}");
    }
}

#[test]
fn a_download_that_is_under_way_is_whole() {
    let Some(curl) = tool("curl") else { return };
    let folder = Folder::new("graceful-download");
    let www = folder.path("www");
    fs::create_dir(&www).unwrap();
    let large: Vec<u8> = (0..=250).cycle().take(16 << 20).collect();
    fs::write(format!("{www}/large.bin"), &large).unwrap();
    let mut server = Server::new(&folder, &["--www", &www]);
    let mut child = Command::new(curl)
        .args(["-sS", "--fail", "--cacert", &folder.path("ca.pem")])
        .arg(format!("https://localhost:{}/large.bin", server.port))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = child.stdout.take().unwrap();
    let _curl = Running(child);
    let mut first = vec![0; 1024];
    output.read_exact(&mut first).unwrap();
    server.signal(Signal::TERM);
    server.says("stopping");
    output.read_to_end(&mut first).unwrap();
    assert!(first == large);
    assert_eq!(server.ends().0, Some(0));
}

#[test]
fn a_connection_that_does_not_end_is_cut_off_in_time() {
    let Some(openssl) = tool("openssl") else {
        return;
    };
    let folder = Folder::new("grace");
    for grace in ["0", "0.5"] {
        let server = Server::new(&folder, &["--grace", grace]);
        let mut talk = Talk::new(&openssl, server.port);
        let begun = Instant::now();
        server.signal(Signal::TERM);
        let (status, said) = server.ends();
        assert_eq!(status, Some(0), "{said}");
        assert!(said.contains("longer than --grace"), "{said}");
        assert!(said.ends_with("cut off: 1\n"), "{said}");
        assert!(begun.elapsed() < PATIENCE);
        assert!(!talk.is_heard("two\n"));
    }
    let idle = Server::new(&folder, &["--grace", "600"]);
    idle.signal(Signal::INT);
    assert_eq!(idle.ends(), (Some(0), "stopped\n".to_owned()));
}

#[test]
fn a_second_signal_ends_the_server_at_once() {
    let Some(openssl) = tool("openssl") else {
        return;
    };
    let folder = Folder::new("twice");
    for (first, second, expected) in [
        (Signal::TERM, Signal::INT, 130),
        (Signal::INT, Signal::TERM, 143),
        (Signal::INT, Signal::INT, 130),
    ] {
        let mut server = Server::new(&folder, &["--grace", "600"]);
        let _talk = Talk::new(&openssl, server.port);
        server.signal(first);
        server.says("stopping");
        server.signal(second);
        assert_eq!(server.ends().0, Some(expected));
    }
}

#[test]
fn hup_loads_the_files_again_for_new_connections_and_old_ones_go_on() {
    let Some(openssl) = tool("openssl") else {
        return;
    };
    let (folder, renewed) = (Folder::new("reload"), Folder::new("renewed"));
    let original = Folder::new("reload-original");
    let take = |from: &Folder, names: &[&str]| {
        for name in names {
            fs::copy(from.path(name), folder.path(name)).unwrap();
        }
    };
    for name in ["ca.pem", "cert.pem", "key.pem"] {
        fs::copy(folder.path(name), original.path(name)).unwrap();
    }
    let mut server = Server::new(&folder, &[]);
    let port = server.port;
    let is_of = |authority: &Folder| say_to(&openssl, port, authority, &[]) == "echo this\n";
    let mut talk = Talk::new(&openssl, port);
    assert!(is_of(&original) && !is_of(&renewed));

    take(&renewed, &["cert.pem", "key.pem"]);
    assert!(is_of(&original) && !is_of(&renewed));
    server.signal(Signal::HUP);
    server.says("reloaded: ");
    assert!(is_of(&renewed) && !is_of(&original));
    assert!(talk.is_heard("two\n"));

    // What cannot be loaded changes nothing, and is told.
    fs::write(folder.path("key.pem"), "no key").unwrap();
    server.signal(Signal::HUP);
    let told = server.says("not reloaded");
    assert!(
        told.contains("key.pem") && told.contains("stays in use"),
        "{told}"
    );
    assert!(is_of(&renewed) && !is_of(&original));
    take(&original, &["key.pem"]);
    server.signal(Signal::HUP);
    let told = server.says("not reloaded");
    assert!(told.contains("cert.pem and "), "{told}");
    assert!(is_of(&renewed));
    fs::remove_file(folder.path("cert.pem")).unwrap();
    server.signal(Signal::HUP);
    assert!(server.says("not reloaded").contains("can be read"));
    assert!(is_of(&renewed));

    // A key that needs a passphrase which nobody has given beforehand: the terminal is not asked.
    let mut locks = Command::new(&openssl);
    locks.args(["pkcs8", "-topk8", "-passout", "pass:secret"]);
    locks.args([
        "-in",
        &original.path("key.pem"),
        "-out",
        &folder.path("key.pem"),
    ]);
    assert!(finish(locks, b"").status.success());
    take(&original, &["cert.pem"]);
    server.signal(Signal::HUP);
    assert!(server.says("not reloaded").contains("--passphrase-file"));
    assert!(is_of(&renewed));

    take(&original, &["cert.pem", "key.pem"]);
    server.signal(Signal::HUP);
    server.says("reloaded: ");
    assert!(is_of(&original) && !is_of(&renewed));
    assert!(talk.is_heard("three\n"));
}

#[test]
fn hup_loads_authorities_and_revocation_lists_too() {
    let Some(openssl) = tool("openssl") else {
        return;
    };
    let (folder, stranger) = (Folder::new("reload-trust"), Folder::new("reload-stranger"));
    let (trusted, lists) = (folder.path("trusted.pem"), folder.path("list.pem"));
    fs::copy(folder.path("ca.pem"), &trusted).unwrap();
    fs::copy(folder.path("lists/nothing.pem"), &lists).unwrap();
    let demands = ["--verify", "--cafile", &trusted, "--crlfile", &lists];
    let mut server = Server::new(&folder, &demands);
    let port = server.port;
    let lets_in = |client: &Folder| {
        let (cert, key) = (client.path("cert.pem"), client.path("key.pem"));
        say_to(&openssl, port, &folder, &["-cert", &cert, "-key", &key]) == "echo this\n"
    };
    assert!(lets_in(&folder) && !lets_in(&stranger));

    fs::copy(folder.path("lists/server.pem"), &lists).unwrap();
    server.signal(Signal::HUP);
    server.says("reloaded: ");
    assert!(!lets_in(&folder) && !lets_in(&stranger));

    // Trust that is taken away is gone.
    fs::copy(stranger.path("ca.pem"), &trusted).unwrap();
    fs::copy(stranger.path("lists/nothing.pem"), &lists).unwrap();
    server.signal(Signal::HUP);
    server.says("reloaded: ");
    assert!(lets_in(&stranger) && !lets_in(&folder));
}

#[test]
fn an_encrypted_key_is_loaded_again_with_the_passphrase_of_its_file() {
    let Some(openssl) = tool("openssl") else {
        return;
    };
    let key = KeyPair::generate().unwrap();
    let folder = Folder::with_key("reload-locked", &key);
    let passphrase = folder.path("passphrase");
    fs::write(&passphrase, "secret\n").unwrap();
    let mut server = Server::new(&folder, &["--passphrase-file", &passphrase]);
    let mut locks = Command::new(&openssl);
    let plain = folder.path("plain.pem");
    fs::copy(folder.path("key.pem"), &plain).unwrap();
    locks.args(["pkcs8", "-topk8", "-passout", "pass:secret"]);
    locks.args(["-in", &plain, "-out", &folder.path("key.pem")]);
    assert!(finish(locks, b"").status.success());
    server.signal(Signal::HUP);
    server.says("reloaded: ");
    assert_eq!(say_to(&openssl, server.port, &folder, &[]), "echo this\n");
    fs::write(&passphrase, "another\n").unwrap();
    server.signal(Signal::HUP);
    let told = server.says("not reloaded");
    assert!(
        told.contains("key.pem") && !told.contains("another"),
        "{told}"
    );
    assert_eq!(say_to(&openssl, server.port, &folder, &[]), "echo this\n");
}
