//! What the middle does to one direction of a connection.

use std::fmt;

use crate::record::{ALERT, CHANGE_CIPHER_SPEC, DATA, HANDSHAKE, HEARTBEAT, record};

/// One thing that is done. Places are bytes or records from the start, as the sender sends them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trick {
    // The bytes stay the same.
    /// At most so many bytes come at once.
    Split(usize),
    /// What follows this byte comes only when everybody waits for it.
    Cut(usize),
    /// Everything comes only when everybody waits for it, and then at once.
    Hold,
    /// So many bytes come whenever everybody waits.
    Drip(usize),
    /// The body of a record that is not protected is divided among records with so many bytes each.
    Fragment { record: usize, size: usize },

    // The transport fails.
    /// The end comes after so many bytes.
    Truncate(usize),
    /// A reset comes after so many bytes.
    Reset(usize),
    /// Nothing is taken after so many bytes.
    Block(usize),
    /// Writing fails after so many bytes.
    Break(usize),

    // The bytes change.
    /// A bit of a byte is another.
    Flip { at: usize, bit: u8 },
    /// A record is left out.
    Drop(usize),
    /// A record comes twice.
    Duplicate(usize),
    /// A record comes after the next one.
    Swap(usize),
    /// A record has no body.
    Empty(usize),
    /// A record lacks the last byte of its body, and says so.
    Shorten(usize),
    /// A record has a byte more than any may have.
    Oversize(usize),
    /// A record is of another type.
    Retype { record: usize, kind: u8 },
    /// Before a record comes something else, so many times.
    Inject {
        record: usize,
        what: Injected,
        count: usize,
    },
    /// The same, sealed with the keys of the connection: a peer that is authentic and hostile.
    Seal {
        record: usize,
        what: Injected,
        count: usize,
    },
}

/// What does not belong there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Injected {
    Data,
    EmptyData,
    EmptyHandshake,
    EmptyAlert,
    Warning,
    CloseNotify,
    UserCanceled,
    NoRenegotiation,
    Fatal,
    UnknownAlert,
    HalfAlert,
    ChangeCipherSpec,
    WrongChangeCipherSpec,
    HelloRequest,
    ClientHello,
    ServerHello,
    Finished,
    KeyUpdate,
    Ticket,
    UnknownMessage,
    LongMessage,
    Certificate,
    Heartbeat,
    UnknownType,
    OldVersion,
    Oversize,
    Http,
    Ssl2,
    Noise,
}

impl Injected {
    pub(crate) const ALL: [Self; 29] = [
        Self::Data,
        Self::EmptyData,
        Self::EmptyHandshake,
        Self::EmptyAlert,
        Self::Warning,
        Self::CloseNotify,
        Self::UserCanceled,
        Self::NoRenegotiation,
        Self::Fatal,
        Self::UnknownAlert,
        Self::HalfAlert,
        Self::ChangeCipherSpec,
        Self::WrongChangeCipherSpec,
        Self::HelloRequest,
        Self::ClientHello,
        Self::ServerHello,
        Self::Finished,
        Self::KeyUpdate,
        Self::Ticket,
        Self::UnknownMessage,
        Self::LongMessage,
        Self::Certificate,
        Self::Heartbeat,
        Self::UnknownType,
        Self::OldVersion,
        Self::Oversize,
        Self::Http,
        Self::Ssl2,
        Self::Noise,
    ];

    /// Type and body of what is a record of its own; of the rest, only the bytes on the wire are known.
    pub(crate) fn content(self) -> Option<(u8, Vec<u8>)> {
        let message = |kind: u8, length: [u8; 3], body: &[u8]| {
            let header = [kind, length[0], length[1], length[2]];
            (HANDSHAKE, [&header, body].concat())
        };
        Some(match self {
            Self::Data => (DATA, b"nobody has sent this".to_vec()),
            Self::EmptyData => (DATA, Vec::new()),
            Self::EmptyHandshake => (HANDSHAKE, Vec::new()),
            Self::EmptyAlert => (ALERT, Vec::new()),
            // unrecognized_name, which servers do send as a warning (RFC 6066 §3).
            Self::Warning => (ALERT, vec![1, 112]),
            Self::CloseNotify => (ALERT, vec![1, 0]),
            Self::UserCanceled => (ALERT, vec![1, 90]),
            Self::NoRenegotiation => (ALERT, vec![1, 100]),
            Self::Fatal => (ALERT, vec![2, 40]),
            Self::UnknownAlert => (ALERT, vec![2, 251]),
            Self::HalfAlert => (ALERT, vec![2]),
            Self::ChangeCipherSpec => (CHANGE_CIPHER_SPEC, vec![1]),
            Self::WrongChangeCipherSpec => (CHANGE_CIPHER_SPEC, vec![2]),
            Self::HelloRequest => message(0, [0, 0, 0], &[]),
            Self::ClientHello => message(1, [0, 0, 4], &[3, 3, 0, 0]),
            Self::ServerHello => message(2, [0, 0, 4], &[3, 3, 0, 0]),
            Self::Finished => message(20, [0, 0, 12], &[0x55; 12]),
            Self::KeyUpdate => message(24, [0, 0, 1], &[1]),
            // RFC 8446 §4.6.1: lifetime, age, nonce, ticket, extensions.
            Self::Ticket => message(
                4,
                [0, 0, 16],
                &[0, 0, 28, 32, 0, 0, 0, 0, 1, 7, 0, 2, 8, 9, 0, 0],
            ),
            Self::UnknownMessage => message(99, [0, 0, 2], &[1, 2]),
            // It says that 16 MB follow.
            Self::LongMessage => message(99, [255, 255, 255], &[0; 16_000]),
            Self::Certificate => message(11, [255, 255, 255], &[0; 16_000]),
            Self::Heartbeat => (HEARTBEAT, vec![1, 0xff, 0xff, 0]),
            Self::UnknownType => (99, vec![1, 2, 3]),
            Self::OldVersion | Self::Oversize | Self::Http | Self::Ssl2 | Self::Noise => {
                return None;
            }
        })
    }

    /// Its bytes, not protected.
    pub(crate) fn bytes(self) -> Vec<u8> {
        if let Some((kind, body)) = self.content() {
            return record(kind, &body);
        }
        match self {
            Self::OldVersion => vec![HANDSHAKE, 2, 0, 0, 4, 0, 0, 0, 0],
            Self::Oversize => record(DATA, &[0; 16 * 1024 + 2049]),
            Self::Http => b"GET / HTTP/1.1\r\n\r\n".to_vec(),
            Self::Ssl2 => vec![0x80, 0x2e, 1, 3, 1, 0, 0x15, 0, 0, 0, 0x10],
            _ => vec![0xfe; 64],
        }
    }
}

impl Trick {
    /// Whether an exchange has to succeed all the same.
    pub(crate) fn is_harmless(&self) -> bool {
        matches!(
            self,
            Self::Split(_) | Self::Cut(_) | Self::Hold | Self::Drip(_) | Self::Fragment { .. }
        )
    }

    /// The name of its kind.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Split(_) => "split",
            Self::Cut(_) => "cut",
            Self::Hold => "hold",
            Self::Drip(_) => "drip",
            Self::Fragment { .. } => "fragment",
            Self::Truncate(_) => "truncate",
            Self::Reset(_) => "reset",
            Self::Block(_) => "block",
            Self::Break(_) => "break",
            Self::Flip { .. } => "flip",
            Self::Drop(_) => "drop",
            Self::Duplicate(_) => "duplicate",
            Self::Swap(_) => "swap",
            Self::Empty(_) => "empty",
            Self::Shorten(_) => "shorten",
            Self::Oversize(_) => "oversize",
            Self::Retype { .. } => "retype",
            Self::Inject { count: 1, .. } => "inject",
            Self::Inject { .. } => "flood",
            Self::Seal { count: 1, .. } => "seal",
            Self::Seal { .. } => "sealed flood",
        }
    }
}

impl fmt::Display for Trick {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind();
        match self {
            Self::Hold => f.write_str(kind),
            Self::Split(number)
            | Self::Cut(number)
            | Self::Drip(number)
            | Self::Truncate(number)
            | Self::Reset(number)
            | Self::Block(number)
            | Self::Break(number)
            | Self::Drop(number)
            | Self::Duplicate(number)
            | Self::Swap(number)
            | Self::Empty(number)
            | Self::Shorten(number)
            | Self::Oversize(number) => write!(f, "{kind}-{number}"),
            Self::Fragment { record, size } => write!(f, "{kind}-{record}-{size}"),
            Self::Flip { at, bit } => write!(f, "{kind}-{at}-{bit}"),
            Self::Retype { record, kind: to } => write!(f, "{kind}-{record}-{to}"),
            Self::Inject {
                record,
                what,
                count: 1,
            } => write!(f, "{kind}-{record}-{what:?}"),
            Self::Seal {
                record,
                what,
                count,
            } => write!(f, "seal-{record}-{what:?}-{count}"),
            Self::Inject {
                record,
                what,
                count,
            } => write!(f, "{kind}-{record}-{what:?}-{count}"),
        }
    }
}
