//! The built component on wasmtime, compiled once for all tests of a program.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use portcullis_host::context_types::{Source, Verify};
use portcullis_host::types::{ConfigurationError, Error, Role};
use portcullis_host::{Context, Failure, Guest, Instance, Network, Options};

use super::mirror;

/// With this variable the tests run over the host's own form of the interface.
const NATIVE: &str = "PORTCULLIS_NATIVE";

/// The component, or what passes for it.
pub fn guest() -> &'static Guest {
    static GUEST: OnceLock<Guest> = OnceLock::new();
    GUEST.get_or_init(|| match is_native() {
        true => Guest::from_bytes(&mirror::component(&wit())).unwrap(),
        false => Guest::embedded().unwrap(),
    })
}

fn wit() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("wit")
}

/// Whether the tests run over the host's own form.
pub fn is_native() -> bool {
    std::env::var_os(NATIVE).is_some_and(|value| !value.is_empty())
}

/// An instance that may use the loopback interface.
pub fn instance() -> Instance {
    guest().instantiate(options()).unwrap()
}

/// What `instance` is made with.
pub fn options() -> Options {
    Options::new().network(Network::loopback().lookup())
}

/// A client's context that trusts these roots.
pub fn client_context(instance: &mut Instance, roots: &str) -> Context {
    let context = Context::secure(instance, Role::Client).unwrap();
    context.add_trust_roots(instance, &bytes(roots)).unwrap();
    context
}

/// A server's context with this chain and key.
pub fn server_context(instance: &mut Instance, chain: &str, key: &str) -> Context {
    let context = Context::secure(instance, Role::Server).unwrap();
    context
        .load_identity(instance, &bytes(chain), &bytes(key), None)
        .unwrap();
    context
}

/// Have a server ask for client certificates from these roots.
pub fn ask_for_client_certificates(
    instance: &mut Instance,
    context: &Context,
    roots: &str,
    verify: Verify,
) {
    context.add_trust_roots(instance, &bytes(roots)).unwrap();
    context.set_verify(instance, verify).unwrap();
}

/// A source of PEM text.
pub fn bytes(pem: &str) -> Source {
    Source::Bytes(pem.as_bytes().to_vec())
}

/// The typed error of a call that must fail; a trap fails the test.
#[track_caller]
pub fn error<T>(result: Result<T, Failure>) -> Error {
    match result {
        Ok(_) => panic!("the call succeeded"),
        Err(failure) => match failure.error() {
            Some(error) => error.clone(),
            None => panic!("the component trapped: {failure:?}"),
        },
    }
}

/// The refusal of a configuration that must be refused.
#[track_caller]
pub fn configuration<T>(result: Result<T, Failure>) -> ConfigurationError {
    match error(result) {
        Error::InvalidConfiguration(error) => error,
        other => panic!("{other:?}"),
    }
}
