//! What a session tells, and beside it the names of groups, timers and subscriptions.

use std::io::{Error, ErrorKind, Read as _, Result, Write as _};

use portcullis_client::context::{Context, Verify, VerifyName, supported_groups};
use portcullis_client::types::{
    CertificateReason, ConfigurationItem, ConfigurationReason, Error as Failure, Role, Timer,
    Version,
};
use portcullis_client::{AsyncTlsStream, Port, Session, TlsError, TlsStream};
use wstd::runtime::block_on;

use crate::{Check, echo_async, echo_sizes, expect, is};

pub(crate) fn report(check: &mut Check) {
    check.report("session", session);
    check.report("session-outlives-the-stream", outlives);
    check.report("session-outlives-a-failure", outlives_failure);
    check.report("verify-before-the-handshake", before);
    check.report("verify-unverified", unverified);
    for (name, verify) in [
        ("verify-optional-wrong-name", Verify::Optional),
        ("verify-deferred-wrong-name", Verify::Deferred),
    ] {
        check.report(name, |check| wrong_name(check, verify));
    }
    check.report("verify-deferred-unknown-authority", unknown_authority);
    check.report("verify-deferred", deferred);
    check.report("groups", groups);
    check.report("groups-refused", |_| groups_refused());
    check.report("timers-refused", timers_refused);
    check.report("subscribe-after-close", subscribe_after_close);
}

/// All that a session tells.
#[derive(Debug, PartialEq)]
struct Facts {
    version: Option<Version>,
    cipher_suite: Option<String>,
    group: Option<String>,
    certificates: Vec<Vec<u8>>,
    refusal: Option<CertificateReason>,
    is_truncated: bool,
}

fn facts(session: &Session) -> Facts {
    let refusal = session.verify_result().err();
    Facts {
        version: session.version(),
        cipher_suite: session.cipher_suite(),
        group: session.group(),
        certificates: session.peer_certificates(),
        refusal: refusal.map(|refusal| refusal.reason),
        is_truncated: session.is_truncated(),
    }
}

fn session(check: &Check) -> Result<()> {
    let stream = check.connect()?;
    let session = stream.session();
    is(session.version() == Some(Version::Tls13), "the version")?;
    let suite = session.cipher_suite().unwrap_or_default();
    is(suite.starts_with("TLS_"), &suite)?;
    let group = session.group().unwrap_or_default();
    is(supported_groups().contains(&group), &group)?;
    is(!session.peer_certificates().is_empty(), "certificates")?;
    session.verify_result()?;
    is(!session.is_truncated(), "it goes on")?;
    stream.close()
}

/// One handle outlives the stream, and the other lives as long as it.
fn outlives(check: &Check) -> Result<()> {
    let stream = check.connect()?;
    let session = stream.port().session();
    let known = facts(&session);
    is(known == facts(stream.session()), "both tell the same")?;
    stream.close()?;
    is(known == facts(stream.session()), "after it was closed")?;
    drop(stream);
    is(known == facts(&session), "after it was dropped")?;

    // Nor does it matter what the stream becomes.
    let stream = AsyncTlsStream::from(check.connect()?);
    let known = facts(stream.session());
    let session = stream.port().session();
    block_on(stream.close())?;
    is(known == facts(stream.session()), "an async one was closed")?;
    let port = stream.into_port();
    is(known == facts(&port.session()), "it has become a port")?;
    drop(port);
    is(known == facts(&session), "the port was dropped")
}

/// Of a connection that was refused, nothing was agreed on, and the reason stays.
fn outlives_failure(check: &Check) -> Result<()> {
    let web = Context::secure(Role::Client);
    let port = Port::blocking_connect(&web, &check.host, check.port)?;
    let session = port.session();
    let refused = port.blocking_handshake().map_err(Error::from);
    let is_it = |failure: &Failure| matches!(failure, Failure::Certificate(_));
    expect(refused, ErrorKind::InvalidData, is_it)?;
    let known = facts(&session);
    is(known.version.is_none(), "no version")?;
    let refusal = known.refusal;
    is(
        refusal == Some(CertificateReason::UnknownAuthority),
        "the reason",
    )?;
    drop(port);
    is(known == facts(&session), "the same afterwards")
}

fn before(check: &Check) -> Result<()> {
    let port = Port::blocking_connect(&check.context()?, &check.host, check.port)?;
    let stream = TlsStream::from(port);
    let session = stream.session();
    is(session.version().is_none(), "there is none yet")?;
    refused(session, CertificateReason::NotChecked)?;
    stream.handshake()?;
    session.verify_result()?;
    stream.close()
}

/// Expect that `verify_result` refuses for that reason, and that a `?` passes it on.
fn refused(session: &Session, reason: CertificateReason) -> Result<()> {
    let told = || Ok::<_, Error>(session.verify_result()?);
    expect(
        told(),
        ErrorKind::InvalidData,
        |failure| matches!(failure, Failure::Certificate(refusal) if refusal.reason == reason),
    )
}

fn unverified(check: &Check) -> Result<()> {
    let context = Context::unverified(Role::Client);
    let mut stream = TlsStream::connect_with(&context, &check.host, check.port)?;
    refused(stream.session(), CertificateReason::NotChecked)?;
    echo_sizes(&mut stream)?;
    stream.close()
}

/// The handshake goes on, and the reason is there for the caller, who decides.
fn wrong_name(check: &Check, verify: Verify) -> Result<()> {
    let context = check.context()?;
    context.set_verify(verify)?;
    context.set_verify_name(&VerifyName::Name("other.invalid".to_owned()))?;
    let mut stream = TlsStream::connect_with(&context, &check.host, check.port)?;
    refused(stream.session(), CertificateReason::WrongName)?;
    let refusal = stream.session().verify_result().err();
    let refusal = refusal.ok_or(ErrorKind::NotFound)?;
    let expected = refusal.expected_name.as_deref();
    is(expected == Some("other.invalid"), "the name asked for")?;
    is(refusal.names.contains(&check.host), "the names that it has")?;
    is(refusal.alert_sent.is_none(), "the peer is told nothing")?;
    let line = refusal.to_string();
    is(line.contains("other.invalid"), &line)?;
    is(line == format!("{refusal:?}"), "`Debug` is the same line")?;
    let structure = format!("{refusal:#?}");
    is(structure.contains("WrongName"), &structure)?;
    is(
        line == TlsError::from(Failure::from(refusal)).to_string(),
        "and so is that of the failure",
    )?;
    echo_sizes(&mut stream)?;
    stream.close()
}

fn unknown_authority(check: &Check) -> Result<()> {
    let context = Context::secure(Role::Client);
    context.set_verify(Verify::Deferred)?;
    block_on(async {
        let stream = AsyncTlsStream::connect_with(&context, &check.host, check.port).await?;
        refused(stream.session(), CertificateReason::UnknownAuthority)?;
        echo_async(&stream, 1000).await?;
        stream.close().await
    })
}

/// Deferred verification with nothing wrong.
fn deferred(check: &Check) -> Result<()> {
    let context = check.context()?;
    context.set_verify(Verify::Deferred)?;
    let stream = TlsStream::connect_with(&context, &check.host, check.port)?;
    stream.session().verify_result()?;
    stream.close()
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Groups are chosen in any case, and told as IANA writes them.
fn groups(check: &Check) -> Result<()> {
    for (chosen, told) in [("SECP256R1", "secp256r1"), ("X25519", "x25519")] {
        let context = check.context()?;
        context.set_groups(&names(&[chosen]))?;
        is(context.groups() == [told], told)?;
        let mut stream = TlsStream::connect_with(&context, &check.host, check.port)?;
        is(stream.session().group().as_deref() == Some(told), told)?;
        stream.write_all(b"by name")?;
        stream.read_exact(&mut [0; 7])?;
        stream.close()?;
    }
    let context = Context::secure(Role::Client);
    context.set_groups(&supported_groups())?;
    is(context.groups() == supported_groups(), "all of them")
}

fn groups_refused() -> Result<()> {
    let context = Context::secure(Role::Client);
    for (chosen, reason, named) in [
        (
            &["x25519", "ffdhe2048"][..],
            ConfigurationReason::UnknownName,
            "ffdhe2048",
        ),
        (
            &["x25519", "X25519"],
            ConfigurationReason::Duplicate,
            "x25519",
        ),
        (&[], ConfigurationReason::Empty, "empty"),
    ] {
        let refused = context.set_groups(&names(chosen)).map_err(Error::from);
        let line = match &refused {
            Ok(()) => String::new(),
            Err(failure) => failure.to_string(),
        };
        is(line.contains(named), &line)?;
        expect(refused, ErrorKind::InvalidInput, |failure| {
            matches!(failure, Failure::InvalidConfiguration(refusal)
                if refusal.item == ConfigurationItem::Groups && refusal.reason == reason)
        })?;
    }
    let kept = context.groups() == supported_groups();
    is(kept, "what was there before stands")
}

/// Timers that there are not yet, of a context and of a port.
fn timers_refused(check: &Check) -> Result<()> {
    let context = check.context()?;
    let stream = TlsStream::connect_with(&check.context()?, &check.host, check.port)?;
    for timer in [Timer::Resolve, Timer::Idle, Timer::Accept] {
        for refused in [
            context.set_timeout(timer, Some(1000)),
            stream.port().set_timeout(timer, None),
        ] {
            let refused = refused.map_err(Error::from);
            let is_it = |failure: &Failure| matches!(failure, Failure::NotSupported(_));
            expect(refused, ErrorKind::Unsupported, is_it)?;
        }
    }
    stream.close()
}

/// The subscriptions of a closed port are ready at once.
fn subscribe_after_close(check: &Check) -> Result<()> {
    let stream = check.connect()?;
    stream.close()?;
    let port = stream.port();
    is(port.subscribe().ready(), "there is nothing to wait for")?;
    is(port.subscribe_write().ready(), "nor room")
}
