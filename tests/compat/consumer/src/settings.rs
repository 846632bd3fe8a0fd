//! Checks without a connection: settings of contexts, defaults of the instance, words for errors.

use crate::bindings::portcullis::tls::context::{
    Context, KeyKind, ServerName, Source, Truncation, Verify, VerifyName, supported_groups,
};
use crate::bindings::portcullis::tls::defaults::{
    default_authority_directory, set_default_authority_directory,
};
use crate::bindings::portcullis::tls::errors::{explain, status_of};
use crate::bindings::portcullis::tls::types::{
    ConfigurationItem, ConfigurationReason, Error, Role, Status, Timer, Version,
};
use crate::{Arguments, Failure, equal, holds, refused};

pub(crate) fn are_kept(_: &Arguments) -> Result<(), Failure> {
    let context = Context::secure(Role::Client);
    equal(&context.role(), &Role::Client, "the role")?;
    equal(
        &context.groups(),
        &supported_groups(),
        "the groups at first",
    )?;
    for name in ["X25519MLKEM768", "x25519", "secp256r1", "secp384r1"] {
        let has = supported_groups().iter().any(|group| group == name);
        holds(has, name)?;
    }
    context.set_groups(&["X25519".to_owned(), "SECP256R1".to_owned()])?;
    equal(
        &context.groups(),
        &words(&["x25519", "secp256r1"]),
        "the groups",
    )?;
    context.set_protocol("tlsv13")?;
    context.set_versions(Version::Tls12, Version::Tls13)?;
    let report = context.set_cipher_list(&words(&["ECDHE+AESGCM", "nonsense"]))?;
    equal(&report.unknown, &words(&["nonsense"]), "unknown words")?;
    equal(&report.unsupported, &Vec::new(), "unsupported suites")?;
    let suites = context.cipher_suites();
    let is_first = suites.first().is_some_and(|name| name.starts_with("TLS_"));
    holds(is_first, "suites of TLS 1.3 come first")?;
    context.set_verify(Verify::Required)?;
    context.set_server_name(&ServerName::Automatic)?;
    context.set_verify_name(&VerifyName::Host)?;
    context.set_truncation(Truncation::Refused)?;
    context.set_timeout(Timer::Connect, Some(10_000))?;
    equal(&context.add_web_roots()?, &0, "web roots that it has not")?;
    holds(!context.is_sealed(), "it is open")?;
    context.seal()?;
    holds(context.is_sealed(), "it is sealed")?;
    context.seal()?;
    refused(
        context.set_verify(Verify::Optional),
        |error| matches!(error, Error::Sealed),
        "a sealed context",
    )?;
    let copy = context.copy();
    holds(!copy.is_sealed(), "a copy is open")?;
    equal(&copy.groups(), &context.groups(), "the copy's groups")
}

pub(crate) fn identities(arguments: &Arguments) -> Result<(), Failure> {
    let server = Context::secure(Role::Server);
    equal(&server.role(), &Role::Server, "the role")?;
    refused(
        server.seal(),
        is(
            ConfigurationItem::CertificateChain,
            ConfigurationReason::Missing,
        ),
        "a server without an identity",
    )?;
    server.load_certificate_chain(&arguments.cert())?;
    server.load_private_key(&arguments.key(), KeyKind::Any, None)?;
    server.load_identity(&arguments.cert(), &arguments.key(), None)?;
    server.add_identity(&arguments.cert(), &arguments.key(), None)?;
    let roots = Source::Path(arguments.ca.clone());
    equal(&server.add_trust_roots(&roots)?, &1, "new roots")?;
    equal(&server.add_trust_roots(&roots)?, &0, "roots that are there")?;
    let suggested = server.load_suggested_authorities(&roots)?;
    equal(&suggested, &1, "suggested authorities")?;
    let report = server.add_trust_directory("there is no such directory")?;
    equal(&(report.added, report.files), &(0, 0), "what it gave")?;
    let reasons: Vec<_> = report.problems.iter().map(|p| p.reason).collect();
    equal(
        &reasons,
        &vec![ConfigurationReason::NotFound],
        "its problems",
    )?;
    server.seal()?;
    Ok(())
}

pub(crate) fn refusals(_: &Arguments) -> Result<(), Failure> {
    let context = Context::unverified(Role::Client);
    holds(context.add_web_roots()? > 0, "there are web roots")?;
    let groups = |names: &[&str], reason, what: &str| {
        let result = context.set_groups(&words(names));
        refused(result, is(ConfigurationItem::Groups, reason), what)
    };
    groups(&[], ConfigurationReason::Empty, "no groups")?;
    groups(
        &["x448"],
        ConfigurationReason::UnknownName,
        "a name that is not known",
    )?;
    groups(
        &["x25519", "X25519"],
        ConfigurationReason::Duplicate,
        "a name twice",
    )?;
    refused(
        context.set_protocol("sslv3"),
        |error| matches!(error, Error::UnsupportedProtocol(name) if name == "sslv3"),
        "SSL 3",
    )?;
    refused(
        context.set_versions(Version::Tls13, Version::Tls12),
        |error| matches!(error, Error::InvalidArgument(_)),
        "versions the wrong way round",
    )?;
    refused(
        context.set_timeout(Timer::Idle, Some(1)),
        |error| matches!(error, Error::NotSupported(_)),
        "a timer that is not there",
    )?;
    let junk = Source::Bytes(b"neither PEM nor DER".to_vec());
    refused(
        context.load_pkcs12(&junk, Some("passphrase")),
        is(ConfigurationItem::Pkcs12, ConfigurationReason::Malformed),
        "no PKCS#12",
    )?;
    refused(
        context.add_trust_roots(&Source::Bytes(Vec::new())),
        is(ConfigurationItem::TrustRoots, ConfigurationReason::Empty),
        "no roots",
    )
}

pub(crate) fn defaults(_: &Arguments) -> Result<(), Failure> {
    equal(&default_authority_directory(), &None, "at the start")?;
    let nowhere = "there is no such directory";
    set_default_authority_directory(Some(nowhere));
    equal(
        &default_authority_directory(),
        &Some(nowhere.to_owned()),
        "once set",
    )?;
    let outcome = Context::secure(Role::Client).seal();
    set_default_authority_directory(None);
    refused(
        outcome,
        is(ConfigurationItem::TrustRoots, ConfigurationReason::Missing),
        "a context that trusts nobody",
    )?;
    equal(&default_authority_directory(), &None, "at the end")
}

pub(crate) fn explained(_: &Arguments) -> Result<(), Failure> {
    let of = |error| status_of(&error);
    equal(&of(Error::WantRead), &Status::WantRead, "to wait")?;
    equal(&of(Error::Closed), &Status::ZeroReturn, "closed")?;
    equal(&of(Error::AlertReceived(48)), &Status::Ssl, "an alert")?;
    equal(&of(Error::Timeout(Timer::Read)), &Status::None, "a timeout")?;
    let line = explain(&Error::AlertReceived(48));
    holds(!line.is_empty() && !line.contains('\n'), "one line")
}

/// A refused configuration of this item for this reason.
fn is(item: ConfigurationItem, reason: ConfigurationReason) -> impl Fn(&Error) -> bool {
    move |error| match error {
        Error::InvalidConfiguration(told) => (told.item, told.reason) == (item, reason),
        _ => false,
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}
