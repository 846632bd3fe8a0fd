//! The built component: plaintext in words is the plaintext of reads and writes, and is refused where it
//! makes no sense.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop"
)]

mod support;

use std::io::{Read as _, Write as _};
use std::sync::mpsc;
use std::time::Duration;

use portcullis_host::port_types::Words;
use portcullis_host::types::{Error, Timer};
use support::component::{error, instance};
use support::meeting::open;
use support::peers::{PATIENCE, ServerStream};

/// Lengths at the edges of a word, of a record and of a batch of records.
fn lengths() -> impl Iterator<Item = usize> {
    let around = |length: usize| length - 9..=length + 9;
    (0..=17).chain(around(16 * 1024)).chain(around(64 * 1024))
}

fn some_bytes(length: usize) -> Vec<u8> {
    (1..=251).cycle().take(length).collect()
}

/// The words of some bytes, made otherwise than the component and its wrappers do.
fn words(bytes: &[u8]) -> Vec<u64> {
    let word = |bytes: &[u8]| {
        bytes
            .iter()
            .rev()
            .fold(0, |word, byte| word << 8 | u64::from(*byte))
    };
    bytes.chunks(8).map(word).collect()
}

fn number(length: usize) -> u64 {
    length.try_into().unwrap()
}

/// The bytes of some words, of which there must be as many as the length takes.
#[track_caller]
fn bytes(plaintext: &Words) -> Vec<u8> {
    let length = usize::try_from(plaintext.length).unwrap();
    assert_eq!(plaintext.words.len(), length.div_ceil(8));
    let all = plaintext.words.iter().flat_map(|word| word.to_le_bytes());
    let mut bytes: Vec<u8> = all.collect();
    assert!(bytes.split_off(length).iter().all(|byte| *byte == 0));
    bytes
}

/// A peer that returns all that it has heard, to the end.
fn listen(stream: &mut ServerStream) -> Vec<u8> {
    let mut heard = Vec::new();
    stream.read_to_end(&mut heard).unwrap();
    heard
}

#[test]
fn words_are_the_bytes_that_reads_and_writes_carry() {
    let mut tls = instance();
    let (port, peer) = open(&mut tls, |stream| {
        let mut message = Vec::new();
        for length in lengths() {
            message.resize(length, 0);
            stream.read_exact(&mut message).unwrap();
            stream.write_all(&message).unwrap();
            stream.flush().unwrap();
        }
    });
    for (turn, length) in lengths().enumerate() {
        let sent = some_bytes(length);
        match turn % 2 {
            0 => port.blocking_write_all(&mut tls, &sent).unwrap(),
            _ => port
                .blocking_write_all_words(&mut tls, &words(&sent), number(length))
                .unwrap(),
        }
        let mut heard = Vec::new();
        while heard.len() < length {
            let limit = number(length - heard.len());
            let read = match turn % 3 {
                0 => port.blocking_read(&mut tls, limit).unwrap(),
                _ => port
                    .blocking_read_words(&mut tls, limit)
                    .unwrap()
                    .map(|read| bytes(&read)),
            };
            heard.extend(read.unwrap());
        }
        assert!(heard == sent, "{length} bytes");
    }
    peer.join().unwrap();
    port.close(&mut tls).unwrap();
}

#[test]
fn a_long_write_of_words_arrives_as_it_was() {
    let sent = some_bytes(1_000_003);
    let mut tls = instance();
    let (port, peer) = open(&mut tls, listen);
    port.blocking_write_all_words(&mut tls, &words(&sent), number(sent.len()))
        .unwrap();
    port.close(&mut tls).unwrap();
    assert!(peer.join().unwrap() == sent);
    let closed = error(port.blocking_write_all_words(&mut tls, &[1], 8));
    assert_eq!(closed, Error::Closed);
    let closed = error(port.write_words(&mut tls, &[1], 8));
    assert_eq!(closed, Error::Closed);
}

#[test]
fn words_that_do_not_fit_their_length_are_refused_and_nothing_is_sent() {
    let mut tls = instance();
    let (port, peer) = open(&mut tls, listen);
    let wrong: [(&[u64], u64); 8] = [
        (&[], 1),
        (&[1], 0),
        (&[1], 9),
        (&[1, 2], 8),
        (&[1, 2], 17),
        (&[1], (1 << 32) + 1),
        (&[], u64::MAX),
        (&[1], u64::MAX),
    ];
    for (plaintext, length) in wrong {
        let refused = error(port.write_words(&mut tls, plaintext, length));
        assert!(matches!(refused, Error::InvalidArgument(_)), "{refused:?}");
        let refused = error(port.blocking_write_all_words(&mut tls, plaintext, length));
        let Error::InvalidArgument(why) = refused else {
            panic!("{refused:?}");
        };
        assert!(why.contains("one for each 8 bytes that are begun"), "{why}");
    }
    let word = u64::from_le_bytes(*b"12345678");
    assert_eq!(port.write_words(&mut tls, &[word], 8).unwrap(), 8);
    // What is beyond the end is nobody's plaintext.
    port.blocking_write_all_words(&mut tls, &[word, word], 9)
        .unwrap();
    port.blocking_write_all_words(&mut tls, &[], 0).unwrap();
    assert_eq!(port.write_words(&mut tls, &[], 0).unwrap(), 0);
    port.close(&mut tls).unwrap();
    assert_eq!(peer.join().unwrap(), b"12345678123456781");
}

#[test]
fn reads_of_words_say_what_reads_say() {
    let mut tls = instance();
    let (go, waits) = mpsc::channel::<()>();
    let (port, peer) = open(&mut tls, move |stream| {
        stream.conn.complete_io(&mut stream.sock).unwrap();
        waits.recv_timeout(PATIENCE).unwrap();
        stream.write_all(b"hello").unwrap();
        stream.conn.send_close_notify();
        stream.flush().unwrap();
        let _ = stream.sock.read(&mut [0; 1]);
    });
    for refused in [
        error(port.read_words(&mut tls, 0)),
        error(port.blocking_read_words(&mut tls, 0)),
    ] {
        assert!(matches!(refused, Error::InvalidArgument(_)), "{refused:?}");
    }
    assert_eq!(error(port.read_words(&mut tls, 100)), Error::WantRead);
    port.set_timeout(&mut tls, Timer::Read, Some(Duration::from_millis(1)))
        .unwrap();
    let late = error(port.blocking_read_words(&mut tls, 100));
    assert_eq!(late, Error::Timeout(Timer::Read));
    port.set_timeout(&mut tls, Timer::Read, None).unwrap();
    go.send(()).unwrap();
    let read = port.blocking_read_words(&mut tls, 2).unwrap().unwrap();
    assert_eq!(bytes(&read), b"he");
    let read = port
        .blocking_read_words(&mut tls, u64::MAX)
        .unwrap()
        .unwrap();
    assert_eq!(bytes(&read), b"llo");
    for _ in 0..3 {
        assert!(port.read_words(&mut tls, 1).unwrap().is_none());
        assert!(port.blocking_read_words(&mut tls, 1).unwrap().is_none());
    }
    port.close(&mut tls).unwrap();
    peer.join().unwrap();
    assert_eq!(error(port.read_words(&mut tls, 1)), Error::Closed);
    assert_eq!(error(port.blocking_read_words(&mut tls, 1)), Error::Closed);
}

#[test]
fn writes_of_words_take_what_there_is_room_for_and_then_want_to_write() {
    let mut tls = instance();
    let (go, waits) = mpsc::channel::<()>();
    let (port, peer) = open(&mut tls, move |stream| {
        stream.conn.complete_io(&mut stream.sock).unwrap();
        waits.recv_timeout(PATIENCE).unwrap();
        listen(stream)
    });
    // More than all buffers between the two have room for.
    let all = some_bytes(64 * 1024 * 1024);
    let mut rest = all.as_slice();
    let full = loop {
        // Every write begins where the last one has ended, which may be within a word.
        let (front, _) = rest.split_at(rest.len().min(1_000_001));
        match port.write_words(&mut tls, &words(front), number(front.len())) {
            Ok(taken) => {
                assert!((1..=number(front.len())).contains(&taken));
                rest = rest.split_at(usize::try_from(taken).unwrap()).1;
            }
            Err(failure) => break failure,
        }
    };
    assert_eq!(full.error(), Some(&Error::WantWrite));
    // With no words there is nothing to wait for room for.
    assert_eq!(port.write_words(&mut tls, &[], 0).unwrap(), 0);
    go.send(()).unwrap();
    let (front, _) = rest.split_at(1_000_001);
    port.blocking_write_all_words(&mut tls, &words(front), number(front.len()))
        .unwrap();
    port.close(&mut tls).unwrap();
    let sent = all.len() - rest.len() + front.len();
    assert!(peer.join().unwrap() == all.split_at(sent).0);
}
