//! Waits and timers of a session over transports that take and flush late, with a clock that the
//! test turns: no wait is in vain, and no timer runs longer than what it limits. It is one file,
//! since all of it is about the same few states of the transport.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop"
)]

mod support;

use std::time::Duration;

use portcullis::error::{Error, Timer};
use portcullis::pump::{Received, Wait};
use portcullis::tls::{State, Version};
use support::bench::{Bench, SECOND, START};
use support::pair::read_all;

const VERSIONS: [Version; 2] = [Version::Tls12, Version::Tls13];
const MILLISECOND: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);

/// Let the transport take these amounts, one in each call; 0 is nothing.
fn takes(bench: &Bench, amounts: &[usize]) {
    let amounts = amounts.iter().copied().map(Some);
    bench.script.borrow_mut().writes = amounts.collect();
}

fn flushes(bench: &Bench, results: &[bool]) {
    bench.script.borrow_mut().flushes = results.iter().copied().collect();
}

/// An open connection whose transport takes nothing, after a write that has found no room.
fn full(version: Version) -> Bench {
    let mut bench = Bench::open(version);
    takes(&bench, &[0; 1000]);
    while bench.client.write(&[7; 65_536], START).is_ok() {}
    bench
}

/// A client whose last flight is next, over a transport that takes and flushes as given.
fn almost_open(writes: &[usize], flushed: &[bool]) -> Bench {
    let mut bench = Bench::new(Version::Tls13);
    bench.client.set_timeout(Timer::Read, None).unwrap();
    assert_eq!(bench.client.handshake(START), Err(Error::WantRead));
    bench.exchange();
    takes(&bench, writes);
    flushes(&bench, flushed);
    bench
}

// Both directions.

#[test]
fn a_read_waits_for_both_directions_while_anything_is_unsent() {
    for version in VERSIONS {
        let mut bench = Bench::open(version);
        takes(&bench, &[50, 0, 0, 50, 0]);
        assert_eq!(bench.client.write(&[7; 1000], START), Ok(1000));
        for _ in 0..2 {
            assert_eq!(bench.client.read(1, START), Err(Error::WantRead));
            assert_eq!(bench.client.wait_to_read(), Wait::Both);
        }
        // The transport takes the rest, with no other calls than `read`.
        takes(&bench, &[]);
        assert_eq!(bench.client.read(1, START), Err(Error::WantRead));
        assert_eq!(bench.client.wait_to_read(), Wait::Input);
        bench.exchange();
        assert_eq!(read_all(&mut bench.server), [7; 1000]);
    }
}

#[test]
fn a_handshake_in_pieces_is_finished_by_reads_alone() {
    for version in VERSIONS {
        let mut bench = Bench::new(version);
        let mut waits = Vec::new();
        for _ in 0..1000 {
            takes(&bench, &[10, 0]);
            match bench.client.read(1, START) {
                Err(Error::WantRead | Error::WantWrite) => waits.push(bench.client.wait_to_read()),
                other => panic!("{other:?}"),
            }
            let is_all_sent = *waits.last().unwrap() == Wait::Input;
            bench.exchange();
            let states = [bench.server.state(), bench.client.session().state()];
            if is_all_sent && states == [&State::Open; 2] {
                break;
            }
        }
        assert_eq!(*bench.client.session().state(), State::Open);
        assert_eq!(*bench.server.state(), State::Open);
        assert!(waits.contains(&Wait::Both), "{waits:?}");
        assert!(
            waits
                .iter()
                .all(|wait| matches!(wait, Wait::Both | Wait::Input))
        );
    }
}

#[test]
fn the_last_flight_leaves_with_the_read_that_ends_the_handshake() {
    let mut bench = almost_open(&[], &[]);
    assert_eq!(bench.client.read(1, START), Err(Error::WantRead));
    assert_eq!(bench.client.wait_to_read(), Wait::Input);
    bench.exchange();
    assert_eq!(*bench.server.state(), State::Open);
}

#[test]
fn close_notify_leaves_with_reads_alone() {
    for version in VERSIONS {
        let mut bench = Bench::open(version);
        takes(&bench, &[5, 0, 0]);
        assert_eq!(bench.client.close_output(START), Err(Error::WantWrite));
        assert_eq!(bench.client.read(1, START), Err(Error::WantRead));
        assert_eq!(bench.client.wait_to_read(), Wait::Both);
        takes(&bench, &[]);
        assert_eq!(bench.client.read(1, START), Err(Error::WantRead));
        bench.exchange();
        assert_eq!(*bench.server.state(), State::ReadClosed);
    }
}

#[test]
fn a_caller_who_waits_for_input_alone_is_called_back_while_anything_is_unsent() {
    let mut bench = Bench::open(Version::Tls13);
    bench.client.set_timeout(Timer::Read, None).unwrap();
    takes(
        &bench,
        &[50].into_iter().chain([0; 100]).collect::<Vec<_>>(),
    );
    assert_eq!(bench.client.write(&[7; 1000], START), Ok(1000));
    // A poll loop that does no more than the interface asks for.
    let mut now = START;
    let mut calls = 0;
    while now < START + 60 * SECOND {
        assert_eq!(bench.client.read(1, now), Err(Error::WantRead));
        let left = bench.client.time_left(now).unwrap();
        assert!(left >= MILLISECOND && left <= SECOND, "{left:?}");
        now += left;
        calls += 1;
    }
    assert!((60..=75).contains(&calls), "{calls} calls in a minute");
    takes(&bench, &[]);
    assert_eq!(bench.client.read(1, now), Err(Error::WantRead));
    assert_eq!(bench.client.time_left(now), None);
    bench.exchange();
    assert_eq!(read_all(&mut bench.server), [7; 1000]);
}

#[test]
fn a_caller_who_waits_for_the_output_is_not_called_back() {
    let mut bench = full(Version::Tls13);
    bench.client.set_timeout(Timer::Write, None).unwrap();
    bench.client.set_timeout(Timer::Read, None).unwrap();
    assert!(bench.client.time_left(START).is_some());
    assert!(bench.client.share_transport(Wait::Output).is_some());
    assert_eq!(bench.client.time_left(START), None);
    // This holds until the next operation, when that pollable may be gone.
    assert_eq!(bench.client.read(1, START), Err(Error::WantRead));
    assert!(bench.client.time_left(START).is_some());
}

#[test]
fn closing_waits_for_the_output_in_every_state_and_keeps_to_its_timer() {
    for version in VERSIONS {
        for peer_closes in [true, false] {
            let mut bench = Bench::open(version);
            bench.client.set_timeout(Timer::Read, None).unwrap();
            if peer_closes {
                bench.server.close();
                bench.exchange();
                assert_eq!(bench.client.read(1, START), Ok(None));
            }
            takes(&bench, &[0; 100]);
            for second in 0..3 {
                let now = START + second * SECOND;
                assert_eq!(bench.client.shutdown(now), Err(Error::WantWrite));
                assert_eq!(bench.client.wait_to_write(), Wait::Output);
                let left = bench.client.timer_left(now);
                assert_eq!(left, Some((3 - second) * SECOND));
            }
            let timeout = Err(Error::Timeout(Timer::Shutdown));
            assert_eq!(bench.client.shutdown(START + 3 * SECOND), timeout);
            assert_eq!(bench.client.wait_to_write(), Wait::Nothing);
            assert_eq!(bench.client.time_left(START), None);
        }
    }
}

#[test]
fn closing_over_a_transport_that_flushes_late_waits_for_the_output() {
    let mut bench = Bench::open(Version::Tls13);
    bench.client.set_timeout(Timer::Read, None).unwrap();
    flushes(&bench, &[false; 4]);
    assert_eq!(bench.client.shutdown(START), Err(Error::WantWrite));
    assert_eq!(bench.client.wait_to_write(), Wait::Output);
    assert_eq!(bench.client.shutdown(START), Err(Error::WantWrite));
    flushes(&bench, &[]);
    assert_eq!(bench.client.shutdown(START), Ok(()));
    assert_eq!(bench.client.time_left(START), None);
}

// Timers.

type Operation = fn(&mut Bench, Duration);

/// Operations, each of which may be the one that meets the end of what another began.
const OPERATIONS: [(&str, Operation); 5] = [
    ("handshake", |bench, now| {
        assert_eq!(bench.client.handshake(now), Ok(()));
    }),
    ("read", |bench, now| {
        assert_eq!(bench.client.read(1, now), Err(Error::WantRead));
        bench.client.set_timeout(Timer::Read, None).unwrap();
    }),
    ("check_write", |bench, now| {
        assert!(bench.client.check_write(now).is_ok());
    }),
    ("write", |bench, now| {
        assert_eq!(bench.client.write(b"x", now), Ok(1));
    }),
    ("flush", |bench, now| {
        assert_eq!(bench.client.flush(now), Ok(()));
    }),
];

#[test]
fn the_handshake_timer_ends_with_the_last_flight_whichever_operation_sees_it_leave() {
    type Late<'a> = (&'a [usize], &'a [bool]);
    // The flight is taken in two pieces; or it is taken at once, but flushed late.
    let late: [Late<'_>; 2] = [(&[10, 0], &[]), (&[], &[true, false, false])];
    for (writes, flushed) in late {
        for (name, operation) in OPERATIONS {
            let mut bench = almost_open(writes, flushed);
            assert_eq!(bench.client.handshake(START), Err(Error::WantWrite));
            let left = bench.client.timer_left(START + SECOND);
            assert_eq!(left, Some(9 * SECOND), "{name}");
            takes(&bench, &[]);
            flushes(&bench, &[]);
            operation(&mut bench, START + SECOND);
            let left = bench.client.time_left(START + SECOND);
            assert_eq!(left, None, "{name}");
            // The timer does not end a healthy connection.
            bench.exchange();
            let late = START + HOUR;
            assert_eq!(bench.client.read(1, late), Err(Error::WantRead), "{name}");
            assert_eq!(bench.client.handshake(late), Ok(()), "{name}");
            assert_eq!(bench.client.write(b"later", late), Ok(5), "{name}");
        }
    }
}

#[test]
fn the_end_of_the_last_flight_is_seen_without_any_operation() {
    let mut bench = almost_open(&[], &[true, false]);
    assert_eq!(bench.client.handshake(START), Err(Error::WantWrite));
    assert_eq!(bench.client.time_left(START + SECOND), None);
}

#[test]
fn a_last_flight_that_the_peer_does_not_take_runs_into_the_handshake_timer() {
    for (writes, flushed) in [(vec![0; 100], vec![]), (vec![], vec![false; 100])] {
        let mut bench = almost_open(&writes, &flushed);
        assert_eq!(bench.client.handshake(START), Err(Error::WantWrite));
        assert_eq!(bench.client.wait_to_write(), Wait::Output);
        let end = START + 10 * SECOND;
        assert_eq!(bench.client.read(1, end - SECOND), Err(Error::WantRead));
        let timeout = Error::Timeout(Timer::Handshake);
        assert_eq!(bench.client.read(1, end), Err(timeout.clone()));
        assert_eq!(bench.client.handshake(end), Err(timeout));
        assert_eq!(bench.client.time_left(end), None);
    }
}

#[test]
fn a_handshake_that_is_done_stays_done_while_data_waits_for_the_transport() {
    let mut bench = full(Version::Tls13);
    assert_eq!(bench.client.handshake(START + SECOND), Ok(()));
}

#[test]
fn the_write_timer_ends_with_room_whichever_operation_finds_it() {
    for version in VERSIONS {
        for (name, operation) in OPERATIONS {
            let mut bench = full(version);
            assert_eq!(
                bench.client.timer_left(START),
                Some(2 * SECOND).min(Some(4 * SECOND))
            );
            bench.client.set_timeout(Timer::Read, None).unwrap();
            assert_eq!(bench.client.timer_left(START), Some(4 * SECOND));
            takes(&bench, &[]);
            operation(&mut bench, START + SECOND);
            assert_eq!(bench.client.time_left(START + 3 * SECOND), None, "{name}");
            // An hour later the transport is busy for a moment.
            flushes(&bench, &[false; 3]);
            let flushed = bench.client.flush(START + HOUR);
            assert_eq!(flushed, Err(Error::WantWrite), "{name}");
            takes(&bench, &[0; 10]);
            while bench.client.write(&[0; 65_536], START + HOUR).is_ok() {}
            let room = bench.client.check_write(START + HOUR);
            assert_eq!(room, Err(Error::WantWrite), "{name}");
            takes(&bench, &[]);
            assert!(bench.client.check_write(START + HOUR).is_ok(), "{name}");
        }
    }
}

#[test]
fn a_flush_ends_when_what_there_was_has_left_though_more_was_written() {
    let mut bench = Bench::open(Version::Tls13);
    bench.client.set_timeout(Timer::Read, None).unwrap();
    takes(&bench, &[0]);
    assert_eq!(bench.client.write(&[7; 1000], START), Ok(1000));
    takes(&bench, &[0, 0]);
    assert_eq!(bench.client.flush(START), Err(Error::WantWrite));
    // What was to be flushed leaves, and what is behind it does not.
    takes(&bench, &[usize::MAX, 0, 0]);
    assert_eq!(bench.client.write(&[7; 1000], START + SECOND), Ok(1000));
    takes(&bench, &[usize::MAX, 0, 0]);
    assert_eq!(bench.client.write(&[7; 1000], START + SECOND), Ok(1000));
    assert_eq!(bench.client.timer_left(START + SECOND), None);
}

#[test]
fn writing_a_little_more_does_not_prolong_a_flush() {
    let mut bench = Bench::open(Version::Tls13);
    bench.client.set_timeout(Timer::Read, None).unwrap();
    takes(&bench, &[0; 1000]);
    for second in 0..4 {
        let now = START + second * SECOND;
        assert_eq!(bench.client.write(b"beat", now), Ok(4));
        assert_eq!(bench.client.flush(now), Err(Error::WantWrite));
        assert_eq!(bench.client.timer_left(now), Some((4 - second) * SECOND));
    }
    let timeout = Err(Error::Timeout(Timer::Write));
    assert_eq!(bench.client.write(b"beat", START + 4 * SECOND), timeout);
}

#[test]
fn a_flush_over_a_transport_that_flushes_late_is_timed_until_it_has() {
    let mut bench = Bench::open(Version::Tls13);
    bench.client.set_timeout(Timer::Read, None).unwrap();
    flushes(&bench, &[false; 9]);
    assert_eq!(bench.client.write(b"hello", START), Ok(5));
    assert_eq!(bench.client.flush(START), Err(Error::WantWrite));
    assert_eq!(bench.client.time_left(START + SECOND), Some(3 * SECOND));
    flushes(&bench, &[]);
    assert_eq!(
        bench.client.read(1, START + 2 * SECOND),
        Err(Error::WantRead)
    );
    assert_eq!(bench.client.time_left(START + 9 * SECOND), None);
}

#[test]
fn the_shutdown_timer_ends_when_close_notify_leaves_with_a_read() {
    for late in ["taken", "flushed"] {
        let mut bench = Bench::open(Version::Tls13);
        bench.client.set_timeout(Timer::Read, None).unwrap();
        match late {
            "taken" => takes(&bench, &[0, 0]),
            _ => flushes(&bench, &[false, false]),
        }
        assert_eq!(bench.client.close_output(START), Err(Error::WantWrite));
        assert_eq!(bench.client.timer_left(START), Some(3 * SECOND), "{late}");
        takes(&bench, &[]);
        flushes(&bench, &[]);
        assert_eq!(bench.client.read(1, START + SECOND), Err(Error::WantRead));
        assert_eq!(bench.client.time_left(START + 4 * SECOND), None, "{late}");
        assert_eq!(bench.client.read(1, START + HOUR), Err(Error::WantRead));
        assert_eq!(bench.client.shutdown(START + HOUR), Ok(()));
    }
}

#[test]
fn a_read_timer_that_nobody_collects_wakes_seldom_and_is_told_to_the_next_read() {
    let mut bench = Bench::open(Version::Tls13);
    let mut end = START + 2 * SECOND;
    assert_eq!(bench.client.time_left(end), Some(Duration::ZERO));
    // The reader may be another task, which asks for the time that is left after this write alone.
    let mut pause = Duration::ZERO;
    for _ in 0..12 {
        assert_eq!(bench.client.write(b"x", end), Ok(1));
        pause = bench.client.time_left(end).unwrap();
        assert!(pause > Duration::ZERO);
        end += pause;
    }
    assert_eq!(pause, SECOND);
    let timeout = Err(Error::Timeout(Timer::Read));
    assert_eq!(bench.client.read(1, end + HOUR), timeout);
    // The next read has its whole time.
    assert_eq!(bench.client.read(1, end + HOUR), Err(Error::WantRead));
    assert_eq!(bench.client.time_left(end + HOUR), Some(2 * SECOND));
}

#[test]
fn the_read_timer_ends_when_another_operation_meets_the_data() {
    let mut bench = Bench::new(Version::Tls12);
    while bench.client.handshake(START) == Err(Error::WantRead) {
        bench.exchange();
    }
    assert_eq!(bench.client.read(1, START), Err(Error::WantRead));
    assert_eq!(bench.client.time_left(START), Some(2 * SECOND));
    bench.server.write(b"hello").unwrap();
    bench.exchange();
    // A write that fails looks for the peer's alert, and so meets the data.
    bench.script.borrow_mut().writes.push_back(None);
    assert!(matches!(
        bench.client.write(b"x", START),
        Err(Error::Network(_))
    ));
    assert_eq!(bench.client.time_left(START + HOUR), None);
    assert_eq!(
        bench.client.read(9, START + HOUR),
        Ok(Some(b"hello".to_vec()))
    );
}

#[test]
fn a_timer_that_is_fatal_fails_whichever_operation_meets_it_after_what_arrived() {
    type Begin = fn(&mut Bench) -> Result<(), Error>;
    let begin: [(Timer, Begin); 3] = [
        (Timer::Write, |bench| bench.client.flush(START)),
        (Timer::Shutdown, |bench| bench.client.close_output(START)),
        (Timer::Write, |bench| {
            loop {
                bench.client.write(&[0; 65_536], START)?;
            }
        }),
    ];
    for (timer, begin) in begin {
        let mut bench = Bench::open(Version::Tls13);
        takes(&bench, &[0; 100]);
        assert_eq!(bench.client.write(b"x", START), Ok(1));
        assert_eq!(begin(&mut bench), Err(Error::WantWrite));
        let late = START + 9 * SECOND;
        for text in [b"first ", b"second"] {
            bench.server.write(text).unwrap();
            bench.exchange();
        }
        for text in [b"first ", b"second"] {
            assert_eq!(bench.client.read(9, late), Ok(Some(text.to_vec())));
        }
        let timeout = Error::Timeout(timer);
        assert_eq!(bench.client.read(9, late), Err(timeout.clone()));
        assert_eq!(bench.client.flush(late), Err(timeout));
        assert_eq!(bench.client.time_left(late), None);
        assert!(bench.script.borrow().is_dropped);
    }
}

// What arrived.

fn is_all_read(bench: &Bench) -> bool {
    bench.script.borrow().reads.is_empty() && bench.client.wait_to_read() == Wait::Input
}

#[test]
fn a_broken_output_does_not_end_reading_before_all_that_arrived_was_read() {
    for version in VERSIONS {
        for is_clean in [true, false] {
            for (size, chunk) in [(16_384, 18_000), (100_000, 65_536), (1_000_000, 1_000)] {
                let mut bench = Bench::open(version);
                let mut answer = Vec::new();
                let mut left = size;
                while left > 0 {
                    left -= bench.server.write(&vec![9; left]).unwrap();
                    bench.server.poll_ciphertext(&mut answer);
                }
                if is_clean {
                    bench.server.close();
                    bench.server.poll_ciphertext(&mut answer);
                }
                for piece in answer.chunks(chunk) {
                    bench.will_read(Ok(Received::Bytes(piece.to_vec())));
                }
                bench.script.borrow_mut().writes.push_back(None);
                let failure = bench.client.write(&[1; 1000], START).unwrap_err();
                assert!(matches!(failure, Error::Network(_)), "{failure:?}");
                let mut read = 0;
                loop {
                    match bench.client.read(1 << 20, START) {
                        Ok(Some(plaintext)) => read += plaintext.len(),
                        Err(Error::WantRead) if !is_all_read(&bench) => {}
                        Err(Error::WantRead) => break,
                        other => {
                            assert!(is_clean && read == size, "{other:?} after {read}");
                            break;
                        }
                    }
                    // Each write fails at once meanwhile.
                    assert_eq!(bench.client.write(b"x", START), Err(failure.clone()));
                }
                assert_eq!(read, size, "{version:?}, by {chunk}");
                bench.will_read(Ok(Received::Eof));
                let end = bench.client.read(1, START);
                if is_clean {
                    assert_eq!(end, Ok(None));
                } else {
                    assert_eq!(end, Err(failure.clone()));
                    assert!(bench.client.session().is_truncated());
                    assert!(bench.script.borrow().is_dropped);
                }
                assert_eq!(bench.client.flush(START), Err(failure.clone()));
                assert_eq!(bench.client.shutdown(START), Err(failure));
                assert_eq!(bench.client.time_left(START), None);
            }
        }
    }
}

#[test]
fn after_a_broken_output_the_peers_alert_is_told_behind_its_data() {
    let mut bench = Bench::open(Version::Tls12);
    bench.server.write(b"last words").unwrap();
    bench.exchange();
    assert_eq!(bench.client.write(b"hello", START), Ok(5));
    bench.script.borrow_mut().sent[0][7] ^= 1;
    bench.exchange();
    bench.script.borrow_mut().writes.push_back(None);
    let failure = bench.client.write(b"more", START);
    assert!(matches!(failure, Err(Error::Network(_))), "{failure:?}");
    assert_eq!(
        bench.client.read(99, START),
        Ok(Some(b"last words".to_vec()))
    );
    let alert = Error::AlertReceived(20);
    assert_eq!(bench.client.read(99, START), Err(alert.clone()));
    assert_eq!(bench.client.write(b"more", START), Err(alert));
}

#[test]
fn with_a_broken_output_a_read_waits_for_the_input_until_its_timer_runs_out() {
    let mut bench = Bench::open(Version::Tls13);
    bench.script.borrow_mut().writes.push_back(None);
    assert!(bench.client.write(b"x", START).is_err());
    assert_eq!(bench.client.read(9, START), Err(Error::WantRead));
    assert_eq!(bench.client.wait_to_read(), Wait::Input);
    let timeout = Err(Error::Timeout(Timer::Read));
    assert_eq!(bench.client.read(9, START + 2 * SECOND), timeout);
    bench.server.write(b"late").unwrap();
    bench.exchange();
    let read = bench.client.read(9, START + 3 * SECOND);
    assert_eq!(read, Ok(Some(b"late".to_vec())));
}
