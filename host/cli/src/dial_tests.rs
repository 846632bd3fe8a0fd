use super::*;
use std::net::TcpListener;

const LONG: Duration = Duration::from_secs(60);

fn silent() -> (TcpListener, Target) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (
        listener,
        Target {
            host: "127.0.0.1".to_owned(),
            zone: None,
            port,
        },
    )
}

fn smtp(target: &Target, limit: Duration) -> Result<TcpStream> {
    upgrade(dial(target, LONG)?, Protocol::Smtp, &target.host, limit)
}

fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

#[test]
fn silent_server_is_given_up_in_time() {
    let (_listener, target) = silent();
    let exit = smtp(&target, Duration::from_millis(200)).unwrap_err();
    assert_eq!(exit.status, Status::Timeout);
}

#[test]
fn refused_connection_is_the_networks_fault() {
    let (listener, target) = silent();
    drop(listener);
    let exit = dial(&target, LONG).unwrap_err();
    assert_eq!(exit.status, Status::Network);
}

#[test]
fn early_end_is_the_networks_fault() {
    let (listener, target) = silent();
    let server = thread::spawn(move || drop(listener.accept()));
    let exit = smtp(&target, LONG).unwrap_err();
    assert_eq!(exit.status, Status::Network);
    server.join().unwrap();
}

#[test]
fn families_take_turns_beginning_with_the_resolvers_first() {
    let six = ["[::1]:1", "[::2]:1", "[::3]:1"];
    let four = ["1.0.0.1:1", "1.0.0.2:1"];
    for (given, expected) in [
        (
            [&six[..], &four].concat(),
            ["[::1]:1", "1.0.0.1:1", "[::2]:1", "1.0.0.2:1", "[::3]:1"],
        ),
        (
            [&four[..], &six].concat(),
            ["1.0.0.1:1", "[::1]:1", "1.0.0.2:1", "[::2]:1", "[::3]:1"],
        ),
    ] {
        assert_eq!(interleave(addresses(&given)), addresses(&expected));
    }
    assert_eq!(interleave(addresses(&four)), addresses(&four));
    assert!(interleave(Vec::new()).is_empty());
}

#[test]
fn address_that_never_answers_holds_up_no_other() {
    let holes = ["[::1]:1", "[::2]:1", "[::3]:1"];
    let good = "1.0.0.1:1".parse().unwrap();
    for order in [
        vec![holes[0], "1.0.0.1:1"],
        vec!["1.0.0.1:1", holes[0]],
        [&holes[..], &["1.0.0.1:1"]].concat(),
    ] {
        let begin = Instant::now();
        let winner = race(addresses(&order).into(), begin + LONG, move |address, _| {
            if *address != good {
                loop {
                    thread::park();
                }
            }
            Ok(*address)
        });
        assert_eq!(winner, Ok(good));
        assert!(begin.elapsed() < LONG / 2, "{order:?}");
    }
}

#[test]
fn host_that_drops_what_it_gets_holds_up_no_other() {
    let hole = TcpListener::bind("127.0.0.2:0").unwrap();
    // The queue of this listener is full, so that it takes no connection and refuses none.
    socket2::SockRef::from(&hole).listen(0).unwrap();
    let hole = (hole.local_addr().unwrap(), hole);
    let _queued = TcpStream::connect(hole.0).unwrap();
    let good = TcpListener::bind("127.0.0.1:0").unwrap();
    let good = (good.local_addr().unwrap(), good);
    let until = Instant::now() + LONG;
    let won = race([hole.0, good.0].into(), until, TcpStream::connect_timeout).unwrap();
    assert_eq!(won.peer_addr().unwrap(), good.0);
    assert!(Instant::now() < until - LONG / 2);
    // The full listener alone does time out.
    let limit = Instant::now() + Duration::from_millis(500);
    let exit = race([hole.0].into(), limit, TcpStream::connect_timeout).unwrap_err();
    assert_eq!(exit.status, Status::Timeout);
}

#[test]
fn next_address_is_tried_at_once_when_one_fails() {
    let many: Vec<SocketAddr> = (1..1000)
        .map(|port| SocketAddr::from(([1, 0, 0, 1], port)))
        .collect();
    // With a pause after each it would take four minutes.
    let winner = race(
        many.into(),
        Instant::now() + LONG,
        |address, _| match address.port() {
            999 => Ok(()),
            _ => Err(io::ErrorKind::ConnectionRefused.into()),
        },
    );
    assert_eq!(winner, Ok(()));
}

#[test]
fn failures_are_told_once_if_they_are_one_and_by_address_if_not() {
    let fail = |kind: fn(u16) -> io::ErrorKind| {
        let attempt = move |address: &SocketAddr, _: Duration| -> io::Result<()> {
            Err(kind(address.port()).into())
        };
        let both = addresses(&["[::1]:1", "1.0.0.1:2"]);
        race(both.into(), Instant::now() + LONG, attempt).unwrap_err()
    };
    let refused = fail(|_| io::ErrorKind::ConnectionRefused);
    assert_eq!(
        refused.to_string(),
        "the server is not reached: connection refused; check address and port"
    );
    let mixed = fail(|port| match port {
        1 => io::ErrorKind::NetworkUnreachable,
        _ => io::ErrorKind::ConnectionRefused,
    });
    assert_eq!(
        mixed.to_string(),
        "the server is not reached: [::1]:1: network unreachable, 1.0.0.1:2: connection \
         refused; check address and port"
    );
    assert_eq!(mixed.status, Status::Network);
    let silent = fail(|_| io::ErrorKind::TimedOut);
    assert_eq!(silent.status, Status::Timeout);
}
