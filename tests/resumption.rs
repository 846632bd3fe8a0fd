//! The built component: sessions that are resumed, by whom, for how long, and under which settings;
//! against rustls with ring's cryptography, and OpenSSL.
//!
//! Over 400 lines: each case is a few visits, and all share one way to serve and to visit.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop"
)]

mod support;

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, SystemTime};

use portcullis_host::context_types::Verify;
use portcullis_host::types::Role;
use portcullis_host::types::{CertificateReason, ConfigurationItem, ConfigurationReason, Error};
use portcullis_host::{Context, Failure, Instance, Listener, Options, Port};
use rustls::client::Tls13ClientSessionValue;
use rustls::client::{ClientSessionStore, Resumption, Tls12ClientSessionValue};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, HandshakeKind, NamedGroup, SupportedProtocolVersion};
use support::certs::{Authority, Identity, Leaf, NAME, pem};
use support::component::{
    ask_for_client_certificates, bytes, client_context, error, guest, options, server_context,
};
use support::folder::Folder;
use support::peers::{
    TLS12, TLS13, client_config, connect_tls, echo_and_close, listen, serve_tls, server_config,
};
use support::{openssl, require_tool};

const VERSIONS: [&[&SupportedProtocolVersion]; 2] = [TLS12, TLS13];

/// Another name that the servers here have.
const OTHER: &str = "other.test";

const HOUR: Duration = Duration::from_secs(60 * 60);
const WEEK: u32 = 604_800;

/// A secret for ticket keys, by its first byte.
fn secret(first: u8) -> Vec<u8> {
    (0..32).map(|number| first.wrapping_add(number)).collect()
}

/// An instance that serves.
struct Server {
    tls: Instance,
    context: Context,
    listener: Listener,
    number: u16,
}

/// What a connection turned out to be.
#[derive(Debug, PartialEq)]
struct Visit {
    is_resumed: bool,
    /// The certificates that the server tells, and what it tells of them.
    certificates: Vec<Vec<u8>>,
    verified: Result<(), CertificateReason>,
}

impl Server {
    fn new(identity: &Identity, prepare: impl FnOnce(&mut Instance, &Context)) -> Self {
        Self::with(options(), identity, prepare)
    }

    fn with(
        options: Options,
        identity: &Identity,
        prepare: impl FnOnce(&mut Instance, &Context),
    ) -> Self {
        let mut tls = guest().instantiate(options).unwrap();
        let context = server_context(&mut tls, &identity.chain_pem(), &identity.key_pem());
        prepare(&mut tls, &context);
        let (listener, number) = listen(&mut tls, &context);
        Self {
            tls,
            context,
            listener,
            number,
        }
    }

    /// Say hello both ways, and look at the connection. Both ends tell the same of it.
    fn visit_as(&mut self, client: &Arc<ClientConfig>, name: &'static str) -> Visit {
        let (config, number) = (Arc::clone(client), self.number);
        let client = thread::spawn(move || {
            let mut stream = connect_tls(config, name, number);
            stream.write_all(b"hello").unwrap();
            // Tickets come before the answer.
            stream.read_exact(&mut [0; 5]).unwrap();
            stream.conn.handshake_kind() == Some(HandshakeKind::Resumed)
        });
        let tls = &mut self.tls;
        let port = self.listener.blocking_accept(tls).unwrap();
        assert_eq!(port.blocking_read(tls, 9).unwrap().unwrap(), b"hello");
        port.blocking_write_all(tls, b"hello").unwrap();
        let is_resumed = client.join().unwrap();
        let session = port.session(tls).unwrap();
        assert_eq!(session.is_resumed(tls).unwrap(), Some(is_resumed));
        let verified = session.verify_result(tls).unwrap();
        Visit {
            is_resumed,
            certificates: session.peer_certificates(tls).unwrap(),
            verified: verified.map_err(|refused| refused.reason),
        }
    }

    fn resumes(&mut self, client: &Arc<ClientConfig>) -> bool {
        self.visit_as(client, NAME).is_resumed
    }

    /// How many handshakes were full, and how many resumed.
    fn handshakes(&mut self) -> (u64, u64) {
        let (context, tls) = (&self.context, &mut self.tls);
        let full = context.full_handshakes(tls).unwrap();
        (full, context.resumed_handshakes(tls).unwrap())
    }
}

/// Gives a context these ticket keys, by the first bytes of their secrets.
fn keys(firsts: &'static [u8]) -> impl Fn(&mut Instance, &Context) {
    move |tls, context| {
        let secrets: Vec<_> = firsts.iter().copied().map(secret).collect();
        context.set_ticket_keys(tls, &secrets).unwrap();
    }
}

/// An authority, and the identity of a server with both names.
fn authority() -> (Authority, Identity) {
    let root = Authority::root("Root");
    let identity = root.issue(&Leaf::server().names(&[NAME, OTHER]));
    (root, identity)
}

fn plain_client(
    root: &Authority,
    version: &[&'static SupportedProtocolVersion],
) -> Arc<ClientConfig> {
    client_config(&root.pem(), None, version)
}

#[test]
fn an_instance_resumes_what_another_with_its_keys_began() {
    let (root, identity) = authority();
    for version in VERSIONS {
        let mut first = Server::new(&identity, keys(&[1]));
        let mut second = Server::new(&identity, keys(&[1]));
        let mut stranger = Server::new(&identity, keys(&[2]));
        let client = plain_client(&root, version);
        assert!(!first.resumes(&client));
        assert!(second.resumes(&client));
        assert!(first.resumes(&client));
        assert!(!stranger.resumes(&client));
        assert_eq!(first.handshakes(), (1, 1));
        assert_eq!(second.handshakes(), (0, 1));
        assert_eq!(stranger.handshakes(), (1, 0));
        // Without keys, sessions are of the context that began them.
        let mut alone = Server::new(&identity, |_, _| {});
        let mut other = Server::new(&identity, |_, _| {});
        let client = plain_client(&root, version);
        assert!(!alone.resumes(&client));
        assert!(alone.resumes(&client));
        assert!(!other.resumes(&client));
    }
}

#[test]
fn keys_are_rotated_without_a_session_lost_and_a_dropped_one_opens_nothing() {
    let (root, identity) = authority();
    for version in VERSIONS {
        let mut server = Server::new(&identity, keys(&[1]));
        let client = plain_client(&root, version);
        assert!(!server.resumes(&client));
        let mut rotate = |firsts: &'static [u8]| {
            let next = server.context.copy(&mut server.tls).unwrap();
            keys(firsts)(&mut server.tls, &next);
            server.listener.set_context(&mut server.tls, &next).unwrap();
            server.context = next;
            server.resumes(&client)
        };
        assert!(rotate(&[2, 1]));
        // The old key has opened that session, and the new one sealed it again.
        assert!(rotate(&[3, 2]));
        assert!(!rotate(&[4]));
    }
}

/// Keeps the sessions of all servers as if they were one.
#[derive(Debug, Default)]
struct AnyName {
    tls12: Mutex<Option<Tls12ClientSessionValue>>,
    tls13: Mutex<Vec<Tls13ClientSessionValue>>,
}

impl ClientSessionStore for AnyName {
    fn set_kx_hint(&self, _: ServerName<'static>, _: NamedGroup) {}

    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        None
    }

    fn set_tls12_session(&self, _: ServerName<'static>, session: Tls12ClientSessionValue) {
        *self.tls12.lock().unwrap() = Some(session);
    }

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.tls12.lock().unwrap().clone()
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {
        *self.tls12.lock().unwrap() = None;
    }

    fn insert_tls13_ticket(&self, _: ServerName<'static>, ticket: Tls13ClientSessionValue) {
        self.tls13.lock().unwrap().push(ticket);
    }

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.tls13.lock().unwrap().pop()
    }
}

/// A client that keeps its sessions there.
fn keeping(config: Arc<ClientConfig>, store: &Arc<AnyName>) -> Arc<ClientConfig> {
    let mut config = Arc::unwrap_or_clone(config);
    config.resumption = Resumption::store(Arc::<AnyName>::clone(store));
    Arc::new(config)
}

#[test]
fn a_session_is_resumed_under_no_other_verification_name_or_identity() {
    let (root, identity) = authority();
    let own = root.issue(&Leaf::client());
    let renewed = root.issue(&Leaf::server().names(&[NAME, OTHER]));
    let more = Authority::root("More");
    let asking = |verify| {
        let root = root.pem();
        move |tls: &mut Instance, context: &Context| {
            keys(&[1])(tls, context);
            ask_for_client_certificates(tls, context, &root, verify);
        }
    };
    for version in VERSIONS {
        for has_keys in [true, false] {
            let config = client_config(
                &root.pem(),
                Some((&own.chain_pem(), &own.key_pem())),
                version,
            );
            let client = keeping(config, &Arc::default());
            let mut first = Server::new(&identity, |tls, context| {
                if has_keys {
                    asking(Verify::Required)(tls, context);
                } else {
                    ask_for_client_certificates(tls, context, &root.pem(), Verify::Required);
                }
            });
            let expected = Visit {
                is_resumed: false,
                certificates: own.chain_der(),
                verified: Ok(()),
            };
            assert_eq!(first.visit_as(&client, NAME), expected);
            // Nothing of the client is forgotten.
            let resumed = Visit {
                is_resumed: true,
                ..expected
            };
            assert_eq!(first.visit_as(&client, NAME), resumed);
            assert!(!first.visit_as(&client, OTHER).is_resumed);
            assert!(first.visit_as(&client, OTHER).is_resumed);
            if !has_keys {
                continue;
            }
            let same = &mut Server::new(&identity, asking(Verify::Required));
            for mut other in [
                Server::new(&identity, asking(Verify::Optional)),
                Server::new(&identity, asking(Verify::Deferred)),
                Server::new(&identity, keys(&[1])),
                Server::new(&renewed, asking(Verify::Required)),
                Server::new(&identity, |tls, context| {
                    asking(Verify::Required)(tls, context);
                    let more = bytes(&more.pem());
                    context.add_trust_roots(tls, &more).unwrap();
                }),
            ] {
                assert!(!same.visit_as(&client, NAME).is_resumed);
                assert_eq!(same.visit_as(&client, NAME), resumed);
                assert!(!other.visit_as(&client, NAME).is_resumed);
            }
        }
    }
}

/// So many hours before the year after the last day of the certificates here.
fn before_2050(hours: u32) -> SystemTime {
    let days = 80 * 365 + 20;
    SystemTime::UNIX_EPOCH + 24 * HOUR * days - hours * HOUR
}

#[test]
fn a_ticket_is_resumed_as_long_as_the_server_said_and_no_longer() {
    let (root, identity) = authority();
    let now = SystemTime::now();
    for version in VERSIONS {
        let lifetime = |tls: &mut Instance, context: &Context| {
            keys(&[1])(tls, context);
            context.set_session_lifetime(tls, 3600).unwrap();
        };
        let at = |moment| Server::with(options().at(moment), &identity, lifetime);
        let resumes_after = |later: Duration| {
            let client = plain_client(&root, version);
            assert!(!at(now).resumes(&client));
            at(now + later).resumes(&client)
        };
        assert!(resumes_after(HOUR));
        assert!(!resumes_after(HOUR + Duration::from_secs(1)));
        // Nor before it was made, unless the clocks are a little apart.
        let client = plain_client(&root, version);
        assert!(!at(now).resumes(&client));
        assert!(at(now - Duration::from_secs(30)).resumes(&client));
        assert!(!at(now - HOUR).resumes(&client));
    }
}

#[test]
fn a_client_whose_certificate_has_expired_since_is_met_by_a_full_handshake_and_refused() {
    let (root, identity) = authority();
    let own = root.issue(&Leaf::client());
    let roots = root.pem();
    for version in VERSIONS {
        let prepare = |tls: &mut Instance, context: &Context| {
            keys(&[1])(tls, context);
            context.set_session_lifetime(tls, WEEK).unwrap();
            ask_for_client_certificates(tls, context, &roots, Verify::Required);
        };
        let at = |hours| Server::with(options().at(before_2050(hours)), &identity, prepare);
        let own = (&*own.chain_pem(), &*own.key_pem());
        let client = client_config(&root.pem(), Some(own), version);
        assert!(!at(40).resumes(&client));
        assert!(at(39).resumes(&client));
        let mut late = at(1);
        let number = late.number;
        let peer = thread::spawn(move || {
            let mut stream = connect_tls(client, NAME, number);
            // The server's side tells how it goes.
            let _ = stream.conn.complete_io(&mut stream.sock);
            let _ = stream.read(&mut [0; 1]);
        });
        let tls = &mut late.tls;
        let port = late.listener.blocking_accept(tls).unwrap();
        match error(port.blocking_handshake(tls)) {
            Error::Certificate(refused) => assert_eq!(refused.reason, CertificateReason::Expired),
            other => panic!("{other:?}"),
        }
        port.drop(tls).unwrap();
        peer.join().unwrap();
        // A handshake that failed is counted nowhere.
        assert_eq!(late.handshakes(), (0, 0));
    }
}

#[test]
fn a_server_sends_as_many_tickets_as_it_is_told() {
    let (root, identity) = authority();
    for count in [0, 1, 2, 16] {
        for has_keys in [true, false] {
            let mut server = Server::new(&identity, |tls, context| {
                if count != 2 {
                    context.set_ticket_count(tls, count).unwrap();
                }
                if has_keys {
                    keys(&[1])(tls, context);
                }
            });
            let store = Arc::<AnyName>::default();
            let client = keeping(plain_client(&root, TLS13), &store);
            assert!(!server.resumes(&client));
            let found = store.tls13.lock().unwrap().len();
            assert_eq!(u32::try_from(found), Ok(count));
            assert_eq!(server.resumes(&client), count > 0);
        }
    }
}

#[test]
fn a_server_keeps_as_many_sessions_as_it_is_told() {
    let (root, identity) = authority();
    for version in VERSIONS {
        let mut none = Server::new(&identity, |tls, context| {
            context.set_session_cache(tls, 0).unwrap();
        });
        let client = plain_client(&root, version);
        for _ in 0..2 {
            assert!(!none.resumes(&client));
        }
        let mut one = Server::new(&identity, |tls, context| {
            context.set_session_cache(tls, 1).unwrap();
            context.set_ticket_count(tls, 1).unwrap();
        });
        let other = plain_client(&root, version);
        assert!(!one.resumes(&client));
        assert!(one.resumes(&client));
        assert!(!one.resumes(&other));
        assert!(!one.resumes(&client));
        // Tickets are kept by clients.
        let mut sealed = Server::new(&identity, |tls, context| {
            context.set_session_cache(tls, 0).unwrap();
            keys(&[1])(tls, context);
        });
        assert!(!sealed.resumes(&client));
        assert!(sealed.resumes(&client));
    }
}

#[test]
fn a_client_resumes_unless_it_is_told_not_to() {
    let (root, identity) = authority();
    for version in VERSIONS {
        let config = server_config(&identity.chain_pem(), &identity.key_pem(), None, version);
        for (cache, expected) in [(None, (1, 1)), (Some(1), (1, 1)), (Some(0), (2, 0))] {
            let mut tls = guest().instantiate(options()).unwrap();
            let context = client_context(&mut tls, &root.pem());
            let name = portcullis_host::context_types::VerifyName::Name(NAME.to_owned());
            context.set_verify_name(&mut tls, &name).unwrap();
            if let Some(sessions) = cache {
                context.set_session_cache(&mut tls, sessions).unwrap();
            }
            assert_eq!(context.full_handshakes(&mut tls).unwrap(), 0);
            for _ in 0..2 {
                let (address, peer) = serve_tls(Arc::clone(&config), |stream| {
                    // Whether it was still there to hear of its goodbye is not asked here.
                    let _ = echo_and_close(stream);
                    stream.conn.handshake_kind()
                });
                let number = address.port();
                let port = Port::blocking_connect(&mut tls, &context, "127.0.0.1", number).unwrap();
                port.blocking_write_all(&mut tls, b"hello").unwrap();
                assert_eq!(port.blocking_read(&mut tls, 9).unwrap().unwrap(), b"hello");
                let session = port.session(&mut tls).unwrap();
                assert_eq!(
                    session.peer_certificates(&mut tls).unwrap(),
                    identity.chain_der()
                );
                assert_eq!(session.verify_result(&mut tls).unwrap(), Ok(()));
                port.close(&mut tls).unwrap();
                let is_resumed = session.is_resumed(&mut tls).unwrap();
                let kind = peer.join().unwrap();
                assert_eq!(is_resumed, Some(kind == Some(HandshakeKind::Resumed)));
            }
            let full = context.full_handshakes(&mut tls).unwrap();
            let resumed = context.resumed_handshakes(&mut tls).unwrap();
            assert_eq!((full, resumed), expected, "{cache:?}");
            // A copy counts its own.
            let copy = context.copy(&mut tls).unwrap();
            copy.seal(&mut tls).unwrap();
            assert_eq!(copy.full_handshakes(&mut tls).unwrap(), 0);
        }
    }
}

#[test]
fn settings_of_sessions_that_cannot_work_are_refused_and_the_old_ones_stand() {
    let (root, identity) = authority();
    let mut server = Server::new(&identity, |tls, context| {
        keys(&[1])(tls, context);
        context.set_session_lifetime(tls, WEEK).unwrap();
        let refused = |result: Result<(), Failure>| match error(result) {
            Error::InvalidConfiguration(refused) => {
                assert_eq!(refused.item, ConfigurationItem::Tickets);
                refused.reason
            }
            other => panic!("{other:?}"),
        };
        let nine: Vec<_> = (0..9).map(secret).collect();
        for (secrets, reason) in [
            (vec![], ConfigurationReason::Empty),
            (vec![secret(2), vec![]], ConfigurationReason::Empty),
            (vec![vec![7; 31]], ConfigurationReason::Malformed),
            (vec![vec![7; 81]], ConfigurationReason::Malformed),
            (vec![secret(2), secret(2)], ConfigurationReason::Duplicate),
            (nine.clone(), ConfigurationReason::TooCostly),
        ] {
            assert_eq!(refused(context.set_ticket_keys(tls, &secrets)), reason);
        }
        let copy = context.copy(tls).unwrap();
        for secrets in [&nine[1..], &[vec![7; 32], vec![7; 80]]] {
            copy.set_ticket_keys(tls, secrets).unwrap();
        }
        for result in [
            context.set_session_cache(tls, 65_537),
            context.set_session_lifetime(tls, 0),
            context.set_session_lifetime(tls, WEEK + 1),
            context.set_ticket_count(tls, 17),
        ] {
            assert!(matches!(error(result), Error::InvalidArgument(_)));
        }
        context.set_session_cache(tls, 65_536).unwrap();
        context.set_ticket_count(tls, 16).unwrap();
        let client = Context::secure(tls, Role::Client).unwrap();
        for result in [
            client.set_session_lifetime(tls, 1),
            client.set_ticket_count(tls, 1),
            client.set_ticket_keys(tls, &[secret(1)]),
        ] {
            assert!(matches!(error(result), Error::InvalidArgument(_)));
        }
        client.set_session_cache(tls, 1).unwrap();
    });
    let client = plain_client(&root, TLS13);
    assert!(!Server::new(&identity, keys(&[1])).resumes(&client));
    assert!(server.resumes(&client));
    let (context, tls) = (&server.context, &mut server.tls);
    for result in [
        context.set_session_cache(tls, 1),
        context.set_session_lifetime(tls, 1),
        context.set_ticket_count(tls, 1),
        context.set_ticket_keys(tls, &[secret(1)]),
    ] {
        assert_eq!(error(result), Error::Sealed);
    }
}

/// Let OpenSSL's client connect, with a session from a file or none, and write the next one to
/// another file; returns whether it resumed.
fn openssl_visits(
    server: &mut Server,
    folder: &Folder,
    version: &str,
    session: Option<&str>,
) -> bool {
    let mut client = Command::new("openssl");
    client
        .current_dir(folder.path())
        .args(["s_client", version, "-ign_eof", "-CAfile", "ca.pem"])
        .args(["-servername", NAME, "-sess_out", "next.pem"])
        .args(["-connect", &format!("127.0.0.1:{}", server.number)])
        .args(session.map(|file| ["-sess_in", file]).into_iter().flatten())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let client = client.spawn().unwrap();
    let tls = &mut server.tls;
    let port = server.listener.blocking_accept(tls).unwrap();
    port.blocking_write_all(tls, b"hello").unwrap();
    let session = port.session(tls).unwrap();
    let is_resumed = session.is_resumed(tls).unwrap().unwrap();
    port.close(tls).unwrap();
    let output = client.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(told.contains("hello"), "{told}");
    assert_eq!(told.contains("\nReused, "), is_resumed, "{told}");
    assert_eq!(told.contains("\nNew, "), !is_resumed, "{told}");
    is_resumed
}

/// Where the ticket is in OpenSSL's encoding of a session: the octet string in the field of tag 10.
fn ticket_in(session: &[u8]) -> std::ops::Range<usize> {
    let length = |at: usize| match session[at] {
        0x81 => (usize::from(session[at + 1]), at + 2),
        0x82 => {
            let length = u16::from_be_bytes([session[at + 1], session[at + 2]]);
            (usize::from(length), at + 3)
        }
        short => (usize::from(short), at + 1),
    };
    let is_field = |at: &usize| {
        let (outer, inner) = length(at + 1);
        session[*at] == 0xaa && outer > 60 && session.get(inner) == Some(&4) && {
            let (length, start) = length(inner + 1);
            start + length == inner + outer
        }
    };
    let at = (0..session.len() - 4).find(is_field).unwrap();
    let (_, inner) = length(at + 1);
    let (length, start) = length(inner + 1);
    start..start + length
}

#[test]
fn openssl_resumes_with_another_instance_and_not_with_a_changed_ticket() {
    if !require_tool("openssl") {
        return;
    }
    let (root, identity) = authority();
    let folder = Folder::new();
    folder.put("ca.pem", root.pem());
    for version in ["-tls1_2", "-tls1_3"] {
        let mut first = Server::new(&identity, keys(&[1]));
        let mut second = Server::new(&identity, keys(&[2, 1]));
        assert!(!openssl_visits(&mut first, &folder, version, None));
        let own = std::fs::read(folder.path().join("next.pem")).unwrap();
        folder.put("own.pem", &own);
        assert!(openssl_visits(
            &mut second,
            &folder,
            version,
            Some("own.pem")
        ));
        let der = openssl(&["sess_id", "-outform", "DER"], &own);
        let ticket = ticket_in(&der);
        // In the name of the key, the salt, the sealed session and the tag.
        for at in [0, 16, 48, ticket.len() - 1] {
            let mut changed = der.clone();
            changed[ticket.start + at] ^= 1;
            let changed = pem("SSL SESSION PARAMETERS", &changed);
            folder.put("changed.pem", changed);
            let resumed = openssl_visits(&mut second, &folder, version, Some("changed.pem"));
            assert!(!resumed, "{at}");
        }
        assert_eq!(second.handshakes(), (4, 1));
    }
}
