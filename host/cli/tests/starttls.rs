//! `portcullis connect --starttls` against real servers, each in a folder and by a user of its own.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop"
)]

#[path = "starttls/chat.rs"]
mod chat;
#[path = "starttls/data.rs"]
mod data;
#[path = "starttls/hostile.rs"]
mod hostile;
#[path = "starttls/mail.rs"]
mod mail;
mod support;

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Output, Stdio};

use support::{Folder, User, await_log, free_port, portcullis, refusal, run, start, tool};

/// A server of a protocol, and what a client says to it.
struct Real {
    protocol: &'static str,
    program: &'static str,
    /// Makes its configuration, and returns the arguments that it is started with.
    configure: fn(&Setup<'_>) -> Vec<String>,
    /// What its log says when it is ready; empty if it is ready as soon as it listens.
    ready: &'static str,
    /// What the client says within TLS; each part but the first when the one before has been
    /// answered.
    says: &'static [&'static [u8]],
    /// Parts of the answer to that.
    answers: &'static [&'static [u8]],
    /// Whether it sends close_notify.
    says_goodbye: bool,
    /// Part of the line that reports a server without TLS, if this one can be without.
    refuses: &'static str,
}

/// What a server is to be configured with.
struct Setup<'a> {
    protocol: &'static str,
    user: &'a User,
    program: &'a Path,
    folder: &'a Folder,
    port: u16,
    /// Whether it is to offer TLS.
    tls: bool,
}

impl Setup<'_> {
    fn path(&self, name: &str) -> String {
        self.folder.path(name)
    }

    /// Writes a configuration, with the lines for TLS if it is to offer that, and returns its path.
    fn write(&self, lines: &str, lines_for_tls: &str) -> String {
        // Prosody goes by the extension of the name.
        let path = self.path("server.cfg.lua");
        let lines_for_tls = if self.tls { lines_for_tls } else { "" };
        fs::write(&path, [lines, lines_for_tls].concat()).unwrap();
        // vsftpd insists on this owner.
        self.user.own(&path);
        path
    }
}

/// Runs the command to its end, saying one part after the other.
fn talk(arguments: &[&str], says: &[&[u8]]) -> Output {
    let mut command = portcullis(arguments);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = child.stdout.take().unwrap();
    let mut answers = Vec::new();
    for (number, part) in says.iter().enumerate() {
        if number > 0 {
            let mut answer = [0; 1024];
            let length = output.read(&mut answer).unwrap();
            answers.extend_from_slice(&answer[..length]);
        }
        // A command that has failed does not read it.
        let _ = input.write_all(part);
    }
    drop(input);
    output.read_to_end(&mut answers).unwrap();
    Output {
        stdout: answers,
        ..child.wait_with_output().unwrap()
    }
}

/// The command reaches TLS and talks within it; it leaves a server that offers no TLS.
fn meet(real: &Real) {
    let needs = match real.protocol {
        "imap" => "imap-login",
        "pop3" => "pop3-login",
        "lmtp" => "lmtp",
        "sieve" => "managesieve-login",
        _ => real.program,
    };
    let (Some(program), Some(_)) = (tool(real.program), tool(needs)) else {
        return;
    };
    let user = User::of_servers();
    for tls in [true, false] {
        let folder = Folder::new(&format!("{}-{tls}", real.protocol));
        let port = free_port();
        let arguments = (real.configure)(&Setup {
            protocol: real.protocol,
            user: &user,
            program: &program,
            folder: &folder,
            port,
            tls,
        });
        let mut server = user.command(&program, &folder);
        server.args(arguments);
        let _server = start(server, &folder, port);
        await_log(&folder, real.ready);
        let target = format!("localhost:{port}");
        let ca = folder.path("ca.pem");
        let starttls = ["--starttls", real.protocol];
        let connect = [&["connect", &target, "--cafile", &ca][..], &starttls].concat();
        if !tls {
            let line = refusal(&run(&connect, b""), 1);
            assert!(line.contains(real.refuses), "{line}");
            continue;
        }
        let info = run(&[&connect[..], &["--info"]].concat(), b"");
        let facts = String::from_utf8_lossy(&info.stdout);
        assert!(info.status.success(), "{info:?}");
        assert!(
            facts.contains("TLSv1.3") && facts.contains("verified  yes"),
            "{facts}"
        );
        let tolerant = if real.says_goodbye {
            &[][..]
        } else {
            assert_eq!(talk(&connect, real.says).status.code(), Some(1));
            &["--ignore-unexpected-eof"]
        };
        let output = talk(&[&connect[..], tolerant].concat(), real.says);
        assert!(output.status.success(), "{output:?}");
        for part in real.answers {
            let found = output
                .stdout
                .windows(part.len())
                .any(|bytes| bytes == *part);
            assert!(found, "{}: {output:?}", String::from_utf8_lossy(part));
        }
    }
}

#[test]
fn ftp_reaches_vsftpd() {
    meet(&Real {
        protocol: "ftp",
        program: "vsftpd",
        configure: |setup| {
            let lines = format!(
                "listen=YES\n\
                 listen_address=127.0.0.1\n\
                 listen_port={}\n\
                 background=NO\n\
                 run_as_launching_user=YES\n\
                 anonymous_enable=YES\n\
                 anon_root={1}\n\
                 secure_chroot_dir={1}\n\
                 seccomp_sandbox=NO\n\
                 isolate=NO\n\
                 isolate_network=NO\n",
                setup.port,
                setup.path(""),
            );
            let tls = format!(
                "ssl_enable=YES\n\
                 rsa_cert_file={}\n\
                 rsa_private_key_file={}\n",
                setup.path("cert.pem"),
                setup.path("key.pem"),
            );
            vec![setup.write(&lines, &tls)]
        },
        ready: "",
        says: &[b"FEAT\r\nQUIT\r\n"],
        answers: &[b" AUTH TLS\r\n", b"221 Goodbye."],
        says_goodbye: false,
        refuses: "530 ",
    });
}
