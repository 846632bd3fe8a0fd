//! The middle: both directions of a connection, and the tricks that are played on them.

use std::mem;
use std::sync::Arc;

use portcullis::tls::Role;

use crate::keys::Secrets;
use crate::record::{HEADER, parts, record, take_record};
use crate::seal::Sealer;
use crate::setup::Setup;
use crate::trick::{Injected, Trick};

/// One byte more than the longest body of a record may have (RFC 5246 §6.2.3).
const TOO_LONG: usize = (1 << 14) + 2049;

/// What is found on a wire.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    Bytes(Vec<u8>),
    Nothing,
    End,
    Reset,
}

/// How a direction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Orderly,
    Reset,
}

/// A record as it was sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Logged {
    pub(crate) kind: u8,
    pub(crate) start: usize,
    pub(crate) length: usize,
}

/// What a sender says of the bytes that it sends.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Label {
    /// How many bytes of plaintext have been sent when they have come.
    pub(crate) data: usize,
    /// They end with close_notify.
    pub(crate) is_close: bool,
}

/// One direction.
#[derive(Default)]
pub(crate) struct Wire {
    tricks: Vec<Trick>,
    /// What was sent of a record that is not whole.
    partial: Vec<u8>,
    /// The records that were sent.
    pub(crate) log: Vec<Logged>,
    /// How many bytes of whole records were sent.
    sent: usize,
    /// How many bytes were taken from the sender.
    accepted: usize,
    /// What is to be delivered.
    queue: Vec<u8>,
    /// A record that comes after the next one.
    held: Option<Vec<u8>>,
    end: Option<End>,
    /// Nothing that is sent from now on is delivered.
    is_cut_off: bool,
    delivered: usize,
    /// Nothing is delivered until everybody waits.
    is_waiting: bool,
    has_told_end: bool,
    is_harmed: bool,
    /// Opens and seals, where a trick needs that.
    sealer: Option<Sealer>,
    /// What the receiver has to get, whatever comes after it.
    pub(crate) safe: Label,
}

impl Wire {
    pub(crate) fn new(tricks: Vec<Trick>) -> Self {
        Self {
            is_waiting: tricks.contains(&Trick::Hold),
            tricks,
            ..Self::default()
        }
    }

    /// With these keys, if a trick needs any.
    pub(crate) fn with_keys(mut self, sealer: Sealer) -> Self {
        let needs_keys = |trick: &Trick| matches!(trick, Trick::Seal { .. });
        self.sealer = self.tricks.iter().any(needs_keys).then_some(sealer);
        self
    }

    /// Whether a trick was played that may change the exchange.
    pub(crate) fn is_harmed(&self) -> bool {
        self.is_harmed
    }

    // The sender's side.

    /// How many bytes are taken; none if writing fails.
    pub(crate) fn room(&mut self) -> Option<usize> {
        let mut room = usize::MAX;
        for trick in &self.tricks {
            match trick {
                Trick::Block(end) => room = room.min(end.saturating_sub(self.accepted)),
                Trick::Break(end) if self.accepted >= *end => {
                    self.is_harmed = true;
                    return None;
                }
                Trick::Break(end) => room = room.min(end - self.accepted),
                _ => {}
            }
        }
        self.is_harmed |= room == 0;
        Some(room)
    }

    /// Sends bytes.
    pub(crate) fn put(&mut self, bytes: &[u8], label: Label) {
        self.accepted += bytes.len();
        self.partial.extend(bytes);
        let mut last = Label {
            data: self.safe.data,
            is_close: false,
        };
        while let Some(record) = take_record(&mut self.partial) {
            if self.partial.is_empty() {
                last = label;
            }
            self.pass(record, last);
        }
    }

    /// The sender sends nothing more.
    pub(crate) fn end(&mut self) {
        if let Some(held) = self.held.take() {
            self.queue.extend(held);
        }
        self.end.get_or_insert(End::Orderly);
    }

    /// Plays the tricks on a record.
    fn pass(&mut self, whole: Vec<u8>, label: Label) {
        let (index, start) = (self.log.len(), self.sent);
        let end = start + whole.len();
        self.sent = end;
        self.log.push(Logged {
            kind: whole.first().copied().unwrap_or_default(),
            start,
            length: whole.len(),
        });
        if self.is_cut_off {
            return;
        }
        let was_harmed = self.is_harmed;
        let mut is_safe = true;
        let mut pieces = match self.sealed(index, &whole) {
            Some((pieces, is_changed)) => {
                is_safe &= !is_changed;
                pieces
            }
            None => vec![whole],
        };
        let mut swapped = None;
        for trick in mem::take(&mut self.tricks) {
            let is_played = match &trick {
                Trick::Fragment { record: of, size } if *of == index => {
                    pieces = pieces.iter().flat_map(|p| fragments(p, *size)).collect();
                    false
                }
                Trick::Flip { at, bit } if (start..end).contains(at) => {
                    let byte = pieces.first_mut().and_then(|p| p.get_mut(at - start));
                    if let Some(byte) = byte {
                        *byte ^= 1 << bit;
                    }
                    true
                }
                Trick::Drop(of) if *of == index => {
                    pieces.clear();
                    true
                }
                Trick::Duplicate(of) if *of == index => {
                    pieces.extend(pieces.clone());
                    self.is_harmed = true;
                    false
                }
                Trick::Swap(of) if *of == index => {
                    swapped = Some(mem::take(&mut pieces).concat());
                    true
                }
                Trick::Empty(of) if *of == index => {
                    change_body(&mut pieces, |_| Vec::new());
                    true
                }
                Trick::Shorten(of) if *of == index => {
                    change_body(&mut pieces, |body| {
                        body.get(..body.len().saturating_sub(1))
                            .unwrap_or_default()
                            .to_vec()
                    });
                    true
                }
                Trick::Oversize(of) if *of == index => {
                    change_body(&mut pieces, |body| {
                        let mut body = body.to_vec();
                        body.resize(TOO_LONG, 0);
                        body
                    });
                    true
                }
                Trick::Retype { record: of, kind } if *of == index => {
                    let first = pieces.first_mut().and_then(|p| p.first_mut());
                    first.is_some_and(|first| mem::replace(first, *kind) != *kind)
                }
                Trick::Inject {
                    record: of,
                    what,
                    count,
                } if *of == index => {
                    let mut all = what.bytes().repeat(*count);
                    all.extend(pieces.concat());
                    pieces = vec![all];
                    true
                }
                Trick::Truncate(at) | Trick::Reset(at) if (start..end).contains(at) => {
                    let mut rest = pieces.concat();
                    rest.truncate(at - start);
                    pieces = vec![rest];
                    self.end = Some(match trick {
                        Trick::Reset(_) => End::Reset,
                        _ => End::Orderly,
                    });
                    self.is_cut_off = true;
                    true
                }
                _ => false,
            };
            is_safe &= !is_played;
            self.tricks.push(trick);
        }
        self.queue.extend(pieces.concat());
        if let Some(held) = self.held.take() {
            self.queue.extend(held);
        }
        self.held = swapped;
        if is_safe && !was_harmed {
            self.safe = label;
        }
        self.is_harmed |= !is_safe;
    }

    /// Where there are keys: a record of the sender's, sealed again, with others before it, if a trick says
    /// so.
    fn sealed(&mut self, index: usize, whole: &[u8]) -> Option<(Vec<Vec<u8>>, bool)> {
        let sealer = self.sealer.as_mut()?;
        let (kind, body) = sealer.open(whole)?;
        let mut pieces = Vec::new();
        for trick in &self.tricks {
            let Trick::Seal {
                record,
                what,
                count,
            } = trick
            else {
                continue;
            };
            if *record != index {
                continue;
            }
            let (kind, body) = what.content()?;
            for _ in 0..*count {
                pieces.push(sealer.seal(kind, &body)?);
                if *what == Injected::KeyUpdate {
                    sealer.update();
                }
            }
        }
        let is_changed = !pieces.is_empty();
        pieces.push(sealer.seal(kind, &body)?);
        Some((pieces, is_changed))
    }

    // The receiver's side.

    /// Up to `limit` bytes of what has come.
    pub(crate) fn take(&mut self, limit: usize) -> Taken {
        if self.is_waiting {
            return Taken::Nothing;
        }
        if self.queue.is_empty() {
            self.has_told_end = self.end.is_some();
            return match self.end {
                None => Taken::Nothing,
                Some(End::Orderly) => Taken::End,
                Some(End::Reset) => Taken::Reset,
            };
        }
        let mut count = limit.min(self.queue.len());
        for trick in &self.tricks {
            match trick {
                Trick::Split(most) | Trick::Drip(most) => count = count.min(*most),
                Trick::Cut(at) if self.delivered < *at => count = count.min(at - self.delivered),
                _ => {}
            }
        }
        let bytes: Vec<_> = self.queue.drain(..count).collect();
        self.delivered += count;
        self.is_waiting = self.tricks.iter().any(|trick| match trick {
            Trick::Cut(at) => self.delivered == *at,
            Trick::Drip(_) => true,
            Trick::Hold => self.queue.is_empty(),
            _ => false,
        });
        Taken::Bytes(bytes)
    }

    /// The same, but the end is told once.
    pub(crate) fn take_once(&mut self, limit: usize) -> Taken {
        match self.has_told_end {
            true => Taken::Nothing,
            false => self.take(limit),
        }
    }

    /// Whether there is something to take.
    pub(crate) fn is_ready(&self) -> bool {
        !self.is_waiting && (!self.queue.is_empty() || self.end.is_some())
    }

    /// Everybody waits; returns whether something comes now.
    fn stalled(&mut self) -> bool {
        let has_more = !self.queue.is_empty() || (self.end.is_some() && !self.has_told_end);
        mem::take(&mut self.is_waiting) && has_more
    }
}

/// Divides the body of a record among records with `size` bytes each.
fn fragments(whole: &[u8], size: usize) -> Vec<Vec<u8>> {
    match parts(whole) {
        Some((kind, body)) => body
            .chunks(size.max(1))
            .map(|part| record(kind, part))
            .collect(),
        None => vec![whole.to_vec()],
    }
}

/// Gives the first of the records another body.
fn change_body(pieces: &mut [Vec<u8>], change: impl FnOnce(&[u8]) -> Vec<u8>) {
    let Some(first) = pieces.first_mut() else {
        return;
    };
    let body = change(first.get(HEADER..).unwrap_or_default());
    if let Some((kind, _)) = parts(first) {
        *first = record(kind, &body);
    }
}

/// Both directions.
pub(crate) struct Middle {
    pub(crate) to_us: Wire,
    pub(crate) to_peer: Wire,
    /// Our side has given up its transport.
    pub(crate) is_released: bool,
}

impl Middle {
    /// The tricks on what comes to us and on what we send.
    pub(crate) fn new(
        [to_us, to_peer]: [Vec<Trick>; 2],
        setup: Setup,
        secrets: &Arc<Secrets>,
    ) -> Self {
        let is_server = setup.role == Role::Server;
        let sealer =
            |is_from_server| Sealer::new(Arc::clone(secrets), setup.version, is_from_server);
        Self {
            to_us: Wire::new(to_us).with_keys(sealer(!is_server)),
            to_peer: Wire::new(to_peer).with_keys(sealer(is_server)),
            is_released: false,
        }
    }

    /// Everybody waits; returns whether something comes now.
    pub(crate) fn stalled(&mut self) -> bool {
        let (to_us, to_peer) = (self.to_us.stalled(), self.to_peer.stalled());
        to_us || to_peer
    }
}
