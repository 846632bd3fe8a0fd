//! PostgreSQL by tokio-postgres: a log-in that is bound to its connection by SCRAM-SHA-256-PLUS
//! (RFC 5802 section 6, RFC 5929 section 4), and what stands in between.

use std::fs;
use std::process::{Command, Output, Stdio};

use super::support::{
    Folder, PASSWORD, Running, User, await_log, free_port, postgresql, postgresql_asking, start,
    tool,
};
use super::{client, printed, says};

/// Ends TLS with a certificate of its own before a server of PostgreSQL, and writes down what it
/// sees: `PORT SERVER-PORT CERT KEY LOG`. With one more argument it hides from the client that the
/// server binds.
const MIDDLE: &str = "
import select, socket, socketserver, ssl, sys
REQUEST, PLUS, OTHER = b'\\0\\0\\0\\x08\\x04\\xd2\\x16\\x2f', b'SCRAM-SHA-256-PLUS', b'SCRAM-SHA-000-PLUS'
class Middle(socketserver.BaseRequestHandler):
    def handle(self):
        try:
            self.relay(*self.begin())
        except (OSError, AssertionError):
            pass
    def begin(self):
        assert self.request.recv(8, socket.MSG_WAITALL) == REQUEST
        self.request.sendall(b'S')
        client = own.wrap_socket(self.request, server_side=True)
        server = socket.create_connection(('127.0.0.1', int(sys.argv[2])))
        server.sendall(REQUEST)
        assert server.recv(1) == b'S'
        return client, trusting.wrap_socket(server)
    def relay(self, client, server):
        other = {client: server, server: client}
        for side in other:
            side.setblocking(False)
        while True:
            for side in [s for s in other if s.pending()] or select.select(list(other), [], [])[0]:
                try:
                    part = side.recv(65536)
                except ssl.SSLWantReadError:
                    continue
                if not part:
                    return
                if len(sys.argv) > 6:
                    part = part.replace(PLUS, OTHER)
                log.write(part)
                other[side].sendall(part)
class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
own.load_cert_chain(*sys.argv[3:5])
trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
log = open(sys.argv[5], 'wb', buffering=0)
Server(('127.0.0.1', int(sys.argv[1])), Middle).serve_forever()
";

/// A server whose users log in by a method.
struct Database {
    folder: Folder,
    port: u16,
    _process: Running,
}

impl Database {
    fn start(name: &str, method: &str, more: &[&str]) -> Option<Self> {
        Self::run(name, more, |user, program, folder, port| {
            postgresql_asking(user, program, folder, port, method)
        })
    }

    fn run(
        name: &str,
        more: &[&str],
        arguments: impl Fn(&User, &std::path::Path, &Folder, u16) -> Vec<String>,
    ) -> Option<Self> {
        let program = tool("postgres")?;
        let (user, folder, port) = (User::of_servers(), Folder::new(name), free_port());
        let mut server = user.command(&program, &folder);
        server.args(arguments(&user, &program, &folder, port));
        server.args(more);
        let process = start(server, &folder, port);
        await_log(&folder, "ready to accept connections");
        Some(Self {
            folder,
            port,
            _process: process,
        })
    }

    /// Has a client log in at this port, which trusts the authorities of the file.
    fn log_in(&self, port: u16, authorities: &str, password: &str) -> Option<Output> {
        let password = format!("PGPASSWORD={password}");
        let arguments = ["localhost", &port.to_string(), "tester", "postgres"];
        client(
            "postgres-client",
            &self.folder,
            authorities,
            &[&password],
            &arguments,
        )
    }

    /// Somebody in between who presents the certificate of this folder.
    fn middle(&self, identity: &Folder, more: &[&str]) -> Option<(Running, u16)> {
        let port = free_port();
        let mut middle = Command::new(tool("python3")?);
        middle
            .args(["-c", MIDDLE, &port.to_string(), &self.port.to_string()])
            .args(["cert.pem", "key.pem"].map(|name| identity.path(name)))
            .arg(self.folder.path("seen"))
            .args(more)
            .stdin(Stdio::null());
        // The log of the other folder is free; that of the server is not.
        let log = Folder::new(&format!("middle-{port}"));
        Some((start(middle, &log, port), port))
    }

    fn has_seen(&self, bytes: &[u8]) -> bool {
        let seen = fs::read(self.folder.path("seen")).unwrap();
        seen.windows(bytes.len()).any(|part| part == bytes)
    }
}

#[test]
fn a_log_in_is_bound_to_its_connection_in_both_versions() {
    for version in ["TLSv1.3", "TLSv1.2"] {
        let setting = format!("ssl_max_protocol_version={version}");
        let name = format!("bound-{version}");
        let Some(server) = Database::start(&name, "scram-sha-256", &["-c", &setting]) else {
            return;
        };
        let Some(output) = server.log_in(server.port, "ca.pem", PASSWORD) else {
            return;
        };
        let row = printed(&output);
        let version = format!("ssl: t\nversion: {version}\n");
        assert!(row.starts_with("server: PostgreSQL "), "{row}");
        assert!(row.contains(&version), "{row}");
        let output = server.log_in(server.port, "ca.pem", "wrong");
        says(&output.unwrap(), "password authentication failed for user");
    }
}

#[test]
fn who_has_another_trusted_certificate_gets_no_log_in_for_the_right_password() {
    let Some(server) = Database::start("between", "scram-sha-256", &[]) else {
        return;
    };
    let other = Folder::new("between-other");
    let authorities = [server.folder.path("ca.pem"), other.path("ca.pem")];
    let both = authorities.map(|path| fs::read_to_string(path).unwrap());
    fs::write(server.folder.path("both.pem"), both.concat()).unwrap();

    let Some((_middle, port)) = server.middle(&other, &[]) else {
        return;
    };
    let Some(output) = server.log_in(port, "both.pem", PASSWORD) else {
        return;
    };
    says(&output, "SCRAM channel binding check failed");
    // RFC 5801 section 4: bound by this, and no other identity than the user's.
    assert!(server.has_seen(b"SCRAM-SHA-256-PLUS\0\0\0\0"));
    assert!(server.has_seen(b"p=tls-server-end-point,,n="));

    // With the server's own certificate the same place in between is not noticed.
    let (_middle, port) = server.middle(&server.folder, &[]).unwrap();
    let output = server.log_in(port, "both.pem", PASSWORD).unwrap();
    assert!(printed(&output).contains("ssl: t\n"));
    assert!(server.has_seen(b"SCRAM-SHA-256-PLUS\0\0\0\0"));
}

#[test]
fn a_log_in_that_is_not_bound_is_refused_and_the_password_kept() {
    let Some(server) = Database::start("unbound", "scram-sha-256", &[]) else {
        return;
    };
    let Some((_middle, port)) = server.middle(&server.folder, &["hide"]) else {
        return;
    };
    let Some(output) = server.log_in(port, "ca.pem", PASSWORD) else {
        return;
    };
    says(&output, "channel binding");
    assert!(server.has_seen(b"SCRAM-SHA-256\0") && !server.has_seen(b"n=,r="));

    let server = Database::start("in-the-clear", "password", &[]).unwrap();
    let (_middle, port) = server.middle(&server.folder, &[]).unwrap();
    let output = server.log_in(port, "ca.pem", PASSWORD).unwrap();
    says(&output, "channel binding");
    assert!(server.has_seen(b"tester") && !server.has_seen(PASSWORD.as_bytes()));
}

#[test]
fn nothing_is_said_to_a_server_without_tls() {
    let without = |user: &User, program: &std::path::Path, folder: &Folder, port| {
        postgresql(user, program, folder, port, false)
    };
    let Some(server) = Database::run("no-tls", &[], without) else {
        return;
    };
    let Some(output) = server.log_in(server.port, "ca.pem", PASSWORD) else {
        return;
    };
    says(&output, "server does not support TLS");
}
