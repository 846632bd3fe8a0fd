//! The other end: rustls with ring's cryptography, on loopback, one connection on one thread.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use portcullis_host::{Context, Instance, Listener};
use rustls::client::ResolvesClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::SupportedKxGroup;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, ServerConfig,
    ServerConnection, SignatureScheme, StreamOwned, SupportedCipherSuite, SupportedProtocolVersion,
};

use super::certs::NAME;

/// No step of a test takes longer; a test that hangs fails by it.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Both versions.
pub const ALL: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13, &rustls::version::TLS12];
/// TLS 1.2.
pub const TLS12: &[&SupportedProtocolVersion] = &[&rustls::version::TLS12];
/// TLS 1.3.
pub const TLS13: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13];

/// A server's end of a connection.
pub type ServerStream = StreamOwned<ServerConnection, TcpStream>;
/// A client's end of a connection.
pub type ClientStream = StreamOwned<ClientConnection, TcpStream>;

fn certificates(pem: &str) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(pem.as_bytes())
        .map(Result::unwrap)
        .collect()
}

fn roots(pem: &str) -> Arc<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates(pem));
    Arc::new(roots)
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// A server's configuration; with client roots it requires a client certificate.
pub fn server_config(
    chain: &str,
    key: &str,
    client_roots: Option<&str>,
    versions: &[&'static SupportedProtocolVersion],
) -> Arc<ServerConfig> {
    let builder = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(versions)
        .unwrap();
    let builder = match client_roots {
        Some(pem) => builder.with_client_cert_verifier(
            WebPkiClientVerifier::builder_with_provider(roots(pem), provider())
                .build()
                .unwrap(),
        ),
        None => builder.with_no_client_auth(),
    };
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    Arc::new(builder.with_single_cert(certificates(chain), key).unwrap())
}

/// A chain and a key, unchecked.
fn certified(chain: &[CertificateDer<'static>], key: &str) -> SingleCertAndKey {
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let key = provider().key_provider.load_private_key(key).unwrap();
    SingleCertAndKey::from(CertifiedKey::new(chain.to_vec(), key))
}

/// A server's configuration with a chain that need not belong to the key.
pub fn server_config_of(chain: &[CertificateDer<'static>], key: &str) -> Arc<ServerConfig> {
    let identity = certified(chain, key);
    let builder = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap();
    Arc::new(
        builder
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(identity)),
    )
}

/// A server's configuration with these key exchange groups.
pub fn server_config_with_groups(
    chain: &str,
    key: &str,
    groups: &[&'static dyn SupportedKxGroup],
) -> Arc<ServerConfig> {
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let builder = ServerConfig::builder_with_provider(provider_with_groups(groups))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth();
    Arc::new(builder.with_single_cert(certificates(chain), key).unwrap())
}

/// A client's configuration with these key exchange groups, the preferred first.
pub fn client_config_with_groups(
    server_roots: &str,
    groups: &[&'static dyn SupportedKxGroup],
) -> Arc<ClientConfig> {
    let builder = ClientConfig::builder_with_provider(provider_with_groups(groups))
        .with_safe_default_protocol_versions()
        .unwrap();
    Arc::new(
        builder
            .with_root_certificates(roots(server_roots))
            .with_no_client_auth(),
    )
}

fn provider_with_groups(
    groups: &[&'static dyn SupportedKxGroup],
) -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::CryptoProvider {
        kx_groups: groups.to_vec(),
        ..rustls::crypto::ring::default_provider()
    })
}

/// A TLS 1.2 client's configuration with the suites whose names begin with the prefix.
pub fn client_config_with_suites(server_roots: &str, prefix: &str) -> Arc<ClientConfig> {
    let mut provider = rustls::crypto::ring::default_provider();
    let is_wanted = |suite: &SupportedCipherSuite| {
        suite
            .suite()
            .as_str()
            .is_some_and(|name| name.starts_with(prefix))
    };
    provider.cipher_suites.retain(is_wanted);
    let builder = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(TLS12)
        .unwrap();
    Arc::new(
        builder
            .with_root_certificates(roots(server_roots))
            .with_no_client_auth(),
    )
}

/// A client's configuration, with or without an identity (chain and key).
pub fn client_config(
    server_roots: &str,
    identity: Option<(&str, &str)>,
    versions: &[&'static SupportedProtocolVersion],
) -> Arc<ClientConfig> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots(server_roots));
    Arc::new(match identity {
        Some((chain, key)) => {
            let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
            builder
                .with_client_auth_cert(certificates(chain), key)
                .unwrap()
        }
        None => builder.with_no_client_auth(),
    })
}

/// A client's configuration whose certificate is chosen when the server asks for one.
pub fn requested_client_config(
    server_roots: &str,
    resolver: Arc<dyn ResolvesClientCert>,
) -> Arc<ClientConfig> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap();
    Arc::new(
        builder
            .with_root_certificates(roots(server_roots))
            .with_client_cert_resolver(resolver),
    )
}

/// A client's configuration with a chain that need not be in order.
pub fn client_config_of(
    server_roots: &str,
    chain: &[CertificateDer<'static>],
    key: &str,
) -> Arc<ClientConfig> {
    requested_client_config(server_roots, Arc::new(certified(chain, key)))
}

/// Takes every certificate, and keeps the OCSP response that comes with it.
#[derive(Debug, Default)]
struct StapleKeeper(Mutex<Vec<u8>>);

impl ServerCertVerifier for StapleKeeper {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        staple: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        *self.0.lock().unwrap() = staple.to_vec();
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = provider().signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, &algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = provider().signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = provider().signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}

/// Shakes hands with a server on loopback; returns the OCSP response that it presents.
pub fn shown_staple(versions: &[&'static SupportedProtocolVersion], port: u16) -> Vec<u8> {
    let keeper = Arc::new(StapleKeeper::default());
    let config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(versions)
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::<StapleKeeper>::clone(&keeper))
        .with_no_client_auth();
    greet(Arc::new(config), port);
    let staple = keeper.0.lock().unwrap();
    staple.clone()
}

/// Where everything listens.
pub const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A listener of the component on a free port, and the port.
pub fn listen(tls: &mut Instance, context: &Context) -> (Listener, u16) {
    let listener = Listener::listen(tls, context, LOCALHOST, 0, None).unwrap();
    let port = listener.local_address(tls).unwrap().port;
    (listener, port)
}

/// Serve one TLS connection on loopback; the thread returns what `serve` does.
pub fn serve_tls<T: Send + 'static>(
    config: Arc<ServerConfig>,
    serve: impl FnOnce(&mut ServerStream) -> T + Send + 'static,
) -> (SocketAddr, JoinHandle<T>) {
    serve_tcp(move |socket| {
        let connection = ServerConnection::new(config).unwrap();
        serve(&mut StreamOwned::new(connection, socket))
    })
}

/// Serve one TCP connection on loopback.
pub fn serve_tcp<T: Send + 'static>(
    serve: impl FnOnce(TcpStream) -> T + Send + 'static,
) -> (SocketAddr, JoinHandle<T>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let thread = thread::spawn(move || {
        let (socket, _) = listener.accept().unwrap();
        serve(patient(socket))
    });
    (address, thread)
}

/// Connect to a server on loopback as `name`.
pub fn connect_tls(config: Arc<ClientConfig>, name: &str, port: u16) -> ClientStream {
    let name = ServerName::try_from(name.to_owned()).unwrap();
    StreamOwned::new(
        ClientConnection::new(config, name).unwrap(),
        connect_tcp(port),
    )
}

/// Connect to a TCP server on loopback.
pub fn connect_tcp(port: u16) -> TcpStream {
    patient(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap())
}

fn patient(socket: TcpStream) -> TcpStream {
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.set_write_timeout(Some(PATIENCE)).unwrap();
    socket
}

/// Send back whatever comes, until the end.
pub fn echo(stream: &mut (impl Read + Write)) -> io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            length => stream.write_all(&buffer[..length])?,
        }
        stream.flush()?;
    }
}

/// Echo, then end the connection by close_notify.
pub fn echo_and_close(stream: &mut ServerStream) -> io::Result<()> {
    echo(stream)?;
    stream.conn.send_close_notify();
    stream.flush()
}

/// Shake hands as a client of `NAME`, and wait for the server to end the connection.
pub fn greet(config: Arc<ClientConfig>, port: u16) {
    let mut stream = connect_tls(config, NAME, port);
    // The server's side tells how it goes.
    let _ = stream.conn.complete_io(&mut stream.sock);
    let _ = stream.read(&mut [0; 1]);
}
