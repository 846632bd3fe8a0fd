//! Our side and a peer of rustls' with a chain of its own, in either role.

use std::thread::{self, JoinHandle};

use portcullis_host::context_types::{Verify, VerifyName};
use portcullis_host::types::{CertificateError, CertificateReason, Error, Role};
use portcullis_host::{Context, Instance, Port};
use rustls::pki_types::CertificateDer;

use super::certs::{Authority, Leaf, NAME};
use super::component::{
    ask_for_client_certificates, bytes, client_context, error, instance, server_context,
};
use super::peers::{
    ALL, ServerStream, client_config_of, connect_tls, echo, echo_and_close, listen, serve_tls,
    server_config, server_config_of,
};

/// A connected port, and a peer that runs `serve`.
pub fn connected<T: Send + 'static>(
    tls: &mut Instance,
    serve: impl FnOnce(&mut ServerStream) -> T + Send + 'static,
) -> (Port, JoinHandle<T>) {
    let authority = Authority::root("Root");
    let identity = authority.issue(&Leaf::server().names(&["localhost"]));
    let config = server_config(&identity.chain_pem(), &identity.key_pem(), None, ALL);
    let (address, peer) = serve_tls(config, serve);
    let context = client_context(tls, &authority.pem());
    let port = Port::blocking_connect(tls, &context, "localhost", address.port()).unwrap();
    context.drop(tls).unwrap();
    (port, peer)
}

/// The same, with the handshake done.
pub fn open<T: Send + 'static>(
    tls: &mut Instance,
    serve: impl FnOnce(&mut ServerStream) -> T + Send + 'static,
) -> (Port, JoinHandle<T>) {
    let (port, peer) = connected(tls, serve);
    port.blocking_handshake(tls).unwrap();
    (port, peer)
}

/// How a handshake ended, and what was told of the peer.
pub type Outcome = Result<Result<(), CertificateError>, CertificateError>;

fn outcome(tls: &mut Instance, port: Port) -> Outcome {
    let session = port.session(tls).unwrap();
    let outcome = match port.blocking_handshake(tls) {
        Ok(()) => {
            port.blocking_write_all(tls, b"hello").unwrap();
            assert_eq!(port.blocking_read(tls, 9).unwrap().unwrap(), b"hello");
            Ok(session.verify_result(tls).unwrap())
        }
        Err(failure) => match error::<()>(Err(failure)) {
            Error::Certificate(refused) => Err(refused),
            other => panic!("{other:?}"),
        },
    };
    let _ = port.close(tls);
    port.drop(tls).unwrap();
    outcome
}

/// Let our side, in a role, meet a peer with this chain.
pub fn meet(
    role: Role,
    sent: &[CertificateDer<'static>],
    key: &str,
    set: impl FnOnce(&mut Instance, &Context),
    trusted: &str,
    verify: Verify,
) -> Outcome {
    let mut tls = instance();
    if role == Role::Client {
        let (address, peer) = serve_tls(server_config_of(sent, key), |stream| {
            // Our side tells how it ends.
            let _ = echo_and_close(stream);
        });
        let context = Context::secure(&mut tls, Role::Client).unwrap();
        context.add_trust_roots(&mut tls, &bytes(trusted)).unwrap();
        context.set_verify(&mut tls, verify).unwrap();
        let name = VerifyName::Name(NAME.to_owned());
        context.set_verify_name(&mut tls, &name).unwrap();
        set(&mut tls, &context);
        let port = Port::blocking_connect(&mut tls, &context, "127.0.0.1", address.port()).unwrap();
        let outcome = outcome(&mut tls, port);
        peer.join().unwrap();
        return outcome;
    }
    let root = Authority::root("Server");
    let own = root.issue(&Leaf::server());
    let context = server_context(&mut tls, &own.chain_pem(), &own.key_pem());
    ask_for_client_certificates(&mut tls, &context, trusted, verify);
    set(&mut tls, &context);
    let (listener, number) = listen(&mut tls, &context);
    let config = client_config_of(&root.pem(), sent, key);
    let peer = thread::spawn(move || {
        let mut stream = connect_tls(config, NAME, number);
        let _ = echo(&mut stream);
    });
    let port = listener.blocking_accept(&mut tls).unwrap();
    let outcome = outcome(&mut tls, port);
    peer.join().unwrap();
    outcome
}

pub fn reason(outcome: Outcome) -> Result<Result<(), CertificateReason>, CertificateReason> {
    let reason = |refused: CertificateError| refused.reason;
    outcome.map(|told| told.map_err(reason)).map_err(reason)
}
