//! A session over transports that stall, break and lie, with a clock that the test turns.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop"
)]

mod support;

use std::time::Duration;

use portcullis::error::{Error, NetworkOperation, ProtocolReason, Timer};
use portcullis::pump::{Received, Wait};
use portcullis::tls::{State, Version};
use support::bench::{Bench, SECOND, START};
use support::pair::read_all;
use support::transports::{WRITE_SIZE, broken};

#[test]
fn a_flight_is_one_write() {
    let mut bench = Bench::new(Version::Tls13);
    for _ in 0..2 {
        assert_eq!(bench.client.handshake(START), Err(Error::WantRead));
        assert_eq!(bench.script.borrow().sent.len(), 1);
    }
    bench.exchange();
    assert_eq!(bench.client.handshake(START), Ok(()));
    assert_eq!(bench.script.borrow().sent.len(), 1);
}

#[test]
fn a_full_batch_is_to_the_byte_what_the_transport_takes_best() {
    for version in [Version::Tls12, Version::Tls13] {
        let mut bench = Bench::open(version);
        let written = bench.client.write(&[7; 200_000], START).unwrap();
        assert!(written < 200_000, "{written}");
        let lengths: Vec<_> = bench.script.borrow().sent.iter().map(Vec::len).collect();
        assert_eq!(lengths, [WRITE_SIZE], "{version:?}");
    }
}

#[test]
fn a_transport_that_takes_one_byte_at_a_time_gets_everything() {
    let mut bench = Bench::open(Version::Tls13);
    bench.script.borrow_mut().writes.extend([Some(1); 500]);
    assert_eq!(bench.client.write(&[7; 1000], START), Ok(1000));
    assert_eq!(bench.client.flush(START), Ok(()));
    bench.exchange();
    assert_eq!(read_all(&mut bench.server), [7; 1000]);
}

#[test]
fn a_transport_that_says_it_took_more_than_there_was_does_no_harm() {
    let mut bench = Bench::open(Version::Tls13);
    bench.script.borrow_mut().writes.push_back(Some(usize::MAX));
    assert_eq!(bench.client.write(b"hello", START), Ok(5));
    bench.exchange();
    assert_eq!(read_all(&mut bench.server), b"hello");
}

#[test]
fn p1_the_handshake_timer_is_a_total_that_a_drip_does_not_stretch() {
    let mut bench = Bench::new(Version::Tls13);
    assert_eq!(bench.client.time_left(START), None);
    for second in 0..10 {
        // The header of a record, and then its bytes.
        let drip = *[0x16, 3, 3, 0x40].get(second).unwrap_or(&0);
        bench.will_read(Ok(Received::Bytes(vec![drip])));
        let now = START + u32::try_from(second).unwrap() * SECOND;
        assert_eq!(bench.client.handshake(now), Err(Error::WantRead));
    }
    assert_eq!(bench.client.time_left(START + 9 * SECOND), Some(SECOND));
    let timeout = Err(Error::Timeout(Timer::Handshake));
    assert_eq!(bench.client.handshake(START + 10 * SECOND), timeout);
    assert_eq!(bench.client.handshake(START), timeout);
    assert!(bench.script.borrow().is_dropped);
}

#[test]
fn p4_a_read_timer_runs_from_the_first_empty_read_and_is_not_fatal() {
    let mut bench = Bench::open(Version::Tls13);
    // `open` has begun to read.
    assert_eq!(bench.client.read(9, START + SECOND), Err(Error::WantRead));
    let timeout = Err(Error::Timeout(Timer::Read));
    assert_eq!(bench.client.read(9, START + 2 * SECOND), timeout);
    bench.server.write(b"late").unwrap();
    bench.exchange();
    assert_eq!(
        bench.client.read(9, START + 9 * SECOND),
        Ok(Some(b"late".to_vec()))
    );
}

#[test]
fn p4_a_write_timer_is_fatal() {
    let mut bench = Bench::open(Version::Tls13);
    bench.script.borrow_mut().writes.extend([Some(0); 50]);
    while bench.client.write(&[0; 65_536], START).is_ok() {}
    assert_eq!(bench.client.wait_to_write(), Wait::Output);
    assert_eq!(
        bench.client.check_write(START + SECOND),
        Err(Error::WantWrite)
    );
    let timeout = Err(Error::Timeout(Timer::Write));
    assert_eq!(bench.client.write(b"x", START + 4 * SECOND), timeout);
    assert_eq!(bench.client.flush(START), Err(Error::Timeout(Timer::Write)));
}

#[test]
fn new_keys_take_room_so_a_peer_that_does_not_read_bounds_them() {
    let mut bench = Bench::open(Version::Tls13);
    assert_eq!(bench.client.update_keys(START), Ok(()));
    bench.exchange();
    bench
        .script
        .borrow_mut()
        .writes
        .extend(std::iter::repeat_n(Some(0), 50_000));
    let mut count = 0;
    let refused = loop {
        match bench.client.update_keys(START) {
            Ok(()) => count += 1,
            Err(error) => break error,
        }
        assert!(count < 20_000);
    };
    assert_eq!(refused, Error::WantWrite);
    bench.script.borrow_mut().writes.clear();
    assert_eq!(bench.client.update_keys(START), Ok(()));
}

#[test]
fn p2_a_peer_that_stops_reading_runs_into_the_shutdown_timer() {
    let mut bench = Bench::open(Version::Tls13);
    bench.script.borrow_mut().writes.extend([Some(0); 50]);
    assert_eq!(bench.client.close_output(START), Err(Error::WantWrite));
    assert_eq!(
        bench.client.shutdown(START + 2 * SECOND),
        Err(Error::WantWrite)
    );
    let timeout = Err(Error::Timeout(Timer::Shutdown));
    assert_eq!(bench.client.shutdown(START + 3 * SECOND), timeout);
    assert!(bench.script.borrow().is_dropped);
}

#[test]
fn o5_close_notify_is_sent_once() {
    let mut bench = Bench::open(Version::Tls13);
    assert_eq!(bench.client.close_output(START), Ok(()));
    assert_eq!(bench.client.shutdown(START), Ok(()));
    assert_eq!(bench.script.borrow().sent.len(), 1);
    assert_eq!(bench.client.write(b"x", START), Err(Error::Closed));
}

#[test]
fn closing_in_the_handshake_sends_nothing() {
    let mut bench = Bench::new(Version::Tls13);
    assert_eq!(bench.client.shutdown(START), Ok(()));
    assert!(bench.script.borrow().sent.is_empty());
}

#[test]
fn closing_after_the_peer_has_is_a_courtesy_that_may_fail() {
    for peer_closes in [true, false] {
        let mut bench = Bench::open(Version::Tls13);
        if peer_closes {
            bench.server.close();
            bench.exchange();
            assert_eq!(bench.client.read(1, START), Ok(None));
        }
        bench.script.borrow_mut().writes.push_back(None);
        let broken = Err(Error::Network(broken(NetworkOperation::Write)));
        let expected = if peer_closes { Ok(()) } else { broken };
        assert_eq!(bench.client.shutdown(START), expected);
        assert_eq!(bench.client.shutdown(START), expected);
    }
}

#[test]
fn the_peers_alert_is_told_rather_than_the_broken_pipe() {
    let mut bench = Bench::open(Version::Tls12);
    // The server fails, says so, and is gone.
    assert_eq!(bench.client.write(b"hello", START), Ok(5));
    bench.script.borrow_mut().sent[0][7] ^= 1;
    bench.exchange();
    bench.script.borrow_mut().writes.push_back(None);
    assert_eq!(
        bench.client.write(b"more", START),
        Err(Error::AlertReceived(20))
    );
}

#[test]
fn a_failure_puts_the_alert_to_the_peer_and_frees_the_transport() {
    let mut bench = Bench::open(Version::Tls13);
    bench.server.write(b"hello").unwrap();
    bench.exchange();
    if let Some(Ok(Received::Bytes(bytes))) = bench.script.borrow_mut().reads.front_mut() {
        bytes[7] ^= 1;
    }
    match bench.client.read(9, START) {
        Err(Error::Protocol(error)) => assert_eq!(error.reason, ProtocolReason::BadRecord),
        other => panic!("{other:?}"),
    }
    assert!(bench.script.borrow().is_dropped);
    bench.exchange();
    assert_eq!(bench.server.read(1), Err(Error::AlertReceived(20)));
}

#[test]
fn a_shared_transport_is_ended_at_once_and_freed_with_the_pump() {
    let mut bench = Bench::open(Version::Tls13);
    assert!(bench.client.share_transport(Wait::Input).is_some());
    bench.will_read(Ok(Received::Eof));
    assert_eq!(bench.client.read(1, START), Err(Error::Truncated));
    assert!(bench.script.borrow().is_aborted && !bench.script.borrow().is_dropped);
    assert_eq!(bench.client.read(1, START), Err(Error::Truncated));
    drop(bench.client);
    assert!(bench.script.borrow().is_dropped);
}

#[test]
fn plaintext_that_came_before_the_end_is_read_before_it_is_told() {
    let mut bench = Bench::open(Version::Tls13);
    bench.server.write(b"partial").unwrap();
    bench.exchange();
    bench.will_read(Ok(Received::Eof));
    assert_eq!(bench.client.read(4, START), Ok(Some(b"part".to_vec())));
    assert_eq!(bench.client.wait_to_read(), Wait::Nothing);
    assert_eq!(bench.client.read(4, START), Ok(Some(b"ial".to_vec())));
    assert_eq!(bench.client.read(4, START), Err(Error::Truncated));
}

#[test]
fn a_read_takes_all_records_that_are_here_and_tells_a_bad_one_after_the_good() {
    let mut bench = Bench::open(Version::Tls13);
    let mut ciphertext = Vec::new();
    for record in [1, 2, 3] {
        bench.server.write(&[record; 16 * 1024]).unwrap();
        bench.server.poll_ciphertext(&mut ciphertext);
    }
    *ciphertext.last_mut().unwrap() ^= 1;
    bench.will_read(Ok(Received::Bytes(ciphertext)));
    let first = bench.client.read(1, START).unwrap();
    assert_eq!(first, Some(vec![1]));
    let rest = bench.client.read(usize::MAX, START).unwrap().unwrap();
    assert_eq!(rest, [vec![1; 16 * 1024 - 1], vec![2; 16 * 1024]].concat());
    let error = bench.client.read(usize::MAX, START);
    assert!(matches!(error, Err(Error::Protocol(_))), "{error:?}");
}

#[test]
fn e13_a_tolerated_truncation_reads_as_the_end_and_lets_writing_go_on() {
    let mut bench = Bench::tolerant();
    bench.shake_hands();
    bench.server.write(b"partial").unwrap();
    bench.exchange();
    for _ in 0..2 {
        bench.will_read(Ok(Received::Eof));
    }
    assert_eq!(bench.client.read(9, START), Ok(Some(b"partial".to_vec())));
    assert!(!bench.client.session().is_truncated());
    assert_eq!(bench.client.read(9, START), Ok(None));
    assert_eq!(bench.client.wait_to_read(), Wait::Nothing);
    assert_eq!(bench.client.read(9, START), Ok(None));
    assert!(bench.client.session().is_truncated());
    assert_eq!(bench.client.write(b"more", START), Ok(4));
    assert_eq!(bench.client.shutdown(START), Ok(()));
    assert!(!bench.script.borrow().is_dropped);
}

#[test]
fn e13_the_end_in_the_handshake_is_truncation_where_it_is_tolerated_later() {
    let mut bench = Bench::tolerant();
    assert_eq!(bench.client.handshake(START), Err(Error::WantRead));
    bench.will_read(Ok(Received::Eof));
    assert_eq!(bench.client.handshake(START), Err(Error::Truncated));
    assert_eq!(bench.client.read(9, START), Err(Error::Truncated));
    assert!(!bench.client.session().is_truncated());
    assert!(bench.script.borrow().is_dropped);
}

#[test]
fn unwrap_gives_the_transport_back_with_what_follows_close_notify() {
    for version in [Version::Tls12, Version::Tls13] {
        let mut bench = Bench::open(version);
        assert_eq!(unwrap(&mut bench, START), Err(Error::WantRead));
        assert_eq!(bench.client.write(b"x", START), Err(Error::Closed));
        bench.exchange();
        assert_eq!(*bench.server.state(), State::ReadClosed);
        bench.server.close();
        let mut answer = Vec::new();
        bench.server.poll_ciphertext(&mut answer);
        answer.extend_from_slice(b"220 clear");
        bench.will_read(Ok(Received::Bytes(answer)));
        assert_eq!(unwrap(&mut bench, START).unwrap(), b"220 clear");
        assert!(!bench.script.borrow().is_aborted);
        assert_eq!(unwrap(&mut bench, START), Err(Error::Closed));
    }
}

#[test]
fn unwrap_loses_no_plaintext_that_comes_before_close_notify() {
    let mut bench = Bench::open(Version::Tls13);
    bench.server.write(b"early").unwrap();
    bench.exchange();
    assert_eq!(bench.client.read(2, START).unwrap().unwrap(), b"ea");
    // Known to be there: nothing is sent for it.
    let refused = unwrap(&mut bench, START);
    assert!(matches!(refused, Err(Error::InvalidArgument(_))));
    assert_eq!(bench.client.write(b"still open", START), Ok(10));
    assert_eq!(bench.client.read(9, START).unwrap().unwrap(), b"rly");
    assert_eq!(unwrap(&mut bench, START), Err(Error::WantRead));
    bench.server.write(b"late").unwrap();
    bench.server.close();
    bench.exchange();
    let refused = unwrap(&mut bench, START);
    assert!(matches!(refused, Err(Error::InvalidArgument(_))));
    // While it is read, no timer runs.
    let later = START + 100 * SECOND;
    assert_eq!(bench.client.read(9, later).unwrap().unwrap(), b"late");
    assert_eq!(bench.client.read(9, later), Ok(None));
    assert_eq!(unwrap(&mut bench, later).unwrap(), b"");
}

#[test]
fn unwrap_waits_for_the_peer_up_to_the_shutdown_timer() {
    let mut bench = Bench::open(Version::Tls13);
    assert_eq!(unwrap(&mut bench, START), Err(Error::WantRead));
    assert_eq!(unwrap(&mut bench, START + 2 * SECOND), Err(Error::WantRead));
    let late = unwrap(&mut bench, START + 3 * SECOND);
    assert_eq!(late, Err(Error::Timeout(Timer::Shutdown)));
    // A transport that ended did not end TLS, though a context may tolerate that.
    for mut bench in [Bench::open(Version::Tls13), {
        let mut bench = Bench::tolerant();
        bench.shake_hands();
        bench
    }] {
        bench.will_read(Ok(Received::Eof));
        assert_eq!(unwrap(&mut bench, START), Err(Error::Truncated));
        assert_eq!(unwrap(&mut bench, START), Err(Error::Truncated));
    }
}

/// What was read behind close_notify.
fn unwrap(bench: &mut Bench, now: Duration) -> Result<Vec<u8>, Error> {
    bench.client.unwrap(now).map(|(_, rest)| rest)
}
