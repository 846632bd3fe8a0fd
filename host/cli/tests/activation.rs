//! `portcullis serve systemd`: sockets that were listening before the server was there, handed over as
//! systemd hands them over (`sd_listen_fds(3)`), with OpenSSL's client.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop"
)]

mod support;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};
use support::{Folder, portcullis, refusal, run, say_to, serving, tool};

/// The command with this descriptor as the first that is handed over, and standard input empty.
fn handed(descriptor: OwnedFd, arguments: &[&str]) -> Command {
    let script = "exec 3<&0 </dev/null; export LISTEN_PID=$$ LISTEN_FDS=1; exec \"$@\"";
    let command = portcullis(arguments);
    let mut bash = Command::new("bash");
    bash.args(["-c", script, "bash"]).arg(command.get_program());
    bash.args(command.get_args()).stdin(descriptor);
    bash
}

fn with_identity<'a>(place: &'a str, cert: &'a str, key: &'a str) -> [&'a str; 6] {
    ["serve", place, "--cert", cert, "--key", key]
}

/// What OpenSSL's client says, and hears if all is well.
const HELLO: &str = "echo this\n";

#[test]
fn a_socket_that_is_handed_over_is_served_across_restarts() {
    let Some(openssl) = tool("openssl") else {
        return;
    };
    let folder = Folder::new("activation");
    let (cert, key) = (folder.path("cert.pem"), folder.path("key.pem"));
    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = socket.local_addr().unwrap().port();
    for _ in 0..2 {
        // It connects before there is a server.
        thread::scope(|scope| {
            let first = scope.spawn(|| say_to(&openssl, port, &folder, &[]));
            let descriptor = socket.try_clone().unwrap().into();
            let mut command = handed(descriptor, &with_identity("systemd", &cert, &key));
            command.stderr(Stdio::piped());
            let (mut server, told) = serving(command);
            assert_eq!(told, port);
            assert_eq!(first.join().unwrap(), HELLO);
            assert_eq!(say_to(&openssl, port, &folder, &[]), HELLO);
            // It ends, and the socket is still there: clients wait for the next server.
            kill_process(Pid::from_child(&server.0), Signal::TERM).unwrap();
            let mut log = String::new();
            let mut errors = server.0.stderr.take().unwrap();
            errors.read_to_string(&mut log).unwrap();
            assert_eq!(server.0.wait().unwrap().code(), Some(0), "{log}");
            assert_eq!(log.matches("127.0.0.1:").count(), 2, "{log}");
        });
    }
}

#[test]
fn sockets_that_are_handed_over_are_reloaded_and_beside_others() {
    let Some(openssl) = tool("openssl") else {
        return;
    };
    let (folder, other) = (
        Folder::new("activation-reload"),
        Folder::new("activation-other"),
    );
    let (cert, key) = (folder.path("cert.pem"), folder.path("key.pem"));
    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = socket.local_addr().unwrap().port();
    let arguments = [
        &with_identity("systemd", &cert, &key)[..],
        &["--bind", "127.0.0.1:0"],
    ]
    .concat();
    let mut command = handed(socket.into(), &arguments);
    command.stderr(Stdio::piped());
    let (mut server, told) = serving(command);
    assert_eq!(told, port);
    assert_eq!(say_to(&openssl, port, &folder, &[]), HELLO);
    for name in ["cert.pem", "key.pem"] {
        fs::copy(other.path(name), folder.path(name)).unwrap();
    }
    kill_process(Pid::from_child(&server.0), Signal::HUP).unwrap();
    let mut lines = BufReader::new(server.0.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().starts_with("reloaded")));
    assert_eq!(say_to(&openssl, port, &other, &[]), HELLO);
    assert_eq!(say_to(&openssl, port, &folder, &[]), "");
}

#[test]
fn what_is_no_listening_tcp_socket_is_refused() {
    let folder = Folder::new("activation-refused");
    let (cert, key) = (folder.path("cert.pem"), folder.path("key.pem"));
    let arguments = with_identity("systemd", &cert, &key);
    let line = refusal(&run(&arguments, b""), 2);
    assert!(line.contains("no socket was handed over"), "{line}");
    assert!(line.contains(".socket unit"), "{line}");
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let connection = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let local = UnixListener::bind(folder.path("socket")).unwrap();
    let file = fs::File::open(&cert).unwrap();
    for descriptor in [connection.into(), local.into(), OwnedFd::from(file)] {
        let output = handed(descriptor, &arguments).output().unwrap();
        let line = refusal(&output, 2);
        assert!(line.contains("no listening TCP socket"), "{line}");
    }
}
