//! Looks at the peer's first bytes: they are TLS, or something else that the error names.

use crate::error::{Error, ProtocolError, ProtocolReason};

/// What is known so far.
pub(super) enum Opening {
    /// Not enough to tell; these bytes are kept until it is.
    Begun(Vec<u8>),
    /// The first record has begun; there is nothing more to find out.
    Tls,
}

/// The result of a look at the next bytes.
pub(super) enum Look {
    /// They belong to TLS, after those that were kept, which are returned.
    Tls(Vec<u8>),
    /// There are still not enough to tell, and they are kept.
    Open,
    /// They are not TLS. The bytes to be sent may be none: an alert would be noise to most peers.
    Strange(Error, Vec<u8>),
}

/// Content types of a record (RFC 8446 §5.1).
pub(super) const ALERT: u8 = 21;
pub(super) const HANDSHAKE: u8 = 22;
/// Change of cipher, alert, handshake, data, and the heartbeat of RFC 6520.
const CONTENT_TYPES: std::ops::RangeInclusive<u8> = 20..=24;

/// As long as a record's header, and enough to tell `HTTP/` and the methods of HTTP (RFC 9110 §9)
/// from other protocols.
const ENOUGH: usize = 5;

/// The most that a record may hold (RFC 5246 §6.2.3).
const RECORD: u16 = (1 << 14) + 2048;

/// The alert protocol_version, which RFC 5246 appendix E.2 has for peers that speak SSL 2.0.
const PROTOCOL_VERSION: u8 = 70;

impl Opening {
    /// Nothing has come yet.
    pub(super) fn new() -> Self {
        Self::Begun(Vec::new())
    }

    /// Looks at the next bytes.
    pub(super) fn look(&mut self, bytes: &[u8]) -> Look {
        let Self::Begun(kept) = self else {
            return Look::Tls(Vec::new());
        };
        let first = kept.iter().chain(bytes).next().copied();
        if matches!(first, Some(ALERT | HANDSHAKE)) {
            return self.tls();
        }
        let seen = [kept.as_slice(), bytes].concat();
        if seen.len() < ENOUGH {
            *kept = seen;
            return Look::Open;
        }
        if is_header(&seen) {
            // This record cannot come first: rustls refuses it with the alert for that.
            return self.tls();
        }
        if is_ssl2_hello(&seen) {
            let error = Error::Protocol(ProtocolError {
                reason: ProtocolReason::NoCommonVersion,
                alert_sent: Some(PROTOCOL_VERSION),
                detail: Some("it opens as SSL 2.0 did".to_owned()),
            });
            return Look::Strange(error, vec![ALERT, 3, 0, 0, 2, 2, PROTOCOL_VERSION]);
        }
        Look::Strange(strange(&seen), Vec::new())
    }

    fn tls(&mut self) -> Look {
        match std::mem::replace(self, Self::Tls) {
            Self::Begun(kept) => Look::Tls(kept),
            Self::Tls => Look::Tls(Vec::new()),
        }
    }

    /// The error when the transport ends here, in the middle of the handshake, with this failure.
    pub(super) fn at_end(&self, failure: Error) -> Error {
        match self {
            Self::Begun(kept) if !kept.is_empty() => strange(kept),
            Self::Begun(_) | Self::Tls => failure,
        }
    }
}

/// The record of a fatal alert while nothing is encrypted. TLS 1.2 is the version that every peer reads
/// (RFC 8446 §5.1).
pub(super) fn fatal_alert(number: u8) -> Vec<u8> {
    vec![ALERT, 3, 3, 0, 2, 2, number]
}

/// Whether the bytes begin with the header of a record, of a version that TLS has had.
fn is_header(bytes: &[u8]) -> bool {
    match bytes {
        [content, 3, 0..=4, high, low, ..] => {
            CONTENT_TYPES.contains(content) && u16::from_be_bytes([*high, *low]) <= RECORD
        }
        _ => false,
    }
}

/// Whether it is a ClientHello in the form of SSL 2.0 (RFC 5246 appendix E.2), which very old
/// clients send whichever version they speak.
fn is_ssl2_hello(bytes: &[u8]) -> bool {
    matches!(
        bytes,
        [0x80..=0xff, _, 1, 0, 2, ..] | [0x80..=0xff, _, 1, 3, 0..=4, ..]
    )
}

/// The error of a peer whose first bytes are no TLS record.
fn strange(bytes: &[u8]) -> Error {
    const HTTP: [&[u8]; 9] = [
        b"HTTP", b"GET ", b"HEAD", b"POST", b"PUT ", b"DELET", b"OPTIO", b"PATCH", b"CONNE",
    ];
    let is_http = HTTP.iter().any(|opening| bytes.starts_with(opening));
    // Enough to recognise a greeting.
    let shown = bytes.get(..32).unwrap_or(bytes);
    Error::Protocol(ProtocolError {
        reason: if is_http {
            ProtocolReason::PlainHttp
        } else {
            ProtocolReason::NotTls
        },
        alert_sent: None,
        detail: Some(format!("its first bytes are \"{}\"", shown.escape_ascii())),
    })
}
