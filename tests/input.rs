//! How the built component refuses bad input: files that are not what they should be, and clients
//! that do not speak TLS. Servers that do not speak it are in `client.rs`.
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
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::Duration;

use portcullis_host::context_types::{KeyKind, Source};
use portcullis_host::types::{
    ConfigurationItem, ConfigurationReason, Error, NetworkCode, ProtocolReason, Role, Timer,
};
use portcullis_host::{Context, Failure};
use rustls::ClientConnection;
use rustls::pki_types::ServerName;
use support::certs::{Authority, KeyType, Leaf, NAME};
use support::component::{configuration, error, guest, instance, options, server_context};
use support::folder::Folder;
use support::peers::{ALL, client_config, connect_tcp, listen};
use support::{openssl, require_tool};

fn refusal<T>(result: Result<T, Failure>) -> (ConfigurationItem, ConfigurationReason) {
    let error = configuration(result);
    (error.item, error.reason)
}

#[test]
fn k2_k5_k7_files_that_are_not_what_they_should_be_are_refused_and_the_old_ones_stay() {
    use ConfigurationItem::{CertificateChain, PrivateKey, TrustRoots};
    use ConfigurationReason as Reason;
    if !require_tool("openssl") {
        return;
    }
    let authority = Authority::root("Root");
    let good = authority.issue(&Leaf::server());
    let other = authority.issue(&Leaf::server());
    let (chain, key) = (good.chain_pem().into_bytes(), good.key_pem().into_bytes());
    let cut = |pem: &[u8]| pem[..pem.len() - 10].to_vec();
    let cut_der = |der: &[u8]| der[..der.len() - 1].to_vec();
    let encrypt = ["pkcs8", "-topk8", "-passout", "pass:open sesame"];
    let encrypted = openssl(&encrypt, &key);
    let short = authority.issue(&Leaf::server().key(KeyType::Rsa1024));

    let folder = Folder::new();
    let mut tls = guest()
        .instantiate(options().directory(folder.path(), "/input"))
        .unwrap();
    let context = server_context(&mut tls, &good.chain_pem(), &good.key_pem());
    // Each input as bytes and as a file.
    let both = |input: &[u8]| {
        folder.put("file", input);
        [
            Source::Bytes(input.to_vec()),
            Source::Path("/input/file".to_owned()),
        ]
    };

    for (input, reason) in [
        (Vec::new(), Reason::Empty),
        (cut(&chain), Reason::Malformed),
        (cut_der(good.certificate_der()), Reason::Malformed),
        (b"hello".to_vec(), Reason::Malformed),
        (key.clone(), Reason::NoCertificate),
        (other.chain_pem().into_bytes(), Reason::KeyMismatch),
    ] {
        for source in both(&input) {
            let refused = refusal(context.load_certificate_chain(&mut tls, &source));
            assert_eq!(refused, (CertificateChain, reason));
        }
    }
    for (input, passphrase, reason) in [
        (Vec::new(), None, Reason::Empty),
        (cut(&key), None, Reason::Malformed),
        (cut_der(good.key_der()), None, Reason::Malformed),
        (b"hello".to_vec(), None, Reason::Malformed),
        (chain.clone(), None, Reason::NoPrivateKey),
        (other.key_pem().into_bytes(), None, Reason::KeyMismatch),
        (
            short.key_pem().into_bytes(),
            None,
            Reason::UnsupportedKeyType,
        ),
        (encrypted.clone(), None, Reason::PassphraseMissing),
        (
            encrypted.clone(),
            Some("open barley"),
            Reason::PassphraseWrong,
        ),
    ] {
        for source in both(&input) {
            let loaded = context.load_private_key(&mut tls, &source, KeyKind::Any, passphrase);
            assert_eq!(refusal(loaded), (PrivateKey, reason));
        }
    }
    for (input, reason) in [
        (Vec::new(), Reason::Empty),
        (cut(authority.pem().as_bytes()), Reason::Malformed),
        (b"hello".to_vec(), Reason::Malformed),
        (key.clone(), Reason::NoCertificate),
    ] {
        for source in both(&input) {
            let refused = refusal(context.add_trust_roots(&mut tls, &source));
            assert_eq!(refused, (TrustRoots, reason));
        }
    }
    let absent = Source::Path("/input/none".to_owned());
    let elsewhere = Source::Path("/etc/hosts".to_owned());
    let directory = Source::Path("/input".to_owned());
    for (source, reason) in [
        (absent, Reason::NotFound),
        (elsewhere, Reason::NotFound),
        (directory, Reason::Unreadable),
    ] {
        let refused = refusal(context.load_certificate_chain(&mut tls, &source));
        assert_eq!(refused, (CertificateChain, reason));
    }

    // What was loaded first is loaded still, and good input is taken both ways.
    context.seal(&mut tls).unwrap();
    let open_sesame = Some("open sesame");
    for (chain, key) in both(&chain).into_iter().zip([key, encrypted]) {
        let context = Context::secure(&mut tls, Role::Server).unwrap();
        let key = Source::Bytes(key);
        context
            .load_identity(&mut tls, &chain, &key, open_sesame)
            .unwrap();
        context.seal(&mut tls).unwrap();
    }
}

/// How the handshake with this client fails; afterwards nothing is left in the host's table.
fn failure_with(client: impl FnOnce(TcpStream) + Send + 'static) -> Error {
    let authority = Authority::root("Root");
    let identity = authority.issue(&Leaf::server());
    let mut tls = instance();
    let context = server_context(&mut tls, &identity.chain_pem(), &identity.key_pem());
    let limit = Some(Duration::from_millis(500));
    context
        .set_timeout(&mut tls, Timer::Handshake, limit)
        .unwrap();
    let (listener, number) = listen(&mut tls, &context);
    let before = tls.resource_count();
    let client = thread::spawn(move || client(connect_tcp(number)));
    let port = listener.blocking_accept(&mut tls).unwrap();
    let failure = error(port.blocking_handshake(&mut tls));
    assert_eq!(tls.resource_count(), before, "{failure:?}");
    assert_eq!(error(port.read(&mut tls, 1)), failure);
    port.drop(&mut tls).unwrap();
    client.join().unwrap();
    failure
}

fn stay(mut socket: TcpStream) {
    while socket.read(&mut [0; 4096]).is_ok_and(|length| length > 0) {}
}

fn client_hello() -> Vec<u8> {
    let config = client_config(&Authority::root("Root").pem(), None, ALL);
    let name = ServerName::try_from(NAME).unwrap();
    let mut hello = Vec::new();
    let mut client = ClientConnection::new(config, name).unwrap();
    client.write_tls(&mut hello).unwrap();
    hello
}

#[test]
fn e9_clients_that_speak_something_else_are_told_apart() {
    for (speech, reason) in [
        (&b"GET / HTTP/1.1\r\n\r\n"[..], ProtocolReason::PlainHttp),
        (b"EHLO client.test\r\n", ProtocolReason::NotTls),
        (&[0xff; 100], ProtocolReason::NotTls),
        (
            &[0x16, 3, 3, 0xff, 0xff, 0, 0, 0, 0, 0],
            ProtocolReason::TooLarge,
        ),
    ] {
        let failure = failure_with(move |mut socket| {
            socket.write_all(speech).unwrap();
            stay(socket);
        });
        match failure {
            Error::Protocol(error) => assert_eq!(error.reason, reason),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn e13_a_client_that_closes_at_once_or_in_its_first_message_truncates() {
    assert_eq!(failure_with(drop), Error::Truncated);
    let hello = client_hello();
    let closes_early = move |mut socket: TcpStream| {
        socket.write_all(&hello[..hello.len() / 2]).unwrap();
        socket.shutdown(Shutdown::Write).unwrap();
        stay(socket);
    };
    assert_eq!(failure_with(closes_early), Error::Truncated);
}

#[test]
fn e8_a_client_that_resets_is_a_network_failure() {
    let hello = client_hello();
    // Closing with bytes unread resets.
    let failure = failure_with(move |mut socket| {
        socket.write_all(&hello).unwrap();
        socket.read_exact(&mut [0; 1]).unwrap();
    });
    match failure {
        Error::Network(error) => assert_eq!(error.code, NetworkCode::ConnectionReset),
        other => panic!("{other:?}"),
    }
}

#[test]
fn p1_a_silent_and_a_dripping_client_run_into_the_handshake_timer() {
    let timeout = Error::Timeout(Timer::Handshake);
    assert_eq!(failure_with(stay), timeout);
    let hello = client_hello();
    let drips = move |mut socket: TcpStream| {
        let pause = Some(Duration::from_millis(20));
        socket.set_read_timeout(pause).unwrap();
        for byte in hello {
            if socket.write_all(&[byte]).is_err() || matches!(socket.read(&mut [0; 9]), Ok(0)) {
                break;
            }
        }
    };
    assert_eq!(failure_with(drips), timeout);
}
