//! Programs of others that tests run beside the command.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};

use super::{Folder, PATIENCE, User, skip};

/// A program that is asked to end, and then ended, by its own id, when the value is dropped.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Once it has been waited for, the id may be another program's.
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

/// Makes a database cluster in the folder that trusts the user `tester`, and returns the arguments
/// of its server.
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

/// OpenSSL's client says `echo this` to a server that echoes, as localhost and with the authority of the
/// folder; the first line that comes back, or nothing.
pub fn say_to(openssl: &Path, port: u16, folder: &Folder, more: &[&str]) -> String {
    let mut child = Command::new(openssl)
        .args(["s_client", "-quiet", "-verify_return_error"])
        .args(["-connect", &format!("127.0.0.1:{port}")])
        .args(["-CAfile", &folder.path("ca.pem")])
        .args(["-servername", "localhost"])
        .args(more)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    // A client that is refused may be gone.
    let _ = input.write_all(b"echo this\n");
    let mut answer = String::new();
    let _ = BufReader::new(child.stdout.take().unwrap()).read_line(&mut answer);
    drop(input);
    drop(Running(child));
    answer
}
