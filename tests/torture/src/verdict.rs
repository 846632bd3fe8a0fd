//! What an outcome is worth.

use portcullis::tls::{Role, Version};

use crate::cases::Case;
use crate::exchange::Outcome;
use crate::record::{CHANGE_CIPHER_SPEC, DATA};
use crate::setup::Setup;
use crate::trick::{Injected, Trick};
use crate::wire::Logged;

/// The most memory that a connection of the core may take: two buffers of 64 KiB, a message of the
/// handshake of 64 KiB in the making and whole, and what rustls keeps beside.
pub(crate) const MEMORY: usize = 512 * 1024;

/// What an outcome is worth.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Everything was exchanged.
    Correct,
    /// Our side failed with this error, as it should.
    Typed(String),
    /// Everything was exchanged although something was changed, for this reason.
    Harmless(&'static str),
    /// This must not be.
    Failed(String),
}

/// Judges the outcome of a case.
pub(crate) fn of(case: &Case, outcome: &Outcome) -> Verdict {
    if let Some(fault) = fault(case, outcome) {
        return Verdict::Failed(format!("{fault}: {outcome}"));
    }
    if let Some(error) = &outcome.error {
        return Verdict::Typed(error.clone());
    }
    let excuse = match (outcome.is_harmed, outcome.is_peer_harmed) {
        (false, false) => return Verdict::Correct,
        (false, true) if outcome.was_closed => Some(
            "what happens to what we send is the peer's to notice, and it did after its close_notify, \
             or not at all",
        ),
        (false, true) => None,
        (true, _) => excuse(case, outcome),
    };
    match excuse {
        Some(reason) => Verdict::Harmless(reason),
        None => Verdict::Failed(format!("it was not noticed: {outcome}")),
    }
}

fn fault(case: &Case, outcome: &Outcome) -> Option<&'static str> {
    let any = |is: fn(&Trick) -> bool| case.tricks().any(is);
    let is_over = |error: &str| error != "timeout/read";
    if outcome.is_wrong {
        return Some("other bytes were received than were sent");
    }
    if outcome.received < outcome.safe {
        return Some("data was lost that came before the failure");
    }
    if outcome.second_error.is_some() {
        return Some("it failed in two ways");
    }
    if outcome.input_error.as_deref().is_some_and(is_over) && !outcome.is_released {
        return Some("the transport was kept");
    }
    if outcome.memory.is_some_and(|memory| memory > MEMORY) {
        return Some("it took more memory than a connection may");
    }
    let is_untouched = !outcome.is_harmed && !outcome.is_peer_harmed;
    if is_untouched && (outcome.error.is_some() || !outcome.is_peer_content) {
        return Some("it failed although nothing was changed");
    }
    for error in [outcome.error.as_deref(), outcome.input_error.as_deref()] {
        let kind = error?.split('/').next().unwrap_or_default();
        match kind {
            "network" if any(|trick| matches!(trick, Trick::Reset(_) | Trick::Break(_))) => {}
            "network" => return Some("there was no failure of the network"),
            "truncated" if outcome.was_closed => return Some("the peer had closed in order"),
            // The end is the peer's, if it has the keys.
            "ended early" if any(is_sealed_close) => {}
            "certificate" | "protocol" | "alert-received" | "timeout" | "closed" | "truncated" => {}
            _ => return Some("the error is not one of a peer's"),
        }
    }
    None
}

fn is_sealed_close(trick: &Trick) -> bool {
    matches!(
        trick,
        Trick::Seal {
            what: Injected::CloseNotify,
            ..
        }
    )
}

/// Why everything could be exchanged although what came to us was changed; none if that has to be noticed.
fn excuse(case: &Case, outcome: &Outcome) -> Option<&'static str> {
    let mut reason = None;
    for trick in &case.to_us {
        if !trick.is_harmless() {
            reason = Some(excuse_of(case.setup, trick, &outcome.to_us)?);
        }
    }
    reason
}

fn excuse_of(setup: Setup, trick: &Trick, log: &[Logged]) -> Option<&'static str> {
    let kind = |record: usize| log.get(record).map(|logged| logged.kind);
    let is_tls13 = setup.version == Version::Tls13;
    let of_record = |record: usize| {
        (is_tls13 && kind(record) == Some(CHANGE_CIPHER_SPEC)).then_some(NO_CHANGE_CIPHER_SPEC)
    };
    match trick {
        Trick::Flip { at, .. } => {
            let (record, logged) = log
                .iter()
                .enumerate()
                .rfind(|(_, logged)| logged.start <= *at)?;
            match at - logged.start {
                0 if is_tls13 && logged.kind == DATA => Some(OUTER_TYPE),
                1 | 2 => Some("the version of a record is not looked at (RFC 8446 §5.1)"),
                _ => of_record(record),
            }
        }
        Trick::Retype { record, .. } if is_tls13 && kind(*record) == Some(DATA) => Some(OUTER_TYPE),
        Trick::Duplicate(record) if *record + 1 == log.len() => {
            Some("what follows close_notify is not looked at (RFC 8446 §6.1)")
        }
        Trick::Swap(record) if *record + 1 == log.len() => {
            Some("no record came after the last one")
        }
        Trick::Drop(record)
        | Trick::Duplicate(record)
        | Trick::Swap(record)
        | Trick::Retype { record, .. } => of_record(*record),
        Trick::Inject { what, count, .. } => match what {
            Injected::CloseNotify
            | Injected::NoRenegotiation
            | Injected::UserCanceled
            | Injected::Warning
                if *count <= WARNINGS =>
            {
                Some("up to four warnings that nothing protects are passed over (RFC 5246 §7.2)")
            }
            Injected::ChangeCipherSpec if is_tls13 => Some(NO_CHANGE_CIPHER_SPEC),
            _ => None,
        },
        Trick::Seal { what, count, .. } => match what {
            Injected::EmptyData => Some("a record of data may be empty (RFC 8446 §5.4)"),
            Injected::EmptyHandshake => Some(
                "rustls takes a sealed record of the handshake that is empty, which nobody may send \
                 (RFC 8446 §5.1)",
            ),
            Injected::KeyUpdate if is_tls13 => Some("new keys are taken (RFC 8446 §4.6.3)"),
            Injected::Ticket if is_tls13 && setup.role == Role::Client => {
                Some("tickets are taken (RFC 8446 §4.6.1)")
            }
            Injected::HelloRequest if !is_tls13 && setup.role == Role::Client => {
                Some("a request to renegotiate is declined (RFC 5246 §7.4.1.1)")
            }
            Injected::CloseNotify => Some("everything had come when the peer closed"),
            Injected::UserCanceled if *count <= WARNINGS => Some(SEALED_WARNING),
            Injected::NoRenegotiation | Injected::Warning if !is_tls13 && *count <= WARNINGS => {
                Some(SEALED_WARNING)
            }
            _ => None,
        },
        _ => None,
    }
}

const SEALED_WARNING: &str = "up to four warnings are passed over (RFC 5246 §7.2, RFC 8446 §6.1)";

/// So many warnings are passed over.
const WARNINGS: usize = 4;

const NO_CHANGE_CIPHER_SPEC: &str = "change_cipher_spec says nothing in TLS 1.3 (RFC 8446 §5)";

const OUTER_TYPE: &str = "the outer type of a protected record is not looked at: what is inside has its own, \
                          which is authenticated (RFC 8446 §5.2)";
