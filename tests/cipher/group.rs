//! Key exchange groups, with the component on both ends, and with rustls on ring, which knows no
//! ML-KEM. `host/cli/tests/peers.rs` meets other peers that know it.

use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::thread;

use portcullis_host::types::{
    ConfigurationItem, ConfigurationReason, Error, ProtocolReason, Role, Version,
};
use portcullis_host::{Context, Instance, Port};
use rustls::crypto::ring::kx_group;
use rustls::{HandshakeKind, NamedGroup, ServerConfig};

use super::server;
use crate::support::certs::{Authority, Identity, Leaf};
use crate::support::component::{client_context, configuration, error, instance};
use crate::support::peers::{
    ALL, ServerStream, TLS12, client_config_with_groups, connect_tls, echo_and_close, listen,
    serve_tcp, serve_tls, server_config, server_config_with_groups,
};

const HYBRID: &str = "X25519MLKEM768";
const NIST_HYBRID: &str = "SecP256r1MLKEM768";
const X25519: &str = "x25519";
const SECP256R1: &str = "secp256r1";
const SECP384R1: &str = "secp384r1";
const ALL_GROUPS: [&str; 5] = [HYBRID, NIST_HYBRID, X25519, SECP256R1, SECP384R1];

fn identity() -> (Authority, Identity) {
    let authority = Authority::root("Root");
    let identity = authority.issue(&Leaf::server().names(&["localhost"]));
    (authority, identity)
}

/// The group as rustls names it.
#[track_caller]
fn of_rustls(name: &str) -> NamedGroup {
    match name {
        HYBRID => NamedGroup::X25519MLKEM768,
        NIST_HYBRID => NamedGroup::secp256r1MLKEM768,
        X25519 => NamedGroup::X25519,
        SECP256R1 => NamedGroup::secp256r1,
        SECP384R1 => NamedGroup::secp384r1,
        other => panic!("{other}"),
    }
}

/// The group that a port's handshake has agreed on.
fn group(tls: &mut Instance, port: &Port) -> Option<String> {
    port.session(tls).unwrap().group(tls).unwrap()
}

/// The group and the kind of handshake that a peer saw.
type Seen = (NamedGroup, HandshakeKind);

fn seen<Side>(connection: &rustls::ConnectionCommon<Side>) -> Seen {
    let group = connection.negotiated_key_exchange_group().unwrap();
    (group.name(), connection.handshake_kind().unwrap())
}

/// What a server sees of our client with these groups, or with its default ones.
fn client_meets(authority: &Authority, config: Arc<ServerConfig>, groups: Option<&[&str]>) -> Seen {
    let (address, peer) = serve_tls(config, |stream: &mut ServerStream| {
        echo_and_close(stream).unwrap();
        seen::<rustls::server::ServerConnectionData>(&stream.conn)
    });
    let mut tls = instance();
    let context = client_context(&mut tls, &authority.pem());
    if let Some(groups) = groups {
        context.set_groups(&mut tls, groups).unwrap();
    }
    let port = Port::blocking_connect(&mut tls, &context, "localhost", address.port()).unwrap();
    assert_eq!(group(&mut tls, &port), None);
    port.blocking_write_all(&mut tls, b"hello").unwrap();
    assert_eq!(port.blocking_read(&mut tls, 9).unwrap().unwrap(), b"hello");
    let agreed = group(&mut tls, &port).unwrap();
    port.close(&mut tls).unwrap();
    let seen = peer.join().unwrap();
    assert_eq!(of_rustls(&agreed), seen.0);
    seen
}

#[test]
fn a_server_without_ml_kem_gets_x25519_in_one_round_trip() {
    let (authority, identity) = identity();
    let (chain, key) = (identity.chain_pem(), identity.key_pem());
    let config = server_config(&chain, &key, None, ALL);
    let seen = client_meets(&authority, config, None);
    assert_eq!(seen, (NamedGroup::X25519, HandshakeKind::Full));
    // Another group has to be asked for, which costs a round trip; above, that would be seen.
    let config = server_config_with_groups(&chain, &key, &[kx_group::SECP256R1]);
    let seen = client_meets(&authority, config, None);
    assert_eq!(
        seen,
        (
            NamedGroup::secp256r1,
            HandshakeKind::FullWithHelloRetryRequest
        )
    );
    // With TLS 1.2 the group is X25519 as well.
    let config = server_config(&chain, &key, None, TLS12);
    assert_eq!(
        client_meets(&authority, config, None),
        (NamedGroup::X25519, HandshakeKind::Full)
    );
}

#[test]
fn a_client_without_ml_kem_gets_the_group_that_it_likes_best() {
    let (authority, identity) = identity();
    for preferred in [kx_group::X25519, kx_group::SECP256R1, kx_group::SECP384R1] {
        let mut tls = instance();
        let context = server(&mut tls, &identity);
        let (listener, number) = listen(&mut tls, &context);
        let mut groups = rustls::crypto::ring::ALL_KX_GROUPS.to_vec();
        groups.sort_by_key(|one| one.name() != preferred.name());
        let config = client_config_with_groups(&authority.pem(), &groups);
        let client = thread::spawn(move || {
            let mut stream = connect_tls(config, "localhost", number);
            stream.write_all(b"hello").unwrap();
            stream.read_exact(&mut [0; 5]).unwrap();
            seen::<rustls::client::ClientConnectionData>(&stream.conn)
        });
        let port = listener.blocking_accept(&mut tls).unwrap();
        let plaintext = port.blocking_read(&mut tls, 9).unwrap().unwrap();
        port.blocking_write_all(&mut tls, &plaintext).unwrap();
        let ours = group(&mut tls, &port).unwrap();
        let seen = client.join().unwrap();
        assert_eq!(seen, (preferred.name(), HandshakeKind::Full));
        assert_eq!(of_rustls(&ours), preferred.name());
    }
}

#[test]
fn a_client_offers_its_groups_in_the_order_that_it_was_told() {
    let (authority, identity) = identity();
    let config = || server_config(&identity.chain_pem(), &identity.key_pem(), None, ALL);
    for (groups, expected) in [
        (&[X25519][..], NamedGroup::X25519),
        (&[SECP256R1], NamedGroup::secp256r1),
        (&[SECP384R1], NamedGroup::secp384r1),
        (&[SECP384R1, X25519], NamedGroup::secp384r1),
        (&[SECP256R1, HYBRID], NamedGroup::secp256r1),
    ] {
        let seen = client_meets(&authority, config(), Some(groups));
        assert_eq!(seen, (expected, HandshakeKind::Full), "{groups:?}");
    }
    // P-256's share goes along with that of P-256 and ML-KEM.
    let seen = client_meets(&authority, config(), Some(&[NIST_HYBRID, SECP256R1]));
    assert_eq!(seen, (NamedGroup::secp256r1, HandshakeKind::Full));
    // Without X25519 its share does not go along.
    let groups = [HYBRID, SECP256R1];
    let seen = client_meets(&authority, config(), Some(&groups));
    let again = HandshakeKind::FullWithHelloRetryRequest;
    assert_eq!(seen, (NamedGroup::secp256r1, again));
}

/// How the handshake of our client with our server ends on both sides.
fn meet(
    (authority, identity): &(Authority, Identity),
    protocol: &str,
    client: &[&str],
    servers: &[&str],
) -> (Result<Version, Error>, Result<(), Error>) {
    let mut tls = instance();
    let context = server(&mut tls, identity);
    context.set_groups(&mut tls, servers).unwrap();
    let (listener, number) = listen(&mut tls, &context);
    let serving = thread::spawn(move || {
        let port = listener.blocking_accept(&mut tls).unwrap();
        port.blocking_handshake(&mut tls)
            .map(|()| group(&mut tls, &port))
            .map_err(|failure| failure.error().unwrap().clone())
    });
    let mut tls = instance();
    let context = client_context(&mut tls, &authority.pem());
    context.set_protocol(&mut tls, protocol).unwrap();
    context.set_groups(&mut tls, client).unwrap();
    assert_eq!(context.groups(&mut tls).unwrap(), client);
    let port = Port::blocking_connect(&mut tls, &context, "localhost", number).unwrap();
    let connected = port
        .blocking_handshake(&mut tls)
        .map(|()| {
            let session = port.session(&mut tls).unwrap();
            session.version(&mut tls).unwrap().unwrap()
        })
        .map_err(|failure| failure.error().unwrap().clone());
    let connected_by = group(&mut tls, &port);
    let served = serving.join().unwrap();
    if let Ok(served) = &served {
        let common = client.iter().copied().find(|one| servers.contains(one));
        assert_eq!(
            (connected_by.as_deref(), served.as_deref()),
            (common, common)
        );
    }
    (connected, served.map(drop))
}

#[test]
fn each_group_alone_is_met_by_itself_and_by_no_other() {
    let identity = identity();
    for client in ALL_GROUPS {
        for servers in ALL_GROUPS {
            let (connected, served) = meet(&identity, "tlsv13", &[client], &[servers]);
            if client == servers {
                assert_eq!((connected, served), (Ok(Version::Tls13), Ok(())));
                continue;
            }
            let what = format!("{client:?} {servers:?}");
            assert_eq!(connected, Err(Error::AlertReceived(40)), "{what}");
            match served {
                Err(Error::Protocol(error)) => {
                    assert_eq!(error.reason, ProtocolReason::NoCommonParameters, "{what}");
                    assert_eq!(error.alert_sent, Some(40), "{what}");
                }
                other => panic!("{what}: {other:?}"),
            }
        }
    }
}

#[test]
fn tls_12_is_spoken_with_each_classic_group_and_not_offered_with_ml_kem_alone() {
    let identity = identity();
    let hybrid = [HYBRID];
    for group in &ALL_GROUPS[2..] {
        let met = meet(&identity, "tlsv12", &[*group], &ALL_GROUPS);
        assert_eq!(met, (Ok(Version::Tls12), Ok(())), "{group:?}");
        // A server with ML-KEM alone speaks TLS 1.3 alone, whatever its versions are.
        let (connected, served) = meet(&identity, "tlsv12", &[*group], &hybrid);
        assert_eq!(connected, Err(Error::AlertReceived(70)));
        assert!(matches!(served, Err(Error::Protocol(error))
            if error.reason == ProtocolReason::NoCommonVersion));
    }
    assert_eq!(
        meet(&identity, "auto", &hybrid, &ALL_GROUPS),
        (Ok(Version::Tls13), Ok(()))
    );
}

#[test]
fn both_shares_are_in_the_first_message() {
    let (address, peer) = serve_tcp(|mut stream| {
        let mut header = [0; 5];
        stream.read_exact(&mut header).unwrap();
        let mut hello = vec![0; usize::from(u16::from_be_bytes([header[3], header[4]]))];
        stream.read_exact(&mut hello).unwrap();
        hello
    });
    let mut tls = instance();
    let context = Context::secure(&mut tls, Role::Client).unwrap();
    assert_eq!(context.groups(&mut tls).unwrap(), ALL_GROUPS);
    let port = Port::blocking_connect(&mut tls, &context, "localhost", address.port()).unwrap();
    assert_eq!(error(port.blocking_handshake(&mut tls)), Error::Truncated);
    let hello = peer.join().unwrap();
    // The group's number and the length of its share, which X25519's share ends.
    let at = |bytes: &[u8]| {
        hello
            .windows(bytes.len())
            .position(|window| window == bytes)
    };
    let hybrid = at(&[0x11, 0xec, 0x04, 0xc0]).unwrap() + 4;
    let classic = at(&[0x00, 0x1d, 0x00, 0x20]).unwrap() + 4;
    assert_eq!(
        hello[hybrid + 1184..hybrid + 1216],
        hello[classic..classic + 32]
    );
}

#[test]
fn the_groups_that_there_are_are_told_by_name_in_the_order_of_preference() {
    let mut tls = instance();
    assert_eq!(Context::supported_groups(&mut tls).unwrap(), ALL_GROUPS);
    for role in [Role::Client, Role::Server] {
        for make in [Context::secure, Context::unverified] {
            let context = make(&mut tls, role).unwrap();
            assert_eq!(context.groups(&mut tls).unwrap(), ALL_GROUPS);
        }
    }
}

#[test]
fn groups_are_set_by_name_in_any_case() {
    let mut tls = instance();
    let context = Context::secure(&mut tls, Role::Client).unwrap();
    for (set, told) in [
        (["SECP256R1", "x25519mlkem768"], [SECP256R1, HYBRID]),
        (["X25519", "sEcP384r1"], [X25519, SECP384R1]),
        ([X25519, HYBRID], [X25519, HYBRID]),
    ] {
        context.set_groups(&mut tls, &set).unwrap();
        assert_eq!(context.groups(&mut tls).unwrap(), told);
    }
}

#[test]
fn lists_of_groups_without_a_meaning_are_refused_by_name_and_the_old_one_stays() {
    let mut tls = instance();
    let context = Context::secure(&mut tls, Role::Client).unwrap();
    let groups = [SECP384R1, X25519];
    context.set_groups(&mut tls, &groups).unwrap();
    let unknown = ConfigurationReason::UnknownName;
    let duplicate = ConfigurationReason::Duplicate;
    for (wrong, reason, named) in [
        (&[][..], ConfigurationReason::Empty, None),
        (&[X25519, X25519], duplicate, Some(X25519)),
        (&[HYBRID, "X25519", X25519], duplicate, Some(X25519)),
        (
            &[ALL_GROUPS.as_slice(), &ALL_GROUPS].concat(),
            duplicate,
            Some(HYBRID),
        ),
        (&["x448"], unknown, Some("x448")),
        (&[X25519, "P-256"], unknown, Some("P-256")),
        (&[X25519, " secp256r1"], unknown, Some(" secp256r1")),
        (&[""], unknown, None),
        (&["secp521r1", "secp521r1"], unknown, Some("secp521r1")),
    ] {
        let refused = configuration(context.set_groups(&mut tls, wrong));
        assert_eq!(refused.item, ConfigurationItem::Groups, "{wrong:?}");
        assert_eq!(refused.reason, reason, "{wrong:?}");
        let detail = refused.detail.unwrap_or_default();
        let lowercase = detail.to_lowercase();
        if let Some(named) = named {
            let named = named.to_lowercase();
            assert!(lowercase.contains(&named), "{wrong:?}: {detail}");
        }
        if reason == unknown {
            let all = ALL_GROUPS.iter().all(|group| detail.contains(group));
            assert!(all, "{wrong:?}: {detail}");
        }
        assert_eq!(context.groups(&mut tls).unwrap(), groups);
    }
    let copy = context.copy(&mut tls).unwrap();
    context.seal(&mut tls).unwrap();
    assert_eq!(
        error(context.set_groups(&mut tls, &ALL_GROUPS)),
        Error::Sealed
    );
    assert_eq!(context.groups(&mut tls).unwrap(), groups);
    copy.set_groups(&mut tls, &ALL_GROUPS).unwrap();
    assert_eq!(copy.groups(&mut tls).unwrap(), ALL_GROUPS);
}

#[test]
fn groups_without_a_version_are_refused_at_the_seal() {
    let mut tls = instance();
    let (_, identity) = identity();
    for role in [Role::Client, Role::Server] {
        let context = match role {
            Role::Client => Context::secure(&mut tls, role).unwrap(),
            Role::Server => server(&mut tls, &identity),
        };
        let hybrid = [HYBRID];
        context.set_groups(&mut tls, &hybrid).unwrap();
        context.set_protocol(&mut tls, "tlsv12").unwrap();
        let refused = configuration(context.seal(&mut tls));
        assert_eq!(refused.item, ConfigurationItem::Groups);
        assert_eq!(refused.reason, ConfigurationReason::NoUsableGroup);
        // TLS 1.3 is permitted, and its suites are gone.
        context.set_protocol(&mut tls, "auto").unwrap();
        let list = "ALL:!TLS_AES_128_GCM_SHA256:!TLS_AES_256_GCM_SHA384:\
                    !TLS_CHACHA20_POLY1305_SHA256";
        let list = [list.to_owned()];
        context.set_cipher_list(&mut tls, &list).unwrap();
        let refused = configuration(context.seal(&mut tls));
        assert_eq!(refused.reason, ConfigurationReason::NoUsableGroup);
        let both = [HYBRID, X25519];
        context.set_groups(&mut tls, &both).unwrap();
        context.seal(&mut tls).unwrap();
    }
}
