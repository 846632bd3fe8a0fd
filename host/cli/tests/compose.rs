//! The examples, composed with the component and run, against independent servers.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests fail by panicking"
)]

mod support;

use std::path::Path;
use std::process::Output;

use support::{Folder, PAGE, example, finish, inspected, portcullis, refusal, run, serve_page};

/// Run the client by `portcullis run` against a server, trusting the server's authority or none.
fn fetch(client: &Path, trusts: bool, more: &[&str]) -> Output {
    let folder = Folder::new(if trusts { "trust" } else { "distrust" });
    let (port, serving) = serve_page(&folder, 1);
    let variable = format!("SSL_CERT_FILE={}", folder.path("ca.pem"));
    let (port, directory) = (port.to_string(), folder.path(""));
    let mut arguments = vec!["run", "--network", "loopback", "--dir", &directory];
    if trusts {
        arguments.extend(["--env", &variable]);
    }
    arguments.extend(more);
    arguments.extend([client.to_str().unwrap(), "localhost", &port, "/page"]);
    let output = run(&arguments, b"");
    serving.join().unwrap();
    output
}

#[test]
fn the_https_client_fetches_a_page_from_a_server_that_it_trusts_only() {
    let Some(client) = example("https-client") else {
        return;
    };
    // By the component, and by the host's own form.
    for more in [&[][..], &["--native"]] {
        let output = fetch(&client, true, more);
        assert!(output.status.success(), "{output:?}");
        assert!(output.stdout.ends_with(PAGE.as_bytes()), "{output:?}");
        let output = fetch(&client, false, more);
        assert_eq!(output.status.code(), Some(1));
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(told.contains("not from a trusted authority"), "{told}");
    }
}

#[test]
fn directories_and_variables_are_given_in_the_words_of_wasmtime() {
    let Some(client) = example("https-client") else {
        return;
    };
    let folder = Folder::new("words");
    let client = client.to_str().unwrap();
    let (own, inside) = (folder.path(""), "SSL_CERT_FILE=/trust/ca.pem");
    let shown = format!("{own}::/trust");
    let fetch = |dir: &str, env: &str, value: Option<&str>| {
        let (port, _serving) = serve_page(&folder, 1);
        let port = port.to_string();
        let fixed = ["run", "--network", "loopback", "--dir", dir, "--env", env];
        let mut command = portcullis(&[&fixed[..], &[client, "localhost", &port, "/"]].concat());
        command.env_remove("SSL_CERT_FILE");
        command.envs(value.map(|value| ("SSL_CERT_FILE", value)));
        finish(command, b"")
    };
    for (env, value) in [(inside, None), ("SSL_CERT_FILE", Some("/trust/ca.pem"))] {
        let output = fetch(&shown, env, value);
        assert!(output.status.success(), "{env}: {output:?}");
        assert!(output.stdout.ends_with(PAGE.as_bytes()), "{output:?}");
    }
    // Under its own path, the directory has no such file.
    assert_eq!(fetch(&own, inside, None).status.code(), Some(1));
    // A variable that is not there is not there for the component either.
    assert_eq!(fetch(&shown, "SSL_CERT_FILE", None).status.code(), Some(1));
    let nowhere = fetch("/no/such/folder::/trust", inside, None);
    let line = refusal(&nowhere, 2);
    assert!(line.contains("/no/such/folder cannot be opened"), "{line}");
    for (dir, env) in [("::/trust", inside), ("/::", inside), ("/", "=a")] {
        assert_eq!(fetch(dir, env, None).status.code(), Some(2), "{dir} {env}");
    }
}

#[test]
fn a_composed_component_imports_nothing_but_wasi() {
    let Some(client) = example("https-client") else {
        return;
    };
    let folder = Folder::new("compose");
    let output = folder.path("composed.wasm");
    let (client, output) = (client.to_str().unwrap(), output.as_str());
    let imports = |file: &str| inspected(file, "imports");
    let is_ours = |import: &String| import.starts_with("portcullis:");
    assert!(imports(client).iter().any(is_ours));
    let made = run(&["compose", client, "-o", output], b"");
    assert!(made.status.success(), "{made:?}");
    // The component inside the command serves as well as one from a file.
    let plug = folder.path("plug.wasm");
    std::fs::write(&plug, portcullis_host::EMBEDDED).unwrap();
    let made = run(&["compose", client, "--plug", &plug, "-o", output], b"");
    assert!(made.status.success(), "{made:?}");
    let left = imports(output);
    assert!(
        left.iter().all(|import| import.starts_with("wasi:")),
        "{left:?}"
    );

    // A component that imports nothing of ours is refused, for it is not what was meant.
    refusal(&run(&["compose", output, "-o", output], b""), 2);
}

#[test]
fn a_consumer_of_an_interface_that_is_not_there_is_refused_by_its_name() {
    let Some(client) = example("https-client") else {
        return;
    };
    let client = std::fs::read(client).unwrap();
    portcullis_host::compose(&client, portcullis_host::EMBEDDED).unwrap();
    // The client as if it was built against another version; the names have the same length.
    let (ours, other) = (b"portcullis:tls/port@0.2.1", b"portcullis:tls/port@0.1.0");
    let mut old = client;
    while let Some(at) = old.windows(ours.len()).position(|window| window == ours) {
        old.splice(at..at + ours.len(), *other);
    }
    let refused = portcullis_host::compose(&old, portcullis_host::EMBEDDED).unwrap_err();
    let refused = format!("{refused:#}");
    assert!(refused.contains("portcullis:tls/port@0.1.0"), "{refused}");
}

#[test]
fn the_readme_shows_the_https_client_as_it_is() {
    let source = include_str!("../../../examples/rust/https-client/src/main.rs");
    let readme = include_str!("../../../README.md");
    let snippet = readme
        .split("```")
        .find_map(|block| block.strip_prefix("rust,ignore\n"))
        .unwrap();
    assert!(snippet.lines().count() <= 25, "{snippet}");
    assert!(source.contains(snippet), "{snippet}");
}
