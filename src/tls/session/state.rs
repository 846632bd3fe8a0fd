//! The state of a session, and what changes it.

use crate::error::Error;

/// The state of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Entered at creation; leaves to `Open` or `Failed`.
    Handshaking,
    /// Both directions; leaves to `WriteClosed`, `ReadClosed` or `Failed`.
    Open,
    /// We sent close_notify, reading goes on; leaves to `Closed` or `Failed`.
    WriteClosed,
    /// The peer sent close_notify, or ended without it where that is tolerated; writing goes on;
    /// leaves to `Closed` or `Failed`.
    ReadClosed,
    /// Terminal: closed both ways.
    Closed,
    /// Terminal: every later call returns this error.
    Failed(Error),
}

impl State {
    /// The state after records were processed without failure.
    pub(super) fn after_records(self, is_handshaking: bool, peer_has_closed: bool) -> Self {
        match (self, peer_has_closed) {
            (Self::Handshaking, true) if is_handshaking => Self::Failed(Error::Closed),
            (Self::Handshaking, false) if is_handshaking => Self::Handshaking,
            (Self::Handshaking | Self::Open, true) => Self::ReadClosed,
            (Self::Handshaking | Self::Open, false) => Self::Open,
            (Self::WriteClosed, true) => Self::Closed,
            (same, _) => same,
        }
    }
}
