//! The addresses of a host, tried by a caller who does nothing but wait as he is told.

use std::net::SocketAddr;
use std::time::Duration;

use portcullis::race::Race;

use super::random::Random;

/// The limits of RFC 8305, and of this race.
const STAGGER: Duration = Duration::from_millis(250);
const ABREAST: usize = 16;

/// Addresses come early and late, attempts fail at any time, and the caller waits for all attempts or
/// for one. Every address is tried, none too early, and no wait is too long or in vain.
pub fn run(seed: u64) -> Result<(), String> {
    let mut random = Random::Seed(seed);
    let mut race = Race::default();
    let waits_for_one = random.percent(50);
    let mut to_come = 1 + random.below(30);
    let (mut added, mut begun, mut running) = (0, 0, 0);
    let mut now = Duration::from_secs(1000);
    let (mut last, mut has_failed) = (None, false);
    for _ in 0..20_000 {
        if to_come > 0 && (added == begun || random.percent(30)) {
            to_come -= 1;
            added += 1;
            let text = match random.percent(50) {
                true => format!("192.0.2.{added}:443"),
                false => format!("[2001:db8::{added}]:443"),
            };
            race.add(text.parse::<SocketAddr>().unwrap());
        }
        while race.begin(now).is_some() {
            let is_early = last.is_some_and(|last| now < last + STAGGER);
            if is_early && running > 0 && !has_failed {
                return Err(format!(
                    "an attempt after {:?}",
                    last.map(|last| now - last)
                ));
            }
            (begun, running, last, has_failed) = (begun + 1, running + 1, Some(now), false);
        }
        if running > ABREAST {
            return Err(format!("{running} attempts at once"));
        }
        let waits = added > begun;
        let due = race.time_left(now);
        if waits && running < ABREAST && due.is_none_or(|due| due > STAGGER || due.is_zero()) {
            return Err(format!("an address waits, and is due after {due:?}"));
        }
        if race.is_lost() != (running == 0 && !waits) {
            return Err(format!(
                "lost, with {running} attempts, is {}",
                race.is_lost()
            ));
        }
        if race.is_lost() && to_come == 0 {
            return Ok(());
        }
        if running > 0 && (random.percent(10) || !waits) {
            race.fail();
            (running, has_failed) = (running - 1, true);
            continue;
        }
        let pause = if waits_for_one { race.pause(now) } else { None };
        if waits_for_one && (running > 1 || waits && running > 0) {
            let most = Duration::from_millis(25);
            if pause.is_none_or(|pause| pause > most || pause.is_zero()) {
                return Err(format!("one of {running} attempts is waited for {pause:?}"));
            }
        }
        if let Some(pause) = pause {
            // Asked again before the wait is over, as by a caller who waits for more than this.
            now += pause / 2;
            let rest = race.pause(now);
            if rest.is_none_or(|rest| rest > pause - pause / 2) {
                return Err(format!("a pause of {pause:?} is {rest:?} after half of it"));
            }
            now += rest.unwrap_or_default();
        } else {
            now += due.unwrap_or(STAGGER);
        }
    }
    Err(format!("{begun} of {added} addresses were tried, for ever"))
}
