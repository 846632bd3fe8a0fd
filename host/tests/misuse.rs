//! A mistake of the embedder's is reported as such, and not as a bug of the component.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop"
)]

use portcullis_host::types::Role;
use portcullis_host::{Context, Failure, Guest, Instance, Network, Options, Port};

fn instance() -> Instance {
    let options = Options::new().network(Network::loopback());
    Guest::embedded().unwrap().instantiate(options).unwrap()
}

/// The failure must be the embedder's fault, and be reported as that.
#[track_caller]
fn misused<T>(result: Result<T, Failure>) {
    match result {
        Err(failure @ Failure::Misuse(_)) => {
            let told = failure.to_string();
            assert!(told.contains("another instance's"), "{told}");
            assert!(!told.contains("bug"), "{told}");
        }
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("it was taken"),
    }
}

#[test]
fn a_handle_of_another_instance_is_refused_and_both_go_on() {
    let (mut ours, mut theirs) = (instance(), instance());
    let context = Context::unverified(&mut ours, Role::Client).unwrap();
    misused(context.seal(&mut theirs));
    misused(Port::connect(&mut theirs, &context, "127.0.0.1", 1));
    let port = Port::connect(&mut ours, &context, "127.0.0.1", 1).unwrap();
    misused(port.close(&mut theirs));
    misused(port.time_left(&mut theirs));
    let session = port.session(&mut ours).unwrap();
    misused(session.version(&mut theirs));
    misused(session.verify_result(&mut theirs));
    port.close(&mut ours).unwrap();
    Context::unverified(&mut theirs, Role::Client).unwrap();
}

#[test]
fn a_pollable_of_another_instance_is_refused() {
    let mut tls = instance();
    let context = Context::unverified(&mut tls, Role::Client).unwrap();
    let port = Port::connect(&mut tls, &context, "127.0.0.1", 1).unwrap();
    let pollable = port.subscribe(&mut tls).unwrap();
    let mut other = instance();
    misused(other.poll(&[&pollable], None));
    misused(pollable.drop(&mut other));
}
