//! `portcullis connect --starttls` against real servers: PostgreSQL, Exim.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop"
)]

mod support;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use support::{Folder, Running, await_listener, finish, free_port, run, tool, unprivileged};

#[test]
fn starttls_reaches_a_real_postgresql() {
    let Some(initdb) = tool("initdb") else { return };
    let Some(postgres) = tool("postgres") else {
        return;
    };
    let folder = Folder::new("postgres");
    // Where an unprivileged user may go; the target directory may not be.
    let data = std::env::temp_dir().join(format!("portcullis-pg-{}", std::process::id()));
    let data_path = data.to_str().unwrap().to_owned();
    let made = unprivileged(&initdb, &["-D", &data_path, "-A", "trust", "-U", "tester"])
        .current_dir(std::env::temp_dir())
        .output()
        .unwrap();
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    for name in ["cert.pem", "key.pem"] {
        let copy = unprivileged(
            Path::new("/usr/bin/tee"),
            &[data.join(name).to_str().unwrap()],
        );
        finish(copy, &fs::read(folder.path(name)).unwrap());
    }
    let key = data.join("key.pem");
    unprivileged(Path::new("/bin/chmod"), &["600", key.to_str().unwrap()])
        .status()
        .unwrap();
    let port = free_port();
    let number = port.to_string();
    let server = unprivileged(
        &postgres,
        &[
            "-D",
            &data_path,
            "-p",
            &number,
            "-h",
            "127.0.0.1",
            "-k",
            &data_path,
            "-c",
            "ssl=on",
            "-c",
            "ssl_cert_file=cert.pem",
            "-c",
            "ssl_key_file=key.pem",
        ],
    )
    .current_dir(std::env::temp_dir())
    .stdout(Stdio::null())
    .stderr(Stdio::null())
    .spawn()
    .unwrap();
    let server = Running(server);
    await_listener(port);
    let target = format!("localhost:{port}");
    let ca = folder.path("ca.pem");
    let arguments = [
        "connect",
        &target,
        "--starttls",
        "postgres",
        "--cafile",
        &ca,
    ];
    let info = run(&[&arguments[..], &["--info"]].concat(), b"");
    assert!(info.status.success(), "{info:?}");
    assert!(
        String::from_utf8_lossy(&info.stdout).contains("TLSv1.3"),
        "{info:?}"
    );
    // A start-up message of version 3.0 for the user; the server answers "R", authentication.
    let mut start = b"\0\0\0\0\0\x03\0\0user\0tester\0database\0postgres\0\0".to_vec();
    start[3] = u8::try_from(start.len()).unwrap();
    start.extend(b"X\0\0\0\x04");
    let output = run(&arguments, &start);
    assert_eq!(output.stdout.first(), Some(&b'R'), "{output:?}");
    // The wrapper passes no signal on that cannot be caught: ask by the server's own file.
    let pid = unprivileged(
        Path::new("/usr/bin/head"),
        &["-1", data.join("postmaster.pid").to_str().unwrap()],
    )
    .output()
    .unwrap();
    let pid = String::from_utf8(pid.stdout).unwrap().trim().to_owned();
    unprivileged(Path::new("/bin/kill"), &["-INT", &pid])
        .status()
        .unwrap();
    drop(server);
    let _ = fs::remove_dir_all(&data);
}

#[test]
fn starttls_reaches_a_real_smtp_server() {
    let Some(exim) = tool("exim4") else { return };
    let folder = Folder::new("smtp");
    let port = free_port();
    let id = |flag| {
        let output = Command::new("id").arg(flag).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let (user, group) = (id("-un"), id("-gn"));
    let base = folder.path("");
    let base = base.trim_end_matches('/');
    let configuration = format!(
        "primary_hostname = localhost\n\
         exim_user = {user}\n\
         exim_group = {group}\n\
         spool_directory = {base}/spool\n\
         log_file_path = {base}/log.%s\n\
         local_interfaces = 127.0.0.1\n\
         daemon_smtp_ports = {port}\n\
         tls_advertise_hosts = *\n\
         tls_certificate = {base}/cert.pem\n\
         tls_privatekey = {base}/key.pem\n\
         host_lookup =\n\
         keep_environment =\n\
         acl_smtp_rcpt = deny\n"
    );
    fs::create_dir(folder.path("spool")).unwrap();
    fs::write(folder.path("exim.conf"), configuration).unwrap();
    let server = Command::new(exim)
        .args(["-C", &folder.path("exim.conf"), "-bdf"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let _server = Running(server.unwrap());
    await_listener(port);
    let target = format!("localhost:{port}");
    let ca = folder.path("ca.pem");
    let arguments = ["connect", &target, "--starttls", "smtp", "--cafile", &ca];
    let output = run(&arguments, b"EHLO client.test\r\nQUIT\r\n");
    let answer = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    // Within TLS it offers STARTTLS no more.
    assert!(answer.starts_with("250-localhost Hello"), "{answer}");
    assert!(
        answer.contains("221 ") && !answer.contains("STARTTLS"),
        "{answer}"
    );
}
