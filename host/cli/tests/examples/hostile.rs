//! The echo server beside clients that want more than their share.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::support::{Folder, Running, serving};

type Stream = StreamOwned<ClientConnection, TcpStream>;

/// How long the server waits for a client that does not read.
const IDLE_SECONDS: &str = "1";

/// No client has to wait longer than this.
const PATIENCE: Duration = Duration::from_secs(20);

/// An echo server that runs, and what it tells.
struct Server {
    _running: Running,
    port: u16,
    lines: mpsc::Receiver<String>,
    config: Arc<ClientConfig>,
}

impl Server {
    /// Start it by this line, to which its arguments are added.
    fn start(start: &str, from: &Path, path: &OsStr, folder: &Folder) -> Self {
        let files = folder.0.to_str().unwrap();
        let line = format!("{start} {files}/cert.pem {files}/key.pem 0 {IDLE_SECONDS}");
        let mut command = Command::new("bash");
        command
            .args(["-e", "-c", &line])
            .current_dir(from)
            .env("PATH", path)
            .stdin(Stdio::null())
            .stderr(Stdio::piped());
        let (mut running, port) = serving(command);
        let (told, lines) = mpsc::channel();
        let stderr = BufReader::new(running.0.stderr.take().unwrap());
        thread::spawn(move || {
            let mut lines = stderr.lines().map_while(Result::ok);
            lines.try_for_each(|line| told.send(line))
        });
        Self {
            _running: running,
            port,
            lines,
            config: client(folder),
        }
    }

    /// Wait until it tells a line like this.
    fn await_line(&self, is_it: impl Fn(&str) -> bool) -> Result<(), String> {
        let end = Instant::now() + PATIENCE;
        let mut told = Vec::new();
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) if is_it(&line) => return Ok(()),
                Ok(line) => told.push(line),
                Err(_) => return Err(format!("it told only {told:?}")),
            }
        }
    }

    fn echo(&self, when: &str) -> Result<(), String> {
        echo(&self.config, self.port).map_err(|error| format!("{when}: {error}"))
    }
}

/// Others are served after the server has given up a client that took nothing of megabytes, while
/// that client keeps its connection open, and after it has gone.
pub fn greedy(start: &str, from: &Path, path: &OsStr, folder: &Folder) -> Result<(), String> {
    let server = Server::start(start, from, path, folder);
    server.echo("before")?;
    let greedy = send_without_reading(&server.config, server.port);
    let address = greedy.sock.local_addr().unwrap().to_string();
    server.await_line(|line| line.starts_with(&address))?;
    for _ in 0..5 {
        server.echo("beside it")?;
    }
    drop(greedy);
    server.echo("after it")
}

/// More clients than the server has descriptors make it say so, and it serves when they have gone.
pub fn crowd(start: &str, from: &Path, path: &OsStr, folder: &Folder) -> Result<(), String> {
    let server = Server::start(&format!("ulimit -n 64\n{start}"), from, path, folder);
    server.echo("before")?;
    let crowd: Vec<_> = (0..70)
        .map(|_| TcpStream::connect(("127.0.0.1", server.port)).unwrap())
        .collect();
    server.await_line(|line| line.contains("accepting a connection: no more sockets"))?;
    drop(crowd);
    server.echo("after it")
}

fn client(folder: &Folder) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    let ca = fs::read(folder.path("ca.pem")).unwrap();
    roots
        .add(CertificateDer::from_pem_slice(&ca).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

fn connect(config: &Arc<ClientConfig>, port: u16) -> std::io::Result<Stream> {
    let socket = TcpStream::connect(("127.0.0.1", port))?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(Arc::clone(config), name).unwrap();
    let mut stream = StreamOwned::new(connection, socket);
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    Ok(stream)
}

fn echo(config: &Arc<ClientConfig>, port: u16) -> std::io::Result<()> {
    let mut stream = connect(config, port)?;
    stream.write_all(b"ping")?;
    let mut back = [0; 4];
    stream.read_exact(&mut back)?;
    assert_eq!(&back, b"ping");
    Ok(())
}

/// A client that has sent as much as the server takes, and reads nothing.
fn send_without_reading(config: &Arc<ClientConfig>, port: u16) -> Stream {
    let mut stream = connect(config, port).unwrap();
    stream
        .sock
        .set_write_timeout(Some(Duration::from_millis(500)))
        .unwrap();
    let mut sent = 0;
    while let Ok(taken) = stream.write(&[0; 16 * 1024]) {
        sent += taken;
    }
    assert!(sent > 1 << 20, "{sent}");
    stream
}
