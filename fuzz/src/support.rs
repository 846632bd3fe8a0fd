//! What the tests share, as far as it is used here.
#![allow(unused, reason = "the tests use more of it")]

#[path = "../../tests/support/bench.rs"]
pub mod bench;
#[path = "../../tests/support/certs.rs"]
pub mod certs;
#[path = "../../tests/support/pair.rs"]
pub mod pair;
#[path = "../../tests/support/transports.rs"]
pub mod transports;
#[path = "../../tests/support/x509.rs"]
pub mod x509;
