//! What the tests of the library and of the command share: certificates, servers, and examples.
#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "test files use different parts, and a test that cannot go on should stop"
)]

mod folder;
mod greeting;
mod servers;

use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;

pub use folder::{Folder, User};
pub use greeting::greet;
pub use servers::{PAGE, serve_echo, serve_page};

/// A built example, not composed; none if it is not built, which is a loud skip or a failure.
pub fn example(name: &str) -> Option<PathBuf> {
    let Some(directory) = std::env::var_os("PORTCULLIS_EXAMPLES") else {
        skip("the examples are not built; run `cargo xtask test`");
        return None;
    };
    Some(PathBuf::from(directory).join(format!("{name}.wasm")))
}

pub fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// Reports visibly that a test is skipped; with `PORTCULLIS_REQUIRE_TOOLS` set, fails instead.
pub fn skip(reason: &str) {
    assert!(
        std::env::var_os("PORTCULLIS_REQUIRE_TOOLS").is_none(),
        "{reason}"
    );
    // Not `eprintln!`, which the test runner shows only for tests that fail.
    let _ = writeln!(std::io::stderr(), "SKIPPED: {reason}");
}
