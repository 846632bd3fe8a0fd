//! What an embedder relies on: grants, polling, streams of its own, clocks, and that nothing leaks.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests fail by panicking"
)]

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use portcullis_host::context_types::{Source, Verify, VerifyName};
use portcullis_host::types::{CertificateReason, Error, NetworkCode, Role};
use portcullis_host::{
    Addresses, Context, Failure, Guest, Instance, Listener, Network, Options, Port,
};

/// No step takes this long.
const LIMIT: Duration = Duration::from_secs(20);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A certificate for localhost that is its own authority, and its key.
struct Identity {
    chain: Source,
    key: Source,
}

impl Identity {
    fn new() -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut parameters = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
        parameters.not_after = rcgen::date_time_ymd(2050, 1, 1);
        let chain = parameters.self_signed(&key).unwrap();
        Self {
            chain: Source::Bytes(chain.pem().into_bytes()),
            key: Source::Bytes(key.serialize_pem().into_bytes()),
        }
    }

    fn server(&self, tls: &mut Instance) -> Context {
        let context = Context::secure(tls, Role::Server).unwrap();
        context
            .load_identity(tls, &self.chain, &self.key, None)
            .unwrap();
        context
    }

    fn client(&self, tls: &mut Instance) -> Context {
        let context = Context::secure(tls, Role::Client).unwrap();
        context.add_trust_roots(tls, &self.chain).unwrap();
        context
            .set_verify_name(tls, &VerifyName::Name("localhost".to_owned()))
            .unwrap();
        context
    }
}

fn instance(network: Network) -> Instance {
    Guest::embedded()
        .unwrap()
        .instantiate(Options::new().network(network))
        .unwrap()
}

fn listen(tls: &mut Instance, context: &Context) -> (Listener, u16) {
    let listener = Listener::listen(tls, context, Ipv4Addr::LOCALHOST.into(), 0, None).unwrap();
    let port = listener.local_address(tls).unwrap().port;
    (listener, port)
}

/// Connected sockets of the host.
fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (near, listener.accept().unwrap().0)
}

fn network_code(failure: &Failure) -> Option<NetworkCode> {
    match failure.error() {
        Some(Error::Network(error)) => Some(error.code),
        _ => None,
    }
}

#[test]
fn only_granted_addresses_can_be_used() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let number = server.local_addr().unwrap().port();
    let connect = |network| {
        let mut tls = instance(network);
        let context = Context::unverified(&mut tls, Role::Client).unwrap();
        Port::blocking_connect(&mut tls, &context, "127.0.0.1", number).map(drop)
    };
    let port = |number| Network::none().connect(Addresses::any_on_port(number));
    assert!(connect(Network::loopback()).is_ok());
    assert!(connect(port(number)).is_ok());
    for network in [
        Network::none(),
        port(number ^ 1),
        Network::none().listen(Addresses::All),
    ] {
        let failure = connect(network).unwrap_err();
        assert_eq!(
            network_code(&failure),
            Some(NetworkCode::AccessDenied),
            "{failure:?}"
        );
    }

    let identity = Identity::new();
    let mut tls = instance(Network::none().connect(Addresses::All));
    let context = identity.server(&mut tls);
    let listening = Listener::listen(&mut tls, &context, Ipv4Addr::LOCALHOST.into(), 0, None);
    assert_eq!(
        network_code(&listening.unwrap_err()),
        Some(NetworkCode::AccessDenied)
    );
}

#[test]
fn poll_reports_the_ready_ones_and_keeps_to_its_limit() {
    let mut tls = instance(Network::none());
    let (first, on_first) = tls.signal().unwrap();
    let (second, on_second) = tls.signal().unwrap();
    let both = [&on_second, &on_first];
    let begin = Instant::now();
    assert!(
        tls.poll(&both, Some(Duration::from_millis(50)))
            .unwrap()
            .is_empty()
    );
    assert!(begin.elapsed() >= Duration::from_millis(50));

    let at_once = Some(Duration::ZERO);
    assert!(tls.poll(&both, at_once).unwrap().is_empty());
    first.raise();
    assert_eq!(tls.poll(&both, None).unwrap(), [1]);
    assert_eq!(tls.poll(&both, at_once).unwrap(), [1]);
    second.raise();
    assert_eq!(tls.poll(&both, None).unwrap(), [0, 1]);
    first.lower();
    assert_eq!(tls.poll(&both, None).unwrap(), [0]);
    second.lower();
    let raising = thread::spawn(move || first.raise());
    assert_eq!(tls.poll(&both, Some(LIMIT)).unwrap(), [1]);
    raising.join().unwrap();

    assert!(tls.poll(&[], None).unwrap().is_empty());
    on_first.drop(&mut tls).unwrap();
    on_second.drop(&mut tls).unwrap();
    assert_eq!(
        tls.resource_count(),
        instance(Network::none()).resource_count()
    );
}

#[test]
fn failed_handshakes_leave_nothing_behind() {
    let identity = Identity::new();
    let mut tls = instance(Network::loopback());
    let context = identity.server(&mut tls);
    let (listener, number) = listen(&mut tls, &context);
    let before = tls.resource_count();
    for attempt in 0..1000 {
        let mut peer = TcpStream::connect(("127.0.0.1", number)).unwrap();
        let first: &[u8] = if attempt % 2 == 0 {
            b"garbage, and no TLS record"
        } else {
            b""
        };
        peer.write_all(first).unwrap();
        drop(peer);
        let port = listener.blocking_accept(&mut tls).unwrap();
        assert!(port.blocking_handshake(&mut tls).is_err());
        if attempt % 3 == 0 {
            // Closing a port that has failed is harmless, whatever it says.
            let _ = port.close(&mut tls);
        }
        port.drop(&mut tls).unwrap();
    }
    assert_eq!(tls.resource_count(), before);
}

#[test]
fn bytes_that_were_already_read_reach_tls() {
    let identity = Identity::new();
    let (near, mut far) = pair();
    let server = thread::spawn({
        let mut tls = instance(Network::none());
        let context = identity.server(&mut tls);
        move || {
            let mut already_read = vec![0; 100];
            far.read_exact(&mut already_read).unwrap();
            let transport = tls.transport(far, already_read).unwrap();
            let port = Port::start(&mut tls, &context, None, transport).unwrap();
            let heard = port.blocking_read(&mut tls, 100).unwrap();
            port.close(&mut tls).unwrap();
            heard
        }
    });
    let mut tls = instance(Network::none());
    let context = identity.client(&mut tls);
    let transport = tls.transport(near, Vec::new()).unwrap();
    let port = Port::start(&mut tls, &context, Some("localhost"), transport).unwrap();
    port.blocking_write_all(&mut tls, b"through a socket of the host")
        .unwrap();
    assert!(port.blocking_read(&mut tls, 1).unwrap().is_none());
    let session = port.session(&mut tls).unwrap();
    assert_eq!(session.verify_result(&mut tls).unwrap(), Ok(()));
    assert_eq!(
        server.join().unwrap().as_deref(),
        Some(&b"through a socket of the host"[..])
    );
}

/// Fills everything between us and a peer that does not read, then drops the port.
fn drop_full(tls: &mut Instance, port: Port) -> Duration {
    let plaintext = vec![0; 64 * 1024];
    while port.write(tls, &plaintext).is_ok() {}
    let until = Instant::now() + Duration::from_millis(500);
    while Instant::now() < until {
        // The system's buffers grow while they are filled.
        thread::yield_now();
        let _ = port.write(tls, &plaintext);
    }
    assert!(port.write(tls, &plaintext).unwrap_err().is_want());
    let begin = Instant::now();
    port.drop(tls).unwrap();
    begin.elapsed()
}

#[test]
fn dropping_a_port_does_not_wait_for_a_peer_that_does_not_read() {
    let identity = Identity::new();
    let mut tls = instance(Network::loopback());
    let context = identity.server(&mut tls);
    let (listener, number) = listen(&mut tls, &context);
    let (done, finished) = mpsc::channel::<()>();
    let (address, addresses) = mpsc::channel();
    address.send(number).unwrap();
    let client = thread::spawn({
        let mut tls = instance(Network::loopback());
        let context = identity.client(&mut tls);
        move || {
            for number in addresses.iter().take(2) {
                let port = Port::blocking_connect(&mut tls, &context, "127.0.0.1", number).unwrap();
                port.blocking_handshake(&mut tls).unwrap();
                let _ = finished.recv();
            }
        }
    });
    let port = listener.blocking_accept(&mut tls).unwrap();
    port.blocking_handshake(&mut tls).unwrap();
    assert!(drop_full(&mut tls, port) < Duration::from_secs(1));
    done.send(()).unwrap();

    // The same over a socket of the host's.
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    address.send(server.local_addr().unwrap().port()).unwrap();
    let transport = tls
        .transport(server.accept().unwrap().0, Vec::new())
        .unwrap();
    let port = Port::start(&mut tls, &context, None, transport).unwrap();
    port.blocking_handshake(&mut tls).unwrap();
    assert!(drop_full(&mut tls, port) < Duration::from_secs(1));
    done.send(()).unwrap();
    client.join().unwrap();
}

#[test]
fn writing_to_a_peer_that_said_goodbye_and_left_fails() {
    let identity = Identity::new();
    let mut tls = instance(Network::loopback());
    let context = identity.server(&mut tls);
    let (listener, number) = listen(&mut tls, &context);
    let client = thread::spawn({
        let mut tls = instance(Network::loopback());
        let context = identity.client(&mut tls);
        move || {
            let port = Port::blocking_connect(&mut tls, &context, "127.0.0.1", number).unwrap();
            port.blocking_handshake(&mut tls).unwrap();
            port.close(&mut tls).unwrap();
        }
    });
    let (ended, end) = mpsc::channel();
    let server = thread::spawn(move || {
        let port = listener.blocking_accept(&mut tls).unwrap();
        assert!(port.blocking_read(&mut tls, 1).unwrap().is_none());
        client.join().unwrap();
        while port.blocking_write_all(&mut tls, b"anyone there?").is_ok() {}
        port.drop(&mut tls).unwrap();
        ended.send(()).unwrap();
    });
    end.recv_timeout(LIMIT).unwrap();
    server.join().unwrap();
}

#[test]
fn certificates_are_judged_by_the_clock_of_the_options() {
    let identity = Identity::new();
    let expiry = SystemTime::UNIX_EPOCH + Duration::from_secs(2_524_608_000);
    for (moment, refused) in [(expiry - DAY, false), (expiry + DAY, true)] {
        let (near, far) = pair();
        let server = thread::spawn({
            let mut tls = instance(Network::none());
            let context = identity.server(&mut tls);
            move || {
                let transport = tls.transport(far, Vec::new()).unwrap();
                let port = Port::start(&mut tls, &context, None, transport).unwrap();
                port.blocking_handshake(&mut tls).is_err()
            }
        });
        let mut tls = Guest::embedded()
            .unwrap()
            .instantiate(Options::new().at(moment))
            .unwrap();
        let context = identity.client(&mut tls);
        context.set_verify(&mut tls, Verify::Required).unwrap();
        let transport = tls.transport(near, Vec::new()).unwrap();
        let port = Port::start(&mut tls, &context, Some("localhost"), transport).unwrap();
        let handshake = port.blocking_handshake(&mut tls);
        port.drop(&mut tls).unwrap();
        match handshake {
            Ok(()) => assert!(!refused),
            Err(failure) => match failure.error() {
                Some(Error::Certificate(error)) => {
                    assert!(refused && error.reason == CertificateReason::Expired);
                }
                other => panic!("{other:?}"),
            },
        }
        assert_eq!(server.join().unwrap(), refused);
    }
}

#[test]
fn paths_lead_through_the_directories_of_the_options_only() {
    let identity = Identity::new();
    let directory = std::env::temp_dir().join(format!("portcullis-roots-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let Source::Bytes(pem) = &identity.chain else {
        unreachable!("made from bytes")
    };
    std::fs::write(directory.join("root.pem"), pem).unwrap();
    let source = Source::Path("/roots/root.pem".to_owned());
    let guest = Guest::embedded().unwrap();

    let mut tls = guest
        .instantiate(Options::new().directory(&directory, "/roots"))
        .unwrap();
    let context = Context::secure(&mut tls, Role::Client).unwrap();
    assert_eq!(context.add_trust_roots(&mut tls, &source).unwrap(), 1);

    let mut tls = guest.instantiate(Options::new()).unwrap();
    let context = Context::secure(&mut tls, Role::Client).unwrap();
    assert!(context.add_trust_roots(&mut tls, &source).is_err());
    std::fs::remove_dir_all(&directory).unwrap();
    assert!(
        guest
            .instantiate(Options::new().directory(&directory, "/roots"))
            .is_err()
    );
}

#[test]
fn metered_instances_count_what_they_execute_and_others_do_not() {
    let mut plain = instance(Network::none());
    plain.explain(&Error::Closed).unwrap();
    assert_eq!(plain.fuel_spent(), None);

    let guest = Guest::metered(portcullis_host::EMBEDDED).unwrap();
    let mut metered = guest.instantiate(Options::new()).unwrap();
    let mut spent = || {
        let before = metered.fuel_spent().unwrap();
        metered.explain(&Error::Closed).unwrap();
        metered.fuel_spent().unwrap() - before
    };
    let (_, second, third) = (spent(), spent(), spent());
    assert!(second > 0);
    assert_eq!(second, third);
}

#[test]
fn memory_grows_with_what_the_instance_holds() {
    let mut tls = instance(Network::none());
    let before = tls.memory();
    assert!(before > 0);
    let contexts: Vec<_> = (0..2_000)
        .map(|_| Context::secure(&mut tls, Role::Client).unwrap())
        .collect();
    assert!(tls.memory() > before);
    drop(contexts);
}

#[test]
fn an_instance_that_needs_more_memory_than_it_may_have_ends_and_says_so() {
    let limited = || {
        let options = Options::new().memory(8 << 20);
        Guest::embedded().unwrap().instantiate(options).unwrap()
    };
    let take = |tls: &mut Instance, bytes: usize| {
        let context = Context::secure(tls, Role::Client)?;
        context.add_trust_roots(tls, &Source::Bytes(vec![0; bytes]))
    };
    let (mut tls, mut other) = (limited(), limited());
    // A typed error, for no certificate is in it.
    let refused = take(&mut tls, 1 << 20).unwrap_err();
    assert!(refused.error().is_some(), "{refused:?}");
    let ended = take(&mut tls, 16 << 20).unwrap_err();
    assert!(matches!(ended, Failure::Trap(_)), "{ended:?}");
    let told = ended.to_string();
    assert!(
        told.contains("8388608 bytes") && !told.contains("bug"),
        "{told}"
    );
    assert!(tls.memory() <= 8 << 20);
    // The host and its other instances go on.
    assert!(Context::secure(&mut tls, Role::Client).is_err());
    Context::secure(&mut other, Role::Client).unwrap();
    let options = Options::new().memory(1 << 10);
    assert!(Guest::embedded().unwrap().instantiate(options).is_err());
}

/// The first message of a client whose instance takes its random bytes from a counter that begins here.
fn first_message(start: u8) -> Vec<u8> {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let number = server.local_addr().unwrap().port();
    let mut next = start;
    let options = Options::new()
        .network(Network::loopback())
        .randomness(move |bytes| {
            for byte in bytes {
                *byte = next;
                next = next.wrapping_add(1);
            }
        });
    let mut tls = Guest::embedded().unwrap().instantiate(options).unwrap();
    let context = Context::secure(&mut tls, Role::Client).unwrap();
    let port = Port::blocking_connect(&mut tls, &context, "127.0.0.1", number).unwrap();
    let wants = port.handshake(&mut tls).unwrap_err();
    assert_eq!(wants.error(), Some(&Error::WantRead));
    let mut client = server.accept().unwrap().0;
    let mut header = [0; 5];
    client.read_exact(&mut header).unwrap();
    let mut message = vec![0; usize::from(u16::from_be_bytes([header[3], header[4]]))];
    client.read_exact(&mut message).unwrap();
    message
}

#[test]
fn the_same_randomness_makes_the_same_handshake() {
    let message = first_message(1);
    assert_eq!(message, first_message(1));
    assert_ne!(message, first_message(2));
}
