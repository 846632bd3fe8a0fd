//! HTTP/2 by hyper, against nginx.

use std::collections::HashSet;
use std::fs;
use std::process::{Command, Stdio};

use super::support::{Folder, Running, User, free_port, nginx, start, tool};
use super::{client, printed, says};

const PAGE: &str = "hello from the gate\n";

/// More than the windows of HTTP/2, so that both sides have to tell each other to go on.
fn long() -> String {
    "0123456789\n".repeat(200_000)
}

/// nginx with a page and something long.
fn serve(name: &str, http2: bool) -> Option<(Folder, Running, u16)> {
    let program = tool("nginx")?;
    let (user, folder, port) = (User::of_servers(), Folder::new(name), free_port());
    let www = folder.path("www");
    fs::create_dir(&www).unwrap();
    fs::write(format!("{www}/index.html"), PAGE).unwrap();
    fs::write(format!("{www}/long"), long()).unwrap();
    let mut server = user.command(&program, &folder);
    server.args(nginx(&folder, port, http2));
    let server = start(server, &folder, port);
    Some((folder, server, port))
}

#[test]
fn requests_run_side_by_side_on_one_connection_to_who_is_trusted() {
    let Some((folder, server, port)) = serve("http2", true) else {
        return;
    };
    let port = port.to_string();
    let arguments = ["localhost", &port, "/", "/long", "/nothing", "/"];
    let Some(output) = client("http2-client", &folder, "ca.pem", &[], &arguments) else {
        return;
    };
    let answers = printed(&output);
    let statuses: Vec<_> = answers
        .lines()
        .filter(|line| line.starts_with("HTTP/2.0 "))
        .collect();
    let (ok, missing) = ("HTTP/2.0 200 OK", "HTTP/2.0 404 Not Found");
    assert_eq!(statuses, [ok, ok, missing, ok]);
    assert_eq!(answers.matches(PAGE).count(), 2);
    assert!(answers.contains(&long()));
    let other = Folder::new("http2-other");
    fs::copy(other.path("ca.pem"), folder.path("other.pem")).unwrap();
    let output = client("http2-client", &folder, "other.pem", &[], &arguments);
    says(&output.unwrap(), "not from a trusted authority");
    // nginx writes its log when it has answered, and has written it when it has ended.
    drop(server);
    let log = fs::read_to_string(folder.path("requests")).unwrap();
    let connections: HashSet<_> = log.lines().map(|line| line.split(' ').next()).collect();
    assert_eq!((log.lines().count(), connections.len()), (4, 1), "{log}");
    assert!(log.lines().all(|line| line.contains("HTTP/2.0")), "{log}");
}

#[test]
fn a_server_without_http2_is_refused_also_if_it_knows_nothing_of_alpn() {
    let Some((folder, _server, port)) = serve("http1", false) else {
        return;
    };
    let port = port.to_string();
    let arguments = ["localhost", &port, "/"];
    let Some(output) = client("http2-client", &folder, "ca.pem", &[], &arguments) else {
        return;
    };
    // nginx looks for a protocol in common, as a server should (RFC 7301 section 3.2).
    says(&output, "alert 120 (no_application_protocol)");
    let log = Folder::new("http1-deaf");
    let Some(openssl) = tool("openssl") else {
        return;
    };
    let deaf = free_port().to_string();
    let mut server = Command::new(openssl);
    server
        .args(["s_server", "-quiet", "-www", "-accept", &deaf])
        .args(["-cert", &folder.path("cert.pem"), "-key"])
        .arg(folder.path("key.pem"))
        .stdin(Stdio::null());
    let _deaf = start(server, &log, deaf.parse().unwrap());
    let arguments_of_deaf = ["localhost", &deaf, "/"];
    let output = client("http2-client", &folder, "ca.pem", &[], &arguments_of_deaf);
    says(&output.unwrap(), "the server speaks no HTTP/2");
}
