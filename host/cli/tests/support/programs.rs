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

/// The password of the user `tester`.
pub const PASSWORD: &str = "correct horse";

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
    cluster(user, program, folder, port, tls, &["-A", "trust"])
}

/// The same for a user with a password, which this method asks for, over TLS alone.
pub fn postgresql_asking(
    user: &User,
    program: &Path,
    folder: &Folder,
    port: u16,
    method: &str,
) -> Vec<String> {
    let (password, rules) = (folder.path("password"), folder.path("rules"));
    fs::write(&password, PASSWORD).unwrap();
    fs::write(&rules, format!("hostssl all all 127.0.0.1/32 {method}\n")).unwrap();
    let asks = ["-A", "scram-sha-256", "--pwfile", &password];
    let mut arguments = cluster(user, program, folder, port, true, &asks);
    arguments.extend(["-c".to_owned(), format!("hba_file={rules}")]);
    arguments
}

fn cluster(
    user: &User,
    program: &Path,
    folder: &Folder,
    port: u16,
    tls: bool,
    authentication: &[&str],
) -> Vec<String> {
    let data = folder.path("data");
    let mut initdb = user.command(&program.with_file_name("initdb"), folder);
    initdb.args(["-D", &data, "-U", "tester", "-N"]);
    initdb.args(authentication);
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

/// Writes a configuration of nginx for the pages in `www`, and returns its arguments. Its log of
/// requests, `requests`, begins each line with the number of the connection.
pub fn nginx(folder: &Folder, port: u16, http2: bool) -> Vec<String> {
    let path = folder.path("");
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|of| format!("{of}_temp_path {path}temporary;"))
        .concat();
    let http2 = if http2 { "http2" } else { "" };
    let configuration = format!(
        "daemon off; master_process off; pid {path}pid; error_log stderr;\n\
         events {{}}\n\
         http {{\n\
           log_format line '$connection $request $status';\n\
           access_log {path}requests line;\n\
           {temporary}\n\
           server {{\n\
             listen 127.0.0.1:{port} ssl {http2};\n\
             ssl_certificate {path}cert.pem; ssl_certificate_key {path}key.pem;\n\
             root {path}www;\n\
           }}\n\
         }}\n"
    );
    let file = folder.path("nginx.conf");
    fs::write(&file, configuration).unwrap();
    ["-e", "stderr", "-p", &path, "-c", &file]
        .map(str::to_owned)
        .to_vec()
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
