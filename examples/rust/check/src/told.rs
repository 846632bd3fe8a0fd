//! What the text of a failure says, and the secrets that no text shows.

use std::io::{Error, ErrorKind, Result};

use portcullis_client::TlsError;
use portcullis_client::TlsStream;
use portcullis_client::context::{Context, Source};
use portcullis_client::types::{CertificateReason, Error as Failure, Role};

use crate::{Check, is};

pub(crate) fn report(check: &mut Check) {
    check.report("debug", debug);
    check.report("downcast", downcast);
    check.report("no-secret", |_| no_secret());
}

fn refusal(check: &Check) -> Result<Error> {
    let context = Context::secure(Role::Client);
    match TlsStream::connect_with(&context, &check.host, check.port) {
        Ok(_) => Err(Error::other("it did not fail")),
        Err(failure) => Ok(failure),
    }
}

/// The line that a `main` prints that returns the failure.
fn debug(check: &Check) -> Result<()> {
    let cure = "add the authority to the trust roots";
    let failure = refusal(check)?;
    let inside = TlsError::of(&failure).cloned();
    let inside = inside.ok_or(ErrorKind::NotFound)?;
    let boxed: Box<dyn std::error::Error> = Box::new(inside.clone());
    for shown in [
        format!("{failure}"),
        format!("{failure:?}"),
        format!("{inside}"),
        format!("{inside:?}"),
        format!("{boxed:?}"),
        format!("{:?}", TlsError::from(inside.clone())),
    ] {
        is(shown.contains(cure), &shown)?;
        is(!shown.contains("CertificateError"), &shown)?;
    }
    let structure = format!("{inside:#?}");
    is(structure.contains("CertificateError"), &structure)
}

fn downcast(check: &Check) -> Result<()> {
    let is_it = |failure: Option<&Failure>| {
        matches!(failure, Some(Failure::Certificate(refusal))
            if refusal.reason == CertificateReason::UnknownAuthority)
    };
    let failure = refusal(check)?;
    is(failure.kind() == ErrorKind::InvalidData, "the kind")?;
    let inside = failure.get_ref();
    let inside = inside.and_then(|inside| inside.downcast_ref::<TlsError>());
    is(is_it(inside.map(|inside| &inside.0)), "by downcast")?;
    is(is_it(TlsError::of(&failure)), "by the function")?;
    let wrapped = Error::other(Error::other(failure));
    is(is_it(TlsError::of(&wrapped)), "inside of others")?;
    let strange = Error::other("none of ours");
    is(TlsError::of(&strange).is_none(), "not of others")
}

fn no_secret() -> Result<()> {
    let key = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n";
    for source in [
        Source::Bytes(key.as_bytes().to_vec()),
        Source::Path(key.to_owned()),
    ] {
        let shown = format!("{source:?} {source:#?}");
        is(!shown.contains("c2VjcmV0"), &shown)?;
        is(!shown.contains("115, 101"), &shown)?;
    }
    let shown = format!("{:?}", Source::Path("certs/ca.pem".to_owned()));
    is(shown == "Path(\"certs/ca.pem\")", &shown)
}
