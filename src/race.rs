//! The order in which the addresses of a host are tried, and when (RFC 8305). This module must not
//! know sockets, WASI or clocks; the caller passes the moment.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use crate::error::{NetworkCode, NetworkError};
use crate::timers::Moment;

/// How long an attempt runs before the next one begins beside it (RFC 8305 §8).
const STAGGER: Duration = Duration::from_millis(250);

/// How many attempts go on at once: a name may have thousands of addresses.
const ABREAST: usize = 16;

/// Attempts at the addresses of one host, of which the first that succeeds is taken.
#[derive(Debug, Default)]
pub struct Race {
    /// Addresses that were not tried yet, in the resolver's order.
    waiting: VecDeque<SocketAddr>,
    /// How many attempts go on.
    running: usize,
    /// The last attempt that began, and when.
    last: Option<(SocketAddr, Moment)>,
    /// An attempt has failed since then.
    has_failed: bool,
    /// When the pause since the last look at all attempts ends, if a pause was asked for.
    pause_end: Option<Moment>,
    /// The failure so far that says most.
    failure: Option<NetworkError>,
}

impl Race {
    /// Adds an address, unless it waits already.
    pub fn add(&mut self, address: SocketAddr) {
        if !self.waiting.contains(&address) {
            self.waiting.push_back(address);
        }
    }

    /// The address to try now, if one is due: the families take turns, beginning with the first
    /// address's. The attempt counts until [`Race::fail`].
    pub fn begin(&mut self, now: Moment) -> Option<SocketAddr> {
        self.pause_end = None;
        if self.time_left(now) != Some(Duration::ZERO) {
            return None;
        }
        let is_other = |address: &SocketAddr| match self.last {
            Some((last, _)) => address.is_ipv4() != last.is_ipv4(),
            None => true,
        };
        let next = self.waiting.iter().position(is_other).unwrap_or(0);
        let address = self.waiting.remove(next)?;
        self.running = self.running.saturating_add(1);
        self.last = Some((address, now));
        self.has_failed = false;
        Some(address)
    }

    /// An attempt has failed: the next address is due at once.
    pub fn fail(&mut self) {
        self.running = self.running.saturating_sub(1);
        self.has_failed = true;
    }

    /// Remembers the failure that says most; of equal ones, the last.
    pub fn note(&mut self, failure: NetworkError) {
        let weight = |failure: &NetworkError| match failure.code {
            // A peer has answered.
            NetworkCode::ConnectionRefused
            | NetworkCode::ConnectionReset
            | NetworkCode::ConnectionAborted => 3,
            // No peer has answered.
            NetworkCode::TimedOut => 2,
            // Often the machine merely has no IPv6, which says nothing where it has IPv4.
            NetworkCode::RemoteUnreachable
            | NetworkCode::AddressNotBindable
            | NetworkCode::NotSupported => 0,
            _ => 1,
        };
        let is_kept = |kept: &NetworkError| weight(kept) > weight(&failure);
        if !self.failure.as_ref().is_some_and(is_kept) {
            self.failure = Some(failure);
        }
    }

    /// The failure that says most, if there was one.
    pub fn take_failure(&mut self) -> Option<NetworkError> {
        self.failure.take()
    }

    /// Time until the next address is due; `None` if no address waits, or as many attempts go on as
    /// may.
    #[must_use]
    pub fn time_left(&self, now: Moment) -> Option<Duration> {
        if self.waiting.is_empty() || self.running >= ABREAST {
            return None;
        }
        Some(match self.last {
            Some((_, began)) if self.running > 0 && !self.has_failed => {
                began.saturating_add(STAGGER).saturating_sub(now)
            }
            _ => Duration::ZERO,
        })
    }

    /// Whether every address was tried, and failed.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.waiting.is_empty() && self.running == 0
    }

    /// How long a caller waits before it looks at all attempts, if it can wait for one attempt
    /// only: as long again as the last attempt has taken so far, within bounds. If it asks again
    /// before the next [`Race::begin`], it gets what is left of the same pause. `None` if there is
    /// no attempt, or only one and no address waits.
    pub fn pause(&mut self, now: Moment) -> Option<Duration> {
        const SHORTEST: Duration = Duration::from_millis(1);
        const LONGEST: Duration = Duration::from_millis(25);
        let (_, began) = self.last?;
        if self.waiting.is_empty() && self.running < 2 {
            return None;
        }
        let pause = now.saturating_sub(began).clamp(SHORTEST, LONGEST);
        let end = *self
            .pause_end
            .get_or_insert_with(|| now.saturating_add(pause));
        let left = end.saturating_sub(now);
        Some(self.time_left(now).map_or(left, |due| left.min(due)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const MILLISECOND: Duration = Duration::from_millis(1);

    fn race(addresses: &[&str]) -> Race {
        let mut race = Race::default();
        for address in addresses {
            race.add(address.parse().unwrap());
        }
        race
    }

    fn begun(race: &mut Race, now: Moment) -> Option<String> {
        race.begin(now).map(|address| address.ip().to_string())
    }

    #[test]
    fn the_next_address_is_due_after_250_ms_and_not_before() {
        let mut race = race(&["[2001:db8::1]:1", "192.0.2.1:1"]);
        assert_eq!(begun(&mut race, SECOND).as_deref(), Some("2001:db8::1"));
        assert_eq!(race.time_left(SECOND), Some(STAGGER));
        assert_eq!(begun(&mut race, SECOND + STAGGER - MILLISECOND), None);
        let due = SECOND + STAGGER;
        assert_eq!(race.time_left(due), Some(Duration::ZERO));
        assert_eq!(begun(&mut race, due).as_deref(), Some("192.0.2.1"));
        assert_eq!(race.time_left(due), None);
    }

    #[test]
    fn a_failure_makes_the_next_address_due_at_once() {
        let mut race = race(&["192.0.2.1:1", "192.0.2.2:1", "192.0.2.3:1"]);
        for expected in ["192.0.2.1", "192.0.2.2", "192.0.2.3"] {
            assert!(!race.is_lost());
            assert_eq!(begun(&mut race, SECOND).as_deref(), Some(expected));
            race.fail();
        }
        assert!(race.is_lost());
        assert_eq!(begun(&mut race, SECOND), None);
    }

    #[test]
    fn families_take_turns_and_the_first_begins() {
        let mut race = race(&[
            "[2001:db8::1]:1",
            "[2001:db8::2]:1",
            "[2001:db8::3]:1",
            "192.0.2.1:1",
            "192.0.2.1:1",
            "192.0.2.2:1",
        ]);
        let mut order = Vec::new();
        let mut now = SECOND;
        while let Some(ip) = begun(&mut race, now) {
            order.push(ip);
            now += STAGGER;
        }
        assert_eq!(
            order,
            [
                "2001:db8::1",
                "192.0.2.1",
                "2001:db8::2",
                "192.0.2.2",
                "2001:db8::3"
            ]
        );
    }

    #[test]
    fn an_address_that_comes_late_is_tried_too() {
        let mut race = race(&["192.0.2.1:1"]);
        assert_eq!(begun(&mut race, SECOND).as_deref(), Some("192.0.2.1"));
        race.add("[2001:db8::1]:1".parse().unwrap());
        assert_eq!(begun(&mut race, SECOND), None);
        assert_eq!(
            begun(&mut race, SECOND + STAGGER).as_deref(),
            Some("2001:db8::1")
        );
    }

    #[test]
    fn attempts_have_a_bound() {
        let addresses: Vec<_> = (0..100).map(|n| format!("192.0.2.{n}:1")).collect();
        let addresses: Vec<_> = addresses.iter().map(String::as_str).collect();
        let mut race = race(&addresses);
        let mut now = SECOND;
        let mut count = 0;
        while race.begin(now).is_some() {
            count += 1;
            now += STAGGER;
        }
        assert_eq!(count, ABREAST);
        assert_eq!(race.time_left(now), None);
        race.fail();
        assert!(race.begin(now).is_some());
    }

    #[test]
    fn who_can_wait_for_one_attempt_only_looks_again_soon() {
        let mut race = race(&["[2001:db8::1]:1", "192.0.2.1:1"]);
        assert_eq!(race.pause(SECOND), None);
        race.begin(SECOND);
        assert_eq!(race.pause(SECOND), Some(MILLISECOND));
        for (now, pause) in [
            (SECOND + 5 * MILLISECOND, 5 * MILLISECOND),
            (SECOND + STAGGER - 3 * MILLISECOND, 3 * MILLISECOND),
        ] {
            assert_eq!(race.begin(now), None);
            assert_eq!(race.pause(now), Some(pause));
        }
        race.begin(SECOND + STAGGER);
        assert_eq!(race.pause(2 * SECOND), Some(25 * MILLISECOND));
        // One attempt is left: it can be waited for.
        race.fail();
        assert_eq!(race.pause(2 * SECOND), None);
    }

    #[test]
    fn a_pause_comes_to_its_end_however_often_it_is_asked_for() {
        let mut race = race(&["[2001:db8::1]:1", "192.0.2.1:1"]);
        race.begin(SECOND);
        let asked = SECOND + 20 * MILLISECOND;
        race.begin(asked);
        for passed in [0, 5, 10, 15, 20, 25] {
            let pause = race.pause(asked + passed * MILLISECOND);
            assert_eq!(
                pause,
                Some(20 * MILLISECOND - (passed * MILLISECOND).min(20 * MILLISECOND))
            );
        }
        race.begin(asked + 25 * MILLISECOND);
        assert_eq!(race.pause(asked + 25 * MILLISECOND), Some(25 * MILLISECOND));
    }
}
