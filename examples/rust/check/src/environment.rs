//! Whom a client trusts by default: the authorities that the environment names.

use std::env;
use std::io::{Error, ErrorKind, Result};

use portcullis_client::types::{ConfigurationReason, Error as Failure, Role};
use portcullis_client::{
    AsyncTlsStream, Context, TlsError, TlsStream, client_context, trust_environment,
};
use wstd::runtime::block_on;

use crate::{Check, is};

const FILE: &str = "SSL_CERT_FILE";
const DIRECTORIES: &str = "SSL_CERT_DIR";

pub(crate) fn report(check: &mut Check) {
    let Ok(file) = env::var(FILE) else {
        println!("skip environment: {FILE} is unset");
        return;
    };
    let folder = file.trim_end_matches("ca.pem").to_owned();
    let absent = format!("{folder}absent");

    check.report("environment-file", |check| {
        connect(check)?.close()?;
        block_on(AsyncTlsStream::connect(&check.host, check.port))?;
        let context = client_context()?;
        TlsStream::connect_with(&context, &check.host, check.port)?.close()?;
        let sealed = trust_environment(&context);
        let kind = sealed.err().map(|failure| failure.kind());
        is(kind == Some(ErrorKind::InvalidInput), "a sealed context")
    });
    set(FILE, "");
    check.report("environment-empty", |check| {
        let context = Context::secure(Role::Client);
        is(!trust_environment(&context)?, "nothing is changed")?;
        let line = refusal(check, ErrorKind::InvalidData)?;
        let searched = "searched: the built-in web roots";
        is(line.matches(searched).count() == 1, &line)?;
        let outcome = block_on(AsyncTlsStream::connect(&check.host, check.port));
        let line = outcome
            .err()
            .map_or_else(String::new, |failure| failure.to_string());
        is(line.matches(searched).count() == 1, &line)
    });
    set(DIRECTORIES, &format!(":{absent}::{folder}:"));
    check.report("environment-directories", |check| connect(check)?.close());
    set(DIRECTORIES, &absent);
    check.report("environment-absent", |check| {
        let line = refusal(check, ErrorKind::InvalidInput)?;
        let searched = format!("searched: {DIRECTORIES} {absent} (no certificate)");
        is(line.contains(&searched), &line)
    });
    set(DIRECTORIES, "");
    set(FILE, &absent);
    check.report("environment-no-file", |check| {
        let failure = connect(check).err().ok_or(ErrorKind::Other)?;
        is(failure.kind() == ErrorKind::NotFound, "the kind")?;
        let is_it = matches!(TlsError::of(&failure), Some(Failure::InvalidConfiguration(refused))
            if refused.reason == ConfigurationReason::NotFound);
        is(is_it, "the failure inside")?;
        is(failure.to_string().contains(FILE), &failure.to_string())
    });
    set(FILE, &file);
    check.report("environment-again", |check| connect(check)?.close());
}

fn connect(check: &Check) -> Result<TlsStream> {
    TlsStream::connect(&check.host, check.port)
}

fn refusal(check: &Check, kind: ErrorKind) -> Result<String> {
    match connect(check) {
        Ok(_) => Err(Error::other("it did not fail")),
        Err(failure) if failure.kind() == kind => Ok(failure.to_string()),
        Err(failure) => Err(failure),
    }
}

#[expect(unsafe_code, reason = "a component has one thread")]
fn set(name: &str, value: &str) {
    // SAFETY: nobody reads the environment meanwhile.
    unsafe { env::set_var(name, value) }
}
