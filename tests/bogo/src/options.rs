//! The options of one connection, as the runner gives them on the command line. `flags` says what each
//! is; what they mean is written down in BoringSSL's `ssl/test/test_config.h`.

use anyhow::{Context as _, Result, bail};

use crate::flags::{self, Use};
use crate::iana;
use crate::missing::Missing;

const TLS12: u16 = 0x0303;
pub(crate) const TLS13: u16 = 0x0304;

/// A chain and its key.
#[derive(Clone, Debug, Default)]
pub(crate) struct Credential {
    pub(crate) chain: String,
    pub(crate) key: String,
    /// The schemes that it signs with, by their numbers; all of them if there are none.
    pub(crate) signing: Vec<u16>,
}

/// The options of one connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    pub(crate) is_server: bool,
    pub(crate) is_ipv6: bool,
    pub(crate) port: u16,
    pub(crate) shim_id: u64,
    pub(crate) resume_count: usize,
    pub(crate) credentials: Vec<Credential>,
    default_credential: Credential,
    pub(crate) trusted: Option<String>,
    pub(crate) verify_peer: bool,
    pub(crate) requires_client_certificate: bool,
    lowest: Option<u16>,
    highest: Option<u16>,
    no_tls12: bool,
    no_tls13: bool,
    pub(crate) no_ticket: bool,
    cipher: Option<String>,
    tls13_ciphers: Vec<u16>,
    pub(crate) groups: Vec<u16>,
    pub(crate) verifying: Vec<u16>,
    pub(crate) follows_own_order: bool,
    pub(crate) host_name: Option<String>,
    pub(crate) offered_alpn: Vec<String>,
    pub(crate) selected_alpn: Option<String>,
    pub(crate) rejects_alpn: bool,
    pub(crate) max_send_fragment: Option<u32>,
    pub(crate) resumption_delay: u64,
    pub(crate) has_early_data: bool,
    pub(crate) expected_early_data: Option<bool>,
    pub(crate) expects_no_early_data: bool,
    pub(crate) is_implicit: bool,
    pub(crate) uses_early_callback: bool,
    pub(crate) fails_early_callback: bool,
    pub(crate) read_size: Option<usize>,
    pub(crate) writes_first: bool,
    pub(crate) initial_write: Option<String>,
    pub(crate) initial_writes: Option<usize>,
    pub(crate) leaves_write_unfinished: bool,
    pub(crate) writes_different_sizes: bool,
    pub(crate) updates_keys: bool,
    pub(crate) shuts_down: bool,
    pub(crate) checks_close_notify: bool,
    pub(crate) export_length: usize,
    pub(crate) export_label: String,
    pub(crate) export_context: String,
    pub(crate) uses_export_context: bool,
    pub(crate) exports_traffic_secrets: bool,
    pub(crate) expects_miss: bool,
    pub(crate) expects_retry: Option<bool>,
    pub(crate) expected_version: Option<u16>,
    pub(crate) expected_cipher: Option<u16>,
    pub(crate) expected_group: Option<u16>,
    pub(crate) expected_scheme: Option<u16>,
    pub(crate) expected_alpn: Option<String>,
    pub(crate) expected_offered_alpn: Option<Vec<u8>>,
    pub(crate) expected_name: Option<String>,
    pub(crate) expected_certificates: Option<String>,
    pub(crate) expects_no_certificate: bool,
    pub(crate) expects_verified: bool,
    pub(crate) expected_credential: Option<i32>,
}

/// The options of the first connection and of those after it.
#[derive(Debug, Default)]
pub(crate) struct All {
    pub(crate) initial: Options,
    pub(crate) resumed: Options,
    /// Those of a client's connection whose early data was refused, from then on.
    pub(crate) refused: Options,
    /// Options that differ and that a context is made of.
    pub(crate) changes: Vec<String>,
}

impl All {
    /// Reads the arguments.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self> {
        let mut all = Self::default();
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let phased = argument.strip_prefix("-on-shim").unwrap_or(argument);
            let (phased, is_of_handshaker) = match phased.strip_prefix("-on-handshaker") {
                Some(rest) => (rest, true),
                None => (phased, false),
            };
            let prefixes = ["-on-initial", "-on-resume", "-on-retry"];
            let phase = prefixes
                .into_iter()
                .find(|prefix| phased.starts_with(prefix));
            let name = phase.map_or(phased, |prefix| phased.trim_start_matches(prefix));
            let flag = flags::find(name).with_context(|| format!("unknown option {argument}"))?;
            let value = match flag.has_value {
                true => arguments.next().context("the last option has no value")?,
                false => "",
            };
            if is_of_handshaker {
                continue;
            }
            match flag.usage {
                Use::Set => {}
                Use::Unchecked | Use::Neutral => continue,
                Use::Missing(feature) => return Err(Missing::new(name, feature).into()),
            }
            if phase.is_some() && flags::is_of_context(name) {
                all.changes.push(name.to_owned());
            }
            if phase.is_none_or(|phase| phase == "-on-initial") {
                all.initial
                    .set(name, value)
                    .with_context(|| name.to_owned())?;
            }
            if phase.is_none_or(|phase| phase == "-on-retry") {
                all.refused
                    .set(name, value)
                    .with_context(|| name.to_owned())?;
            }
            if phase.is_none_or(|phase| phase == "-on-resume") {
                all.resumed
                    .set(name, value)
                    .with_context(|| name.to_owned())?;
            }
        }
        Ok(all)
    }
}

impl Options {
    /// The credential that stands last, if there is one.
    pub(crate) fn default_credential(&self) -> Option<&Credential> {
        let credential = &self.default_credential;
        (!credential.chain.is_empty() && !credential.key.is_empty()).then_some(credential)
    }

    /// Whether a credential is to sign with chosen schemes alone.
    pub(crate) fn signs_by_choice(&self) -> bool {
        let mut credentials = self.credentials.iter().chain(self.default_credential());
        credentials.any(|credential| !credential.signing.is_empty())
    }

    /// The lowest and the highest version that are permitted and that there are.
    pub(crate) fn versions(&self) -> Result<(u16, u16)> {
        let permitted = |version: u16, is_off: bool| {
            !is_off
                && self.lowest.is_none_or(|lowest| lowest <= version)
                && self.highest.is_none_or(|highest| version <= highest)
        };
        match (
            permitted(TLS12, self.no_tls12),
            permitted(TLS13, self.no_tls13),
        ) {
            (true, true) => Ok((TLS12, TLS13)),
            (true, false) => Ok((TLS12, TLS12)),
            (false, true) => Ok((TLS13, TLS13)),
            (false, false) => Err(Missing::new("-max-version", "TLS 1.0 and 1.1").into()),
        }
    }

    /// The cipher list, for one that is not the default.
    pub(crate) fn ciphers(&self) -> Option<Vec<String>> {
        if self.cipher.is_none() && self.tls13_ciphers.is_empty() {
            return None;
        }
        let list = self.cipher.as_deref().unwrap_or("DEFAULT");
        let suites = self
            .tls13_ciphers
            .iter()
            .filter_map(|number| iana::suite(*number).ok());
        let words = list.split(':').chain(suites);
        Some(words.map(str::to_owned).collect())
    }

    fn credential(&mut self) -> &mut Credential {
        self.credentials
            .last_mut()
            .unwrap_or(&mut self.default_credential)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<()> {
        let text = || value.to_owned();
        match name {
            "-port" => self.port = value.parse()?,
            "-shim-id" => self.shim_id = value.parse()?,
            "-ipv6" => self.is_ipv6 = true,
            "-server" => self.is_server = true,
            "-resume-count" => self.resume_count = value.parse()?,
            "-new-x509-credential" => self.credentials.push(Credential::default()),
            "-cert-file" => self.credential().chain = text(),
            "-key-file" => self.credential().key = text(),
            "-signing-prefs" => self.credential().signing.push(value.parse()?),
            "-trust-cert" => self.trusted = Some(text()).filter(|path| !path.is_empty()),
            "-verify-peer" => self.verify_peer = true,
            "-require-any-client-certificate" => self.requires_client_certificate = true,
            "-min-version" => self.lowest = Some(value.parse()?),
            "-max-version" => self.highest = Some(value.parse()?),
            "-no-tls12" => self.no_tls12 = true,
            "-no-tls13" => self.no_tls13 = true,
            "-no-ticket" => self.no_ticket = true,
            "-cipher" => {
                self.cipher = Some(cipher_list(value)?);
                self.follows_own_order = true;
            }
            "-tls13-ciphers" => {
                self.tls13_ciphers.push(value.parse()?);
                self.follows_own_order = true;
            }
            "-curves" => self.groups.push(value.parse()?),
            "-verify-prefs" => self.verifying.push(value.parse()?),
            "-server-preference" => self.follows_own_order = true,
            "-host-name" => self.host_name = Some(text()),
            "-advertise-alpn" => self.offered_alpn = protocols(value)?,
            "-select-alpn" => self.selected_alpn = Some(text()).filter(|name| !name.is_empty()),
            "-reject-alpn" => self.rejects_alpn = true,
            "-max-send-fragment" => self.max_send_fragment = Some(value.parse()?),
            "-enable-early-data" => self.has_early_data = true,
            "-expect-accept-early-data" => self.expected_early_data = Some(true),
            "-expect-reject-early-data" => self.expected_early_data = Some(false),
            "-expect-no-offer-early-data" => self.expects_no_early_data = true,
            "-resumption-delay" => self.resumption_delay = value.parse()?,
            "-implicit-handshake" => self.is_implicit = true,
            "-use-early-callback" => self.uses_early_callback = true,
            "-fail-early-callback" => {
                self.uses_early_callback = true;
                self.fails_early_callback = true;
            }
            "-read-size" => self.read_size = Some(value.parse()?),
            "-shim-writes-first" => self.writes_first = true,
            "-shim-initial-write" => self.initial_write = Some(text()),
            "-repeat-shim-initial-write" => self.initial_writes = Some(value.parse()?),
            "-read-with-unfinished-write" => self.leaves_write_unfinished = true,
            "-write-different-record-sizes" => self.writes_different_sizes = true,
            "-key-update" => self.updates_keys = true,
            "-shim-shuts-down" => self.shuts_down = true,
            "-check-close-notify" => self.checks_close_notify = true,
            "-export-keying-material" => self.export_length = value.parse()?,
            "-export-label" => self.export_label = text(),
            "-export-context" => self.export_context = text(),
            "-use-export-context" => self.uses_export_context = true,
            "-export-traffic-secrets" => self.exports_traffic_secrets = true,
            "-expect-session-miss" => self.expects_miss = true,
            "-expect-hrr" => self.expects_retry = Some(true),
            "-expect-no-hrr" => self.expects_retry = Some(false),
            "-expect-version" => self.expected_version = Some(value.parse()?),
            "-expect-cipher" => self.expected_cipher = Some(value.parse()?),
            "-expect-curve-id" => self.expected_group = Some(value.parse()?),
            "-expect-peer-signature-algorithm" => self.expected_scheme = Some(value.parse()?),
            "-expect-alpn" => self.expected_alpn = Some(text()),
            "-expect-advertised-alpn" => {
                self.expected_offered_alpn = Some(value.as_bytes().to_vec());
                self.uses_early_callback = true;
            }
            "-expect-server-name" => self.expected_name = Some(text()),
            "-expect-peer-cert-file" => self.expected_certificates = Some(text()),
            "-expect-no-peer-cert" => self.expects_no_certificate = true,
            "-expect-verify-result" => self.expects_verified = true,
            "-expect-selected-credential" => self.expected_credential = Some(value.parse()?),
            _ => bail!("the option is in the table and is not read"),
        }
        Ok(())
    }
}

/// A cipher list in OpenSSL's syntax, if it has nothing that there is not.
fn cipher_list(list: &str) -> Result<String> {
    let missing = [
        ("[", "groups of suites of equal preference"),
        ("3DES", "cipher suites with CBC"),
        ("CBC", "cipher suites with CBC"),
        ("TLS_RSA_", "RSA key exchange"),
    ];
    for (word, feature) in missing {
        if list.contains(word) {
            return Err(Missing::new("-cipher", feature).into());
        }
    }
    Ok(list.to_owned())
}

/// Application protocols in the form that TLS sends, each after its length.
fn protocols(mut list: &str) -> Result<Vec<String>> {
    let mut protocols = Vec::new();
    while let Some(length) = list.bytes().next() {
        let rest = list.get(1..).context("not a list of protocols")?;
        let (name, others) = rest
            .split_at_checked(usize::from(length))
            .context("not a list of protocols")?;
        protocols.push(name.to_owned());
        list = others;
    }
    Ok(protocols)
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        reason = "a test that cannot go on should stop"
    )]

    use super::*;

    fn parse(line: &str) -> Result<All> {
        let words: Vec<_> = line.split(' ').map(str::to_owned).collect();
        All::parse(&words)
    }

    #[test]
    fn an_option_holds_for_the_connections_that_its_prefix_names() {
        let all = parse("-max-version 771 -on-resume-expect-alpn h2 -on-retry-expect-cipher 1");
        let all = all.unwrap();
        assert_eq!(all.initial.versions().unwrap(), (TLS12, TLS12));
        assert_eq!(all.resumed.versions().unwrap(), (TLS12, TLS12));
        assert_eq!(all.initial.expected_alpn, None);
        assert_eq!(all.resumed.expected_alpn.as_deref(), Some("h2"));
        assert_eq!(all.refused.expected_cipher, Some(1));
        assert!(all.changes.is_empty());
        let all = parse("-on-initial-no-tls13 -on-handshaker-key-file a -on-shim-key-file b");
        let all = all.unwrap();
        assert_eq!(all.changes, ["-no-tls13"]);
        assert_eq!(all.initial.default_credential.key, "b");
    }

    #[test]
    fn credentials_stand_apart_from_the_one_that_is_given_first() {
        let all = parse("-cert-file a -key-file b -new-x509-credential -cert-file c -key-file d");
        let options = all.unwrap().initial;
        assert_eq!(options.credentials[0].chain, "c");
        assert_eq!(options.default_credential().unwrap().key, "b");
    }

    #[test]
    fn an_unknown_option_is_a_failure_and_a_missing_feature_is_told_as_such() {
        let is_missing = |line| parse(line).unwrap_err().is::<Missing>();
        assert!(is_missing("-quic"));
        assert!(is_missing("-on-resume-enable-grease"));
        assert!(!is_missing("-no-such-option"));
        assert!(parse("-async -port 1").is_ok());
    }

    #[test]
    fn protocols_are_read_in_the_form_that_tls_has() {
        assert_eq!(protocols("\u{2}h2\u{3}foo").unwrap(), ["h2", "foo"]);
        assert_eq!(protocols("").unwrap(), Vec::<String>::new());
        assert!(protocols("\u{4}foo").is_err());
    }
}
