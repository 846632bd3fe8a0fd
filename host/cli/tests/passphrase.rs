//! PKCS#12 and passphrases on the command line, against OpenSSL.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop"
)]

mod support;

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use support::{
    Folder, finish, free_port, portcullis, refusal, say_to, serve, serving, start, tool,
};

const PASSPHRASE: &str = "PORTCULLIS_PASSPHRASE";

/// A folder whose identity is in `own.p12` and `encrypted.key` too, under the passphrase that is
/// the first line of `passphrase`.
fn folder(name: &str, openssl: &Path) -> Folder {
    let folder = Folder::new(name);
    let path = |name| folder.path(name);
    let run = |arguments: &[&str]| {
        let output = Command::new(openssl).args(arguments).output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    };
    let (cert, key) = (path("cert.pem"), path("key.pem"));
    let identity = ["-in", &cert, "-inkey", &key, "-passout", "pass:open sesame"];
    for (file, more) in [("own.p12", &[][..]), ("old.p12", &["-legacy"])] {
        let fixed = ["pkcs12", "-export", "-out", &path(file)].map(str::to_owned);
        let fixed: Vec<_> = fixed.iter().map(String::as_str).collect();
        run(&[&fixed, &identity[..], more].concat());
    }
    let encrypted = path("encrypted.key");
    run(&[
        "pkcs8",
        "-topk8",
        "-in",
        &key,
        "-out",
        &encrypted,
        "-passout",
        "pass:open sesame",
    ]);
    fs::write(
        path("passphrase"),
        "open sesame\r\nwhat follows counts for nothing\n",
    )
    .unwrap();
    fs::write(path("wrong"), "open barley\n").unwrap();
    fs::write(path("binary"), b"\xff\xfe\n").unwrap();
    folder
}

/// The command with this passphrase in its environment, or none.
fn command(arguments: &[&str], passphrase: Option<&str>) -> Command {
    let mut command = portcullis(arguments);
    command.env_remove(PASSPHRASE);
    command.envs(passphrase.map(|passphrase| (PASSPHRASE, passphrase)));
    command
}

#[test]
fn serve_presents_the_identity_of_a_pkcs12_file() {
    let Some(openssl) = tool("openssl") else {
        return;
    };
    let folder = folder("serve-pkcs12", &openssl);
    let (pkcs12, file) = (folder.path("own.p12"), folder.path("passphrase"));
    let own = ["serve", "127.0.0.1:0", "--pkcs12", &pkcs12];
    let from_file = [&own[..], &["--passphrase-file", &file]].concat();
    for (arguments, passphrase) in [
        (&own[..], Some("open sesame")),
        (&from_file, None),
        // The command line takes precedence.
        (&from_file, Some("open barley")),
    ] {
        let (_server, port) = serving(command(arguments, passphrase));
        let names = ["-verify_hostname", "localhost"];
        let answer = say_to(&openssl, port, &folder, &names);
        assert_eq!(answer, "echo this\n", "{arguments:?}");
    }
}

#[test]
fn connect_presents_the_identity_of_a_pkcs12_file_and_of_an_encrypted_key() {
    let Some(openssl) = tool("openssl") else {
        return;
    };
    let folder = folder("connect-pkcs12", &openssl);
    let path = |name| folder.path(name);
    let (ca, cert, key) = (path("ca.pem"), path("cert.pem"), path("key.pem"));
    let port = free_port();
    let address = format!("127.0.0.1:{port}");
    let mut server = Command::new(&openssl);
    server
        .args(["s_server", "-www", "-quiet", "-accept", &address])
        .args(["-cert", &cert, "-key", &key, "-CAfile", &ca])
        .args(["-Verify", "1", "-verify_return_error"])
        .stdin(Stdio::null());
    let _server = start(server, &folder, port);
    let target = format!("localhost:{port}");
    let fetch = |more: &[&str], passphrase| -> Output {
        let arguments = [&["connect", &target, "--cafile", &ca], more].concat();
        finish(command(&arguments, passphrase), b"GET / HTTP/1.0\r\n\r\n")
    };
    let (pkcs12, encrypted, file) = (path("own.p12"), path("encrypted.key"), path("passphrase"));
    let by_file = ["--passphrase-file", &file];
    for own in [
        &["--pkcs12", &pkcs12][..],
        &["--cert", &cert, "--key", &encrypted],
    ] {
        for (more, passphrase) in [(&by_file[..], None), (&[], Some("open sesame"))] {
            let output = fetch(&[own, more].concat(), passphrase);
            let page = String::from_utf8_lossy(&output.stdout);
            assert!(page.contains("Client certificate"), "{output:?}");
        }
    }
    // Without a certificate, the client is refused.
    let output = fetch(&[], None);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
}

#[test]
fn a_passphrase_that_is_missing_or_wrong_is_told_in_a_line_and_asked_for_nowhere() {
    let Some(openssl) = tool("openssl") else {
        return;
    };
    let folder = folder("passphrases", &openssl);
    let path = |name| folder.path(name);
    let (cert, encrypted, pkcs12) = (path("cert.pem"), path("encrypted.key"), path("own.p12"));
    let target = format!("127.0.0.1:{}", free_port());
    let connect = |own: &[&str], more: &[&str], passphrase| {
        let fixed = ["connect", &target, "--cafile", &cert];
        let arguments = [&fixed[..], own, more].concat();
        // Standard input is no terminal: what is in it is not read as a passphrase.
        finish(command(&arguments, passphrase), b"open sesame\n")
    };
    let refused =
        |own: &[&str], more: &[&str], passphrase| refusal(&connect(own, more, passphrase), 2);
    let (wrong, binary, absent) = (path("wrong"), path("binary"), path("absent"));
    for own in [
        &["--cert", &cert, "--key", &encrypted][..],
        &["--pkcs12", &pkcs12],
    ] {
        // If nothing else fails, the network does: nobody listens.
        let right = connect(own, &[], Some("open sesame"));
        assert_eq!(right.status.code(), Some(3), "{right:?}");
        let line = refused(own, &[], None);
        assert!(
            line.contains("--passphrase-file") && line.contains(PASSPHRASE),
            "{line}"
        );
        let line = refused(own, &[], Some("open barley"));
        assert!(line.contains("this passphrase does not open it"), "{line}");
        let line = refused(own, &["--passphrase-file", &wrong], Some("open sesame"));
        assert!(line.contains("this passphrase does not open it"), "{line}");
        let line = refused(own, &["--passphrase-file", &binary], None);
        assert!(line.contains("UTF-8"), "{line}");
        let line = refused(own, &["--passphrase-file", &absent], None);
        assert!(line.contains("absent"), "{line}");
    }
    let old = path("old.p12");
    let line = refused(&["--pkcs12", &old], &[], Some("open sesame"));
    assert!(line.contains("openssl pkcs12 -legacy"), "{line}");
    let line = refused(&[], &["--passphrase-file", &wrong], None);
    assert!(line.contains("--key or --pkcs12"), "{line}");
}

/// Runs a command on a terminal of its own, types a line once the terminal does not echo any more,
/// prints what the terminal showed, and ends with the command's status.
const TERMINAL: &str = r"
import os, pty, sys, termios
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[2], sys.argv[2:])
shown = b''
while b'Passphrase of' not in shown:
    shown += os.read(terminal, 1024)
while termios.tcgetattr(terminal)[3] & termios.ECHO:
    os.sched_yield()
os.write(terminal, sys.argv[1].encode() + b'\n')
try:
    while part := os.read(terminal, 1024):
        shown += part
except OSError:
    pass
sys.stdout.buffer.write(shown)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
";

#[test]
fn at_a_terminal_the_passphrase_is_asked_for_and_not_shown() {
    let (Some(openssl), Some(python)) = (tool("openssl"), tool("python3")) else {
        return;
    };
    let folder = folder("terminal", &openssl);
    let path = |name| folder.path(name);
    let (ca, cert, encrypted) = (path("ca.pem"), path("cert.pem"), path("encrypted.key"));
    let (_server, port) = serve(&folder, &["--cafile", &ca, "--verify", "--echo"]);
    let target = format!("localhost:{port}");
    let pkcs12 = path("own.p12");
    for own in [
        &["--cert", &cert, "--key", &encrypted][..],
        &["--pkcs12", &pkcs12],
    ] {
        for (typed, status) in [("open sesame", 0), ("open barley", 2)] {
            let output = Command::new(&python)
                .args(["-c", TERMINAL, typed, env!("CARGO_BIN_EXE_portcullis")])
                .args(["connect", &target, "--cafile", &ca, "--info"])
                .args(own)
                .env_remove(PASSPHRASE)
                .output()
                .unwrap();
            let shown = String::from_utf8_lossy(&output.stdout);
            assert_eq!(output.status.code(), Some(status), "{output:?}");
            assert!(!shown.contains(typed), "{shown}");
            let told = if status == 0 {
                "TLSv1.3"
            } else {
                "this passphrase does not open it"
            };
            assert!(shown.contains(told), "{shown}");
        }
    }
}
