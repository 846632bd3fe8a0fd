//! The servers that the programs meet: other implementations, on loopback.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::{
    Folder, Running, User, await_log, free_port, grpc, mosquitto, nginx, postgresql,
    postgresql_asking, redis, start, tool,
};

/// What a program asks for, and the name that the pages have for such a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// `example.com 443`: OpenSSL.
    Page,
    /// `mail.example.com 587`: aiosmtpd, with STARTTLS.
    Mail,
    /// `db.example.com 5432`: PostgreSQL.
    Database,
    /// `scram.example.com 5432`: PostgreSQL, which asks for a password.
    Bound,
    /// `h2.example.com 443`: nginx.
    Http2,
    /// `grpc.example.com 443`: gRPC's own library.
    Grpc,
    /// `mqtt.example.com 8883`: mosquitto, which asks for a certificate.
    Mqtt,
    /// `redis.example.com 6379`: Redis, which asks for a password.
    Redis,
    /// `echo.example.com 7007`: Python's ssl module.
    Echo,
    /// `peer.example.com 7009`: servers of several protocols on Python's ssl module.
    Libraries,
}

/// Echoes to many clients at a time, and to the end even if a client has closed its half.
const ECHO: &str = "
import socketserver, ssl, sys
class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        try:
            with context.wrap_socket(self.request, server_side=True) as connection:
                while data := connection.recv(65536):
                    connection.sendall(data)
                connection.unwrap()
        except OSError:
            pass
class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 128
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(*sys.argv[2:])
Server(('127.0.0.1', int(sys.argv[1])), Echo).serve_forever()
";

/// What the check of `ssl` shows: each library fetches, and is refused.
const OF_LIBRARIES: &[&str] = &[
    "ok urllib_request_fetches_a_page",
    "ok urllib_request_is_refused",
    "ok http_client_keeps_a_connection",
    "ok http_client_is_refused",
    "ok smtplib_sends_by_starttls",
    "ok smtplib_sends_by_smtps",
    "ok smtplib_is_refused",
    "ok imaplib_fetches_by_starttls",
    "ok imaplib_fetches_by_imaps",
    "ok imaplib_is_refused",
    "ok poplib_fetches_by_stls",
    "ok poplib_is_refused",
    "ok ftplib_fetches_with_both_connections_secure",
    "ok ftplib_is_refused",
    "ok asyncio_opens_connections",
    "ok asyncio_is_refused",
    "ok asyncio_serves",
    "ok urllib3_fetches_a_page",
    "ok urllib3_is_refused",
    "ok requests_fetches_a_page",
    "ok requests_is_refused",
    "ok httpx_fetches_a_page",
    "ok httpx_is_refused",
    "ok http_server_serves",
];

/// A server that runs, in a folder with its authority.
pub struct Server {
    pub folder: Folder,
    pub port: u16,
    _process: Running,
}

impl Service {
    const ALL: [Self; 10] = [
        Self::Mail,
        Self::Database,
        Self::Bound,
        Self::Http2,
        Self::Grpc,
        Self::Mqtt,
        Self::Redis,
        Self::Echo,
        Self::Libraries,
        Self::Page,
    ];

    /// What the pages write for a server of this kind.
    pub const fn address(self) -> &'static str {
        match self {
            Self::Page => "example.com 443",
            Self::Mail => "mail.example.com 587",
            Self::Database => "db.example.com 5432",
            Self::Bound => "scram.example.com 5432",
            Self::Http2 => "h2.example.com 443",
            Self::Grpc => "grpc.example.com 443",
            Self::Mqtt => "mqtt.example.com 8883",
            Self::Redis => "redis.example.com 6379",
            Self::Echo => "echo.example.com 7007",
            Self::Libraries => "peer.example.com 7009",
        }
    }

    pub fn named_in(line: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|service| line.contains(service.address()))
    }

    /// What the table calls the program.
    pub const fn program(self) -> &'static str {
        match self {
            Self::Page => "HTTPS client",
            Self::Mail => "mail with STARTTLS",
            Self::Database => "PostgreSQL client",
            Self::Bound => "PostgreSQL client with channel binding",
            Self::Http2 => "HTTP/2 client",
            Self::Grpc => "gRPC client",
            Self::Mqtt => "MQTT client",
            Self::Redis => "Redis client",
            Self::Echo => "check of the wrapper",
            Self::Libraries => "check of ssl",
        }
    }

    /// What the program prints, or the server in its place.
    pub const fn shows(self) -> &'static [&'static str] {
        match self {
            Self::Page => &["Ciphers supported in s_server binary"],
            Self::Mail => &["Subject"],
            Self::Database | Self::Bound => &["PostgreSQL 1", "TLSv1.3"],
            Self::Http2 => &["HTTP/2.0 200 OK", "hello from nginx"],
            Self::Grpc => &["gate: SERVING"],
            Self::Mqtt => &["open\n"],
            Self::Redis => &["OK\n"],
            Self::Echo => &["ok "],
            Self::Libraries => OF_LIBRARIES,
        }
    }

    /// Starts a server; none if its program is missing, which is a loud skip or a failure.
    pub fn serve(self, name: &str, pages: &Path) -> Option<Server> {
        let folder = Folder::new(name);
        let port = free_port();
        let (cert, key) = (folder.path("cert.pem"), folder.path("key.pem"));
        let command = match self {
            Self::Page => {
                let mut command = Command::new(tool("openssl")?);
                let accept = format!("127.0.0.1:{port}");
                command.args(["s_server", "-quiet", "-www", "-accept", &accept]);
                command.args(["-cert", &cert, "-key", &key]);
                command
            }
            Self::Mail => {
                // The page of Python installs what it needs.
                let python = pages.join("python/.venv/bin/python");
                let mut command = Command::new(python);
                command.arg(pages.join("python/mail_server.py"));
                command.args([&port.to_string(), &cert, &key]);
                command
            }
            Self::Database => {
                let (program, user) = (tool("postgres")?, User::of_servers());
                let arguments = postgresql(&user, &program, &folder, port, true);
                let mut command = user.command(&program, &folder);
                command.args(arguments);
                command
            }
            Self::Bound => {
                let (program, user) = (tool("postgres")?, User::of_servers());
                let arguments = postgresql_asking(&user, &program, &folder, port, "scram-sha-256");
                let mut command = user.command(&program, &folder);
                command.args(arguments);
                command
            }
            Self::Http2 => {
                let (program, user) = (tool("nginx")?, User::of_servers());
                let www = folder.path("www");
                fs::create_dir(&www).unwrap();
                fs::write(format!("{www}/index.html"), "hello from nginx\n").unwrap();
                let mut command = user.command(&program, &folder);
                command.args(nginx(&folder, port, true));
                command
            }
            Self::Grpc => grpc(&folder, port)?,
            Self::Mqtt => mosquitto(&folder, port)?,
            Self::Redis => redis(&folder, port)?,
            Self::Echo => {
                let mut command = Command::new(tool("python3")?);
                command.args(["-c", ECHO, &port.to_string(), &cert, &key]);
                command
            }
            Self::Libraries => {
                let mut command = Command::new(tool("python3")?);
                command.arg(pages.join("../clients/python/ssl_peer.py"));
                command.args([&port.to_string(), &cert, &key, &folder.path("ca.pem")]);
                command
            }
        };
        let mut command = command;
        command.stdin(Stdio::null());
        let process = start(command, &folder, port);
        if matches!(self, Self::Database | Self::Bound) {
            await_log(&folder, "ready to accept connections");
        }
        Some(Server {
            folder,
            port,
            _process: process,
        })
    }
}

impl Server {
    /// What the server has said so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path("log")).unwrap()
    }
}
