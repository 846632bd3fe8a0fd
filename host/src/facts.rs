//! The facts of a connection, for people and for `--json`.

use std::fmt;

use portcullis_host::types::{Address, Version};
use portcullis_host::{Failure, Instance, Port};
use serde::Serialize;

use crate::certificate::Summary;
use crate::groups;
use crate::style;
use crate::target::authority;

/// What was negotiated, and with whom.
#[derive(Debug, Serialize)]
pub(crate) struct Facts {
    peer: Option<String>,
    version: Option<&'static str>,
    cipher_suite: Option<String>,
    group: Option<&'static str>,
    verified: bool,
    certificates: Vec<Option<Summary>>,
    /// The same as PEM, if they are to be shown in full.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pem: Vec<String>,
}

impl Facts {
    /// The facts of a port whose handshake is done. The peer's address is the port's, else
    /// the given one.
    pub(crate) fn of(
        tls: &mut Instance,
        port: &Port,
        peer: Option<String>,
    ) -> Result<Self, Failure> {
        let certificates = port.peer_certificates(tls)?;
        Ok(Self {
            peer: port.remote_address(tls)?.as_ref().map(text).or(peer),
            version: port.version(tls)?.map(version),
            cipher_suite: port.cipher_suite(tls)?,
            group: port.group(tls)?.map(groups::name),
            verified: port.peer_verified(tls)?,
            certificates: certificates.iter().map(|der| Summary::of(der)).collect(),
            pem: Vec::new(),
        })
    }

    /// Show the peer's certificates in full, with their PEM.
    pub(crate) fn with_certificates(mut self, certificates: &[Vec<u8>]) -> Self {
        let config = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
        self.pem = certificates
            .iter()
            .map(|der| pem::Pem::new("CERTIFICATE", der.as_slice()))
            .map(|certificate| pem::encode_config(&certificate, config))
            .collect();
        self
    }

    /// Version, suite, group and verification in a few words.
    pub(crate) fn short(&self) -> String {
        format!(
            "{} {} {}{}",
            self.version.unwrap_or("-"),
            self.cipher_suite.as_deref().unwrap_or("-"),
            self.group.unwrap_or("-"),
            if self.verified { ", peer verified" } else { "" }
        )
    }
}

impl fmt::Display for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "peer      {}", self.peer.as_deref().unwrap_or("-"))?;
        writeln!(f, "version   {}", self.version.unwrap_or("-"))?;
        writeln!(
            f,
            "suite     {}",
            self.cipher_suite.as_deref().unwrap_or("-")
        )?;
        writeln!(f, "group     {}", self.group.unwrap_or("-"))?;
        let verified = if self.verified {
            style::good("yes")
        } else {
            style::bad("NO")
        };
        write!(f, "verified  {verified}")?;
        for (number, certificate) in self.certificates.iter().enumerate() {
            match (certificate, self.pem.get(number)) {
                (None, None) => write!(f, "\nchain {number}   (not readable)")?,
                (Some(summary), None) => write!(f, "\nchain {number}   {summary}")?,
                (None, Some(pem)) => write!(f, "\n\nchain {number}\n(not readable)\n{pem}")?,
                (Some(summary), Some(pem)) => {
                    write!(f, "\n\n{}", style::title(&format!("chain {number}")))?;
                    for (title, text) in summary.lines() {
                        write!(f, "\n{title:<8}  {text}")?;
                    }
                    write!(f, "\n{}", pem.trim_end())?;
                }
            }
        }
        Ok(())
    }
}

/// `IP:PORT`.
pub(crate) fn text(address: &Address) -> String {
    authority(&address.ip, address.port)
}

pub(crate) fn version(version: Version) -> &'static str {
    match version {
        Version::Tls12 => "TLSv1.2",
        Version::Tls13 => "TLSv1.3",
    }
}
