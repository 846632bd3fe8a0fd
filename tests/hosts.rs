//! The built component: hosts and addresses as people write them.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop"
)]

mod support;

use portcullis_host::types::{Error, Role};
use portcullis_host::{Context, Listener, Port};
use support::certs::{Authority, Leaf};
use support::component::{error, instance, server_context};

#[test]
fn ipv4_written_as_ipv6_is_listened_on_and_connected_to_as_ipv4() {
    let identity = Authority::root("Root").issue(&Leaf::server());
    let mut tls = instance();
    let context = server_context(&mut tls, &identity.chain_pem(), &identity.key_pem());
    let mapped = "::ffff:127.0.0.1".parse().unwrap();
    let listener = Listener::listen(&mut tls, &context, mapped, 0, None).unwrap();
    let address = listener.local_address(&mut tls).unwrap();
    assert_eq!(address.ip, "127.0.0.1");
    let client = Context::unverified(&mut tls, Role::Client).unwrap();
    for host in ["::ffff:127.0.0.1", "[::ffff:127.0.0.1]", "127.0.0.1"] {
        let port = Port::blocking_connect(&mut tls, &client, host, address.port).unwrap();
        let peer = port.remote_address(&mut tls).unwrap().unwrap();
        assert_eq!(peer.ip, "127.0.0.1", "{host}");
        port.close(&mut tls).unwrap();
    }
}

#[test]
fn the_address_of_a_group_is_not_listened_on() {
    let identity = Authority::root("Root").issue(&Leaf::server());
    let mut tls = instance();
    let context = server_context(&mut tls, &identity.chain_pem(), &identity.key_pem());
    for ip in ["224.0.0.1", "ff02::1", "::7f00:1"] {
        let ip = ip.parse().unwrap();
        let refused = error(Listener::listen(&mut tls, &context, ip, 0, None));
        assert!(
            matches!(refused, Error::InvalidArgument(_)),
            "{ip}: {refused:?}"
        );
    }
    let all = "0.0.0.0".parse().unwrap();
    // The component accepts this address, and the host denies it: its network is loopback alone.
    let denied = error(Listener::listen(&mut tls, &context, all, 0, None));
    assert!(matches!(denied, Error::Network(_)), "{denied:?}");
}
