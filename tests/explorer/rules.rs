//! What has to hold after each operation. The design's five promises are here: an operation that
//! wants has something to wait for; no timer runs without its operation; one call does a bounded
//! amount of work; what was received is delivered before any failure; after close nothing is awaited.

use std::time::Duration;

use portcullis::error::{Error, Timer};
use portcullis::pump::Wait;
use portcullis::tls::State;

use super::end::{Before, Said, Side};
use super::script::{Act, TIMERS};

/// Reads that one call may make: 32 for itself, and 32 when the output breaks meanwhile.
const READS: usize = 66;

/// Reads that giving the transport up may add: 1 MiB in lots of 4 KiB, and the one that finds nothing.
const LAST_READS: usize = 257;

/// Records that one call may process, twice for the same reason.
const RECORDS: usize = 2 * 130;

/// Times that one call may try an output that takes nothing: as it begins, and with what it adds.
const VAIN_WRITES: usize = 2;

/// As a limit: longer than any sequence takes.
const YEARS: u64 = 1 << 40;

/// The longest that a caller is left alone who may be needed.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

type Verdict = Result<(), String>;

fn check(holds: bool, rule: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(rule()) }
}

/// All rules.
pub fn after_call(
    side: &mut Side,
    act: Act,
    said: &Said,
    now: Duration,
    before: &Before,
    peer: &Side,
) -> Verdict {
    work_is_bounded(side, act, before)?;
    failures_stay(act, said, before)?;
    timeouts_are_due(side, said, now, before)?;
    data_comes_first(side, act, said, peer)?;
    what_is_done_has_left(side, act, said, before)?;
    timers_have_operations(side, act, said, now, before)?;
    waits_are_complete(side, said, now)?;
    nothing_is_left_behind(side, now)
}

fn work_is_bounded(side: &Side, act: Act, before: &Before) -> Verdict {
    let lanes = side.lanes.borrow();
    let (out, input) = (&lanes[side.number], &lanes[1 - side.number]);
    let reads = if out.is_released {
        READS + LAST_READS
    } else {
        READS
    };
    check(input.reads <= reads, || {
        format!("{} reads in one call", input.reads)
    })?;
    // In the handshake an answer may be due after each read.
    let writes = match act {
        _ if before.is_handshaking => READS,
        // What is written may find room only after what waited has been tried.
        Act::Write(_) => VAIN_WRITES + 1,
        // The alert of a failure is one more.
        _ if out.is_released => VAIN_WRITES + 1,
        _ => VAIN_WRITES,
    };
    check(out.vain_writes <= writes, || {
        format!("{} writes in vain in one call", out.vain_writes)
    })?;
    // What the session has not processed makes the next call due at once.
    let is_all_processed = matches!(side.pump.wait_to_read(), Wait::Input | Wait::Both);
    let is_counted = is_all_processed && !out.is_released && input.damaged.is_none();
    check(!is_counted || input.records <= RECORDS, || {
        format!("{} records in one call", input.records)
    })
}

fn failures_stay(act: Act, said: &Said, before: &Before) -> Verdict {
    let is_courtesy = act == Act::Close && *said == Said::Done;
    match (&before.failed, &before.broken) {
        (Some(first), _) => {
            let is_same = *said == Said::Failed(first.clone());
            let is_read = matches!((act, said), (Act::Read(_), Said::Data(_)));
            check(is_same || is_read || is_courtesy, || {
                format!("{said:?} after the failure {first:?}")
            })
        }
        (None, Some(first)) if !matches!(act, Act::Read(_) | Act::Close) => {
            check(matches!(said, Said::Failed(_)), || {
                format!("{said:?} after the output failed by {first:?}")
            })
        }
        _ => Ok(()),
    }
}

fn timeouts_are_due(side: &Side, said: &Said, now: Duration, before: &Before) -> Verdict {
    let timer = match said {
        Said::Late => Timer::Read,
        Said::Failed(Error::Timeout(timer)) if side.overdue.contains(timer) => return Ok(()),
        Said::Failed(Error::Timeout(timer)) => *timer,
        _ => return Ok(()),
    };
    check(before.is_due(timer, side, now), || {
        let (since, limit) = (before.since(timer), side.limits.get(timer));
        format!("a timeout ({timer:?}) of what began at {since:?}, with the limit {limit:?}")
    })?;
    let is_of_output = match timer {
        Timer::Read => false,
        Timer::Handshake => !before.is_handshaking,
        Timer::Shutdown => !before.is_unwrapping,
        _ => true,
    };
    check(!is_of_output || !before.has_room, || {
        format!("a timeout ({timer:?}) though the output takes all")
    })
}

fn data_comes_first(side: &Side, act: Act, said: &Said, peer: &Side) -> Verdict {
    let is_over = matches!(side.state(), State::Failed(_)) && side.was_open;
    match (act, said) {
        (Act::Read(_), Said::Failed(error)) if is_over => {
            let arrived = side.lanes.borrow()[peer.number].arrived();
            let points = peer.points.iter().filter(|(end, _)| *end <= arrived);
            let due = points.map(|(_, written)| *written).max().unwrap_or(0);
            check(due <= side.delivered, || {
                format!(
                    "{error:?} after {} bytes of {due} that have arrived",
                    side.delivered
                )
            })
        }
        (Act::Read(_), Said::End) => check(
            peer.has_closed_output && side.delivered == peer.written,
            || format!("the end after {} bytes of {}", side.delivered, peer.written),
        ),
        (Act::Unwrap, Said::Done) => check(
            peer.has_closed_output && side.delivered == peer.written,
            || {
                format!(
                    "unwrapped after {} bytes of {}",
                    side.delivered, peer.written
                )
            },
        ),
        _ => Ok(()),
    }
}

fn what_is_done_has_left(side: &Side, act: Act, said: &Said, before: &Before) -> Verdict {
    let lanes = side.lanes.borrow();
    let lane = &lanes[side.number];
    if *said != Said::Done || lane.is_broken {
        return Ok(());
    }
    if act == Act::Close && before.is_handshaking {
        return check(lane.taken == before.taken, || {
            "closing in the handshake has sent something".to_owned()
        });
    }
    let is_all = match act {
        Act::Flush => true,
        Act::Close | Act::CloseOutput | Act::Unwrap => !side.pump.session().has_ciphertext(),
        _ => return Ok(()),
    };
    check(is_all && lane.left == lane.last_offer(), || {
        format!(
            "done, and {} of {} bytes have left",
            lane.left,
            lane.last_offer()
        )
    })
}

/// What is left of each timer, in the order of `TIMERS`, whether it is limited or not.
fn running(side: &mut Side, now: Duration) -> [Option<Duration>; 4] {
    let running = TIMERS.map(|timer| {
        for other in TIMERS {
            let limit = side.limits.get(timer).unwrap_or(YEARS);
            let limit = (other == timer).then_some(limit);
            side.pump.set_timeout(other, limit).unwrap();
        }
        side.pump.timer_left(now)
    });
    for timer in TIMERS {
        side.pump
            .set_timeout(timer, side.limits.get(timer))
            .unwrap();
    }
    running
}

fn timers_have_operations(
    side: &mut Side,
    act: Act,
    said: &Said,
    now: Duration,
    before: &Before,
) -> Verdict {
    let [handshake, read, shutdown, write] = running(side, now);
    side.settle(false);
    let is_over = side.is_closed || side.failed.is_some() || side.broken.is_some();
    let handshake_since = side.handshake_since.filter(|_| !side.has_shaken_hands);
    let flush_since = side.flush_since.map(|(since, _)| since);
    let closing_since = side.closing_since.map(|(since, _)| since);
    let earliest =
        |one: Option<Duration>, other: Option<Duration>| one.into_iter().chain(other).min();
    let may_run = [
        (
            Timer::Handshake,
            handshake,
            handshake_since.filter(|_| !is_over),
        ),
        (Timer::Read, read, side.read_since),
        (
            Timer::Shutdown,
            shutdown,
            earliest(closing_since, side.unwrap_since).filter(|_| !is_over),
        ),
        (Timer::Write, write, side.write_since().filter(|_| !is_over)),
    ];
    for (timer, left, since) in may_run {
        check(left.is_none() || since.is_some(), || {
            format!("the timer {timer:?} runs, and nothing is waited for")
        })?;
    }
    if is_over || side.lanes.borrow()[side.number].is_broken {
        return Ok(());
    }
    // Those that have to run now, and since when at the latest.
    let wants_write = *said == Said::Want(Error::WantWrite) && !before.is_handshaking;
    let wants_read = *said == Said::Want(Error::WantRead);
    let is_write = matches!(act, Act::CheckWrite | Act::Write(_) | Act::UpdateKeys);
    let is_closing = matches!(act, Act::CloseOutput | Act::Close | Act::Unwrap);
    let is_unwrapping = act == Act::Unwrap && wants_read && !before.is_handshaking;
    let has_to_run = [
        (
            Timer::Handshake,
            handshake,
            handshake_since.filter(|_| side.is_handshaking()),
        ),
        (Timer::Read, read, side.read_since),
        (
            Timer::Write,
            write,
            side.full_since.filter(|_| is_write && wants_write),
        ),
        (
            Timer::Write,
            write,
            flush_since.filter(|_| act == Act::Flush && wants_write),
        ),
        (
            Timer::Shutdown,
            shutdown,
            closing_since.filter(|_| is_closing && wants_write),
        ),
        (
            Timer::Shutdown,
            shutdown,
            side.unwrap_since.filter(|_| is_unwrapping),
        ),
    ];
    for (timer, left, since) in has_to_run {
        let Some(since) = since else { continue };
        let limit = Duration::from_millis(side.limits.get(timer).unwrap_or(YEARS));
        let rest = (since + limit).saturating_sub(now);
        // One that has run out is told by the next call, or after a pause if it was passed over.
        let most = if rest.is_zero() { LONGEST_PAUSE } else { rest };
        check(left.is_some_and(|left| left <= most), || {
            format!("the timer {timer:?} has {left:?} left, at most {most:?} since {since:?}")
        })?;
    }
    Ok(())
}

fn waits_are_complete(side: &mut Side, said: &Said, now: Duration) -> Verdict {
    let (timer, due) = (side.pump.timer_left(now), side.pump.time_left(now));
    let is_before = |due: Option<Duration>| match (due, timer) {
        (Some(due), Some(timer)) => due <= timer,
        (due, timer) => due.is_some() || timer.is_none(),
    };
    check(is_before(due), || {
        format!("{due:?} is longer than the timer, {timer:?}")
    })?;
    let Said::Want(want) = said else {
        return Ok(());
    };
    let wait = side.wait_after(want);
    let needs_call = *want == Error::WantRead && wait == Wait::Both;
    check(
        !needs_call || due.is_some_and(|due| due <= LONGEST_PAUSE),
        || format!("something is unsent, and who waits for the input is called after {due:?}"),
    )?;
    let is_unsent = {
        let lane = &side.lanes.borrow()[side.number];
        !lane.is_broken && lane.last_offer() > lane.taken
    };
    check(!is_unsent || wait != Wait::Input, || {
        "something is unsent, and it waits for the input alone".to_owned()
    })?;
    let is_ready = matches!(wait, Wait::Both | Wait::Output) && side.is_ready(Wait::Output);
    check(!is_ready, || "it waits for room that is there".to_owned())?;
    let has_more = !side.is_handshaking() && side.pump.session().has_ciphertext();
    // Nothing can be sent any more where there is nothing to wait for before it is.
    let is_whole = side.pump.wait_to_write() != Wait::Nothing;
    let keeps = *want == Error::WantRead
        && is_whole
        && has_more
        && !side.lanes.borrow()[side.number].is_broken;
    check(!keeps || !side.is_ready(Wait::Output), || {
        "it waits for the peer, and keeps what it has for it".to_owned()
    })?;
    check(wait != Wait::Nothing || !is_stuck(side, want), || {
        "it wants, and says that there is nothing to wait for".to_owned()
    })
}

/// Closing has no other way to go on than the output.
fn is_stuck(side: &Side, want: &Error) -> bool {
    *want == Error::WantWrite && side.closing_since.is_some() && side.broken.is_none()
}

fn nothing_is_left_behind(side: &mut Side, now: Duration) -> Verdict {
    let has_timed_out = matches!(side.broken, Some(Error::Timeout(_)));
    check(
        !has_timed_out || side.pump.wait_to_read() == Wait::Nothing,
        || "a reader is to be told of a timeout, and waits".to_owned(),
    )?;
    let is_failed = matches!(side.state(), State::Failed(_));
    if !is_failed && !side.is_closed {
        return Ok(());
    }
    let is_released = side.lanes.borrow()[side.number].is_released;
    check(is_released, || {
        "it is over, and keeps its transport".to_owned()
    })?;
    let left = side.pump.time_left(now);
    check(left.is_none(), || {
        format!("it is over, and due after {left:?}")
    })?;
    let wait = side.pump.wait_to_read();
    check(!is_failed || wait == Wait::Nothing, || {
        format!("it has failed, and waits for {wait:?}")
    })
}
