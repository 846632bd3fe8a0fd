//! Peers in a process of their own, which is killed while they are in the middle of something.

use std::convert::Infallible;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use clap::ValueEnum;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, ConnectionCommon, RootCertStore, ServerConfig,
    ServerConnection, SideData,
};

use super::PATIENCE;
use crate::certs::NAME;
use crate::pattern;

/// How many clients one process has: so many at each stage, in TLS 1.2 and 1.3.
pub(crate) const CLIENTS: usize = 2 * 2 * STAGES.len();

/// How long a peer that takes nothing is written to.
const STUCK: Duration = Duration::from_millis(200);

/// How far the clients are when they are killed.
const STAGES: [Stage; 8] = [
    Stage::Silent,
    Stage::HalfHello,
    Stage::Hello,
    Stage::Answered,
    Stage::Idle,
    Stage::HalfRecord,
    Stage::Flooding,
    Stage::Talking,
];

#[derive(Clone, Copy, Debug)]
enum Stage {
    /// Only the transport is there.
    Silent,
    HalfHello,
    /// The answer is not read.
    Hello,
    /// The answer is read, and nothing follows.
    Answered,
    Idle,
    HalfRecord,
    /// As much was sent as the server takes, and nothing is read.
    Flooding,
    /// Data goes and comes at the moment when it is killed.
    Talking,
}

/// What runs in a process that is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Doomed {
    /// Clients at all stages
    Clients,
    /// A server that has not read the client's first message
    ServerDeaf,
    /// One that has read it
    ServerMute,
    /// One that has sent a part of its answer
    ServerHalf,
    /// One that has done the handshake
    ServerIdle,
    /// One that has sent a part of a record
    ServerRecord,
    /// One that sends for ever
    ServerTalking,
}

/// Says when everything has come as far as it has to, and goes on until the process is killed.
pub(crate) fn run(what: Doomed, port: u16, folder: &Path) -> Result<Infallible> {
    match what {
        Doomed::Clients => clients(port, folder),
        server => serve(server, folder),
    }
}

fn clients(port: u16, folder: &Path) -> Result<Infallible> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(folder.join("ca.pem"))?)?;
    let mut held = Vec::new();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_protocol_versions(&[version])?;
        let config = builder.with_root_certificates(roots.clone());
        let config = Arc::new(config.with_no_client_auth());
        for stage in STAGES.into_iter().chain(STAGES) {
            let name = ServerName::try_from(NAME)?;
            let connection = ClientConnection::new(Arc::clone(&config), name)?;
            let socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
            socket.set_nodelay(true)?;
            let client = client(stage, connection, socket);
            held.push(client.with_context(|| format!("{stage:?}"))?);
        }
    }
    ready()?;
    wait()
}

/// Brings a client to its stage. What it has is to be kept, unless it goes on by itself.
fn client(
    stage: Stage,
    mut connection: ClientConnection,
    mut socket: TcpStream,
) -> Result<Option<(ClientConnection, TcpStream)>> {
    let mut hello = Vec::new();
    match stage {
        Stage::Silent => {}
        Stage::HalfHello => {
            connection.write_tls(&mut hello)?;
            socket.write_all(hello.get(..hello.len() / 2).unwrap_or_default())?;
        }
        Stage::Hello => {
            connection.write_tls(&mut hello)?;
            socket.write_all(&hello)?;
        }
        Stage::Answered => {
            connection.write_tls(&mut hello)?;
            socket.write_all(&hello)?;
            ensure!(socket.read(&mut [0; 16 * 1024])? > 0, "no answer");
        }
        Stage::Idle => shake(&mut connection, &mut socket)?,
        Stage::HalfRecord => {
            shake(&mut connection, &mut socket)?;
            half_a_record(&mut connection, &mut socket)?;
        }
        Stage::Flooding => {
            shake(&mut connection, &mut socket)?;
            socket.set_write_timeout(Some(STUCK))?;
            let flood = [0; 16 * 1024];
            let mut stream = rustls::Stream::new(&mut connection, &mut socket);
            loop {
                match stream.write_all(&flood) {
                    Ok(()) => {}
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Stage::Talking => {
            shake(&mut connection, &mut socket)?;
            let question = pattern::bytes(pattern::THEIRS, 0..10_000);
            // The first answer has come before it says that it is ready.
            talk(&mut connection, &mut socket, &question)?;
            thread::spawn(move || while talk(&mut connection, &mut socket, &question).is_ok() {});
            return Ok(None);
        }
    }
    Ok(Some((connection, socket)))
}

fn shake<D: SideData>(connection: &mut ConnectionCommon<D>, socket: &mut TcpStream) -> Result<()> {
    socket.set_read_timeout(Some(PATIENCE))?;
    while connection.is_handshaking() || connection.wants_write() {
        connection.complete_io(socket)?;
    }
    Ok(())
}

fn talk(connection: &mut ClientConnection, socket: &mut TcpStream, question: &[u8]) -> Result<()> {
    let mut stream = rustls::Stream::new(connection, socket);
    stream.write_all(question)?;
    let mut answer = vec![0; question.len()];
    stream.read_exact(&mut answer)?;
    ensure!(answer == question, "another answer than the question");
    Ok(())
}

fn half_a_record<D: SideData>(
    connection: &mut ConnectionCommon<D>,
    socket: &mut TcpStream,
) -> Result<()> {
    connection.writer().write_all(&[0; 1000])?;
    let mut record = Vec::new();
    connection.write_tls(&mut record)?;
    socket.write_all(record.get(..record.len() / 2).unwrap_or_default())?;
    Ok(())
}

fn serve(what: Doomed, folder: &Path) -> Result<Infallible> {
    let chain = CertificateDer::from_pem_file(folder.join("cert.pem"))?;
    let key = PrivateKeyDer::from_pem_file(folder.join("key.pem"))?;
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions()?;
    let config = builder.with_no_client_auth();
    let config = Arc::new(config.with_single_cert(vec![chain], key)?);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    println!("listening on {}", listener.local_addr()?);
    let (mut socket, _) = listener.accept()?;
    socket.set_nodelay(true)?;
    let mut connection = ServerConnection::new(config)?;
    match what {
        Doomed::ServerDeaf => {
            ensure!(socket.peek(&mut [0; 1])? > 0, "no client");
        }
        Doomed::ServerMute => {
            ensure!(socket.read(&mut [0; 16 * 1024])? > 0, "no client");
        }
        Doomed::ServerHalf => {
            while !connection.wants_write() {
                ensure!(connection.read_tls(&mut socket)? > 0, "no client");
                connection.process_new_packets()?;
            }
            let mut flight = Vec::new();
            while connection.wants_write() {
                connection.write_tls(&mut flight)?;
            }
            socket.write_all(flight.get(..flight.len() / 2).unwrap_or_default())?;
        }
        Doomed::ServerIdle => {
            shake(&mut connection, &mut socket)?;
            let greeting = pattern::bytes(pattern::OURS, 0..1000);
            rustls::Stream::new(&mut connection, &mut socket).write_all(&greeting)?;
        }
        Doomed::ServerRecord => {
            shake(&mut connection, &mut socket)?;
            half_a_record(&mut connection, &mut socket)?;
        }
        Doomed::ServerTalking => {
            shake(&mut connection, &mut socket)?;
            let mut place = 0;
            loop {
                let part = pattern::bytes(pattern::OURS, place..place + 10_000);
                rustls::Stream::new(&mut connection, &mut socket).write_all(&part)?;
                if place == 0 {
                    ready()?;
                }
                place += part.len();
            }
        }
        Doomed::Clients => bail!("no server"),
    }
    ready()?;
    // The socket stays open until then.
    wait()
}

fn ready() -> io::Result<()> {
    println!("ready");
    io::stdout().flush()
}

/// Until it is killed.
fn wait() -> ! {
    loop {
        thread::park();
    }
}
