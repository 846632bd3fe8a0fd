//! `portcullis connect --starttls` against real servers, each in a folder and by a user of its own.
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
use std::path::Path;
use std::process::{Output, Stdio};

use support::{
    Folder, User, await_log, free_port, portcullis, postgresql, refusal, run, start, tool,
};

/// A server of a protocol, and what a client says to it.
struct Real {
    protocol: &'static str,
    program: &'static str,
    /// Makes its configuration, and the arguments that it is started with.
    configure: fn(&Setup<'_>) -> Vec<String>,
    /// What its log says when it is ready; nothing if it is as soon as it listens.
    ready: &'static str,
    /// Said within TLS; each but the first when something has been answered to the one before.
    says: &'static [&'static [u8]],
    /// Parts of the answer to that.
    answers: &'static [&'static [u8]],
    /// Whether it sends close_notify.
    says_goodbye: bool,
    /// Part of the line that tells that it offers no TLS, where it offers none.
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

    /// Write a configuration, with the lines for TLS if it is to offer that; its path.
    fn write(&self, lines: &str, lines_for_tls: &str) -> String {
        // Prosody goes by the end of the name.
        let path = self.path("server.cfg.lua");
        let lines_for_tls = if self.tls { lines_for_tls } else { "" };
        fs::write(&path, [lines, lines_for_tls].concat()).unwrap();
        // vsftpd insists on it.
        self.user.own(&path);
        path
    }
}

/// Run the command to its end, saying one thing after the other.
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

/// The command reaches TLS and talks within it; a server that offers no TLS is left.
fn meet(real: &Real) {
    let needs = match real.protocol {
        "imap" => "imap-login",
        "pop3" => "pop3-login",
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

#[test]
fn imap_reaches_dovecot() {
    meet(&Real {
        protocol: "imap",
        program: "dovecot",
        configure: dovecot,
        ready: "",
        says: &[b"b1 CAPABILITY\r\nb2 LOGOUT\r\n"],
        // In the clear it says LOGINDISABLED.
        answers: &[b"AUTH=PLAIN\r\n", b"b2 OK "],
        says_goodbye: true,
        refuses: "a1 BAD ",
    });
}

#[test]
fn pop3_reaches_dovecot() {
    meet(&Real {
        protocol: "pop3",
        program: "dovecot",
        configure: dovecot,
        ready: "",
        says: &[b"CAPA\r\nQUIT\r\n"],
        answers: &[b"SASL PLAIN\r\n", b"+OK Logging out"],
        says_goodbye: true,
        refuses: "-ERR ",
    });
}

fn dovecot(setup: &Setup<'_>) -> Vec<String> {
    let User { name, group, .. } = setup.user;
    let base = setup.path("run");
    let log = setup.path("dovecot.log");
    let (protocol, port) = (setup.protocol, setup.port);
    let lines = format!(
        "base_dir = {base}\n\
         state_dir = {base}\n\
         log_path = {log}\n\
         protocols = {protocol}\n\
         listen = 127.0.0.1\n\
         default_internal_user = {name}\n\
         default_internal_group = {group}\n\
         default_login_user = {name}\n\
         ssl = {}\n\
         passdb {{\n  driver = static\n  args = nopassword=y\n}}\n\
         userdb {{\n  driver = static\n  args = uid={name} gid={group} home={base}\n}}\n\
         service anvil {{\n  chroot =\n}}\n\
         service stats {{\n  chroot =\n}}\n\
         service {protocol}-login {{\n\
           chroot =\n\
           inet_listener {protocol} {{\n    port = {port}\n  }}\n\
           inet_listener {protocol}s {{\n    port = 0\n  }}\n\
         }}\n",
        if setup.tls { "yes" } else { "no" },
    );
    let tls = format!(
        "ssl_cert = <{}\nssl_key = <{}\n",
        setup.path("cert.pem"),
        setup.path("key.pem"),
    );
    ["-F", "-c", &setup.write(&lines, &tls)]
        .map(str::to_owned)
        .to_vec()
}

#[test]
fn ldap_reaches_openldap() {
    meet(&Real {
        protocol: "ldap",
        program: "slapd",
        configure: |setup| {
            let tls = format!(
                "TLSCertificateFile {}\nTLSCertificateKeyFile {}\n",
                setup.path("cert.pem"),
                setup.path("key.pem"),
            );
            let lines = format!("pidfile {}\n", setup.path("pid"));
            let configuration = setup.write(&lines, &tls);
            let address = format!("ldap://127.0.0.1:{}", setup.port);
            // With a level of debugging, even of nothing, it stays in the foreground.
            ["-d", "0", "-h", &address, "-f", &configuration]
                .map(str::to_owned)
                .to_vec()
        },
        // Messages 2 and 3: an anonymous bind of version 3 and an unbind, which may overtake it.
        ready: "",
        says: &[
            b"\x30\x0c\x02\x01\x02\x60\x07\x02\x01\x03\x04\0\x80\0",
            b"\x30\x05\x02\x01\x03\x42\0",
        ],
        // A response to message 2: success.
        answers: &[b"\x30\x0c\x02\x01\x02\x61\x07\x0a\x01\0\x04\0\x04\0"],
        says_goodbye: true,
        refuses: "LDAP result code 2",
    });
}

#[test]
fn postgres_reaches_postgresql() {
    meet(&Real {
        protocol: "postgres",
        program: "postgres",
        configure: |setup| {
            postgresql(
                setup.user,
                setup.program,
                setup.folder,
                setup.port,
                setup.tls,
            )
        },
        // A start-up message of version 3.0 for the user, and a termination.
        ready: "ready to accept connections",
        says: &[b"\0\0\0\x27\0\x03\0\0user\0tester\0database\0postgres\0\0X\0\0\0\x04"],
        // Authentication is done, and queries may come.
        answers: &[b"R\0\0\0\x08\0\0\0\0", b"Z\0\0\0\x05I"],
        says_goodbye: true,
        refuses: "answer N",
    });
}

#[test]
fn smtp_reaches_exim() {
    meet(&Real {
        protocol: "smtp",
        program: "exim4",
        configure: |setup| {
            let User { name, group, .. } = setup.user;
            let lines = format!(
                "primary_hostname = localhost\n\
                 exim_user = {name}\n\
                 exim_group = {group}\n\
                 spool_directory = {}\n\
                 log_file_path = {}\n\
                 local_interfaces = 127.0.0.1\n\
                 daemon_smtp_ports = {}\n\
                 host_lookup =\n\
                 keep_environment =\n\
                 acl_smtp_rcpt = deny\n\
                 tls_advertise_hosts = {}\n",
                setup.path("spool"),
                setup.path("log.%s"),
                setup.port,
                if setup.tls { "*" } else { "" },
            );
            let tls = format!(
                "tls_certificate = {}\ntls_privatekey = {}\n",
                setup.path("cert.pem"),
                setup.path("key.pem"),
            );
            ["-C", &setup.write(&lines, &tls), "-bdf"]
                .map(str::to_owned)
                .to_vec()
        },
        ready: "",
        says: &[b"EHLO client.test\r\nQUIT\r\n"],
        answers: &[b"250-localhost Hello", b"221 "],
        says_goodbye: true,
        refuses: "does not offer STARTTLS",
    });
}

#[test]
fn xmpp_reaches_prosody() {
    meet(&Real {
        protocol: "xmpp",
        program: "prosody",
        configure: |setup| {
            let lines = format!(
                "data_path = \"{}\"\n\
                 pidfile = \"{}\"\n\
                 log = {{ {{ levels = {{ min = \"info\" }}, to = \"console\" }} }}\n\
                 c2s_ports = {{ {} }}\n\
                 c2s_interfaces = {{ \"127.0.0.1\" }}\n\
                 modules_enabled = {{ \"saslauth\"{} }}\n\
                 modules_disabled = {{ \"s2s\", \"http\", \"admin_shell\" }}\n\
                 VirtualHost \"localhost\"\n",
                setup.path("data"),
                setup.path("pid"),
                setup.port,
                if setup.tls { ", \"tls\"" } else { "" },
            );
            let tls = format!(
                "ssl = {{ certificate = \"{}\", key = \"{}\" }}\n",
                setup.path("cert.pem"),
                setup.path("key.pem"),
            );
            ["--config", &setup.write(&lines, &tls), "-F"]
                .map(str::to_owned)
                .to_vec()
        },
        ready: "",
        says: &[
            b"<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
            xmlns:stream='http://etherx.jabber.org/streams' to='localhost' version='1.0'>\
            </stream:stream>",
        ],
        answers: &[b"<mechanism>PLAIN</mechanism>", b"</stream:stream>"],
        says_goodbye: true,
        refuses: "does not offer starttls",
    });
}
