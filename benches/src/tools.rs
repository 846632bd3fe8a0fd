//! What users measure themselves, with the programs that they have: a download from OpenSSL and an
//! upload to it, and our file server beside OpenSSL's with curl as the client.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use portcullis_bench_link::{HEADER, Request, What};
use rustls::ClientConfig;

use crate::identity::{Identity, KeyType, NAME};
use crate::loopback::{self, OURS, PEERS, TOKIO};
use crate::native::{self, Library, Terms};
use crate::report::Report;
use crate::rounds::{Side, rounds};
use crate::stage::Stage;

/// What goes over a connection: long enough that its beginning does not show.
const LENGTH: u32 = 64 * 1024;
const COUNT: u32 = 4 * 1024;
const FILE: &str = "file";

/// How long a server may take to listen.
const PATIENCE: Duration = Duration::from_secs(10);

const CURL: &str = "curl";
const CONNECT: &str = "portcullis connect";

/// The `openssl.` and `serve.` entries.
pub(crate) fn measure(stage: &Stage, report: &mut Report) -> Result<()> {
    let place = &Place::new()?;
    one_way(stage, report, place, What::Receive, "receive")?;
    one_way(stage, report, place, What::Send, "send")?;
    serving(stage, report, place)
}

fn one_way(
    stage: &Stage,
    report: &mut Report,
    place: &Place,
    what: What,
    direction: &str,
) -> Result<()> {
    let request = Request {
        what,
        length: LENGTH,
        count: COUNT,
    };
    let mut sides: Vec<Side<'_>> = loopback::clients()
        .chain([TOKIO.0])
        .map(|name| {
            Side::new(name, move || {
                let server = place.openssl(what)?;
                let before = Instant::now();
                let (port, identity) = (server.port, &place.identity);
                let mut client = loopback::connect(stage, name, port, identity, &place.client)?;
                client.run(request)?;
                let speed = speed(request.total(), before.elapsed())?;
                server.finish()?;
                Ok(vec![speed])
            })
        })
        .collect();
    if what == What::Receive {
        sides.push(Side::new(CURL, move || Ok(vec![place.curl()?])));
        if let Some(command) = &stage.command {
            sides.push(Side::new(CONNECT, move || {
                Ok(vec![place.connect(command)?])
            }));
        }
    }
    let title = format!("OpenSSL, {direction}");
    let outcome = rounds(&stage.progress, &title, stage.plan.rounds, sides)?;
    for (client, of) in OURS.into_iter().chain([TOKIO]) {
        let ours = outcome.of(client, 0)?;
        for (peer, title) in PEERS {
            let name = format!("openssl.{direction}{of}.vs_{peer}");
            report.beside(name, "MB/s", ours, (title, outcome.of(peer, 0)?));
        }
    }
    if what == What::Receive && stage.command.is_some() {
        let theirs = (CURL, outcome.of(CURL, 0)?);
        let name = format!("openssl.{direction}.connect.vs_curl");
        report.beside(name, "MB/s", outcome.of(CONNECT, 0)?, theirs);
    }
    Ok(())
}

/// Our file server and OpenSSL's, whose suite is what ours prefers, to curl.
fn serving(stage: &Stage, report: &mut Report, place: &Place) -> Result<()> {
    let Some(command) = &stage.command else {
        return Ok(());
    };
    let (ours, ours_port) = place.serve(command)?;
    let (theirs, theirs_port) = place.openssl_www()?;
    let side = |name, port| {
        let url = format!("https://127.0.0.1:{port}/{FILE}");
        Side::new(name, move || Ok(vec![curl_says(&url)?]))
    };
    let sides = vec![side("ours", ours_port), side("theirs", theirs_port)];
    let outcome = rounds(&stage.progress, "file servers", stage.plan.rounds, sides)?;
    drop((ours, theirs));
    let peer = (
        "`openssl s_server -WWW`, ChaCha20-Poly1305",
        outcome.of("theirs", 0)?,
    );
    report.beside("serve.www.vs_openssl", "MB/s", outcome.of("ours", 0)?, peer);
    Ok(())
}

/// A folder with a server's identity and a file of zeros.
struct Place {
    folder: PathBuf,
    identity: Identity,
    client: Arc<ClientConfig>,
}

impl Place {
    fn new() -> Result<Self> {
        let identity = Identity::new(KeyType::P256)?;
        let folder = std::env::temp_dir().join(format!("portcullis-bench-{}", std::process::id()));
        fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        let client = native::client_config(Library::Ring, Terms::usual(&identity))?;
        let this = Self {
            folder,
            identity,
            client,
        };
        for (name, text) in [
            ("cert", &this.identity.chain),
            ("key", &this.identity.key),
            ("root", &this.identity.root),
            ("request", &"GET /\r\n".to_owned()),
        ] {
            fs::write(this.path(name), text)?;
        }
        let length = u64::from(LENGTH) * u64::from(COUNT);
        File::create(this.path(FILE))?.set_len(length)?;
        Ok(this)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn s_server(&self, port: u16) -> Command {
        let mut command = Command::new("openssl");
        command.args(["s_server", "-quiet", "-accept"]);
        command.arg(format!("127.0.0.1:{port}"));
        command.arg("-cert").arg(self.path("cert"));
        command.arg("-key").arg(self.path("key"));
        command.stderr(Stdio::null());
        command
    }

    /// A server for one connection: it sends the file, or takes as much as the request has and
    /// answers with a byte.
    fn openssl(&self, what: What) -> Result<Server> {
        let port = free_port()?;
        let mut command = self.s_server(port);
        command.args(["-naccept", "1"]);
        if what == What::Receive {
            command
                .stdin(File::open(self.path(FILE))?)
                .stdout(Stdio::null());
        } else {
            command.stdin(Stdio::piped()).stdout(Stdio::piped());
        }
        let mut child = command.spawn().context("cannot start openssl")?;
        let taking = match (child.stdin.take(), child.stdout.take()) {
            (Some(input), Some(output)) => Some(thread::spawn(move || take(output, input))),
            _ => None,
        };
        let running = Running(child);
        listening(port)?;
        Ok(Server {
            running,
            port,
            taking,
        })
    }

    fn openssl_www(&self) -> Result<(Running, u16)> {
        let port = free_port()?;
        let mut command = self.s_server(port);
        command.args(["-WWW", "-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256"]);
        command.current_dir(&self.folder);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let running = Running(command.spawn().context("cannot start openssl")?);
        listening(port)?;
        Ok((running, port))
    }

    fn serve(&self, command: &Path) -> Result<(Running, u16)> {
        let port = free_port()?;
        let mut serve = Command::new(command);
        serve.arg("serve").arg(format!("127.0.0.1:{port}"));
        serve.arg("--cert").arg(self.path("cert"));
        serve.arg("--key").arg(self.path("key"));
        serve.arg("--www").arg(&self.folder);
        serve
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let running = Running(serve.spawn().context("cannot start the command")?);
        listening(port)?;
        Ok((running, port))
    }

    /// Has the command write the download to nowhere, from its start to its end.
    fn connect(&self, command: &Path) -> Result<f64> {
        let server = self.openssl(What::Receive)?;
        let mut connect = Command::new(command);
        connect
            .arg("connect")
            .arg(format!("127.0.0.1:{}", server.port));
        connect
            .args(["--servername", NAME, "--cafile"])
            .arg(self.path("root"));
        // OpenSSL may wait for it before it sends more: it reads when there was something of the
        // handshake to read.
        connect.stdin(File::open(self.path("request"))?);
        piped(connect)
    }

    /// Has curl do the same.
    fn curl(&self) -> Result<f64> {
        let server = self.openssl(What::Receive)?;
        let mut curl = Command::new("curl");
        // OpenSSL sends what it is given, without the head of an answer.
        curl.args(["--silent", "--http0.9", "--no-buffer", "--cacert"]);
        curl.arg(self.path("root")).arg("--resolve");
        curl.arg(format!("{NAME}:{}:127.0.0.1", server.port));
        curl.arg(format!("https://{NAME}:{}/", server.port));
        curl.stdin(Stdio::null());
        piped(curl)
    }
}

/// How fast a program writes the download to a pipe, from its start to its end.
fn piped(mut program: Command) -> Result<f64> {
    let before = Instant::now();
    program.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = Running(program.spawn().context("cannot start the program")?);
    let mut output = child.0.stdout.take().context("no output")?;
    let length = count(&mut output, u64::MAX)?;
    let elapsed = before.elapsed();
    ensure!(child.0.wait()?.success(), "{program:?} failed");
    ensure!(
        length == u64::from(LENGTH) * u64::from(COUNT),
        "{length} bytes arrived"
    );
    speed(length, elapsed)
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A program that ends with its handle.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A server for one connection.
struct Server {
    running: Running,
    port: u16,
    taking: Option<JoinHandle<Result<ChildStdin>>>,
}

impl Server {
    /// What it took was complete.
    fn finish(self) -> Result<()> {
        let Some(taking) = self.taking else {
            return Ok(());
        };
        match taking.join() {
            Ok(taken) => drop(taken?),
            Err(_) => bail!("a thread has panicked"),
        }
        drop(self.running);
        Ok(())
    }
}

/// Reads as much as a request has, and answers. The input stays open, for its end would end the server.
fn take(mut output: impl std::io::Read, mut input: ChildStdin) -> Result<ChildStdin> {
    let length = u64::from(LENGTH) * u64::from(COUNT) + u64::try_from(HEADER)?;
    ensure!(
        count(&mut output, length)? == length,
        "the client sent less"
    );
    input.write_all(b"\n")?;
    Ok(input)
}

/// Reads up to the limit or the end; returns how much there was.
fn count(from: &mut impl std::io::Read, limit: u64) -> Result<u64> {
    let mut buffer = vec![0; 1024 * 1024];
    let mut total = 0;
    while total < limit {
        match from.read(&mut buffer)? {
            0 => break,
            length => total += u64::try_from(length)?,
        }
    }
    Ok(total)
}

/// Has curl download to nowhere; what it says of its own time has no start of the program in it.
fn curl_says(url: &str) -> Result<f64> {
    let mut curl = Command::new("curl");
    curl.args([
        "--silent",
        "--show-error",
        "--insecure",
        "--output",
        "/dev/null",
    ]);
    curl.args(["--write-out", "%{size_download} %{time_total}"]);
    let output = curl.arg(url).output().context("cannot start curl")?;
    let said = String::from_utf8_lossy(&output.stdout);
    let (length, seconds) = said.split_once(' ').context("curl says nothing")?;
    let length: u64 = length.parse()?;
    ensure!(
        length == u64::from(LENGTH) * u64::from(COUNT),
        "curl got {length} bytes: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    speed(length, Duration::from_secs_f64(seconds.parse()?))
}

/// MB/s.
fn speed(bytes: u64, time: Duration) -> Result<f64> {
    Ok(f64::from(u32::try_from(bytes)?) / 1e6 / time.as_secs_f64())
}

fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}

/// Waits until somebody listens on the port, without a connection, of which some servers take only one.
fn listening(port: u16) -> Result<()> {
    // The local address, no peer, and the state LISTEN (proc(5)).
    let wanted = format!("0100007F:{port:04X} 00000000:0000 0A");
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        let mut table = String::new();
        File::open("/proc/net/tcp")?.read_to_string(&mut table)?;
        if table.contains(&wanted) {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(2));
    }
    bail!("nobody listens on port {port}")
}
