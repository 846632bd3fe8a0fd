//! The built component: pollables, which may outlive their ports, and what is sent and read while a
//! caller waits and after a connection has broken.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop"
)]

mod support;

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use portcullis_host::types::{Error, NetworkOperation, Role, Timer};
use portcullis_host::{Context, Instance, Port};
use support::component::{error, instance};
use support::meeting::connected;

const SHORT: Option<Duration> = Some(Duration::from_millis(100));

/// How many dropped ports' sockets are kept for pollables that may live.
const KEPT: usize = 64;
/// How many handles of the host a port has.
const HANDLES: usize = 3;

/// Write until there is no room, neither here nor in the system's buffers; returns how much went.
fn fill(tls: &mut Instance, port: &Port) -> usize {
    let plaintext = vec![7; 64 * 1024];
    let mut written = 0;
    loop {
        let before = written;
        while let Ok(length) = port.write(tls, &plaintext) {
            written += length;
        }
        if written == before {
            return written;
        }
        let room = port.subscribe_write(tls).unwrap();
        tls.poll(&[&room], Some(Duration::from_millis(300)))
            .unwrap();
        room.drop(tls).unwrap();
    }
}

#[test]
fn a_pollable_may_outlive_the_closing_and_the_dropping_of_its_port_in_every_state() {
    type Reach = fn(&mut Instance, &Port);
    let states: [(&str, Reach); 5] = [
        ("fresh", |_, _| {}),
        ("open", |tls, port| port.blocking_handshake(tls).unwrap()),
        ("read-closed", |tls, port| {
            port.blocking_write_all(tls, b"q").unwrap();
            assert_eq!(port.blocking_read(tls, 1).unwrap(), None);
        }),
        ("write-closed", |tls, port| {
            port.blocking_handshake(tls).unwrap();
            port.close_output(tls).unwrap();
        }),
        ("full", |tls, port| {
            port.blocking_handshake(tls).unwrap();
            fill(tls, port);
            port.set_timeout(tls, Timer::Shutdown, SHORT).unwrap();
        }),
    ];
    // One instance for all states: a trap in one of them would end it.
    let mut tls = instance();
    for (name, reach) in states {
        for closes in [true, false] {
            let (over, told) = mpsc::channel::<()>();
            let (port, peer) = connected(&mut tls, move |stream| {
                let mut word = [0; 1];
                if matches!(stream.read(&mut word), Ok(1)) && word == *b"q" {
                    stream.conn.send_close_notify();
                    stream.flush().unwrap();
                }
                let _ = told.recv();
                // Until the other end goes.
                let mut rest = Vec::new();
                let _ = stream.sock.read_to_end(&mut rest);
            });
            reach(&mut tls, &port);
            let input = port.subscribe(&mut tls).unwrap();
            let output = port.subscribe_write(&mut tls).unwrap();
            if closes {
                let _ = port.close(&mut tls);
                assert_eq!(error(port.read(&mut tls, 1)), Error::Closed, "{name}");
            }
            port.drop(&mut tls).unwrap();
            drop(over);
            // The connection has ended all the same, and there is nothing left to wait for.
            peer.join().unwrap();
            assert_eq!(tls.poll(&[&input], None).unwrap(), [0], "{name}");
            assert_eq!(tls.poll(&[&output], None).unwrap(), [0], "{name}");
            input.drop(&mut tls).unwrap();
            output.drop(&mut tls).unwrap();
        }
    }
}

#[test]
fn a_pollable_of_a_connection_in_the_making_may_outlive_its_port() {
    let mut tls = instance();
    let context = Context::secure(&mut tls, Role::Client).unwrap();
    for host in ["127.0.0.1", "localhost"] {
        for (closes, connects) in [(true, true), (true, false), (false, true), (false, false)] {
            // A listener for each: a connection that is not accepted would be taken for the next.
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let number = listener.local_addr().unwrap().port();
            let port = Port::connect(&mut tls, &context, host, number).unwrap();
            let pollable = port.subscribe(&mut tls).unwrap();
            if connects {
                while port
                    .handshake(&mut tls)
                    .is_err_and(|failure| failure.error() == Some(&Error::WantConnect))
                {
                }
                // A peer that speaks no TLS ends the handshake.
                let mut socket = listener.accept().unwrap().0;
                socket.write_all(b"220 hello\r\n").unwrap();
                assert!(port.blocking_handshake(&mut tls).is_err());
            }
            if closes {
                let _ = port.close(&mut tls);
            }
            port.drop(&mut tls).unwrap();
            pollable.drop(&mut tls).unwrap();
        }
    }
}

#[test]
fn a_connection_begins_before_the_first_operation() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let number = listener.local_addr().unwrap().port();
    let mut tls = instance();
    let context = Context::secure(&mut tls, Role::Client).unwrap();
    let port = Port::connect(&mut tls, &context, "127.0.0.1", number).unwrap();
    let (accepted, told) = mpsc::channel();
    let peer = thread::spawn(move || accepted.send(listener.accept().unwrap().0));
    let socket = told.recv_timeout(Duration::from_secs(30));
    assert!(socket.is_ok(), "nobody connects");
    peer.join().unwrap().unwrap();
    port.drop(&mut tls).unwrap();
}

#[test]
fn ports_that_go_after_their_pollables_leave_a_bounded_number_of_sockets() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let number = listener.local_addr().unwrap().port();
    let peers = thread::spawn(move || {
        let ended = listener.incoming().take(3 * KEPT).map(|socket| {
            // The peer sees the end at once, although the socket is kept.
            socket.unwrap().read_to_end(&mut Vec::new()).unwrap()
        });
        ended.count()
    });
    let mut tls = instance();
    let context = Context::secure(&mut tls, Role::Client).unwrap();
    let before = tls.resource_count();
    for _ in 0..3 * KEPT {
        let port = Port::blocking_connect(&mut tls, &context, "127.0.0.1", number).unwrap();
        let pollable = port.subscribe_write(&mut tls).unwrap();
        pollable.drop(&mut tls).unwrap();
        let pollable = port.subscribe(&mut tls).unwrap();
        pollable.drop(&mut tls).unwrap();
        port.drop(&mut tls).unwrap();
    }
    assert_eq!(peers.join().unwrap(), 3 * KEPT);
    assert!(tls.resource_count() - before <= HANDLES * KEPT);
    // A port that never handed out a pollable leaves nothing.
    let kept = tls.resource_count();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let number = listener.local_addr().unwrap().port();
    let port = Port::blocking_connect(&mut tls, &context, "127.0.0.1", number).unwrap();
    port.drop(&mut tls).unwrap();
    assert_eq!(tls.resource_count(), kept);
}

#[test]
fn what_is_ready_at_once_is_told_beside_what_is_always_ready() {
    let mut tls = instance();
    let (signal, always) = tls.signal().unwrap();
    signal.raise();
    // Bytes that a read has left are there without anything on the network.
    let (port, peer) = connected(&mut tls, |stream| {
        stream.write_all(b"more than one").unwrap();
        stream.conn.send_close_notify();
        stream.flush().unwrap();
    });
    assert_eq!(port.blocking_read(&mut tls, 1).unwrap().unwrap(), b"m");
    // So is the failure of a connection that never came to be.
    let context = Context::secure(&mut tls, Role::Client).unwrap();
    let refusing = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let number = refusing.local_addr().unwrap().port();
    drop(refusing);
    let broken = Port::connect(&mut tls, &context, "127.0.0.1", number).unwrap();
    assert!(matches!(
        error(broken.blocking_handshake(&mut tls)),
        Error::Network(_)
    ));
    for port in [&port, &broken] {
        let input = port.subscribe(&mut tls).unwrap();
        assert_eq!(tls.poll(&[&always, &input], None).unwrap(), [0, 1]);
        input.drop(&mut tls).unwrap();
    }
    // As a control, the signal is not told when it is not ready.
    signal.lower();
    let input = port.subscribe(&mut tls).unwrap();
    assert_eq!(tls.poll(&[&always, &input], None).unwrap(), [1]);
    input.drop(&mut tls).unwrap();
    peer.join().unwrap();
}

#[test]
fn a_blocking_read_sends_what_writes_have_left() {
    let (tell, told) = mpsc::channel::<usize>();
    let mut tls = instance();
    let (port, peer) = connected(&mut tls, move |stream| {
        stream.conn.complete_io(&mut stream.sock).unwrap();
        // It answers once it has everything.
        let mut request = vec![0; told.recv().unwrap()];
        stream.read_exact(&mut request).unwrap();
        stream.write_all(b"ok").unwrap();
    });
    port.blocking_handshake(&mut tls).unwrap();
    tell.send(fill(&mut tls, &port)).unwrap();
    let answer = port.blocking_read(&mut tls, 9).unwrap();
    assert_eq!(answer.as_deref(), Some(b"ok".as_slice()));
    peer.join().unwrap();
}

#[test]
fn a_poll_loop_that_waits_for_input_alone_sends_what_writes_have_left() {
    let (tell, told) = mpsc::channel::<usize>();
    let mut tls = instance();
    let (port, peer) = connected(&mut tls, move |stream| {
        stream.conn.complete_io(&mut stream.sock).unwrap();
        let mut request = vec![0; told.recv().unwrap()];
        stream.read_exact(&mut request).unwrap();
        stream.write_all(b"ok").unwrap();
    });
    port.blocking_handshake(&mut tls).unwrap();
    tell.send(fill(&mut tls, &port)).unwrap();
    let answer = loop {
        match port.read(&mut tls, 9) {
            Err(failure) if failure.is_want() => {
                let pollable = port.subscribe(&mut tls).unwrap();
                let left = port.time_left(&mut tls).unwrap();
                tls.poll(&[&pollable], left).unwrap();
                pollable.drop(&mut tls).unwrap();
            }
            other => break other.unwrap(),
        }
    };
    assert_eq!(answer.as_deref(), Some(b"ok".as_slice()));
    peer.join().unwrap();
}

#[test]
fn an_answer_that_came_before_the_connection_broke_is_read_to_its_end() {
    // As much as fits into the system's buffers on this side: what is still in the peer's buffers
    // when it breaks the connection is lost.
    for size in [1_000, 16_384, 40_000] {
        let (tell, told) = mpsc::channel::<()>();
        let mut tls = instance();
        let (port, peer) = connected(&mut tls, move |stream| {
            stream.conn.complete_io(&mut stream.sock).unwrap();
            // All leaves at once, and nothing is in the system's buffers when the socket is closed.
            stream.sock.set_nodelay(true).unwrap();
            // The request is not read, so that closing the socket breaks the connection.
            told.recv().unwrap();
            stream.write_all(&vec![9; size]).unwrap();
            stream.conn.send_close_notify();
            stream.flush().unwrap();
        });
        port.blocking_handshake(&mut tls).unwrap();
        port.blocking_write_all(&mut tls, &[7; 1000]).unwrap();
        tell.send(()).unwrap();
        peer.join().unwrap();
        let failure = loop {
            if let Err(failure) = port.blocking_write_all(&mut tls, &[7; 1000]) {
                break error::<()>(Err(failure));
            }
        };
        match &failure {
            Error::Network(error) => assert_eq!(error.operation, NetworkOperation::Write),
            other => panic!("{other:?}"),
        }
        let mut answer = Vec::new();
        let end = loop {
            match port.blocking_read(&mut tls, 1 << 20) {
                Ok(Some(plaintext)) => answer.extend(plaintext),
                end => break end,
            }
        };
        assert!(
            answer == vec![9; size],
            "{} of {size}: {end:?}",
            answer.len()
        );
        assert_eq!(end.unwrap(), None);
        assert_eq!(error(port.write(&mut tls, b"x")), failure);
        assert_eq!(error(port.close(&mut tls)), failure);
    }
}
