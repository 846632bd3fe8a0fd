//! Instances and programs that their embedder puts an end to.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests fail by panicking"
)]

mod support;

use std::io::Read as _;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use portcullis_host::context_types::Source;
use portcullis_host::types::{Error, Role};
use portcullis_host::{
    Context, EMBEDDED, Failure, Guest, Instance, Interrupt, Interrupted, Network, Options, Port,
    Program,
};
use support::{example, greet};

/// No step takes this long.
const LIMIT: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(300);

fn guest() -> Guest {
    Guest::interruptible(EMBEDDED).unwrap()
}

fn options() -> Options {
    Options::new().network(Network::loopback())
}

/// A server whose system takes connections, and that says nothing.
fn silent() -> (TcpListener, u16) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

/// A client in the middle of its handshake with a silent server.
fn shake(tls: &mut Instance, port: u16) -> Result<(), Failure> {
    let context = Context::unverified(tls, Role::Client)?;
    let port = Port::blocking_connect(tls, &context, "localhost", port)?;
    port.blocking_handshake(tls)
}

#[test]
fn an_instance_in_the_middle_of_a_handshake_is_interrupted_and_the_others_go_on() {
    let guest = guest();
    let (server, port) = silent();
    let (interrupt, untouched) = (Interrupt::new(), Interrupt::new());
    let mut doomed = guest.instantiate(options().interrupt(&interrupt)).unwrap();
    let mut other = guest.instantiate(options().interrupt(&untouched)).unwrap();
    let raising = thread::spawn({
        let interrupt = interrupt.clone();
        move || {
            // The client has said hello, and waits for the answer.
            let (mut socket, _) = server.accept().unwrap();
            socket.read_exact(&mut [0; 100]).unwrap();
            interrupt.raise();
            socket
        }
    });
    let begun = Instant::now();
    let ended = shake(&mut doomed, port).unwrap_err();
    assert!(begun.elapsed() < LIMIT);
    assert!(
        matches!(ended, Failure::Interrupted(Interrupted::Raised)),
        "{ended:?}"
    );
    let told = ended.to_string();
    assert!(
        told.contains("interrupted") && !told.contains("bug"),
        "{told}"
    );
    assert!(ended.error().is_none() && !ended.is_want());
    drop(raising.join().unwrap());

    // It is over for good, and no other is.
    let again = Context::secure(&mut doomed, Role::Client).unwrap_err();
    assert!(again.error().is_none(), "{again:?}");
    assert!(interrupt.is_raised() && !untouched.is_raised());
    greet(&mut other, guest.instantiate(options()).unwrap());
    let late = guest.instantiate(options().interrupt(&interrupt));
    let late = late.unwrap_err();
    assert_eq!(late.downcast_ref(), Some(&Interrupted::Raised), "{late:?}");
}

#[test]
fn an_instance_ends_wherever_it_is_in_its_handshake_and_others_go_on() {
    let guest = guest();
    let (_server, port) = silent();
    let mut other = guest.instantiate(options()).unwrap();
    // A client draws random bytes for its first message, all in the middle of its computation.
    let drawn = Arc::new(AtomicUsize::new(0));
    let shake_until = |raise_at: Option<usize>| {
        drawn.store(0, Ordering::Relaxed);
        let interrupt = Interrupt::new();
        let options = options().interrupt(&interrupt).randomness({
            let drawn = Arc::clone(&drawn);
            move |bytes| {
                bytes.fill(7);
                if Some(drawn.fetch_add(1, Ordering::Relaxed)) == raise_at {
                    interrupt.raise();
                }
            }
        });
        let mut tls = guest.instantiate(options).unwrap();
        let made = drawn.load(Ordering::Relaxed);
        let shaken = match raise_at {
            Some(_) => shake(&mut tls, port),
            None => Context::unverified(&mut tls, Role::Client).and_then(|context| {
                let port = Port::blocking_connect(&mut tls, &context, "localhost", port)?;
                port.handshake(&mut tls)
            }),
        };
        (shaken.unwrap_err(), made..drawn.load(Ordering::Relaxed))
    };
    let (wants, draws) = shake_until(None);
    assert_eq!(wants.error(), Some(&Error::WantRead));
    assert!(draws.len() > 1, "{draws:?}");
    for draw in draws {
        let (ended, _) = shake_until(Some(draw));
        assert!(
            matches!(ended, Failure::Interrupted(Interrupted::Raised)),
            "{draw}: {ended:?}"
        );
    }
    greet(&mut other, guest.instantiate(options()).unwrap());
}

#[test]
fn an_idle_instance_ends_by_its_next_call_and_a_waiting_host_at_once() {
    let guest = guest();
    let interrupt = Interrupt::new();
    let options = || options().interrupt(&interrupt);
    let mut idle = guest.instantiate(options()).unwrap();
    let mut waiting = guest.instantiate(options()).unwrap();
    let mut sleeping = guest.instantiate(options()).unwrap();
    let (_signal, pollable) = waiting.signal().unwrap();
    interrupt.raise();
    let ended = [
        waiting.poll(&[&pollable], None).unwrap_err(),
        sleeping.poll(&[], Some(LIMIT)).unwrap_err(),
        Context::secure(&mut idle, Role::Client)
            .map(drop)
            .and_then(|()| {
                // The time of a store goes on every few milliseconds.
                let until = Instant::now() + LIMIT;
                while Instant::now() < until {
                    Context::secure(&mut idle, Role::Client)?;
                }
                Ok(())
            })
            .unwrap_err(),
    ];
    for ended in ended {
        let is_it = matches!(ended, Failure::Interrupted(Interrupted::Raised));
        assert!(is_it, "{ended:?}");
    }
}

#[test]
fn a_deadline_ends_a_wait_and_a_computation_and_says_how_long_it_was() {
    let guest = guest();
    let made = |limit: Option<Duration>| {
        let options = limit.map_or_else(options, |limit| options().deadline(limit));
        guest.instantiate(options).unwrap()
    };
    let (_server, port) = silent();
    let ended = shake(&mut made(Some(SHORT)), port).unwrap_err();
    assert!(
        matches!(ended, Failure::Interrupted(Interrupted::Late(SHORT))),
        "{ended:?}"
    );
    assert!(ended.to_string().contains("0.3 s"), "{ended}");

    // Many certificates, which are all read in one call.
    let key = rcgen::KeyPair::generate().unwrap();
    let root = rcgen::CertificateParams::new(Vec::new()).unwrap();
    let root = root.self_signed(&key).unwrap().pem();
    let roots = Source::Bytes(root.repeat(5_000).into_bytes());
    let load = |limit| {
        let mut tls = made(limit);
        let context = Context::secure(&mut tls, Role::Client).unwrap();
        let begun = Instant::now();
        let loaded = context.add_trust_roots(&mut tls, &roots);
        (loaded, begun.elapsed())
    };
    let (loaded, whole) = load(None);
    assert!(loaded.is_ok(), "{loaded:?}");
    let limit = whole / 4;
    let (ended, part) = load(Some(limit));
    let ended = ended.unwrap_err();
    assert!(
        matches!(ended, Failure::Interrupted(Interrupted::Late(late)) if late == limit),
        "{ended:?}"
    );
    assert!(part < whole, "{part:?} of {whole:?}");
    let (loaded, _) = load(Some(LIMIT));
    assert!(loaded.is_ok(), "{loaded:?}");
}

#[test]
fn code_that_does_not_look_is_not_given_an_end() {
    let ends = [
        options().interrupt(&Interrupt::new()),
        options().deadline(LIMIT),
    ];
    for options in ends {
        let refused = Guest::embedded().unwrap().instantiate(options).unwrap_err();
        assert!(refused.to_string().contains("`interruptible`"), "{refused}");
    }
    // A guest that can be ended need not be.
    let (_server, port) = silent();
    let mut tls = guest().instantiate(options()).unwrap();
    let context = Context::secure(&mut tls, Role::Client).unwrap();
    let port = Port::connect(&mut tls, &context, "127.0.0.1", port).unwrap();
    let wants = port.handshake(&mut tls).unwrap_err();
    assert!(
        matches!(wants.error(), Some(Error::WantConnect | Error::WantRead)),
        "{wants:?}"
    );
}

#[test]
fn a_program_ends_in_the_middle_of_its_handshake() {
    // Of WASI 0.2, and of 0.3.
    for name in ["https-client", "wasi_tls_client"] {
        if let Some(client) = example(name) {
            program_ends(name, &std::fs::read(client).unwrap());
        }
    }
}

fn program_ends(name: &str, program: &[u8]) {
    let (server, port) = silent();
    let arguments = [name, "localhost", &port.to_string(), "/"].map(str::to_owned);
    let interruptible = Program::interruptible(program).unwrap();
    let ended = interruptible.run(options().deadline(SHORT), &arguments, &[]);
    let ended = ended.unwrap_err();
    assert_eq!(
        ended.downcast_ref(),
        Some(&Interrupted::Late(SHORT)),
        "{ended:?}"
    );
    let plain = Program::from_bytes(program).unwrap();
    let refused = plain.run(options().deadline(SHORT), &arguments, &[]);
    assert!(refused.unwrap_err().to_string().contains("`interruptible`"));
    // With nobody there it fails by itself, long before.
    drop(server);
    let failed = interruptible.run(options().deadline(LIMIT), &arguments, &[]);
    assert!(!failed.unwrap());
}
