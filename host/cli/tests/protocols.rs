//! Protocols over TLS by libraries of others, in the clients of `examples/rust`, against servers of
//! others.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop"
)]

#[path = "protocols/grpc.rs"]
mod grpc;
#[path = "protocols/http2.rs"]
mod http2;
#[path = "protocols/mqtt.rs"]
mod mqtt;
#[path = "protocols/postgresql.rs"]
mod postgresql;
#[path = "protocols/redis.rs"]
mod redis;
mod support;

use std::process::Output;

use support::{Folder, example, run};

/// Runs a client of `examples/rust` that trusts the authorities of this file in the folder; none if
/// it is not built, which is a loud skip or a failure.
fn client(
    name: &str,
    folder: &Folder,
    authorities: &str,
    variables: &[&str],
    arguments: &[&str],
) -> Option<Output> {
    let program = example(name)?;
    let path = folder.path("");
    let trusts = format!("SSL_CERT_FILE={path}{authorities}");
    let mut command = vec!["run", "--network", "loopback", "--dir", &path];
    for variable in [&[trusts.as_str()], variables].concat() {
        command.extend(["--env", variable]);
    }
    command.push(program.to_str().unwrap());
    command.extend(arguments);
    Some(run(&command, b""))
}

/// What the client prints when it has succeeded.
#[track_caller]
fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The client has failed, has printed nothing, and says this.
#[track_caller]
fn says(output: &Output, why: &str) {
    let line = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    assert!(line.contains(why), "{line}");
}
