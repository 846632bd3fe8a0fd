//! rustls with other cryptography connects to a listener of the built component.
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
use std::sync::mpsc;
use std::thread;

use portcullis_host::context_types::Verify;
use portcullis_host::types::{
    CertificateReason, ConfigurationItem, ConfigurationReason, Error, NetworkCode, Role, Version,
};
use portcullis_host::{Context, Instance, Listener, Port};
use support::certs::{Authority, Identity, KeyType, Leaf, NAME};
use support::component::{
    ask_for_client_certificates, client_context, configuration, error, instance, server_context,
};
use support::peers::{
    ClientStream, LOCALHOST, TLS12, TLS13, client_config, connect_tcp, connect_tls, greet, listen,
};

fn server(tls: &mut Instance, identity: &Identity) -> Context {
    server_context(tls, &identity.chain_pem(), &identity.key_pem())
}

fn echo_once(tls: &mut Instance, port: &Port) {
    let plaintext = port.blocking_read(tls, 100).unwrap().unwrap();
    port.blocking_write_all(tls, &plaintext).unwrap();
    assert_eq!(port.blocking_read(tls, 100).unwrap(), None);
    port.close(tls).unwrap();
}

/// Send, have it echoed, and close.
fn say_hello(stream: &mut ClientStream) {
    stream.write_all(b"hello").unwrap();
    let mut answer = [0; 5];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"hello");
    stream.conn.send_close_notify();
    stream.flush().unwrap();
    assert_eq!(stream.read(&mut answer).unwrap(), 0);
}

#[test]
fn every_key_type_and_version_serves_clients() {
    let authority = Authority::root("Root");
    for key in KeyType::SUPPORTED {
        for (versions, version) in [(TLS12, Version::Tls12), (TLS13, Version::Tls13)] {
            let mut tls = instance();
            let context = server(&mut tls, &authority.issue(&Leaf::server().key(key)));
            let (listener, number) = listen(&mut tls, &context);
            let config = client_config(&authority.pem(), None, versions);
            let client = thread::spawn(move || say_hello(&mut connect_tls(config, NAME, number)));
            let port = listener.blocking_accept(&mut tls).unwrap();
            echo_once(&mut tls, &port);
            let session = port.session(&mut tls).unwrap();
            assert_eq!(
                session.version(&mut tls).unwrap(),
                Some(version),
                "closed ports keep their facts"
            );
            client.join().unwrap();
        }
    }
}

#[test]
fn l4_client_certificates_are_verified() {
    let authority = Authority::root("Root");
    let stranger = Authority::root("Stranger");
    let meet = |verify, issuer: Option<&Authority>, versions| {
        let mut tls = instance();
        let context = server(&mut tls, &authority.issue(&Leaf::server()));
        ask_for_client_certificates(&mut tls, &context, &authority.pem(), verify);
        let (listener, number) = listen(&mut tls, &context);
        let own = issuer.map(|issuer| {
            let identity = issuer.issue(&Leaf::client());
            (identity.chain_pem(), identity.key_pem())
        });
        let own = own
            .as_ref()
            .map(|(chain, key)| (chain.as_str(), key.as_str()));
        let config = client_config(&authority.pem(), own, versions);
        let client = thread::spawn(move || greet(config, number));
        let port = listener.blocking_accept(&mut tls).unwrap();
        let result = port.blocking_handshake(&mut tls);
        let session = port.session(&mut tls).unwrap();
        let checked = session.verify_result(&mut tls).unwrap();
        let _ = port.close(&mut tls);
        client.join().unwrap();
        match result {
            Ok(()) => Ok(checked.map_err(|refused| refused.reason)),
            Err(failure) => match failure.error() {
                Some(Error::Certificate(error)) => Err(error.reason),
                _ => panic!("{failure:?}"),
            },
        }
    };
    for versions in [TLS12, TLS13] {
        let passed = Ok(Ok(()));
        for verify in [Verify::Required, Verify::Optional, Verify::Deferred] {
            assert_eq!(meet(verify, Some(&authority), versions), passed);
        }
        let missing = CertificateReason::Missing;
        assert_eq!(meet(Verify::Required, None, versions), Err(missing));
        assert_eq!(meet(Verify::Optional, None, versions), Ok(Err(missing)));
        assert_eq!(meet(Verify::Deferred, None, versions), Ok(Err(missing)));
        let unknown = CertificateReason::UnknownAuthority;
        let issuer = Some(&stranger);
        assert_eq!(meet(Verify::Required, issuer, versions), Err(unknown));
        assert_eq!(meet(Verify::Optional, issuer, versions), Err(unknown));
        assert_eq!(meet(Verify::Deferred, issuer, versions), Ok(Err(unknown)));
    }
}

#[test]
fn l10_a_silent_client_does_not_hold_up_the_next() {
    let authority = Authority::root("Root");
    let mut tls = instance();
    let context = server(&mut tls, &authority.issue(&Leaf::server()));
    let (listener, number) = listen(&mut tls, &context);
    assert!(!listener.accept_ready(&mut tls).unwrap());
    assert_eq!(error(listener.accept(&mut tls)), Error::WantAccept);
    let silent = connect_tcp(number);
    let waiting = listener.blocking_accept(&mut tls).unwrap();
    assert_eq!(error(waiting.handshake(&mut tls)), Error::WantRead);
    let config = client_config(&authority.pem(), None, TLS13);
    let client = thread::spawn(move || say_hello(&mut connect_tls(config, NAME, number)));
    let port = listener.blocking_accept(&mut tls).unwrap();
    echo_once(&mut tls, &port);
    client.join().unwrap();
    drop(silent);
    assert_eq!(
        error(waiting.blocking_handshake(&mut tls)),
        Error::Truncated
    );
}

#[test]
fn l11_another_context_serves_later_accepts_only() {
    let authority = Authority::root("Root");
    let (old, new) = (
        authority.issue(&Leaf::server()),
        authority.issue(&Leaf::server()),
    );
    let mut tls = instance();
    let first = server(&mut tls, &old);
    let (listener, number) = listen(&mut tls, &first);
    let visit = |tls: &mut Instance, change: Option<&Context>| {
        let config = client_config(&authority.pem(), None, TLS13);
        let client = thread::spawn(move || {
            let mut stream = connect_tls(config, NAME, number);
            say_hello(&mut stream);
            stream.conn.peer_certificates().unwrap()[0].to_vec()
        });
        let port = listener.blocking_accept(tls).unwrap();
        if let Some(context) = change {
            listener.set_context(tls, context).unwrap();
        }
        echo_once(tls, &port);
        client.join().unwrap()
    };
    let second = server(&mut tls, &new);
    assert_eq!(visit(&mut tls, Some(&second)), old.certificate_der());
    assert_eq!(visit(&mut tls, None), new.certificate_der());
    let wrong = Context::secure(&mut tls, Role::Client).unwrap();
    let refused = error(listener.set_context(&mut tls, &wrong));
    assert!(matches!(refused, Error::InvalidArgument(_)));
}

#[test]
fn l5_closing_a_listener_leaves_its_ports_alone() {
    let authority = Authority::root("Root");
    let mut tls = instance();
    let before = tls.resource_count();
    let context = server(&mut tls, &authority.issue(&Leaf::server()));
    let (listener, number) = listen(&mut tls, &context);
    let config = client_config(&authority.pem(), None, TLS13);
    let client = thread::spawn(move || say_hello(&mut connect_tls(config, NAME, number)));
    let port = listener.blocking_accept(&mut tls).unwrap();
    listener.close(&mut tls).unwrap();
    listener.close(&mut tls).unwrap();
    assert_eq!(error(listener.accept(&mut tls)), Error::Closed);
    assert_eq!(error(listener.local_address(&mut tls)), Error::Closed);
    // A caller that waits for the listener goes on at once.
    let pollable = listener.subscribe(&mut tls).unwrap();
    assert_eq!(tls.poll(&[&pollable], None).unwrap(), [0]);
    pollable.drop(&mut tls).unwrap();
    echo_once(&mut tls, &port);
    client.join().unwrap();
    port.drop(&mut tls).unwrap();
    listener.drop(&mut tls).unwrap();
    assert_eq!(tls.resource_count(), before);
}

#[test]
fn listening_where_it_is_not_possible_says_why() {
    let authority = Authority::root("Root");
    let mut tls = instance();
    let context = server(&mut tls, &authority.issue(&Leaf::server()));
    let (_listener, taken) = listen(&mut tls, &context);
    match error(Listener::listen(&mut tls, &context, LOCALHOST, taken, None)) {
        Error::Network(error) => assert_eq!(error.code, NetworkCode::AddressInUse),
        other => panic!("{other:?}"),
    }
    let client = client_context(&mut tls, &authority.pem());
    let role = error(Listener::listen(&mut tls, &client, LOCALHOST, 0, None));
    assert!(matches!(role, Error::InvalidArgument(_)));
    let empty = Context::secure(&mut tls, Role::Server).unwrap();
    let missing = error(Listener::listen(&mut tls, &empty, LOCALHOST, 0, None));
    assert!(matches!(missing, Error::InvalidConfiguration(_)));
}

#[test]
fn what_is_written_before_the_clients_finished_reaches_it_first() {
    let authority = Authority::root("Root");
    let mut tls = instance();
    let context = server(&mut tls, &authority.issue(&Leaf::server()));
    context.write_before_finished(&mut tls).unwrap();
    let (listener, number) = listen(&mut tls, &context);
    let config = client_config(&authority.pem(), None, TLS13);
    let (go_on, waiting) = mpsc::channel();
    let client = thread::spawn(move || {
        let mut stream = connect_tls(config, NAME, number);
        stream.conn.write_tls(&mut stream.sock).unwrap();
        // Its Finished is made, and kept back.
        let mut banner = [0; 6];
        let mut read = 0;
        while read < banner.len() {
            stream.conn.read_tls(&mut stream.sock).unwrap();
            stream.conn.process_new_packets().unwrap();
            read += stream.conn.reader().read(&mut banner[read..]).unwrap_or(0);
        }
        assert_eq!(&banner, b"banner");
        waiting.recv().unwrap();
        say_hello(&mut stream);
    });
    let port = listener.blocking_accept(&mut tls).unwrap();
    // This would wait for the Finished, which waits for this.
    port.blocking_write_all(&mut tls, b"banner").unwrap();
    assert_eq!(error(port.handshake(&mut tls)), Error::WantRead);
    go_on.send(()).unwrap();
    echo_once(&mut tls, &port);
    client.join().unwrap();
    // Clients are not asked for certificates, which would come too late.
    let context = server(&mut tls, &authority.issue(&Leaf::server()));
    context.write_before_finished(&mut tls).unwrap();
    ask_for_client_certificates(&mut tls, &context, &authority.pem(), Verify::Required);
    let refused = configuration(context.seal(&mut tls));
    assert_eq!(refused.item, ConfigurationItem::EarlyData);
    assert_eq!(refused.reason, ConfigurationReason::Conflict);
}
