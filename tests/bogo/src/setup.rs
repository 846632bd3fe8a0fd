//! The settings of a context, as both implementations apply them.

use std::fs;

use anyhow::{Context as _, Result};

use crate::iana;
use crate::missing::Missing;
use crate::options::{Credential, Options, TLS13};

/// The settings of a context.
#[derive(Debug, Default)]
pub(crate) struct Setup {
    pub(crate) is_server: bool,
    /// The versions by their numbers.
    pub(crate) versions: (u16, u16),
    pub(crate) ciphers: Option<Vec<String>>,
    pub(crate) groups: Vec<String>,
    pub(crate) schemes: Vec<String>,
    pub(crate) alpn: Vec<String>,
    /// Chains and their keys, the preferred first.
    pub(crate) identities: Vec<(Vec<u8>, Vec<u8>)>,
    pub(crate) verify: Verify,
    pub(crate) roots: Vec<Vec<u8>>,
    /// The name that a client sends.
    pub(crate) server_name: Option<String>,
    pub(crate) tolerates_truncation: bool,
    pub(crate) record_size: Option<u32>,
    pub(crate) follows_own_order: bool,
    /// Secrets of the tickets of a server; with none it keeps its sessions itself.
    pub(crate) ticket_keys: Vec<Vec<u8>>,
    pub(crate) ticket_count: Option<u32>,
    /// How much early data a server takes; of a client, whether it sends any.
    pub(crate) early_data: Option<u32>,
    /// Whether a server asks for the context of each connection.
    pub(crate) asks: bool,
    pub(crate) logs_keys: bool,
}

/// What is asked of the peer's certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Verify {
    #[default]
    Unverified,
    Deferred,
    Required,
}

/// The key of the tickets of all servers of this process. It protects nothing but tests.
const TICKET_SECRET: [u8; 32] = [0x42; 32];

/// As much as BoringSSL takes, which the runner relies on.
const EARLY_DATA: u32 = 14_336;

impl Setup {
    /// The settings that the options ask for.
    pub(crate) fn of(options: &Options) -> Result<Self> {
        if options.no_ticket && !options.is_server {
            return Err(Missing::new("-no-ticket", "a client that takes no tickets").into());
        }
        let own = options
            .credentials
            .last()
            .or_else(|| options.default_credential());
        let credentials = options
            .credentials
            .iter()
            .chain(options.default_credential());
        let identities = credentials
            .map(|credential| Ok((file(&credential.chain)?, file(&credential.key)?)))
            .collect::<Result<Vec<_>>>()?;
        let verify = match (options.is_server, options.verify_peer) {
            _ if options.requires_client_certificate => Verify::Required,
            (true, true) => Verify::Deferred,
            (false, true) => Verify::Required,
            (_, false) => Verify::Unverified,
        };
        let trusted = match (&options.trusted, own) {
            (Some(path), _) => Some(path),
            // Nobody is to be trusted, and a context that verifies has to trust somebody.
            (None, Some(own)) if verify != Verify::Unverified => Some(&own.chain),
            (None, _) => None,
        };
        let roots = match (trusted, verify) {
            (Some(path), Verify::Deferred | Verify::Required) => vec![file(path)?],
            _ => Vec::new(),
        };
        // A context without TLS 1.3 refuses early data.
        let versions = options.versions()?;
        let alpn = match (options.is_server, options.rejects_alpn) {
            (true, true) => vec!["none-of-the-clients".to_owned()],
            (true, false) => options.selected_alpn.iter().cloned().collect(),
            (false, _) => options.offered_alpn.clone(),
        };
        // With early data a server keeps its sessions, so that none is taken twice.
        let has_keys = options.is_server && !options.no_ticket && !options.has_early_data;
        Ok(Self {
            is_server: options.is_server,
            versions,
            ciphers: options.ciphers(),
            groups: groups(&options.groups)?,
            schemes: schemes(options, own)?,
            alpn,
            identities,
            verify,
            roots,
            server_name: options.host_name.clone(),
            tolerates_truncation: !options.checks_close_notify,
            record_size: options.max_send_fragment,
            follows_own_order: options.is_server && options.follows_own_order,
            ticket_keys: match has_keys {
                true => vec![TICKET_SECRET.to_vec()],
                false => Vec::new(),
            },
            ticket_count: (options.is_server && options.no_ticket).then_some(0),
            early_data: (options.has_early_data && versions.1 == TLS13).then_some(EARLY_DATA),
            asks: options.is_server && options.uses_early_callback,
            logs_keys: options.exports_traffic_secrets,
        })
    }
}

fn file(path: &str) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| path.to_owned())
}

fn names(numbers: &[u16], name: impl Fn(u16) -> Result<&'static str>) -> Result<Vec<String>> {
    let names = numbers.iter().map(|number| Ok(name(*number)?.to_owned()));
    names.collect()
}

/// The groups of the list that there are, if there are any.
fn groups(numbers: &[u16]) -> Result<Vec<String>> {
    let known: Vec<_> = numbers
        .iter()
        .filter_map(|one| iana::group(*one).ok())
        .collect();
    match (known.is_empty(), numbers) {
        (true, [first, ..]) => iana::group(*first).map(|name| vec![name.to_owned()]),
        _ => Ok(known.into_iter().map(str::to_owned).collect()),
    }
}

/// The list of schemes. It is one for both directions, and the runner's are two: what is asked for comes
/// first, and the rest follows where the other direction needs it.
fn schemes(options: &Options, own: Option<&Credential>) -> Result<Vec<String>> {
    let signing = own.map_or(&[][..], |own| &own.signing);
    let credentials = options
        .credentials
        .iter()
        .chain(options.default_credential());
    if credentials.count() > 1 && options.signs_by_choice() {
        let feature = "signature schemes of one credential among several";
        return Err(Missing::new("-signing-prefs", feature).into());
    }
    let mut chosen = names(&[signing, &options.verifying].concat(), iana::scheme)?;
    // A version without a scheme is not offered, and those of PKCS #1 are for TLS 1.2.
    let is_of_tls12 = chosen.iter().all(|name| name.starts_with("rsa_pkcs1_"));
    if chosen.is_empty() || !(is_of_tls12 || own.is_some()) {
        return Ok(chosen);
    }
    // The runner signs with SHA-256, unless a test is about how it signs.
    let kinds: Vec<_> = chosen.iter().map(|name| iana::key_of(name)).collect();
    let more = iana::SCHEMES.iter().map(|(_, name)| *name);
    let more = more.filter(|name| name.ends_with("sha256") || !kinds.contains(&iana::key_of(name)));
    let more: Vec<_> = more
        .map(str::to_owned)
        .filter(|name| !chosen.contains(name))
        .collect();
    chosen.extend(more);
    Ok(chosen)
}
