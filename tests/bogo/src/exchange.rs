//! One connection with the runner: handshake, what is expected of it, and an echo.

use std::fs;

use anyhow::{Context as _, Result, bail, ensure};

use crate::iana;
use crate::machine::{Facts, Fault, Machine};
use crate::missing::Missing;
use crate::options::Options;
use crate::wire::Wire;

/// The host that a client talks to, which is not sent unless an option says so.
const HOST: &str = "example.com";

/// How many bytes are read at once, so that a record takes several reads.
const READ_SIZE: usize = 512;

/// handshake_failure (RFC 8446 section 6.2).
const HANDSHAKE_FAILURE: u8 = 40;

/// What is written first, unless an option says otherwise.
const INITIAL_WRITE: &str = "hello";

/// What a client is told once if the server did not take its early data.
const EARLY_DATA_REJECTED: &str = "early-data-rejected";

/// The lengths of `-write-different-record-sizes`.
const DIFFERENT_SIZES: [usize; 11] = [
    0, 1, 255, 256, 257, 16_383, 16_384, 16_385, 32_767, 32_768, 32_769,
];

/// Why an exchange went wrong.
#[derive(Debug)]
pub(crate) enum Wrong {
    /// What is under test says so.
    Fault(Fault),
    /// It has agreed on something else than the runner expects.
    Expectation(anyhow::Error),
}

impl From<Fault> for Wrong {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<anyhow::Error> for Wrong {
    fn from(error: anyhow::Error) -> Self {
        Self::Expectation(error)
    }
}

/// Makes a connection, and does on it what the runner asks for.
///
/// Where a server does not take the early data of a client, the options of `refused` hold from then on.
pub(crate) fn run(
    tls: &mut dyn Machine,
    options: &Options,
    refused: &Options,
    is_resumed: bool,
) -> Result<(), Wrong> {
    tls.start((!options.is_server).then_some(HOST))?;
    let mut wire = Wire::connect(options, tls).context("cannot connect to the runner")?;
    let outcome = talk(&mut wire, options, refused, is_resumed);
    wire.close();
    outcome
}

fn talk<'o>(
    wire: &mut Wire<'_>,
    mut options: &'o Options,
    refused: &'o Options,
    is_resumed: bool,
) -> Result<(), Wrong> {
    if options.uses_early_callback {
        choose(wire, options)?;
    }
    let mut written = 0;
    if options.has_early_data && options.is_server {
        echo_early(wire)?;
    } else if options.has_early_data && is_resumed && options.writes_first {
        written = send_early(wire, options)?;
        expect(
            "early data",
            &(written == 0),
            &options.expects_no_early_data,
        )?;
    }
    if !options.is_implicit || options.has_early_data {
        if !shake_hands(wire)? {
            expect("refusal", &options.expected_early_data, &Some(false))?;
            options = refused;
            written = 0;
        }
        check(&wire.tls.facts()?, options, is_resumed)?;
    }
    write_first(wire, options, written)?;
    if options.shuts_down {
        wire.until(|tls| tls.close_output())?;
        if options.checks_close_notify {
            while wire.until(|tls| tls.read(READ_SIZE))?.is_some() {}
        }
        return Ok(());
    }
    let mut is_checked = !options.is_implicit || options.has_early_data;
    let size = options.read_size.unwrap_or(READ_SIZE);
    while let Some(mut plaintext) = wire.until(|tls| tls.read(size))? {
        if !is_checked {
            check(&wire.tls.facts()?, options, is_resumed)?;
            is_checked = true;
        }
        wire.release()?;
        if options.updates_keys && !wire.until(|tls| tls.update_keys())? {
            let feature = "an engine that updates its keys by itself (a port does)";
            return Err(anyhow::Error::from(Missing::new("-key-update", feature)).into());
        }
        invert(&mut plaintext);
        wire.write_all(&plaintext)?;
    }
    wire.until(|tls| tls.close_output())?;
    Ok(())
}

/// Finishes the handshake; returns whether the early data was taken, or there was none.
fn shake_hands(wire: &mut Wire<'_>) -> Result<bool, Wrong> {
    match wire.until(|tls| tls.handshake()) {
        Err(Fault::Failed(failed)) if failed.name == EARLY_DATA_REJECTED => {
            wire.until(|tls| tls.handshake())?;
            Ok(false)
        }
        outcome => Ok(outcome.map(|()| true)?),
    }
}

/// Writes as early data as much as may be of what is written first; returns how much that was.
fn send_early(wire: &mut Wire<'_>, options: &Options) -> Result<usize, Wrong> {
    let mut sum = 0;
    for text in initial_writes(options) {
        let written = wire.tls.write_early(text.as_bytes())?;
        sum += written;
        if written < text.len() {
            break;
        }
        // Taking the ciphertext makes room for the next, so that each has a record of its own.
        wire.send()?;
    }
    Ok(sum)
}

/// Echoes what a client sends before the handshake is done, also before it is done.
fn echo_early(wire: &mut Wire<'_>) -> Result<(), Wrong> {
    while let Some(mut plaintext) = wire.until(|tls| tls.read_early(READ_SIZE))? {
        invert(&mut plaintext);
        if !wire.write_early(&plaintext)? {
            return Err(Fault::Broken("half-RTT data was not taken".to_owned()).into());
        }
    }
    Ok(())
}

fn invert(plaintext: &mut [u8]) {
    for byte in plaintext {
        *byte ^= 0xff;
    }
}

/// What is written before anything is read.
fn initial_writes(options: &Options) -> Vec<&str> {
    let text = options.initial_write.as_deref().unwrap_or(INITIAL_WRITE);
    vec![text; options.initial_writes.unwrap_or(1)]
}

/// Looks at the ClientHello, and goes on with the context, or refuses.
fn choose(wire: &mut Wire<'_>, options: &Options) -> Result<(), Wrong> {
    match wire.until(|tls| tls.handshake()) {
        Err(Fault::WantContext) => {}
        Ok(()) => return Err(Fault::Broken("nothing was asked".to_owned()).into()),
        Err(fault) => return Err(fault.into()),
    }
    let hello = wire.tls.hello()?.context("there is no ClientHello")?;
    if let Some(expected) = &options.expected_offered_alpn {
        let length = |name: &Vec<u8>| u8::try_from(name.len()).unwrap_or(u8::MAX);
        let sent = hello.alpn.iter();
        let sent = sent.flat_map(|name| [vec![length(name)], name.clone()].concat());
        expect("offered protocols", &sent.collect(), expected)?;
    }
    if let Some(expected) = &options.expected_name {
        expect(
            "name in the ClientHello",
            &hello.server_name.as_ref(),
            &Some(expected),
        )?;
    }
    match options.fails_early_callback {
        true => wire.tls.refuse(HANDSHAKE_FAILURE)?,
        false => wire.tls.choose()?,
    }
    Ok(())
}

/// Writes what goes before the echo, but for what has left as early data.
fn write_first(wire: &mut Wire<'_>, options: &Options, written: usize) -> Result<(), Wrong> {
    if options.export_length > 0 {
        let context = options.export_context.as_bytes();
        let context = options.uses_export_context.then_some(context);
        let material =
            wire.until(|tls| tls.export(&options.export_label, context, options.export_length))?;
        wire.write_all(&material)?;
    }
    if options.exports_traffic_secrets {
        let secrets = traffic_secrets(&wire.tls.key_log()?, options.is_server)?;
        wire.write_all(&secrets)?;
    }
    if options.writes_different_sizes {
        for size in DIFFERENT_SIZES {
            wire.write_all(&vec![0x42; size])?;
        }
        return Ok(());
    }
    let text = initial_writes(options).concat().into_bytes();
    let rest = text.get(written..).unwrap_or_default();
    if options.leaves_write_unfinished && written == 0 {
        wire.write_and_hold(rest)?;
    } else if options.writes_first {
        wire.write_all(rest)?;
    }
    Ok(())
}

/// The length of the secrets, that of what is read and that of what is written.
fn traffic_secrets(log: &[String], is_server: bool) -> Result<Vec<u8>> {
    let secret = |label: &str| {
        let line = log.iter().rev().find_map(|line| line.strip_prefix(label));
        let line = line.with_context(|| format!("no {label}"))?;
        unhex(line.rsplit(' ').next().unwrap_or_default())
    };
    let of_client = secret("CLIENT_TRAFFIC_SECRET_0 ")?;
    let of_server = secret("SERVER_TRAFFIC_SECRET_0 ")?;
    let length = u16::try_from(of_client.len())?.to_le_bytes().to_vec();
    Ok(match is_server {
        true => [length, of_client, of_server].concat(),
        false => [length, of_server, of_client].concat(),
    })
}

fn unhex(digits: &str) -> Result<Vec<u8>> {
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    ensure!(rest.is_empty(), "an odd number of digits");
    let byte = |pair: &[u8; 2]| Ok(u8::from_str_radix(std::str::from_utf8(pair)?, 16)?);
    pairs.iter().map(byte).collect()
}

/// Compares what was agreed on with what the runner expects.
fn check(facts: &Facts, options: &Options, is_resumed: bool) -> Result<()> {
    let resumes = is_resumed && !options.expects_miss;
    expect("resumption", &facts.is_resumed, &Some(resumes))?;
    if let Some(version) = options.expected_version {
        expect("version", &facts.version, &Some(version))?;
    }
    if let Some(number) = options.expected_cipher {
        let suite = iana::suite(number)?;
        expect("suite", &facts.cipher_suite.as_deref(), &Some(suite))?;
    }
    // A resumed session of TLS 1.2 has no group, and a resumed one of either version no scheme.
    if let (Some(number), Some(group)) = (options.expected_group, &facts.group) {
        expect("group", &group.as_str(), &iana::group(number)?)?;
    }
    if let (Some(number), false) = (options.expected_scheme, resumes) {
        let scheme = iana::scheme(number)?;
        expect("scheme", &facts.signature_scheme.as_deref(), &Some(scheme))?;
    }
    if let (Some(retried), Some(was_retried)) = (options.expects_retry, facts.was_retried) {
        expect("retry", &was_retried, &retried)?;
    }
    if let (Some(expected), true) = (options.expected_early_data, is_resumed) {
        let is_accepted = facts.was_early_data_accepted == Some(true);
        expect("early data taken", &is_accepted, &expected)?;
    }
    let alpn = match options.is_server {
        true => options.selected_alpn.as_ref(),
        false => options.expected_alpn.as_ref(),
    };
    let alpn = alpn.filter(|name| !name.is_empty());
    expect("application protocol", &facts.alpn.as_ref(), &alpn)?;
    if let Some(name) = &options.expected_name {
        expect("name", &facts.server_name.as_ref(), &Some(name))?;
    }
    check_certificates(facts, options, resumes)
}

fn check_certificates(facts: &Facts, options: &Options, resumes: bool) -> Result<()> {
    let peer = &facts.peer_certificates;
    let must_be_there = !options.is_server || options.requires_client_certificate;
    if options.expects_no_certificate {
        ensure!(peer.is_empty(), "the peer has presented a certificate");
    } else if must_be_there {
        ensure!(!peer.is_empty(), "the peer has presented no certificate");
    }
    if let Some(path) = &options.expected_certificates {
        expect("chain of the peer's", peer, &chain(path)?)?;
    }
    // Nothing was verified where nothing was presented.
    if options.expects_verified && options.verify_peer && !peer.is_empty() {
        ensure!(facts.is_verified, "the peer's certificate was not verified");
    }
    if let (Some(index), false) = (options.expected_credential, resumes) {
        let credential = match usize::try_from(index) {
            Ok(index) => options.credentials.get(index),
            Err(_) => options.default_credential(),
        };
        let credential = credential.context("there is no such credential")?;
        let own = chain(&credential.chain)?;
        let presented = facts.own_certificates.first();
        expect("certificate of this side's", &presented, &own.first())?;
    }
    Ok(())
}

/// The certificates of a PEM file, as DER.
fn chain(path: &str) -> Result<Vec<Vec<u8>>> {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject as _;
    let pem = fs::read(path).with_context(|| path.to_owned())?;
    let certificates = CertificateDer::pem_slice_iter(&pem);
    let certificates =
        certificates.map(|der| Ok(der.map_err(|error| anyhow::anyhow!("{error}"))?.to_vec()));
    certificates.collect()
}

fn expect<T: PartialEq + std::fmt::Debug>(what: &str, found: &T, expected: &T) -> Result<()> {
    if found != expected {
        bail!("{what}: expected {expected:?}, found {found:?}");
    }
    Ok(())
}
