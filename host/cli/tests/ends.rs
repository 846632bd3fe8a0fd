//! How `portcullis connect` ends: when its input has ended, when the peer leaves, and when the peer
//! has judged its certificate.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop"
)]

mod support;

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::Output;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{
    RootCertStore, ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion,
};

use support::{Folder, PATIENCE, refusal, run};

const REQUEST: &[u8] = b"GET / HTTP/1.0\r\n\r\n";
/// Longer than it takes to notice that a client has left.
const A_WHILE: Duration = Duration::from_secs(1);

const VERSIONS: [&SupportedProtocolVersion; 2] = [&rustls::version::TLS12, &rustls::version::TLS13];

type Stream = StreamOwned<ServerConnection, TcpStream>;

/// A server with the folder's identity; if `mutual`, it requires a certificate of the folder's
/// authority.
fn config(
    folder: &Folder,
    version: &'static SupportedProtocolVersion,
    mutual: bool,
) -> ServerConfig {
    let certificate = CertificateDer::from_pem_file(folder.path("cert.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(folder.path("key.pem")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(folder.path("ca.pem")).unwrap())
        .unwrap();
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let builder = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap();
    if mutual {
        builder.with_client_cert_verifier(verifier.build().unwrap())
    } else {
        builder.with_no_client_auth()
    }
    .with_single_cert(vec![certificate], key)
    .unwrap()
}

/// The output of the command with a server that treats its one connection in this way.
fn meet(
    config: ServerConfig,
    folder: &Folder,
    more: &[&str],
    input: &[u8],
    serve: impl FnOnce(Stream) + Send + 'static,
) -> Output {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let target = format!("localhost:{}", listener.local_addr().unwrap().port());
    let serving = thread::spawn(move || {
        let (socket, _) = listener.accept().unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let connection = ServerConnection::new(Arc::new(config)).unwrap();
        serve(StreamOwned::new(connection, socket));
    });
    let ca = folder.path("ca.pem");
    let fixed = ["connect", &target, "--cafile", &ca];
    let output = run(&[&fixed, more].concat(), input);
    serving.join().unwrap();
    output
}

fn read_request(stream: &mut Stream) {
    stream.read_exact(&mut [0; REQUEST.len()]).unwrap();
}

/// Whether nothing comes for a while, and the client has not left either.
fn is_still_there(stream: &mut Stream) -> bool {
    stream.sock.set_read_timeout(Some(A_WHILE)).unwrap();
    let read = stream.read(&mut [0]);
    stream.sock.set_read_timeout(Some(PATIENCE)).unwrap();
    read.is_err_and(|error| matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut))
}

fn say_goodbye(stream: &mut Stream) {
    stream.conn.send_close_notify();
    let _ = stream.flush();
}

/// Like Node and asyncio, this server does not answer a client that leaves.
#[test]
fn answer_that_takes_its_time_is_whole_though_the_input_has_ended() {
    let folder = Folder::new("late");
    for version in VERSIONS {
        let config = config(&folder, version, false);
        let output = meet(config, &folder, &[], REQUEST, |mut stream| {
            read_request(&mut stream);
            for part in [&b"first half, "[..], b"second half"] {
                if !is_still_there(&mut stream) {
                    break;
                }
                stream.write_all(part).unwrap();
            }
            say_goodbye(&mut stream);
        });
        assert!(output.status.success(), "{output:?}");
        assert_eq!(output.stdout, b"first half, second half", "{output:?}");
    }
}

#[test]
fn half_close_tells_the_server_that_the_input_has_ended() {
    let folder = Folder::new("half");
    for version in VERSIONS {
        let config = config(&folder, version, false);
        let input = vec![b'x'; 300_000];
        let output = meet(config, &folder, &["--half-close"], &input, |mut stream| {
            let mut heard = Vec::new();
            // This server answers the end of the input.
            let count = stream.read_to_end(&mut heard).unwrap();
            write!(stream, "{count} bytes").unwrap();
            say_goodbye(&mut stream);
        });
        assert!(output.status.success(), "{output:?}");
        assert_eq!(output.stdout, b"300000 bytes", "{output:?}");
    }
}

#[test]
fn answer_that_is_not_whole_is_printed_and_no_success() {
    let folder = Folder::new("part");
    type Serve = fn(Stream);
    let cases: [(&[&str], Serve, i32, &str); 3] = [
        // The server says no more, and does not end either.
        (
            &["--read-timeout", "3"],
            |mut stream| {
                let _ = stream.read_to_end(&mut Vec::new());
            },
            4,
            "allow more time",
        ),
        // The server ends without close_notify.
        (&[], drop, 1, "close_notify"),
        // The server ends with a reset.
        (
            &[],
            |stream| {
                assert!(
                    socket2::SockRef::from(&stream.sock)
                        .set_linger(Some(Duration::ZERO))
                        .is_ok()
                );
            },
            3,
            "connection lost",
        ),
    ];
    for (more, then, status, line) in cases {
        let config = config(&folder, &rustls::version::TLS13, false);
        let output = meet(config, &folder, more, REQUEST, move |mut stream| {
            read_request(&mut stream);
            stream.write_all(b"first half").unwrap();
            // What is sent is not yet received: the client is given time for that.
            assert!(is_still_there(&mut stream));
            then(stream);
        });
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{told}");
        assert_eq!(output.stdout, b"first half", "{told}");
        assert!(told.contains(line), "{told}");
    }
}

/// A server that refuses an upload answers early and closes, and its system then resets.
#[test]
fn answer_is_printed_before_it_is_told_that_the_input_was_not_taken() {
    let folder = Folder::new("early");
    // More than a record, and no more than the buffers of a connection hold.
    let answer = vec![b'a'; 40_000];
    for version in VERSIONS {
        let config = config(&folder, version, false);
        let (input, answer) = (vec![b'x'; 20_000_000], answer.clone());
        let expected = answer.clone();
        let output = meet(config, &folder, &[], &input, move |mut stream| {
            // Otherwise the end of the answer waits for an acknowledgement, and is lost here.
            stream.sock.set_nodelay(true).unwrap();
            stream.read_exact(&mut [0; 10]).unwrap();
            stream.write_all(&answer).unwrap();
            say_goodbye(&mut stream);
        });
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{told}");
        assert!(told.contains("did not take all of the input"), "{told}");
        assert!(output.stdout == expected, "{}: {told}", output.stdout.len());
    }
}

/// In TLS 1.3 the client's handshake is over before the server has seen its certificate.
#[test]
fn info_waits_for_the_servers_verdict_on_our_certificate() {
    let (folder, stranger) = (Folder::new("verdict"), Folder::new("verdict-stranger"));
    let [known, strange] = [&folder, &stranger].map(|folder| {
        let (cert, key) = (folder.path("cert.pem"), folder.path("key.pem"));
        ["--info", "--cert", &cert, "--key", &key].map(str::to_owned)
    });
    for version in VERSIONS {
        let judge = |identity: &[&str]| {
            let config = config(&folder, version, true);
            meet(config, &folder, identity, b"", |mut stream| {
                let _ = stream.read_to_end(&mut Vec::new());
                say_goodbye(&mut stream);
            })
        };
        let [known, strange] = [&known, &strange].map(|own| own.each_ref().map(String::as_str));
        let output = judge(&known);
        assert!(output.status.success(), "{version:?}: {output:?}");
        assert!(String::from_utf8_lossy(&output.stdout).contains("verified  yes"));
        for own in [&["--info"][..], &strange] {
            let output = judge(own);
            assert!(
                refusal(&output, 1).contains("alert"),
                "{version:?}: {output:?}"
            );
            assert!(output.stdout.is_empty(), "{output:?}");
        }
    }
}

/// A server that accepts the client, and ignores its close_notify, says nothing.
#[test]
fn info_waits_for_no_verdict_for_ever() {
    let folder = Folder::new("no-verdict");
    let config = config(&folder, &rustls::version::TLS13, false);
    let begun = Instant::now();
    let output = meet(
        config,
        &folder,
        &["--info", "--timeout", "1"],
        b"",
        |mut stream| {
            while stream.conn.is_handshaking() {
                stream.conn.complete_io(&mut stream.sock).unwrap();
            }
            // Reads below TLS, until the socket is closed.
            while stream
                .sock
                .read(&mut [0; 1024])
                .is_ok_and(|length| length > 0)
            {}
        },
    );
    assert!(output.status.success(), "{output:?}");
    assert!(begun.elapsed() < PATIENCE);
}
