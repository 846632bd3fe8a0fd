//! What the connectors of `wasi:tls` take from the environment: a program for the TLS of a host, run
//! with the component for WASI 0.3, against OpenSSL.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop"
)]

mod support;

use std::process::{Command, Output, Stdio};

use support::{
    Folder, Running, example, finish, free_port, inspected, portcullis, run, start, tool,
};

/// OpenSSL's server, which tells about the connection in its page.
struct Server {
    folder: Folder,
    port: u16,
    program: String,
    _process: Running,
}

impl Server {
    /// None if OpenSSL or the program is missing, which is a loud skip or a failure.
    fn start(name: &str, more: &[&str]) -> Option<Self> {
        let program = example("wasi_tls_client")?;
        let folder = Folder::new(name);
        let port = free_port();
        let mut command = Command::new(tool("openssl")?);
        let accept = format!("127.0.0.1:{port}");
        command.args(["s_server", "-www", "-accept", &accept]);
        command.args(["-cert", &folder.path("cert.pem")]);
        command.args(["-key", &folder.path("key.pem")]);
        command.args(["-CAfile", &folder.path("ca.pem")]).args(more);
        command.stdin(Stdio::null());
        let process = start(command, &folder, port);
        Some(Self {
            folder,
            port,
            program: program.to_str().unwrap().to_owned(),
            _process: process,
        })
    }

    /// Fetches the page with these variables, each a name and a value or a file of the folder.
    fn page(&self, variables: &[(&str, &str)]) -> Output {
        let folder = self.folder.0.to_str().unwrap();
        let trust = format!("SSL_CERT_FILE={}", self.folder.path("ca.pem"));
        let mut command = portcullis(&["run", "--network", "loopback", "--dir", folder]);
        command.args(["--env", &trust]);
        for (name, value) in variables {
            let value = match value.ends_with(".pem") {
                true => self.folder.path(value),
                false => (*value).to_owned(),
            };
            command.args(["--env", &format!("{name}={value}")]);
        }
        command.args([&self.program, "localhost", &self.port.to_string(), "/"]);
        finish(command, b"")
    }

    #[track_caller]
    fn shows(&self, variables: &[(&str, &str)], what: &str) {
        let output = self.page(variables);
        let page = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{output:?}");
        assert!(page.contains(what), "{page}");
    }

    #[track_caller]
    fn refuses(&self, variables: &[(&str, &str)], why: &str) {
        let output = self.page(variables);
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{output:?}");
        assert!(told.contains(why), "{told}");
    }
}

#[test]
fn a_client_certificate_comes_from_the_environment() {
    let asks = ["-Verify", "1", "-verify_return_error"];
    let Some(server) = Server::start("wasi-tls-certificate", &asks) else {
        return;
    };
    let identity = [
        ("PORTCULLIS_CERTIFICATE", "cert.pem"),
        ("PORTCULLIS_KEY", "key.pem"),
    ];
    server.shows(&identity, "Client certificate");
    server.refuses(&[], "certificate");
    let [certificate, key] = identity;
    server.refuses(&[certificate], "PORTCULLIS_KEY is not");
    server.refuses(&[key], "PORTCULLIS_CERTIFICATE is not");
}

#[test]
fn protocols_come_from_the_environment() {
    let Some(server) = Server::start("wasi-tls-alpn", &["-alpn", "h2"]) else {
        return;
    };
    // OpenSSL refuses who offers others alone.
    server.refuses(
        &[("PORTCULLIS_ALPN", "http/1.1")],
        "no_application_protocol",
    );
    server.shows(&[("PORTCULLIS_ALPN", "http/1.1, h2")], "Ciphers supported");
    server.shows(&[], "Ciphers supported");
}

#[test]
fn the_lowest_version_comes_from_the_environment() {
    let Some(server) = Server::start("wasi-tls-version", &["-tls1_2"]) else {
        return;
    };
    server.shows(&[("PORTCULLIS_MIN_VERSION", "1.2")], "TLSv1.2");
    server.refuses(&[("PORTCULLIS_MIN_VERSION", "1.3")], "version");
    server.refuses(&[("PORTCULLIS_MIN_VERSION", "1.1")], "write 1.2 or 1.3");
}

#[test]
fn a_program_is_composed_with_the_component_that_has_what_it_imports() {
    let (Some(of_host), Some(ours)) = (example("wasi_tls_client"), example("https-client")) else {
        return;
    };
    for (program, component) in [
        (of_host, portcullis_host::EMBEDDED_P3),
        (ours, portcullis_host::EMBEDDED),
    ] {
        let program = std::fs::read(program).unwrap();
        assert!(portcullis_host::embedded_for(&program).unwrap() == component);
    }
}

#[test]
fn inspect_names_the_variables_of_a_component_that_takes_them() {
    let Some(program) = example("wasi_tls_client") else {
        return;
    };
    let (folder, program) = (Folder::new("wasi-tls-inspect"), program.to_str().unwrap());
    let composed = folder.path("composed.wasm");
    let made = run(&["compose", program, "-o", &composed], b"");
    assert!(made.status.success(), "{made:?}");
    let variables = |file: &str| inspected(file, "wasi_tls_variables");
    assert_eq!(variables(program), Vec::<String>::new());
    let told = variables(&composed);
    let guide = include_str!("../../../docs/guide/wasi-tls.md");
    let rows = guide.lines().filter(|line| line.starts_with("| `"));
    let names = rows.flat_map(|row| {
        let (first, _) = row.trim_start_matches("| ").split_once(" |").unwrap();
        first
            .split(", ")
            .map(|name| name.trim_matches('`').to_owned())
    });
    assert_eq!(told, names.collect::<Vec<_>>());
}
