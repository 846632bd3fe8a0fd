//! Instances that need more memory than they may have, and a process that has no more descriptors.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests fail by panicking"
)]

mod support;

use std::env;
use std::fs::{self, File};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use portcullis_host::context_types::Source;
use portcullis_host::types::{Error, NetworkCode, NetworkOperation, Role};
use portcullis_host::{
    Context, Failure, Guest, Instance, Listener, Network, Options, OutOfMemory, Port,
};
use rustls::crypto::ring;
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use support::{Folder, greet};

/// No step takes this long.
const LIMIT: Duration = Duration::from_secs(60);

/// Room for the component, and for some handshakes.
const MEMORY: usize = 3 << 20;

/// More handshakes than there is room for.
const CROWD: usize = 2_000;

const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Set where a test runs itself with few descriptors.
const FEW: &str = "PORTCULLIS_FEW_DESCRIPTORS";

fn options() -> Options {
    Options::new().network(Network::loopback().lookup())
}

fn instance(options: Options) -> Instance {
    Guest::embedded().unwrap().instantiate(options).unwrap()
}

/// A server that listens, and the number of its port.
fn listen(tls: &mut Instance, folder: &Folder) -> (Listener, u16) {
    let context = Context::secure(tls, Role::Server).unwrap();
    let [chain, key] =
        ["cert.pem", "key.pem"].map(|name| Source::Bytes(fs::read(folder.path(name)).unwrap()));
    context.load_identity(tls, &chain, &key, None).unwrap();
    let listener = Listener::listen(tls, &context, LOCAL, 0, None).unwrap();
    let number = listener.local_address(tls).unwrap().port;
    (listener, number)
}

/// A client that has said hello, and says nothing more.
fn hello(config: &Arc<ClientConfig>, port: u16) -> TcpStream {
    let name = "localhost".try_into().unwrap();
    let mut connection = ClientConnection::new(Arc::clone(config), name).unwrap();
    let mut socket = TcpStream::connect((LOCAL, port)).unwrap();
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    connection.write_tls(&mut socket).unwrap();
    socket
}

/// Takes a client in and answers its hello.
fn answer(tls: &mut Instance, listener: &Listener) -> Result<Port, Failure> {
    let port = listener.blocking_accept(tls)?;
    let pollable = port.subscribe(tls)?;
    tls.poll(&[&pollable], Some(LIMIT))?;
    pollable.drop(tls)?;
    match port.handshake(tls) {
        Err(want) if want.is_want() => Ok(port),
        done => done.map(|()| port),
    }
}

#[test]
fn handshakes_that_need_more_memory_than_there_may_be_end_one_instance_alone() {
    let folder = Folder::new("memory");
    let mut tls = instance(options().memory(MEMORY));
    let mut other = instance(options().memory(MEMORY));
    let (listener, number) = listen(&mut tls, &folder);
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = builder
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    let config = Arc::new(config);
    let mut clients = vec![hello(&config, number)];
    let mut ports = vec![answer(&mut tls, &listener).unwrap()];
    let ended = loop {
        assert!(clients.len() < CROWD, "{} bytes", tls.memory());
        clients.push(hello(&config, number));
        match answer(&mut tls, &listener) {
            Ok(port) => ports.push(port),
            Err(failure) => break failure,
        }
    };
    let Failure::Trap(cause) = &ended else {
        panic!("{ended:?}");
    };
    let limit = cause.downcast_ref().map(OutOfMemory::limit);
    assert_eq!(limit, Some(MEMORY), "{ended:?}");
    let told = ended.to_string();
    assert!(
        told.contains("3145728 bytes") && told.contains("make a new one") && !told.contains("bug"),
        "{told}"
    );
    assert!(tls.memory() <= MEMORY && ports.len() > 1);
    let again = Context::secure(&mut tls, Role::Server).unwrap_err();
    assert!(again.to_string().contains("make a new one"), "{again}");

    // Its clients see the end, and neither the host nor another instance does.
    drop(tls);
    for mut client in clients {
        match client.read_to_end(&mut Vec::new()) {
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
        }
    }
    greet(&mut other, instance(options().memory(MEMORY)));
}

/// The failure of an operation that needs a descriptor, and nothing else of the instance.
#[track_caller]
fn is_out_of_sockets<T>(done: Result<T, Failure>, operation: NetworkOperation) {
    let failure = done.map(drop).unwrap_err();
    let Some(Error::Network(network)) = failure.error() else {
        panic!("{failure:?}");
    };
    assert_eq!(network.operation, operation, "{failure:?}");
    assert_eq!(network.code, NetworkCode::NewSocketLimit, "{failure:?}");
    let told = failure.to_string();
    assert!(
        told.contains("no more sockets") && told.contains("; close some"),
        "{told}"
    );
}

#[test]
fn a_process_without_descriptors_is_told_so_and_goes_on_when_they_are_back() {
    if env::var_os(FEW).is_none() {
        let name = "a_process_without_descriptors_is_told_so_and_goes_on_when_they_are_back";
        let mut again = Command::new("sh");
        again.args(["-c", "ulimit -n 64; exec \"$@\"", "sh"]);
        again.arg(env::current_exe().unwrap());
        again.args(["--exact", name, "--test-threads", "1"]);
        let output = again.env(FEW, "1").output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && said.contains("1 passed"),
            "{output:?}"
        );
        return;
    }
    let folder = Folder::new("descriptors");
    let (mut server, mut client) = (instance(options()), instance(options()));
    let (listener, number) = listen(&mut server, &folder);
    let elsewhere = TcpListener::bind((LOCAL, 0)).unwrap();
    let far = elsewhere.local_addr().unwrap().port();
    let context = Context::unverified(&mut client, Role::Client).unwrap();
    let connect =
        |client: &mut Instance, host: &str| Port::blocking_connect(client, &context, host, far);

    // With descriptors, both are done.
    let first = TcpStream::connect((LOCAL, number)).unwrap();
    let accepted = listener.blocking_accept(&mut server).unwrap();
    let connected = connect(&mut client, "127.0.0.1").unwrap();
    let mut second = TcpStream::connect((LOCAL, number)).unwrap();
    let mut taken = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        taken.push(file);
    }
    is_out_of_sockets(
        listener.blocking_accept(&mut server),
        NetworkOperation::Accept,
    );
    is_out_of_sockets(connect(&mut client, "127.0.0.1"), NetworkOperation::Connect);
    // A look-up needs some as well.
    is_out_of_sockets(connect(&mut client, "localhost"), NetworkOperation::Resolve);

    drop(taken);
    let late = listener.blocking_accept(&mut server).unwrap();
    second.write_all(b"no TLS").unwrap();
    let refused = late.blocking_handshake(&mut server).unwrap_err();
    assert!(
        matches!(refused.error(), Some(Error::Protocol(_))),
        "{refused:?}"
    );
    for host in ["127.0.0.1", "localhost"] {
        let port = connect(&mut client, host).unwrap();
        port.drop(&mut client).unwrap();
    }
    accepted.drop(&mut server).unwrap();
    connected.drop(&mut client).unwrap();
    drop(first);
    greet(&mut server, client);
}
