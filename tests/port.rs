//! The built component: what the operations of a port and a listener return, in every state.
//!
//! Over 400 lines: a test for each line of the seed, which all share one way to open a port.
#![allow(
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop"
)]

mod support;

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use portcullis_host::types::{Error, NetworkCode, NetworkOperation, Role, Status, Timer};
use portcullis_host::{Context, Instance, Listener, Port};
use support::certs::{Authority, Leaf};
use support::component::{client_context, configuration, error, instance, server_context};
use support::meeting::open;
use support::peers::{
    LOCALHOST, PATIENCE, ServerStream, TLS12, TLS13, client_config, connect_tcp, connect_tls,
    echo_and_close, listen, serve_tcp, serve_tls, server_config,
};

const SHORT: Option<Duration> = Some(Duration::from_millis(100));

/// A peer that finishes the handshake and then only waits to be told that the test is over.
fn idle() -> (
    mpsc::Sender<()>,
    impl FnOnce(&mut ServerStream) + Send + 'static,
) {
    let (over, told) = mpsc::channel::<()>();
    let serve = move |stream: &mut ServerStream| {
        stream.conn.complete_io(&mut stream.sock).unwrap();
        let _ = told.recv();
    };
    (over, serve)
}

/// Write until nothing more goes, neither here nor in the system's buffers.
fn fill(tls: &mut Instance, port: &Port) {
    fill_waiting(tls, port, |tls, port| {
        let room = port.subscribe_write(tls).unwrap();
        tls.poll(&[&room], Some(SOME_TIME)).unwrap();
        room.drop(tls).unwrap();
    });
}

/// Long enough for the system to move what it can.
const SOME_TIME: Duration = Duration::from_millis(300);

fn fill_waiting(tls: &mut Instance, port: &Port, wait: impl Fn(&mut Instance, &Port)) {
    let plaintext = vec![0; 64 * 1024];
    loop {
        let mut has_written = false;
        while port.write(tls, &plaintext).is_ok() {
            has_written = true;
        }
        assert_eq!(error(port.write(tls, &plaintext)), Error::WantWrite);
        if !has_written {
            return;
        }
        wait(tls, port);
    }
}

#[test]
fn e1_every_error_has_a_status_and_a_line_for_people() {
    let mut tls = instance();
    for (error, status) in [
        (Error::WantRead, Status::WantRead),
        (Error::WantWrite, Status::WantWrite),
        (Error::WantConnect, Status::WantConnect),
        (Error::WantAccept, Status::WantAccept),
        (Error::WantX509Lookup, Status::WantX509Lookup),
        (Error::Closed, Status::ZeroReturn),
        (Error::Truncated, Status::Ssl),
        (Error::AlertReceived(40), Status::Ssl),
        (Error::Timeout(Timer::Handshake), Status::None),
        (Error::UnsupportedProtocol("tlsv1".into()), Status::None),
        (Error::InvalidArgument("reason".into()), Status::None),
        (Error::Sealed, Status::None),
        (Error::NotSupported("idle".into()), Status::None),
        (Error::Other(None), Status::None),
    ] {
        assert_eq!(tls.status_of(&error).unwrap(), status, "{error:?}");
        let line = tls.explain(&error).unwrap();
        assert!(line.len() > 20 && !line.contains('\n'), "{line}");
    }
}

#[test]
fn e2_a_peer_that_ends_the_handshake_by_close_notify_has_closed() {
    let (address, peer) = serve_tcp(|mut socket| {
        assert!(socket.read(&mut [0; 4096]).unwrap() > 0);
        // An alert record: fatal, close_notify (RFC 8446 section 6.1).
        socket.write_all(&[21, 3, 3, 0, 2, 2, 0]).unwrap();
        let _ = socket.read(&mut [0; 1]);
    });
    let mut tls = instance();
    let context = Context::unverified(&mut tls, Role::Client).unwrap();
    let port = Port::blocking_connect(&mut tls, &context, "127.0.0.1", address.port()).unwrap();
    let failure = error(port.blocking_write_all(&mut tls, b"x"));
    assert_eq!(failure, Error::Closed);
    assert_eq!(tls.status_of(&failure).unwrap(), Status::ZeroReturn);
    port.drop(&mut tls).unwrap();
    peer.join().unwrap();
    let (port, peer) = open(&mut tls, |stream| stream.read(&mut [0; 1]).unwrap());
    port.close_output(&mut tls).unwrap();
    assert_eq!(error(port.write(&mut tls, b"x")), Error::Closed);
    port.close(&mut tls).unwrap();
    assert_eq!(peer.join().unwrap(), 0);
}

#[test]
fn e3_a_read_without_data_wants_to_read() {
    let mut tls = instance();
    let (over, serve) = idle();
    let (port, peer) = open(&mut tls, serve);
    // Tickets wake the pollable once; then there is nothing to wake it.
    loop {
        assert_eq!(error(port.read(&mut tls, 1)), Error::WantRead);
        let pollable = port.subscribe(&mut tls).unwrap();
        let ready = tls.poll(&[&pollable], SHORT).unwrap();
        pollable.drop(&mut tls).unwrap();
        if ready.is_empty() {
            break;
        }
    }
    drop(over);
    peer.join().unwrap();
}

#[test]
fn e4_a_write_that_the_peer_does_not_take_wants_to_write() {
    let mut tls = instance();
    let (over, told) = mpsc::channel::<()>();
    let (port, peer) = open(&mut tls, move |stream| {
        stream.conn.complete_io(&mut stream.sock).unwrap();
        let _ = told.recv();
        let mut total = 0;
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(length @ 1..) = stream.read(&mut buffer) {
            total += length;
        }
        total
    });
    assert!(port.check_write(&mut tls).unwrap() > 0);
    fill(&mut tls, &port);
    assert_eq!(error(port.check_write(&mut tls)), Error::WantWrite);
    assert_eq!(error(port.flush(&mut tls)), Error::WantWrite);
    assert_eq!(error(port.close_output(&mut tls)), Error::WantWrite);
    over.send(()).unwrap();
    port.close(&mut tls).unwrap();
    assert!(peer.join().unwrap() > 64 * 1024);
}

/// A listener whose queue is full, so that nobody can connect any more, and the sockets that fill
/// it.
fn full_listener(tls: &mut Instance) -> (Listener, SocketAddr, Vec<TcpStream>) {
    let identity = Authority::root("Root").issue(&Leaf::server());
    let context = server_context(tls, &identity.chain_pem(), &identity.key_pem());
    let listener = Listener::listen(tls, &context, LOCALHOST, 0, Some(1)).unwrap();
    let number = listener.local_address(tls).unwrap().port;
    let address = SocketAddr::new(LOCALHOST, number);
    let mut queue = Vec::new();
    while let Ok(socket) = TcpStream::connect_timeout(&address, Duration::from_millis(300)) {
        queue.push(socket);
    }
    (listener, address, queue)
}

#[test]
fn e5_a_connection_in_the_making_wants_to_connect_and_keeps_to_its_timer() {
    let mut tls = instance();
    let (_listener, address, _queue) = full_listener(&mut tls);
    let context = Context::secure(&mut tls, Role::Client).unwrap();
    let port = Port::connect(&mut tls, &context, "127.0.0.1", address.port()).unwrap();
    let left = port.time_left(&mut tls).unwrap().unwrap();
    assert!(left <= Duration::from_secs(30) && left > Duration::from_secs(15));
    port.set_timeout(&mut tls, Timer::Connect, None).unwrap();
    assert_eq!(port.time_left(&mut tls).unwrap(), None);
    port.close(&mut tls).unwrap();
    let context = Context::secure(&mut tls, Role::Client).unwrap();
    context
        .set_timeout(&mut tls, Timer::Connect, Some(Duration::from_millis(300)))
        .unwrap();
    let port = Port::connect(&mut tls, &context, "127.0.0.1", address.port()).unwrap();
    assert_eq!(error(port.handshake(&mut tls)), Error::WantConnect);
    assert_eq!(error(port.read(&mut tls, 1)), Error::WantConnect);
    assert_eq!(error(port.write(&mut tls, b"x")), Error::WantConnect);
    assert!(port.time_left(&mut tls).unwrap().is_some());
    let timeout = Error::Timeout(Timer::Connect);
    assert_eq!(error(port.blocking_handshake(&mut tls)), timeout);
    assert_eq!(error(port.read(&mut tls, 1)), timeout);
    port.close(&mut tls).unwrap();
    let blocking = Port::blocking_connect(&mut tls, &context, "127.0.0.1", address.port());
    assert_eq!(error(blocking), timeout);
}

#[test]
fn e6_l9_an_idle_listener_wants_to_accept_and_tells_when_a_connection_waits() {
    let identity = Authority::root("Root").issue(&Leaf::server());
    let mut tls = instance();
    let context = server_context(&mut tls, &identity.chain_pem(), &identity.key_pem());
    let (listener, number) = listen(&mut tls, &context);
    assert_eq!(error(listener.accept(&mut tls)), Error::WantAccept);
    assert!(!listener.accept_ready(&mut tls).unwrap());
    let client = connect_tcp(number);
    let pollable = listener.subscribe(&mut tls).unwrap();
    assert_eq!(tls.poll(&[&pollable], None).unwrap(), [0]);
    pollable.drop(&mut tls).unwrap();
    assert!(listener.accept_ready(&mut tls).unwrap());
    let port = listener.accept(&mut tls).unwrap();
    assert!(!listener.accept_ready(&mut tls).unwrap());
    assert_eq!(error(port.handshake(&mut tls)), Error::WantRead);
    drop(client);
}

#[test]
fn e7_nothing_is_ever_looked_up_by_a_callback() {
    // The case and its status exist for the seed's sake; no source line makes the error.
    let sources = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut makers = Vec::new();
    for name in [
        "tls/session.rs",
        "tls/config.rs",
        "pump.rs",
        "p2/port.rs",
        "p2/listener.rs",
        "p2/net/connector.rs",
    ] {
        let text = std::fs::read_to_string(sources.join(name)).unwrap();
        assert!(text.contains("Error::"), "{name}");
        makers.extend(text.contains("WantX509Lookup").then_some(name));
    }
    assert!(makers.is_empty(), "{makers:?}");
}

#[test]
fn e9_a_sent_alert_and_a_received_one_are_told_with_their_numbers() {
    let (root, stranger) = (Authority::root("Root"), Authority::root("Stranger"));
    let identity = root.issue(&Leaf::server().names(&["localhost"]));
    let mut server = instance();
    let mut client = instance();
    for versions in ["tlsv12", "tlsv13"] {
        let context = server_context(&mut server, &identity.chain_pem(), &identity.key_pem());
        context.set_protocol(&mut server, versions).unwrap();
        let (listener, number) = listen(&mut server, &context);
        let context = client_context(&mut client, &stranger.pem());
        let port = Port::blocking_connect(&mut client, &context, "localhost", number).unwrap();
        let accepted = listener.blocking_accept(&mut server).unwrap();
        let refused = thread::scope(|scope| {
            let client = scope.spawn(|| {
                let failure = error(port.blocking_handshake(&mut client));
                port.drop(&mut client).unwrap();
                failure
            });
            let told = error(accepted.blocking_read(&mut server, 1));
            assert_eq!(told, Error::AlertReceived(48));
            client.join().unwrap()
        });
        match refused {
            Error::Certificate(error) => assert_eq!(error.alert_sent, Some(48)),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn e10_e11_configuration_and_time_have_no_status_and_name_what_it_was() {
    let mut tls = instance();
    let context = Context::secure(&mut tls, Role::Server).unwrap();
    let garbage = portcullis_host::context_types::Source::Bytes(b"garbage".to_vec());
    let failure = error(context.load_certificate_chain(&mut tls, &garbage));
    assert_eq!(tls.status_of(&failure).unwrap(), Status::None);
    let line = tls.explain(&failure).unwrap();
    assert!(line.contains("certificate chain"), "{line}");
    for (timer, words) in [
        (Timer::Connect, "connecting"),
        (Timer::Handshake, "handshake"),
        (Timer::Read, "reading"),
        (Timer::Shutdown, "end of the connection"),
        (Timer::Write, "writing"),
    ] {
        let failure = Error::Timeout(timer);
        assert_eq!(tls.status_of(&failure).unwrap(), Status::None);
        assert!(tls.explain(&failure).unwrap().contains(words));
    }
}

#[test]
fn e13_data_without_an_end_is_read_and_then_truncated_for_ever() {
    let mut tls = instance();
    let (port, peer) = open(&mut tls, |stream| {
        stream.write_all(b"partial").unwrap();
        stream.sock.shutdown(std::net::Shutdown::Write).unwrap();
        let _ = stream.sock.read(&mut [0; 1]);
    });
    assert_eq!(port.blocking_read(&mut tls, 4).unwrap().unwrap(), b"part");
    assert_eq!(port.blocking_read(&mut tls, 9).unwrap().unwrap(), b"ial");
    for _ in 0..2 {
        assert_eq!(error(port.blocking_read(&mut tls, 9)), Error::Truncated);
    }
    assert_eq!(tls.status_of(&Error::Truncated).unwrap(), Status::Ssl);
    port.drop(&mut tls).unwrap();
    peer.join().unwrap();
}

#[test]
fn p1_the_handshake_timer_starts_with_the_first_operation() {
    let mut tls = instance();
    let (address, peer) =
        serve_tcp(|mut socket| while socket.read(&mut [0; 4096]).is_ok_and(|length| length > 0) {});
    let context = Context::unverified(&mut tls, Role::Client).unwrap();
    let port = Port::blocking_connect(&mut tls, &context, "127.0.0.1", address.port()).unwrap();
    assert_eq!(port.time_left(&mut tls).unwrap(), None);
    assert_eq!(error(port.read(&mut tls, 1)), Error::WantRead);
    let left = port.time_left(&mut tls).unwrap().unwrap();
    assert!(left <= Duration::from_secs(120) && left > Duration::from_secs(60));
    port.set_timeout(&mut tls, Timer::Handshake, None).unwrap();
    assert_eq!(port.time_left(&mut tls).unwrap(), None);
    port.set_timeout(&mut tls, Timer::Handshake, Some(Duration::ZERO))
        .unwrap();
    let timeout = Error::Timeout(Timer::Handshake);
    assert_eq!(error(port.read(&mut tls, 1)), timeout);
    port.drop(&mut tls).unwrap();
    peer.join().unwrap();
}

#[test]
fn p2_closing_does_not_outlast_the_shutdown_timer_and_frees_the_socket() {
    let mut tls = instance();
    let before = tls.resource_count();
    let (over, serve) = idle();
    let (port, peer) = open(&mut tls, serve);
    // Wait without a pollable, which would keep the socket until the port is dropped.
    fill_waiting(&mut tls, &port, |tls, _| {
        tls.poll(&[], Some(SOME_TIME)).unwrap();
    });
    port.set_timeout(&mut tls, Timer::Shutdown, SHORT).unwrap();
    assert_eq!(error(port.close(&mut tls)), Error::Timeout(Timer::Shutdown));
    port.close(&mut tls).unwrap();
    drop(over);
    peer.join().unwrap();
    // Bytes that the host still has to send keep the socket until they or the peer are gone; then
    // the next connection frees it.
    let nobody = TcpListener::bind((LOCALHOST, 0)).unwrap();
    let number = nobody.local_addr().unwrap().port();
    drop(nobody);
    let end = Instant::now() + PATIENCE;
    while tls.resource_count() > before {
        assert!(Instant::now() < end, "the socket was not freed");
        let context = Context::unverified(&mut tls, Role::Client).unwrap();
        let refused = Port::blocking_connect(&mut tls, &context, "127.0.0.1", number);
        assert!(matches!(error(refused), Error::Network(_)));
        context.drop(&mut tls).unwrap();
    }
}

#[test]
fn p4_a_port_has_read_and_write_timers_of_its_own() {
    let mut tls = instance();
    let (over, serve) = idle();
    let (port, peer) = open(&mut tls, serve);
    port.set_timeout(&mut tls, Timer::Read, SHORT).unwrap();
    let read = Error::Timeout(Timer::Read);
    for _ in 0..2 {
        assert_eq!(error(port.blocking_read(&mut tls, 1)), read);
    }
    port.set_timeout(&mut tls, Timer::Write, SHORT).unwrap();
    let plaintext = vec![0; 16 << 20];
    let write = Error::Timeout(Timer::Write);
    assert_eq!(error(port.blocking_write_all(&mut tls, &plaintext)), write);
    assert_eq!(error(port.write(&mut tls, b"x")), write);
    drop(over);
    peer.join().unwrap();
    // A port that is closed has no timers to set.
    let _ = port.close(&mut tls);
    assert_eq!(
        error(port.set_timeout(&mut tls, Timer::Read, None)),
        Error::Closed
    );
}

#[test]
fn l1_l7_a_listener_picks_a_free_port_on_the_address_that_it_is_given() {
    let identity = Authority::root("Root").issue(&Leaf::server());
    let mut tls = instance();
    let context = server_context(&mut tls, &identity.chain_pem(), &identity.key_pem());
    let mut ports = Vec::new();
    for backlog in [None, Some(0), Some(4)] {
        let listener = Listener::listen(&mut tls, &context, LOCALHOST, 0, backlog).unwrap();
        let address = listener.local_address(&mut tls).unwrap();
        assert_eq!(address.ip, "127.0.0.1");
        assert_ne!(address.port, 0);
        ports.push(address.port);
        connect_tcp(address.port);
        let port = listener.blocking_accept(&mut tls).unwrap();
        port.drop(&mut tls).unwrap();
    }
    assert!(ports[0] != ports[1] || ports[1] != ports[2]);
    let elsewhere = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    match error(Listener::listen(&mut tls, &context, elsewhere, 0, None)) {
        Error::Network(error) => {
            assert_eq!(error.operation, NetworkOperation::Bind);
            assert_eq!(error.code, NetworkCode::AccessDenied);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn l2_a_server_without_a_certificate_is_told_so_before_it_listens() {
    let mut tls = instance();
    let context = Context::secure(&mut tls, Role::Server).unwrap();
    let refused = configuration(Listener::listen(&mut tls, &context, LOCALHOST, 0, None));
    assert_eq!(
        (refused.item, refused.reason),
        (
            portcullis_host::types::ConfigurationItem::CertificateChain,
            portcullis_host::types::ConfigurationReason::Missing
        )
    );
}

#[test]
fn l8_a_listener_is_waited_for_by_its_pollable_and_has_no_descriptor() {
    let wit = include_str!("../wit/listener.wit");
    assert!(!wit.contains("fileno"));
    let identity = Authority::root("Root").issue(&Leaf::server());
    let mut tls = instance();
    let context = server_context(&mut tls, &identity.chain_pem(), &identity.key_pem());
    let (listener, number) = listen(&mut tls, &context);
    let pollable = listener.subscribe(&mut tls).unwrap();
    assert!(
        tls.poll(&[&pollable], Some(Duration::ZERO))
            .unwrap()
            .is_empty()
    );
    let _client = connect_tcp(number);
    assert_eq!(tls.poll(&[&pollable], None).unwrap(), [0]);
    pollable.drop(&mut tls).unwrap();
}

/// Connected sockets of the host.
fn sockets() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (near, listener.accept().unwrap().0)
}

#[test]
fn t1_tls_starts_on_a_connection_in_either_role() {
    let root = Authority::root("Root");
    let identity = root.issue(&Leaf::server().names(&["localhost"]));
    let (mut near, mut far) = sockets();
    let server = thread::spawn({
        let (chain, key) = (identity.chain_pem(), identity.key_pem());
        move || {
            let mut line = [0; 10];
            far.read_exact(&mut line).unwrap();
            assert_eq!(&line, b"STARTTLS\r\n");
            far.write_all(b"220 go\r\n").unwrap();
            let mut tls = instance();
            let context = server_context(&mut tls, &chain, &key);
            let transport = tls.transport(far, Vec::new()).unwrap();
            let port = Port::start(&mut tls, &context, None, transport).unwrap();
            let heard = port.blocking_read(&mut tls, 100).unwrap().unwrap();
            port.blocking_write_all(&mut tls, &heard).unwrap();
            assert_eq!(port.blocking_read(&mut tls, 1).unwrap(), None);
            port.close(&mut tls).unwrap();
        }
    });
    near.write_all(b"STARTTLS\r\n").unwrap();
    let mut answer = [0; 8];
    near.read_exact(&mut answer).unwrap();
    let mut tls = instance();
    let context = client_context(&mut tls, &root.pem());
    let transport = tls.transport(near, Vec::new()).unwrap();
    let port = Port::start(&mut tls, &context, Some("localhost"), transport).unwrap();
    port.blocking_write_all(&mut tls, b"hello").unwrap();
    let session = port.session(&mut tls).unwrap();
    assert_eq!(session.verify_result(&mut tls).unwrap(), Ok(()));
    assert_eq!(port.blocking_read(&mut tls, 9).unwrap().unwrap(), b"hello");
    port.close(&mut tls).unwrap();
    server.join().unwrap();

    // A client that verifies has to say whom it means; a server has nobody to name.
    let (near, _far) = sockets();
    let transport = tls.transport(near, Vec::new()).unwrap();
    let refused = error(Port::start(&mut tls, &context, None, transport));
    assert!(matches!(refused, Error::InvalidArgument(_)), "{refused:?}");
}

#[test]
fn t2_a_command_injected_before_tls_is_an_error_to_the_server_and_never_data() {
    // CVE-2011-0411: what follows STARTTLS in the same packet must not be taken for the client's.
    let root = Authority::root("Root");
    let identity = root.issue(&Leaf::server().names(&["localhost"]));
    for injected in [&b""[..], b"RSET\r\nMAIL FROM:<mallory@example>\r\n"] {
        let (near, mut far) = sockets();
        let config = client_config(&root.pem(), None, TLS13);
        let mut packet = b"STARTTLS\r\n".to_vec();
        packet.extend_from_slice(injected);
        let length = packet.len();
        let client = thread::spawn(move || {
            let name = rustls::pki_types::ServerName::try_from("localhost").unwrap();
            let connection = rustls::ClientConnection::new(config, name).unwrap();
            let mut near = near;
            near.write_all(&packet).unwrap();
            let mut stream = rustls::StreamOwned::new(connection, near);
            stream.write_all(b"NOOP\r\n").is_ok() && stream.read(&mut [0; 1]).is_ok()
        });
        let mut plain = vec![0; length];
        far.read_exact(&mut plain).unwrap();
        let already_read = plain.split_off(b"STARTTLS\r\n".len());
        let mut tls = instance();
        let context = server_context(&mut tls, &identity.chain_pem(), &identity.key_pem());
        let transport = tls.transport(far, already_read).unwrap();
        let port = Port::start(&mut tls, &context, None, transport).unwrap();
        let read = port.blocking_read(&mut tls, 100);
        if injected.is_empty() {
            assert_eq!(read.unwrap().unwrap(), b"NOOP\r\n");
            port.close(&mut tls).unwrap();
        } else {
            let failure = error(read);
            assert!(matches!(failure, Error::Protocol(_)), "{failure:?}");
            assert_eq!(error(port.blocking_read(&mut tls, 100)), failure);
            port.drop(&mut tls).unwrap();
        }
        assert_eq!(client.join().unwrap(), injected.is_empty());
    }
}

#[test]
fn o2_a_port_tells_the_addresses_of_its_socket() {
    let mut tls = instance();
    let (port, peer) = open(&mut tls, |stream| {
        // Before the handshake: after it, the client may be gone.
        let addresses = (
            stream.sock.local_addr().unwrap(),
            stream.sock.peer_addr().unwrap(),
        );
        stream.conn.complete_io(&mut stream.sock).unwrap();
        let _ = stream.read(&mut [0; 1]);
        addresses
    });
    let ours = port.local_address(&mut tls).unwrap().unwrap();
    let theirs = port.remote_address(&mut tls).unwrap().unwrap();
    port.close(&mut tls).unwrap();
    assert!(port.local_address(&mut tls).unwrap().is_none());
    let (local, remote) = peer.join().unwrap();
    assert_eq!(
        (theirs.ip, theirs.port),
        (local.ip().to_string(), local.port())
    );
    assert_eq!(
        (ours.ip, ours.port),
        (remote.ip().to_string(), remote.port())
    );
}

#[test]
fn o3_a_read_gives_what_is_there_and_the_end_stays() {
    let mut tls = instance();
    let (port, peer) = open(&mut tls, |stream| {
        stream.write_all(b"hello").unwrap();
        stream.conn.send_close_notify();
        stream.flush().unwrap();
        let _ = stream.sock.read(&mut [0; 1]);
    });
    assert_eq!(port.blocking_read(&mut tls, 2).unwrap().unwrap(), b"he");
    assert_eq!(port.blocking_read(&mut tls, 100).unwrap().unwrap(), b"llo");
    for _ in 0..3 {
        assert_eq!(port.blocking_read(&mut tls, 1).unwrap(), None);
        assert_eq!(port.read(&mut tls, 1).unwrap(), None);
    }
    port.close(&mut tls).unwrap();
    peer.join().unwrap();
}

#[test]
fn o4_a_write_is_all_or_an_error_and_of_nothing_is_nothing() {
    let mut tls = instance();
    let (port, peer) = open(&mut tls, |stream| {
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        all
    });
    let sent: Vec<u8> = (0..=250).cycle().take(1_000_000).collect();
    port.blocking_write_all(&mut tls, b"").unwrap();
    port.blocking_write_all(&mut tls, &sent).unwrap();
    port.close(&mut tls).unwrap();
    assert!(peer.join().unwrap() == sent);
    assert_eq!(
        error(port.blocking_write_all(&mut tls, b"x")),
        Error::Closed
    );
}

#[test]
fn o5_the_output_closes_alone_and_the_peer_sees_the_end() {
    let mut tls = instance();
    let (port, peer) = open(&mut tls, |stream| {
        let mut heard = Vec::new();
        stream.read_to_end(&mut heard).unwrap();
        stream.write_all(b"still there").unwrap();
        stream.conn.send_close_notify();
        stream.flush().unwrap();
        // Nothing comes after the one close_notify.
        let rest = stream.sock.read(&mut [0; 100]);
        (heard, rest.unwrap_or(0))
    });
    port.blocking_write_all(&mut tls, b"hello").unwrap();
    port.close_output(&mut tls).unwrap();
    port.close_output(&mut tls).unwrap();
    assert_eq!(error(port.write(&mut tls, b"x")), Error::Closed);
    assert_eq!(
        port.blocking_read(&mut tls, 100).unwrap().unwrap(),
        b"still there"
    );
    assert_eq!(port.blocking_read(&mut tls, 100).unwrap(), None);
    port.close(&mut tls).unwrap();
    port.close(&mut tls).unwrap();
    assert_eq!(peer.join().unwrap(), (b"hello".to_vec(), 0));
}

#[test]
fn o6_closing_a_port_that_was_never_used_sends_nothing() {
    let (address, peer) = serve_tcp(|mut socket| {
        let mut all = Vec::new();
        socket.read_to_end(&mut all).map(|_| all)
    });
    let mut tls = instance();
    let context = Context::secure(&mut tls, Role::Client).unwrap();
    let port = Port::blocking_connect(&mut tls, &context, "127.0.0.1", address.port()).unwrap();
    port.close(&mut tls).unwrap();
    assert_eq!(peer.join().unwrap().unwrap(), b"");
    assert_eq!(error(port.handshake(&mut tls)), Error::Closed);
    for pollable in [port.subscribe(&mut tls), port.subscribe_write(&mut tls)] {
        let pollable = pollable.unwrap();
        assert_eq!(tls.poll(&[&pollable], None).unwrap(), [0]);
        pollable.drop(&mut tls).unwrap();
    }
}

#[test]
fn o7_a_port_closes_and_drops_in_every_state_and_leaves_nothing_behind() {
    type Reach = fn(&mut Instance, &Port);
    let states: [(&str, Reach); 6] = [
        ("open", |_, _| {}),
        ("reading", |tls, port| {
            assert_eq!(error(port.read(tls, 1)), Error::WantRead);
        }),
        ("write-closed", |tls, port| port.close_output(tls).unwrap()),
        ("read-closed", |tls, port| {
            port.blocking_write_all(tls, b"q").unwrap();
            assert_eq!(port.blocking_read(tls, 1).unwrap(), None);
        }),
        ("closed both ways", |tls, port| {
            port.blocking_write_all(tls, b"q").unwrap();
            assert_eq!(port.blocking_read(tls, 1).unwrap(), None);
            port.close_output(tls).unwrap();
        }),
        ("failed", |tls, port| {
            port.blocking_write_all(tls, b"!").unwrap();
            assert_eq!(error(port.blocking_read(tls, 1)), Error::Truncated);
        }),
    ];
    for (name, reach) in states {
        for closes in [true, false] {
            let mut tls = instance();
            let before = tls.resource_count();
            let (port, peer) = open(&mut tls, |stream| {
                let mut word = [0; 1];
                if matches!(stream.read(&mut word), Ok(1)) && word == *b"q" {
                    stream.conn.send_close_notify();
                    stream.flush().unwrap();
                    let _ = stream.read(&mut word);
                }
            });
            reach(&mut tls, &port);
            if closes {
                let closed = port.close(&mut tls);
                assert_eq!(closed.is_err(), name == "failed", "{name}: {closed:?}");
                assert_eq!(tls.resource_count(), before, "{name}");
                port.close(&mut tls).unwrap();
            }
            port.drop(&mut tls).unwrap();
            assert_eq!(tls.resource_count(), before, "{name}");
            peer.join().unwrap();
        }
    }
    let mut tls = instance();
    let (_listener, address, _queue) = full_listener(&mut tls);
    let context = Context::secure(&mut tls, Role::Client).unwrap();
    let before = tls.resource_count();
    for closes in [true, false] {
        let port = Port::connect(&mut tls, &context, "127.0.0.1", address.port()).unwrap();
        assert_eq!(error(port.handshake(&mut tls)), Error::WantConnect);
        if closes {
            port.close(&mut tls).unwrap();
        }
        port.drop(&mut tls).unwrap();
        assert_eq!(tls.resource_count(), before, "connecting");
    }
}

#[test]
fn o8_both_directions_flow_at_once_over_one_handshake() {
    for versions in [TLS12, TLS13] {
        let root = Authority::root("Root");
        let identity = root.issue(&Leaf::server().names(&["localhost"]));
        let config = server_config(&identity.chain_pem(), &identity.key_pem(), None, versions);
        let (address, peer) = serve_tls(config, echo_and_close);
        let mut tls = instance();
        let context = client_context(&mut tls, &root.pem());
        let port = Port::blocking_connect(&mut tls, &context, "localhost", address.port()).unwrap();
        let sent: Vec<u8> = (0..=250).cycle().take(2_000_000).collect();
        let (mut written, mut got) = (0, Vec::new());
        let mut is_closed = false;
        loop {
            let mut moved = false;
            if written < sent.len() {
                match port.write(&mut tls, &sent[written..]) {
                    Ok(length) => {
                        written += length;
                        moved = true;
                    }
                    Err(failure) => assert!(failure.is_want(), "{failure:?}"),
                }
            } else if !is_closed {
                match port.close_output(&mut tls) {
                    Ok(()) => is_closed = true,
                    Err(failure) => assert!(failure.is_want(), "{failure:?}"),
                }
            }
            match port.read(&mut tls, 1 << 20) {
                Ok(Some(plaintext)) => {
                    got.extend(plaintext);
                    moved = true;
                }
                Ok(None) => break,
                Err(failure) => assert!(failure.is_want(), "{failure:?}"),
            }
            if !moved {
                let input = port.subscribe(&mut tls).unwrap();
                let output = port.subscribe_write(&mut tls).unwrap();
                let both = [&input, &output];
                tls.poll(if is_closed { &both[..1] } else { &both }, None)
                    .unwrap();
                input.drop(&mut tls).unwrap();
                output.drop(&mut tls).unwrap();
            }
        }
        assert!(got == sent);
        port.close(&mut tls).unwrap();
        peer.join().unwrap().unwrap();
    }
}

#[test]
fn o8_a_slow_reader_of_one_port_does_not_hold_up_another() {
    let root = Authority::root("Root");
    let identity = root.issue(&Leaf::server());
    let mut tls = instance();
    let context = server_context(&mut tls, &identity.chain_pem(), &identity.key_pem());
    let (listener, number) = listen(&mut tls, &context);
    let config = client_config(&root.pem(), None, TLS13);
    let (over, told) = mpsc::channel::<()>();
    let idle = thread::spawn({
        let config = std::sync::Arc::clone(&config);
        move || {
            let mut stream = connect_tls(config, support::certs::NAME, number);
            stream.conn.complete_io(&mut stream.sock).unwrap();
            let _ = told.recv();
        }
    });
    let stuck = listener.blocking_accept(&mut tls).unwrap();
    stuck.blocking_handshake(&mut tls).unwrap();
    fill(&mut tls, &stuck);
    let client = thread::spawn(move || {
        let mut stream = connect_tls(config, support::certs::NAME, number);
        stream.write_all(b"hello").unwrap();
        let mut answer = [0; 5];
        stream.read_exact(&mut answer).unwrap();
        answer
    });
    let port = listener.blocking_accept(&mut tls).unwrap();
    let heard = port.blocking_read(&mut tls, 5).unwrap().unwrap();
    port.blocking_write_all(&mut tls, &heard).unwrap();
    assert_eq!(&client.join().unwrap(), b"hello");
    drop(over);
    idle.join().unwrap();
}
