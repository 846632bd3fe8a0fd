//! `portcullis connect`: standard input to the peer, the peer to standard output.

mod way;

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use clap::Args;
use portcullis_host::context_types::{ServerName, Truncation, VerifyName};
use portcullis_host::types::{Error, Role, Timer, Version};
use portcullis_host::{Addresses, Context, Guest, Instance, Network, Options, Port};

use crate::arguments::alpn::Alpn;
use crate::arguments::groups::Groups;
use crate::arguments::identity::{Identity, Passphrase};
use crate::arguments::key_log::KeyLogFile;
use crate::arguments::pins::Pin;
use crate::arguments::proxy;
use crate::arguments::resolve::Resolution;
use crate::arguments::revocation::Revocation;
use crate::arguments::sigalgs::SignatureSchemes;
use crate::arguments::target::{Target, Wanted, name};
use crate::arguments::timers::{Timers, seconds};
use crate::arguments::trust::Trust;
use crate::commands::ciphers;
use crate::dial::upgrade;
use crate::exit::{Exit, Result};
use crate::facts::Facts;
use crate::output;
use crate::relay::{AtEnd, Until, relay};
use crate::starttls::Protocol;
use crate::terminal::colour;
use crate::terminal::progress::Transfer;
use way::Way;

/// The port of HTTPS, registered.
const HTTPS: u16 = 443;
/// How long a server may take to judge our certificate, and to answer our close_notify. A server
/// that ignores close_notify sends nothing, and is not waited for any longer.
const VERDICT: Duration = Duration::from_secs(5);
/// Bytes per read of data that is not shown.
const CHUNK: u64 = 64 * 1024;

/// Connect, verify the server, and exchange standard input and output with it
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  printf 'GET / HTTP/1.0\\r\\nHost: example.com\\r\\n\\r\\n' | \
    portcullis connect example.com:443\n\nWhen standard input has ended, the connection stays until \
    the server ends it, or until --read-timeout.\nWithout --cafile and --capath, SSL_CERT_FILE and \
    SSL_CERT_DIR are looked at, then the built-in web roots are\ntrusted. SSLKEYLOGFILE names the \
    file that the secrets of connections are appended to.\nAn encrypted key is opened with \
    --passphrase-file or PORTCULLIS_PASSPHRASE; else a terminal is asked."
)]
pub(crate) struct Connect {
    /// Where to, an IPv6 address in brackets, with its zone if it has one ([fe80::1%eth0]:443); if
    /// no port is given, 443 or that of --starttls
    #[arg(value_name = "HOST:PORT")]
    target: Wanted,
    /// Connect to these addresses in place of those that DNS has for HOST, as curl does; HOST may be
    /// *, and the flag may be given again. With --proxy it is for the proxy's name
    #[arg(long, value_name = "HOST:PORT:ADDRESS,ADDRESS")]
    resolve: Vec<Resolution>,
    /// Go through this HTTP proxy, http://USER:PASSWORD@HOST:PORT, or without user and password, which
    /// every user of this machine sees here. The proxy looks HOST up; TLS is with HOST. Variables such
    /// as HTTPS_PROXY are not looked at
    #[arg(long, value_name = "URL")]
    proxy: Option<proxy::Given>,
    #[command(flatten)]
    trust: Trust,
    /// Verify nothing: anyone in between can read and change everything
    #[arg(long, conflicts_with = "crlfile")]
    insecure: bool,
    /// Ask for this name, and verify it, in place of HOST
    #[arg(long, value_name = "NAME", value_parser = name)]
    servername: Option<String>,
    /// Send no name
    #[arg(long, conflicts_with = "servername")]
    noservername: bool,
    /// Verify this name or address, in place of the one that is asked for
    #[arg(long, value_name = "NAME", value_parser = name, conflicts_with = "insecure")]
    verify_hostname: Option<String>,
    /// Require a key in the server's chain, besides all other checks: sha256// and base64, as curl and
    /// --info write it, or hexadecimal digits. Of several, with `;` between them, one is enough
    #[arg(
        long,
        value_name = "PIN",
        value_delimiter = ';',
        conflicts_with = "insecure"
    )]
    pin: Vec<Pin>,
    #[command(flatten)]
    revocation: Revocation,
    #[command(flatten)]
    identity: Identity,
    /// TLS 1.2 only
    #[arg(long = "tls1_2", conflicts_with = "tls13")]
    tls12: bool,
    /// TLS 1.3 only
    #[arg(long = "tls1_3")]
    tls13: bool,
    /// Offer these cipher suites, in OpenSSL's syntax; see `portcullis ciphers`
    #[arg(long, value_name = "STRING")]
    ciphers: Option<String>,
    /// Offer these key exchange groups, in this order: X25519MLKEM768, SecP256r1MLKEM768,
    /// x25519, secp256r1, secp384r1
    #[arg(long, value_name = "LIST")]
    groups: Option<Groups>,
    /// Offer these signature schemes, the preferred first, and sign with them alone:
    /// ed25519,rsa_pss_rsae_sha256
    #[arg(long, value_name = "LIST")]
    sigalgs: Option<SignatureSchemes>,
    /// Send at most this many bytes in a record, 64 to 16384
    #[arg(long, value_name = "BYTES")]
    record_size: Option<u32>,
    /// Offer these application protocols, the preferred first: h2,http/1.1
    #[arg(long, value_name = "LIST")]
    alpn: Option<Alpn>,
    /// Begin in the clear, and ask for TLS in this protocol
    #[arg(long, value_name = "PROTOCOL")]
    starttls: Option<Protocol>,
    /// The domain that is asked for with --starttls xmpp or xmpp-server, and verified if nothing
    /// else is to be, in place of --servername or HOST
    #[arg(long, value_name = "NAME", value_parser = name, requires = "starttls")]
    xmpphost: Option<String>,
    /// Tell the server by close_notify when standard input has ended, and go on reading. Some
    /// servers wait for that; others take it for a disconnect, and drop the answer that they are
    /// still sending
    #[arg(long)]
    half_close: bool,
    /// Take the end of the connection for the end of the data even without close_notify: an
    /// attacker can cause it
    #[arg(long)]
    ignore_unexpected_eof: bool,
    /// Print the facts of the connection to standard output when the server has judged this side's
    /// certificate or the lack of one, and end
    #[arg(long)]
    info: bool,
    /// Show the peer's certificates in full, with their PEM
    #[arg(long)]
    showcerts: bool,
    /// Print the facts as JSON
    #[arg(long)]
    json: bool,
    /// Seconds that connecting, the handshake and the closing may take each
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    timeout: Duration,
    #[command(flatten)]
    timers: Timers,
}

impl Connect {
    pub(crate) fn run(&self) -> Result<()> {
        let target = self
            .target
            .or_port(self.starttls.map_or(HTTPS, Protocol::port));
        if self.xmpphost.is_some() && !self.starttls.is_some_and(Protocol::has_domain) {
            return Err(Exit::usage(
                "--xmpphost is for --starttls xmpp and xmpp-server; give --servername",
            ));
        }
        let proxy = self.proxy.as_ref().map(proxy::Given::read).transpose()?;
        let way = Way::to(&target, self.starttls.is_some(), proxy, &self.resolve)?;
        let network = match way {
            Way::Component => Network::none()
                .connect(Addresses::any_on_port(target.port))
                .lookup(),
            Way::Host(_) | Way::Proxy(..) => Network::none(),
        };
        let options = Options::new().network(network).inherit_stderr();
        let mut tls = Guest::embedded()?.instantiate(options)?;
        let context = self.context(&mut tls, &target)?;
        let mut key_log = KeyLogFile::from_environment(&mut tls, &context)?;
        self.session(&mut tls, &context, &target, &way, key_log.as_mut())
            .map_err(|exit| exit.context(format_args!("connect {target}")))
    }

    fn session(
        &self,
        tls: &mut Instance,
        context: &Context,
        target: &Target,
        way: &Way,
        key_log: Option<&mut KeyLogFile>,
    ) -> Result<()> {
        let (port, peer) = self.open(tls, context, target, way)?;
        let shaken = port.blocking_handshake(tls);
        // Also of a handshake that failed: its alert is encrypted.
        if let Some(key_log) = key_log {
            key_log.write(tls)?;
        }
        shaken.map_err(|failure| Exit::handshake(self.trust.with_places(tls, failure)))?;
        let facts = Facts::of(tls, &port, peer)?;
        let facts = match self.showcerts {
            true => facts.with_certificates(),
            false => facts,
        };
        if self.info {
            if facts.is_of(Version::Tls13) {
                self.await_verdict(tls, &port)?;
            }
            self.show(&facts)?;
            return leave(tls, &port);
        }
        self.show(&facts)?;
        // A user at a terminal expects the command to end when the peer closes.
        let until = if io::stdin().is_terminal() {
            Until::PeerEnds
        } else {
            Until::BothEnd
        };
        let at_end = if self.half_close {
            AtEnd::Tell
        } else {
            AtEnd::Stay
        };
        let ends = (io::stdin(), io::stdout());
        relay(tls, &port, ends, until, at_end, Transfer::begin())?;
        leave(tls, &port)
    }

    /// Waits for the server's verdict on our certificate or the lack of one, which comes after the
    /// client's handshake in TLS 1.3. A server that refuses says so; one that does not answers our
    /// close_notify, or is not waited for any longer.
    fn await_verdict(&self, tls: &mut Instance, port: &Port) -> Result<()> {
        let until = Instant::now() + VERDICT.min(self.timeout);
        let mut has_spoken = false;
        loop {
            let heard = port.close_output(tls).and_then(|()| port.read(tls, CHUNK));
            let left = until.saturating_duration_since(Instant::now());
            let failure = match heard {
                Ok(None) => return Ok(()),
                Ok(Some(_)) if left.is_zero() => return Ok(()),
                Ok(Some(_)) => {
                    has_spoken = true;
                    continue;
                }
                Err(failure) => failure,
            };
            let pollable = match failure.error() {
                // Many servers end the connection when they get close_notify.
                Some(Error::Truncated | Error::Timeout(Timer::Read)) => return Ok(()),
                Some(Error::Network(_)) if has_spoken => return Ok(()),
                Some(Error::WantRead | Error::WantWrite) if left.is_zero() => return Ok(()),
                Some(Error::WantRead) => port.subscribe(tls)?,
                Some(Error::WantWrite) => port.subscribe_write(tls)?,
                _ => return Err(Exit::from(failure).context("after the handshake")),
            };
            let limit = port.time_left(tls)?.into_iter().chain([left]).min();
            tls.poll(&[&pollable], limit)?;
            pollable.drop(tls)?;
        }
    }

    /// A port whose handshake is still to come, and the peer's address if the host connected.
    fn open(
        &self,
        tls: &mut Instance,
        context: &Context,
        target: &Target,
        way: &Way,
    ) -> Result<(Port, Option<String>)> {
        let Target { host, port, .. } = target;
        let Some((mut stream, peer)) = way.stream(target, self.timeout)? else {
            return Ok((Port::blocking_connect(tls, context, host, *port)?, None));
        };
        if let Some(protocol) = self.starttls {
            let domain = self.xmpphost.as_ref().or(self.servername.as_ref());
            stream = upgrade(stream, protocol, domain.unwrap_or(host), self.timeout)?;
        }
        let transport = tls.transport(stream, Vec::new())?;
        Ok((Port::start(tls, context, Some(host), transport)?, peer))
    }

    fn context(&self, tls: &mut Instance, target: &Target) -> Result<Context> {
        // RFC 6120 section 13.7.2.1: the certificate must be for the domain.
        let asked = self.servername.as_ref().or(self.xmpphost.as_ref());
        let context = if self.insecure {
            colour::warn(
                "--insecure: nothing is verified, anyone in between can read and change everything",
            );
            let context = Context::unverified(tls, Role::Client)?;
            if let Some(name) = asked.cloned().or_else(|| host_name(target)) {
                context.set_server_name(tls, &ServerName::Name(name))?;
            }
            context
        } else {
            let context = Context::secure(tls, Role::Client)?;
            if let Some(name) = self.verify_hostname.as_ref().or(asked) {
                context.set_verify_name(tls, &VerifyName::Name(name.clone()))?;
            }
            let sent = match (asked, &self.verify_hostname) {
                (Some(name), _) => Some(name.clone()),
                (None, Some(_)) => host_name(target),
                (None, None) => None,
            };
            if let Some(name) = sent {
                context.set_server_name(tls, &ServerName::Name(name))?;
            }
            self.trust.load_or_environment(tls, &context)?;
            Pin::set(&self.pin, tls, &context)?;
            self.revocation.load(tls, &context)?;
            context
        };
        if self.noservername {
            context.set_server_name(tls, &ServerName::Off)?;
        }
        self.identity.load(tls, &context, Passphrase::Asked)?;
        if self.tls12 || self.tls13 {
            context.set_protocol(tls, if self.tls12 { "tlsv12" } else { "tlsv13" })?;
        }
        if self.ignore_unexpected_eof {
            context.set_truncation(tls, Truncation::Tolerated)?;
        }
        if let Some(list) = &self.ciphers {
            ciphers::set(tls, &context, list)?;
        }
        if let Some(groups) = &self.groups {
            groups.set(tls, &context)?;
        }
        if let Some(schemes) = &self.sigalgs {
            schemes.set(tls, &context)?;
        }
        context
            .set_record_size(tls, self.record_size)
            .map_err(|failure| Exit::from(failure).context("--record-size"))?;
        if let Some(alpn) = &self.alpn {
            alpn.set(tls, &context)?;
        }
        for timer in [Timer::Connect, Timer::Handshake, Timer::Shutdown] {
            context.set_timeout(tls, timer, Some(self.timeout))?;
        }
        self.timers.set(tls, &context)?;
        Ok(context)
    }

    fn show(&self, facts: &Facts) -> Result<()> {
        let text = if self.json {
            serde_json::to_string(facts).map_err(Exit::usage)?
        } else {
            facts.to_string()
        };
        if self.info {
            output::print(text)?;
        } else {
            anstream::eprintln!("{text}");
        }
        Ok(())
    }
}

/// Nothing more is to come, so a peer that has gone without taking our close_notify is no failure.
fn leave(tls: &mut Instance, port: &Port) -> Result<()> {
    match port.close(tls) {
        Err(failure) if failure.error().is_none() => Err(failure.into()),
        _ => Ok(()),
    }
}

/// The host, unless it is an address, which has no place in SNI.
fn host_name(target: &Target) -> Option<String> {
    target.ip().is_none().then(|| target.host.clone())
}
