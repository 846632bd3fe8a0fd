//! The examples, composed with the component and run, against independent servers.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests fail by panicking"
)]

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::thread;

use rustls::pki_types::PrivateKeyDer;

/// The directory of the built examples; none, which is a loud skip or a failure, where they have
/// not been built.
fn examples() -> Option<PathBuf> {
    let directory = std::env::var_os("PORTCULLIS_EXAMPLES").map(PathBuf::from);
    if directory.is_none() {
        assert!(
            std::env::var_os("PORTCULLIS_REQUIRE_TOOLS").is_none(),
            "the examples are not built; run `cargo xtask test`"
        );
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: the examples are not built; run `cargo xtask test`"
        );
    }
    directory
}

fn portcullis(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .args(arguments)
        .output()
        .unwrap()
}

/// A server of one page to one client on loopback; its port and its certificate as PEM.
fn serve_page(page: &'static str) -> (u16, String, thread::JoinHandle<()>) {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut parameters = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
    parameters.not_after = rcgen::date_time_ymd(2050, 1, 1);
    let certificate = parameters.self_signed(&key).unwrap();
    let pem = certificate.pem();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        )
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = thread::spawn(move || {
        let (socket, _) = listener.accept().unwrap();
        let connection = rustls::ServerConnection::new(Arc::new(config)).unwrap();
        let mut stream = rustls::StreamOwned::new(connection, socket);
        let mut request = [0; 1024];
        // A client that refuses us sends none.
        let Ok(length) = stream.read(&mut request) else {
            return;
        };
        assert!(request.get(..length).unwrap().starts_with(b"GET /page "));
        stream.write_all(page.as_bytes()).unwrap();
        stream.conn.send_close_notify();
        stream.flush().unwrap();
        let _ = stream.sock.read(&mut request);
    });
    (port, pem, server)
}

fn folder(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("portcullis-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&path).unwrap();
    path
}

/// Run the client by `portcullis run` against a server, trusting the server's certificate or none.
fn fetch(client: &Path, trusts: bool) -> Output {
    let (port, pem, server) = serve_page("HTTP/1.0 200 OK\r\n\r\nhello from afar");
    let folder = folder(if trusts { "trust" } else { "distrust" });
    let roots = folder.join("roots.pem");
    std::fs::write(&roots, pem).unwrap();
    let variable = format!("SSL_CERT_FILE={}", roots.display());
    let port = port.to_string();
    let mut arguments = vec![
        "run",
        "--network",
        "loopback",
        "--dir",
        folder.to_str().unwrap(),
    ];
    if trusts {
        arguments.extend(["--env", &variable]);
    }
    arguments.extend([client.to_str().unwrap(), "localhost", &port, "/page"]);
    let output = portcullis(&arguments);
    server.join().unwrap();
    std::fs::remove_dir_all(folder).unwrap();
    output
}

#[test]
fn the_https_client_fetches_a_page_from_a_server_that_it_trusts_only() {
    let Some(examples) = examples() else { return };
    let client = examples.join("https-client.wasm");
    let output = fetch(&client, true);
    assert!(output.status.success(), "{output:?}");
    assert!(output.stdout.ends_with(b"hello from afar"), "{output:?}");
    let output = fetch(&client, false);
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("not from a trusted authority"), "{told}");
}

#[test]
fn a_composed_component_imports_nothing_but_wasi() {
    let Some(examples) = examples() else { return };
    let folder = folder("compose");
    let composed = folder.join("composed.wasm");
    let client = examples.join("https-client.wasm");
    let (client, output) = (client.to_str().unwrap(), composed.to_str().unwrap());
    let imports = |file: &str| {
        let report = portcullis(&["inspect", "--json", file]);
        assert!(report.status.success(), "{report:?}");
        let report: serde_json::Value = serde_json::from_slice(&report.stdout).unwrap();
        let imports = report.get("imports").unwrap().as_array().unwrap().clone();
        imports
            .into_iter()
            .map(|import| import.as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let is_ours = |import: &String| import.starts_with("portcullis:");
    assert!(imports(client).iter().any(is_ours));
    let made = portcullis(&["compose", client, "-o", output]);
    assert!(made.status.success(), "{made:?}");
    // The one inside the command serves as well as one from a file.
    let plug = folder.join("plug.wasm");
    std::fs::write(&plug, portcullis_host::EMBEDDED).unwrap();
    let plug = plug.to_str().unwrap();
    let made = portcullis(&["compose", client, "--plug", plug, "-o", output]);
    assert!(made.status.success(), "{made:?}");
    let left = imports(output);
    assert!(
        left.iter().all(|import| import.starts_with("wasi:")),
        "{left:?}"
    );

    // What imports nothing of ours is not what was meant.
    let refused = portcullis(&["compose", output, "-o", output]);
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn the_readme_shows_the_https_client_as_it_is() {
    let source = include_str!("../../examples/rust/https-client/src/main.rs");
    let readme = include_str!("../../README.md");
    let snippet = readme
        .split("```")
        .find_map(|block| block.strip_prefix("rust,ignore\n"))
        .unwrap();
    assert!(snippet.lines().count() <= 25, "{snippet}");
    assert!(source.contains(snippet), "{snippet}");
}
