//! What the tests share: certificates, an in-memory pair of sessions, transports, tools.
//!
//! Each test file uses a part of it. `certs` knows nothing of the component, so that tests of the
//! built component can use it too.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "test files use different parts, and a test that cannot go on should stop"
)]

pub mod bench;
pub mod certs;
pub mod component;
pub mod folder;
pub mod meeting;
pub mod mirror;
pub mod pair;
pub mod peers;
pub mod pkcs12;
pub mod transports;
pub mod x509;

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;

/// Whether the tool runs. If not, the test has to return: this has reported the skip on standard
/// error, or, with `PORTCULLIS_REQUIRE_TOOLS` set, has failed the test.
#[must_use]
pub fn require_tool(name: &str) -> bool {
    let is_there = Command::new(name)
        .arg("version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok();
    if !is_there {
        let test = std::thread::current().name().unwrap_or("?").to_owned();
        assert!(
            std::env::var_os("PORTCULLIS_REQUIRE_TOOLS").is_none(),
            "{test} needs `{name}`, which is not installed"
        );
        // Not `eprintln!`, which the test runner shows only for tests that fail.
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED {test}: `{name}` is not installed"
        );
    }
    is_there
}

/// Runs `openssl` on the input; returns its output.
pub fn openssl(arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut child = Command::new("openssl")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The inputs are smaller than a pipe, so that writing cannot wait for reading.
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "openssl {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

/// A clock that stands still at the first of January of a year.
pub fn clock_in(year: u64) -> Arc<dyn TimeProvider> {
    // Leap days up to 2099 are every fourth year's.
    let days = (year - 1970) * 365 + (year - 1969) / 4;
    let since_epoch = Duration::from_secs(days * 24 * 60 * 60);
    Arc::new(StoppedClock(Some(UnixTime::since_unix_epoch(since_epoch))))
}

/// A clock that cannot be read.
pub fn broken_clock() -> Arc<dyn TimeProvider> {
    Arc::new(StoppedClock(None))
}

#[derive(Debug)]
struct StoppedClock(Option<UnixTime>);

impl TimeProvider for StoppedClock {
    fn current_time(&self) -> Option<UnixTime> {
        self.0
    }
}
