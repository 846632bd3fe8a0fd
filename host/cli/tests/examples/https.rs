//! The HTTPS servers among the examples, and who comes to them: clients that trust them, one that does
//! not, and one that speaks no TLS.

use std::fs;
use std::process::{Command, Stdio};

use crate::support::{Folder, finish, serving, tool};
use crate::{Column, OwnServer, examples, start_server, told};

/// Two that do not belong there come between two that do, and end nobody's connection but their own.
const CLIENTS: &str = "
import socket, ssl, sys, urllib.error, urllib.request
port, ca = sys.argv[1:]
def fetch(context):
    url = f'https://localhost:{port}/'
    with urllib.request.urlopen(url, context=context, timeout=60) as answer:
        return answer.read().decode()
trusting = ssl.create_default_context(cafile=ca)
print('first:', fetch(trusting), end='')
try:
    fetch(ssl.create_default_context())
except urllib.error.URLError as error:
    print('refused:', error.reason.verify_message)
with socket.create_connection(('127.0.0.1', int(port)), timeout=60) as plain:
    plain.sendall(b'GET / HTTP/1.0\\r\\n\\r\\n')
    while plain.recv(4096):
        pass
print('again:', fetch(trusting), end='')
";

/// What the clients see.
const SEEN: [&str; 3] = ["first: hello from ", "refused: ", "again: hello from "];

/// What the server says of the two.
const SAID: [&str; 2] = ["unknown_ca", "plain HTTP"];

/// The server serves, and tells of its failures.
pub fn meet(server: &OwnServer, column: &Column) -> Result<(), String> {
    let language = server.language;
    let name = format!("https-{language}-{}", column.name).replace(' ', "-");
    let folder = Folder::new(&name);
    let path = folder.0.to_str().unwrap();
    let start = start_server(server, column, &folder, None)?;
    let log = folder.0.join("said");
    let mut command = Command::new("bash");
    command
        .args([
            "-e",
            "-c",
            &format!("{start} {path}/cert.pem {path}/key.pem"),
        ])
        .current_dir(examples().join(language))
        .env("PATH", &column.path)
        .stdin(Stdio::null())
        .stderr(fs::File::create(&log).unwrap());
    let (_server, port) = serving(command);
    let Some(python) = tool("python3") else {
        return Ok(());
    };
    let mut clients = Command::new(python);
    clients.args(["-c", CLIENTS, &port.to_string(), &folder.path("ca.pem")]);
    let output = finish(clients, b"");
    let (seen, said) = (told(&output), fs::read_to_string(&log).unwrap());
    let saw_all = SEEN.iter().all(|part| seen.contains(part));
    let said_all = SAID.iter().all(|part| said.contains(part));
    if output.status.success() && saw_all && said_all {
        Ok(())
    } else {
        Err(format!("{seen}\nthe server: {said}"))
    }
}
