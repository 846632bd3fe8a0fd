//! The command `portcullis`.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;

use rustix::process::{Pid, Signal, kill_process};

use super::{Folder, PATIENCE, Running};

pub fn portcullis(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.args(arguments);
    command
}

/// Runs the command to its end with this standard input.
pub fn run(arguments: &[&str], input: &[u8]) -> Output {
    finish(portcullis(arguments), input)
}

/// The same for any command; one that does not end is ended, and fails the test.
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
    // Some programs compile a component first.
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

/// Has a server that echoes and ends with its client echo a line; returns the output of the client.
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

/// What `portcullis inspect` lists of a component under this name.
#[track_caller]
pub fn inspected(file: &str, list: &str) -> Vec<String> {
    let report = run(&["inspect", "--json", file], b"");
    assert!(report.status.success(), "{report:?}");
    let report: serde_json::Value = serde_json::from_slice(&report.stdout).unwrap();
    let names = report.get(list).unwrap().as_array().unwrap();
    let name = |name: &serde_json::Value| name.as_str().unwrap().to_owned();
    names.iter().map(name).collect()
}
