//! Collects the client's first message, where the configuration depends on what it says.

use std::borrow::Cow;

use super::opening::{ALERT, HANDSHAKE};
use crate::tls::client_hello::ClientHello;
use crate::tls::record;

/// The type of a ClientHello (RFC 8446 §4).
const CLIENT_HELLO: u8 = 1;

/// The header of a message (RFC 8446 §4).
const MESSAGE_HEADER: usize = 4;

/// The longest message that rustls takes.
const LONGEST_MESSAGE: usize = 0xffff;

/// The most bytes that are collected: the longest message, and as much again for the headers of records
/// with a few bytes each.
const MOST: usize = 2 * LONGEST_MESSAGE;

/// The records that have come so far. They are kept once, as they came, to be given to rustls when the
/// configuration is known.
#[derive(Default)]
pub(super) struct Greeting {
    records: Vec<u8>,
    /// Where the first record begins that is not complete.
    next: usize,
    /// How long the parts of the message are that are complete.
    length: usize,
    /// The header of the message, as far as it has come.
    header: Vec<u8>,
}

/// What is known after more bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// There is more to come.
    Pending,
    /// The message is complete.
    Complete(ClientHello),
    /// It is no ClientHello, or too long for one. rustls says what is wrong with it.
    Strange,
}

impl Greeting {
    /// Takes bytes from the front of `rest`, up to the end of the record in which the message ends.
    pub(super) fn take(&mut self, rest: &mut &[u8]) -> Progress {
        loop {
            let wanted = self.wanted();
            let missing = wanted.saturating_sub(self.records.len());
            let taken = rest.get(..missing).unwrap_or(rest);
            self.records.extend_from_slice(taken);
            *rest = rest.get(taken.len()..).unwrap_or_default();
            if self.records.len() < wanted {
                return Progress::Pending;
            }
            if self.records.len() > MOST {
                return Progress::Strange;
            }
            let Some(record) = self.records.get(self.next..) else {
                return Progress::Strange;
            };
            match record {
                [HANDSHAKE, 3, _, 0, 0] => return Progress::Strange,
                // The header is complete, and its body is still to come.
                [HANDSHAKE, 3, _, _, _] => continue,
                [HANDSHAKE, 3, _, _, _, part @ ..] => {
                    let missing = MESSAGE_HEADER.saturating_sub(self.header.len());
                    let header = part.get(..missing).unwrap_or(part);
                    self.header.extend_from_slice(header);
                    self.length = self.length.saturating_add(part.len());
                    self.next = self.records.len();
                }
                // rustls says something of an alert when it is whole.
                [ALERT, 3, _, _, _] if self.wanted() > self.records.len() => continue,
                _ => return Progress::Strange,
            }
            if let [kind, high, middle, low] = *self.header.as_slice() {
                let length = u32::from_be_bytes([0, high, middle, low]);
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                if kind != CLIENT_HELLO || length > LONGEST_MESSAGE {
                    return Progress::Strange;
                }
                let end = MESSAGE_HEADER.saturating_add(length);
                if self.length >= end {
                    let message = self.message();
                    let hello = message.get(MESSAGE_HEADER..end);
                    return hello
                        .and_then(ClientHello::parse)
                        .map_or(Progress::Strange, Progress::Complete);
                }
            }
        }
    }

    /// The records that were taken.
    pub(super) fn into_records(self) -> Vec<u8> {
        self.records
    }

    /// How many bytes there are when the next header, or the record that it begins, is complete.
    fn wanted(&self) -> usize {
        let header = self.next.saturating_add(record::HEADER);
        match self.records.get(self.next..) {
            Some([_, _, _, high, low, ..]) => {
                header.saturating_add(usize::from(u16::from_be_bytes([*high, *low])))
            }
            _ => header,
        }
    }

    /// The parts of the message, joined if they are several.
    fn message(&self) -> Cow<'_, [u8]> {
        let mut joined: Cow<'_, [u8]> = Cow::default();
        let mut rest = self.records.as_slice();
        while let [_, _, _, high, low, after @ ..] = rest {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            let part = after.get(..length).unwrap_or(after);
            if joined.is_empty() {
                joined = Cow::Borrowed(part);
            } else {
                joined.to_mut().extend_from_slice(part);
            }
            rest = after.get(length..).unwrap_or_default();
        }
        joined
    }
}
