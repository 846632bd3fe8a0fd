//! The facts of a connection, for people and for `--json`.

use std::fmt;

use portcullis_host::types::{Address, CertificateReason, Version};
use portcullis_host::{Certificate, Failure, Instance, Port, Session};
use serde::Serialize;

use crate::arguments::pins::Pin;
use crate::arguments::target::authority;
use crate::certificate::Summary;
use crate::terminal::colour;

/// What was negotiated, and with whom.
#[derive(Debug, Serialize)]
pub(crate) struct Facts {
    peer: Option<String>,
    version: Option<&'static str>,
    cipher_suite: Option<String>,
    group: Option<String>,
    /// What the peer has signed with.
    signature_scheme: Option<String>,
    certificate_requested: Option<bool>,
    /// Whether this side has presented a certificate.
    #[serde(skip)]
    has_presented: bool,
    alpn: Option<String>,
    resumed: bool,
    verified: bool,
    /// Why the peer is not verified, as the WIT spells it.
    not_verified: Option<&'static str>,
    /// The pin of the peer's own key.
    pin: Option<String>,
    certificates: Vec<Option<Summary>>,
    /// The certificates as DER.
    #[serde(skip)]
    der: Vec<Vec<u8>>,
    /// The certificates as PEM, if they are to be shown in full.
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
        let session = port.session(tls)?;
        let peer = port.remote_address(tls)?.as_ref().map(text).or(peer);
        let facts = Self::of_session(tls, &session, peer);
        session.drop(tls)?;
        facts
    }

    fn of_session(
        tls: &mut Instance,
        session: &Session,
        peer: Option<String>,
    ) -> Result<Self, Failure> {
        let der = session.peer_certificates(tls)?;
        let refused = session.verify_result(tls)?.err();
        Ok(Self {
            peer,
            version: session.version(tls)?.map(version),
            cipher_suite: session.cipher_suite(tls)?,
            group: session.group(tls)?,
            signature_scheme: session.signature_scheme(tls)?,
            certificate_requested: session.was_certificate_requested(tls)?,
            has_presented: session.own_signature_scheme(tls)?.is_some(),
            alpn: session.alpn(tls)?,
            resumed: session.is_resumed(tls)? == Some(true),
            verified: refused.is_none(),
            not_verified: refused.map(|refused| reason(refused.reason)),
            pin: match der.first() {
                Some(own) => pin(tls, own)?,
                None => None,
            },
            certificates: der.iter().map(|der| Summary::of(der)).collect(),
            der,
            pem: Vec::new(),
        })
    }

    /// Show the peer's certificates in full, with their PEM.
    pub(crate) fn with_certificates(mut self) -> Self {
        let config = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
        self.pem = self
            .der
            .iter()
            .map(|der| pem::Pem::new("CERTIFICATE", der.as_slice()))
            .map(|certificate| pem::encode_config(&certificate, config))
            .collect();
        self
    }

    /// Whether this version was negotiated.
    pub(crate) fn is_of(&self, negotiated: Version) -> bool {
        self.version == Some(version(negotiated))
    }

    /// Version, suite, group and verification in a few words.
    pub(crate) fn short(&self) -> String {
        format!(
            "{} {} {}{}{}",
            self.version.unwrap_or("-"),
            self.cipher_suite.as_deref().unwrap_or("-"),
            self.group.as_deref().unwrap_or("-"),
            if self.resumed { ", resumed" } else { "" },
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
        writeln!(f, "group     {}", self.group.as_deref().unwrap_or("-"))?;
        if let Some(scheme) = &self.signature_scheme {
            writeln!(f, "signed    {scheme}")?;
        }
        match (self.certificate_requested, self.has_presented) {
            (Some(true), true) => writeln!(f, "asked     for a certificate, and got it")?,
            (Some(true), false) => writeln!(f, "asked     for a certificate, and got none")?,
            (Some(false) | None, _) => {}
        }
        if let Some(alpn) = &self.alpn {
            writeln!(f, "alpn      {alpn}")?;
        }
        if self.resumed {
            writeln!(f, "resumed   yes")?;
        }
        match self.not_verified {
            None => write!(f, "verified  {}", colour::good("yes"))?,
            Some(reason) => write!(f, "verified  {} ({reason})", colour::bad("NO"))?,
        }
        if let Some(pin) = &self.pin {
            write!(f, "\npin       {pin}")?;
        }
        for (number, certificate) in self.certificates.iter().enumerate() {
            match (certificate, self.pem.get(number)) {
                (None, None) => write!(f, "\nchain {number}   (not readable)")?,
                (Some(summary), None) => write!(f, "\nchain {number}   {summary}")?,
                (None, Some(pem)) => write!(f, "\n\nchain {number}\n(not readable)\n{pem}")?,
                (Some(summary), Some(pem)) => {
                    write!(f, "\n\n{}", colour::title(&format!("chain {number}")))?;
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

/// The pin of a certificate's key, as `--pin` takes it; none if the certificate cannot be read.
fn pin(tls: &mut Instance, der: &[u8]) -> Result<Option<String>, Failure> {
    let certificate = match Certificate::parse(tls, der) {
        Err(failure) if failure.error().is_some() => return Ok(None),
        parsed => parsed?,
    };
    let fingerprint = certificate.public_key_fingerprint(tls)?;
    certificate.drop(tls)?;
    Ok(Pin::of(&fingerprint).map(|pin| pin.to_string()))
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

/// The case as the WIT spells it.
pub(crate) fn reason(reason: CertificateReason) -> &'static str {
    match reason {
        CertificateReason::BadEncoding => "bad-encoding",
        CertificateReason::BadSignature => "bad-signature",
        CertificateReason::Expired => "expired",
        CertificateReason::Missing => "missing",
        CertificateReason::NotChecked => "not-checked",
        CertificateReason::NotYetValid => "not-yet-valid",
        CertificateReason::Other => "other",
        CertificateReason::PinMismatch => "pin-mismatch",
        CertificateReason::RawKeyUntrusted => "raw-key-untrusted",
        CertificateReason::RejectedByCaller => "rejected-by-caller",
        CertificateReason::RevocationListBad => "revocation-list-bad",
        CertificateReason::RevocationListExpired => "revocation-list-expired",
        CertificateReason::RevocationUnknown => "revocation-unknown",
        CertificateReason::Revoked => "revoked",
        CertificateReason::StapleBad => "staple-bad",
        CertificateReason::StapleMissing => "staple-missing",
        CertificateReason::TooCostly => "too-costly",
        CertificateReason::TransparencyMissing => "transparency-missing",
        CertificateReason::UnhandledExtension => "unhandled-extension",
        CertificateReason::UnknownAuthority => "unknown-authority",
        CertificateReason::UnsupportedAlgorithm => "unsupported-algorithm",
        CertificateReason::WrongName => "wrong-name",
        CertificateReason::WrongPolicy => "wrong-policy",
        CertificateReason::WrongPurpose => "wrong-purpose",
    }
}
