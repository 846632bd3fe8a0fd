//! A connection of which both ends are ours.

use std::net::Ipv4Addr;
use std::thread;

use portcullis_host::context_types::{Source, VerifyName};
use portcullis_host::types::Role;
use portcullis_host::{Context, Instance, Listener, Port};

/// One connection between two instances, over which a greeting goes.
pub fn greet(server: &mut Instance, mut client: Instance) {
    let key = rcgen::KeyPair::generate().unwrap();
    let chain = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
    let chain = chain.self_signed(&key).unwrap().pem();
    let [chain, key] = [chain, key.serialize_pem()].map(|pem| Source::Bytes(pem.into_bytes()));
    let context = Context::secure(server, Role::Server).unwrap();
    context.load_identity(server, &chain, &key, None).unwrap();
    let address = Ipv4Addr::LOCALHOST.into();
    let listener = Listener::listen(server, &context, address, 0, None).unwrap();
    let number = listener.local_address(server).unwrap().port;
    let talking = thread::spawn(move || {
        let context = Context::secure(&mut client, Role::Client).unwrap();
        context.add_trust_roots(&mut client, &chain).unwrap();
        let name = VerifyName::Name("localhost".to_owned());
        context.set_verify_name(&mut client, &name).unwrap();
        let port = Port::blocking_connect(&mut client, &context, "127.0.0.1", number).unwrap();
        port.blocking_write_all(&mut client, b"hello").unwrap();
        port.close(&mut client).unwrap();
    });
    let port = listener.blocking_accept(server).unwrap();
    let heard = port.blocking_read(server, 100).unwrap();
    assert_eq!(heard.as_deref(), Some(&b"hello"[..]));
    talking.join().unwrap();
}
