//! What the tests of the command share: the command, certificates, and other programs beside it.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "test files use different parts, and a test that cannot go on should stop"
)]

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Barrier, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustix::process::{Pid, Signal, kill_process};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// No step of a test takes longer.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A directory with an authority (`ca.pem`) and a server's identity for localhost (`cert.pem`,
/// `key.pem`), removed with the value. It belongs to the user of the servers.
pub struct Folder(pub PathBuf);

impl Folder {
    /// With a key on P-256.
    pub fn new(name: &str) -> Self {
        Self::with_key(name, &KeyPair::generate().unwrap())
    }

    pub fn with_key(name: &str, key: &KeyPair) -> Self {
        // Where another user may go too; the target directory may not be.
        let folder = std::env::temp_dir().join(format!("portcullis-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        // Two with the same name would be taken for each other.
        parameters
            .distinguished_name
            .push(DnType::CommonName, format!("Root of {name}"));
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca_key = KeyPair::generate().unwrap();
        let ca = parameters.self_signed(&ca_key).unwrap();
        let issuer = Issuer::new(parameters, ca_key);
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let mut leaf = CertificateParams::new(names).unwrap();
        leaf.distinguished_name.push(DnType::CommonName, "Server");
        let leaf = leaf.signed_by(key, &issuer).unwrap();
        fs::write(folder.join("ca.pem"), ca.pem()).unwrap();
        fs::write(folder.join("cert.pem"), leaf.pem()).unwrap();
        fs::write(folder.join("key.pem"), key.serialize_pem()).unwrap();
        // PostgreSQL insists on it.
        let secret = fs::Permissions::from_mode(0o600);
        fs::set_permissions(folder.join("key.pem"), secret).unwrap();
        let user = User::of_servers();
        for path in ["", "ca.pem", "cert.pem", "key.pem"] {
            user.own(folder.join(path));
        }
        Self(folder)
    }

    pub fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A program that is asked to end, and ended, with the value, by its own id.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Once it has been waited for, the id is another's.
        if !matches!(self.0.try_wait(), Ok(None)) {
            return;
        }
        let pid = Pid::from_child(&self.0);
        let _ = kill_process(pid, Signal::TERM);
        let (ended, end) = mpsc::channel();
        thread::scope(|scope| {
            scope.spawn(|| {
                let _ = self.0.wait();
                let _ = ended.send(());
            });
            if end.recv_timeout(PATIENCE).is_err() {
                let _ = kill_process(pid, Signal::KILL);
            }
        });
    }
}

/// Whom servers run as: an unprivileged user, for some refuse to be root.
pub struct User {
    pub name: String,
    pub group: String,
    /// What to become; none if it is what we are.
    ids: Option<(u32, u32)>,
}

impl User {
    pub fn of_servers() -> Self {
        let id = |arguments: &[&str]| {
            let output = Command::new("id").args(arguments).output().unwrap();
            String::from_utf8(output.stdout).unwrap().trim().to_owned()
        };
        let is_root = id(&["-u"]) == "0";
        let of: &[&str] = if is_root { &["nobody"] } else { &[] };
        let ask = |what| id(&[&[what], of].concat());
        let number = |what| ask(what).parse().unwrap();
        Self {
            name: ask("-un"),
            group: ask("-gn"),
            ids: is_root.then(|| (number("-u"), number("-g"))),
        }
    }

    /// Give a file or directory to this user.
    pub fn own(&self, path: impl AsRef<Path>) {
        if let Some((user, group)) = self.ids {
            chown(path, Some(user), Some(group)).unwrap();
        }
    }

    /// A program as this user, in the folder.
    pub fn command(&self, program: &Path, folder: &Folder) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&folder.0).stdin(Stdio::null());
        if let Some((user, group)) = self.ids {
            command.uid(user).gid(group);
        }
        command
    }
}

pub fn portcullis(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.args(arguments);
    command
}

/// Run to the end with this standard input.
pub fn run(arguments: &[&str], input: &[u8]) -> Output {
    finish(portcullis(arguments), input)
}

/// The same of any command; one that does not end is ended, and fails the test.
#[track_caller]
pub fn finish(mut command: Command, input: &[u8]) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that refuses to start does not read it.
    let _ = child.stdin.take().unwrap().write_all(input);
    let pid = Pid::from_child(&child);
    let (ended, end) = mpsc::channel();
    thread::spawn(move || ended.send(child.wait_with_output()));
    // Some compile a component first.
    if let Ok(output) = end.recv_timeout(3 * PATIENCE) {
        return output.unwrap();
    }
    let _ = kill_process(pid, Signal::KILL);
    panic!("{command:?} does not end: {:?}", end.recv().unwrap());
}

/// The exit status and the one line on standard error that says why.
#[track_caller]
pub fn refusal(output: &Output, status: i32) -> String {
    let line = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(status), "{line}");
    assert_eq!(line.trim_end().lines().count(), 1, "{line}");
    line
}

/// What [`say`] sends.
const HELLO: &[u8] = b"hello\n";

/// Have a server that echoes, and ends with its client, echo a line; the output of the client.
pub fn say(port: u16, host: &str, more: &[&str], variables: &[(&str, &str)]) -> Output {
    let target = format!("{host}:{port}");
    let mut command = portcullis(&[&["connect", &target, "--half-close"], more].concat());
    for name in ["SSL_CERT_FILE", "SSL_CERT_DIR"] {
        command.env_remove(name);
    }
    command.envs(variables.iter().copied());
    finish(command, HELLO)
}

#[track_caller]
pub fn echoed(output: &Output) {
    assert!(output.status.success(), "{output:?}");
    assert_eq!(output.stdout, HELLO);
}

/// `portcullis serve` on a free port.
pub fn serve(folder: &Folder, more: &[&str]) -> (Running, u16) {
    let (cert, key) = (folder.path("cert.pem"), folder.path("key.pem"));
    let fixed = ["serve", "127.0.0.1:0", "--cert", &cert, "--key", &key];
    let mut command = portcullis(&[&fixed, more].concat());
    command.stderr(Stdio::null());
    serving(command)
}

/// A command that serves, once it says on which port.
pub fn serving(mut command: Command) -> (Running, u16) {
    let child = command.stdout(Stdio::piped()).spawn();
    let mut server = Running(child.unwrap());
    let mut line = String::new();
    BufReader::new(server.0.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let port = line
        .trim()
        .strip_prefix("listening on 127.0.0.1:")
        .unwrap()
        .parse()
        .unwrap();
    (server, port)
}

/// What [`serve_page`] answers.
pub const PAGE: &str = "hello from afar";

/// Answers as many clients as it is told, when all of them have done their handshakes.
pub fn serve_page(folder: &Folder, clients: usize) -> (u16, JoinHandle<()>) {
    let certificate = CertificateDer::from_pem_file(folder.path("cert.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(folder.path("key.pem")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let all = Arc::new(Barrier::new(clients));
    let serving = thread::spawn(move || {
        let mut threads = Vec::new();
        for _ in 0..clients {
            let (socket, _) = listener.accept().unwrap();
            let (config, all) = (Arc::clone(&config), Arc::clone(&all));
            threads.push(thread::spawn(move || {
                let connection = rustls::ServerConnection::new(config).unwrap();
                let mut stream = rustls::StreamOwned::new(connection, socket);
                let read = stream.read(&mut [0; 1024]);
                all.wait();
                // A client that refuses us is gone.
                if read.is_ok_and(|length| length > 0) {
                    let _ = stream.write_all(PAGE.as_bytes());
                    stream.conn.send_close_notify();
                    let _ = stream.flush();
                }
            }));
        }
        for thread in threads {
            thread.join().unwrap();
        }
    });
    (port, serving)
}

/// A built example, not composed; none, which is a loud skip or a failure, where it is not built.
pub fn example(name: &str) -> Option<PathBuf> {
    let Some(directory) = std::env::var_os("PORTCULLIS_EXAMPLES") else {
        skip("the examples are not built; run `cargo xtask test`");
        return None;
    };
    Some(PathBuf::from(directory).join(format!("{name}.wasm")))
}

pub fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// Start a server and wait until it listens, by trying.
pub fn start(mut command: Command, folder: &Folder, port: u16) -> Running {
    let log = File::create(folder.path("log")).unwrap();
    command.stdout(log.try_clone().unwrap()).stderr(log);
    let mut server = Running(command.spawn().unwrap());
    let started = Instant::now();
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        let ended = server.0.try_wait().unwrap();
        if ended.is_some() || started.elapsed() > PATIENCE {
            let log = fs::read_to_string(folder.path("log")).unwrap_or_default();
            panic!("{command:?} does not listen on {port} ({ended:?}): {log}");
        }
        thread::yield_now();
    }
    server
}

/// Wait until the server's log says so.
pub fn await_log(folder: &Folder, line: &str) {
    let started = Instant::now();
    while !fs::read_to_string(folder.path("log"))
        .unwrap()
        .contains(line)
    {
        assert!(started.elapsed() < PATIENCE, "the log never says {line:?}");
        thread::yield_now();
    }
}

/// Make a database cluster in the folder, which trusts the user `tester`; the arguments of its
/// server.
pub fn postgresql(
    user: &User,
    program: &Path,
    folder: &Folder,
    port: u16,
    tls: bool,
) -> Vec<String> {
    let data = folder.path("data");
    let mut initdb = user.command(&program.with_file_name("initdb"), folder);
    initdb.args(["-D", &data, "-A", "trust", "-U", "tester", "-N"]);
    let output = initdb.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let mut arguments = ["-D", &data, "-h", "127.0.0.1", "-p"]
        .map(str::to_owned)
        .to_vec();
    arguments.push(port.to_string());
    arguments.extend(["-k".to_owned(), data]);
    let certificate = format!("ssl_cert_file={}", folder.path("cert.pem"));
    let key = format!("ssl_key_file={}", folder.path("key.pem"));
    let tls = if tls { "ssl=on" } else { "ssl=off" };
    for setting in [tls, &certificate, &key] {
        arguments.extend(["-c".to_owned(), setting.to_owned()]);
    }
    arguments
}

pub fn tool(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let postgres = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let found = std::env::split_paths(&path)
        .chain(["/usr/sbin", "/usr/lib/dovecot"].map(PathBuf::from))
        .chain(postgres.map(|version| version.path().join("bin")))
        .map(|folder| folder.join(name))
        .find(|program| program.is_file());
    if found.is_none() {
        skip(&format!("`{name}` is not installed"));
    }
    found
}

/// Tell, where it is seen, that a test is skipped; with `PORTCULLIS_REQUIRE_TOOLS` set, fail instead.
pub fn skip(reason: &str) {
    assert!(
        std::env::var_os("PORTCULLIS_REQUIRE_TOOLS").is_none(),
        "{reason}"
    );
    // Not `eprintln!`, which the test runner shows only for tests that fail.
    let _ = writeln!(std::io::stderr(), "SKIPPED: {reason}");
}
