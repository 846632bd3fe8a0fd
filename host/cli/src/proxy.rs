//! A tunnel through an HTTP proxy: the dialogue before it stands (RFC 9110 §9.3.6).

use std::io;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::arguments::proxy::Proxy;
use crate::arguments::target::{Target, authority};
use crate::dial::{Deadline, is_timeout};
use crate::exit::{Exit, Result, Status};
use crate::wire::{LONGEST, Stop, Wire};

/// How much of its words is shown.
const SHOWN: usize = 200;

/// Has the proxy at the other end of a connection open a tunnel to the target, within the limit. What
/// it then sends is the target's.
pub(crate) fn tunnel(
    stream: TcpStream,
    proxy: &Proxy,
    target: &Target,
    limit: Duration,
) -> Result<TcpStream> {
    let until = Instant::now() + limit;
    let mut stream = Deadline { stream, until };
    let asked = ask(&mut Wire::new(&mut stream), proxy, target);
    asked.map_err(|refusal| refusal.into_exit(proxy, target))?;
    Ok(stream.stream)
}

/// Why there is no tunnel.
enum Refusal {
    /// The proxy said no.
    Answer(Head),
    /// It does not speak HTTP.
    NoHttp(String),
    Stopped(Stop),
}

impl From<Stop> for Refusal {
    fn from(stop: Stop) -> Self {
        Self::Stopped(stop)
    }
}

/// The part of an answer before the body.
struct Head {
    status: u16,
    reason: String,
    /// The schemes by which a proxy lets in those whom it knows.
    schemes: Vec<String>,
}

fn ask(wire: &mut Wire<'_>, proxy: &Proxy, target: &Target) -> std::result::Result<(), Refusal> {
    let place = authority(&target.host, target.port);
    let mut request = format!("CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n");
    if let Some(credentials) = &proxy.credentials {
        request += "Proxy-Authorization: Basic ";
        request += credentials;
        request += "\r\n";
    }
    request += "\r\n";
    wire.say(zeroize::Zeroizing::new(request).as_bytes())?;
    loop {
        let head = Head::read(wire)?;
        match head.status {
            // An interim answer: the last one follows.
            100..=199 => {}
            // It has no body, whatever it says.
            200..=299 => return Ok(()),
            _ => return Err(Refusal::Answer(head)),
        }
    }
}

impl Head {
    fn read(wire: &mut Wire<'_>) -> std::result::Result<Self, Refusal> {
        let first = wire.line()?;
        let (version, rest) = first.split_once(' ').unwrap_or((&first, ""));
        let (status, reason) = rest.split_once(' ').unwrap_or((rest, ""));
        let status = match status.parse() {
            Ok(status @ 100..=999) if version.starts_with("HTTP/1.") => status,
            _ => return Err(Refusal::NoHttp(shown(&first))),
        };
        let reason = shown(reason);
        let mut schemes = Vec::new();
        loop {
            let line = wire.line()?;
            if line.is_empty() {
                return Ok(Self {
                    status,
                    reason,
                    schemes,
                });
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("proxy-authenticate")
            {
                let scheme = value.split_whitespace().next().unwrap_or_default();
                schemes.push(shown(scheme));
            }
        }
    }
}

/// The beginning of a proxy's words.
fn shown(text: &str) -> String {
    text.trim().chars().take(SHOWN).collect()
}

impl Refusal {
    fn into_exit(self, proxy: &Proxy, target: &Target) -> Exit {
        let network = |line: String| Exit::new(Status::Network, line);
        match self {
            Self::Answer(head) => network(head.told(proxy, target)),
            Self::NoHttp(said) => network(format!(
                "it does not answer as an HTTP proxy does, but with {said:?}; check its address and port"
            )),
            Self::Stopped(Stop::Endless) => network(format!(
                "its answer has no end after {LONGEST} bytes; check its address and port"
            )),
            Self::Stopped(Stop::Io(error)) if is_timeout(&error) => Exit::new(
                Status::Timeout,
                "it did not open the tunnel in time; try again, or with a longer --timeout",
            ),
            Self::Stopped(Stop::Io(error)) if error.kind() == io::ErrorKind::UnexpectedEof => network(
                "it closed the connection instead of an answer; check its address and port, and see \
                 its log"
                    .to_owned(),
            ),
            Self::Stopped(Stop::Io(error)) => network(format!("the connection to it failed: {error}; see its log")),
        }
        .context(format_args!("the proxy {}", proxy.target))
    }
}

impl Head {
    fn told(&self, proxy: &Proxy, target: &Target) -> String {
        let Self {
            status,
            reason,
            schemes,
        } = self;
        let is_basic = |scheme: &String| scheme.eq_ignore_ascii_case("basic");
        match status {
            407 if !schemes.is_empty() && !schemes.iter().any(is_basic) => format!(
                "it lets nobody in by Basic, which is all that is known here, but by {} ({status} \
                 {reason})",
                schemes.join(", ")
            ),
            407 if proxy.credentials.is_some() => {
                format!("it refuses the user or the password ({status} {reason}); check both")
            }
            407 => format!(
                "it asks who you are ({status} {reason}); give --proxy http://USER:PASSWORD@{}",
                proxy.target
            ),
            502..=504 => format!(
                "it does not reach {target} ({status} {reason}); check host and port of the target"
            ),
            _ => format!(
                "it refuses the tunnel to {target} ({status} {reason}); ask whoever runs it for this \
                 host and port"
            ),
        }
    }
}
