//! Servers that are not ours: rustls with ring, on threads.

use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Barrier};
use std::thread::{self, JoinHandle};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::Folder;

/// What [`serve_page`] answers.
pub const PAGE: &str = "hello from afar";

/// Answers this many clients, once all of them have done their handshakes.
pub fn serve_page(folder: &Folder, clients: usize) -> (u16, JoinHandle<()>) {
    let config = config(folder);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let all = Arc::new(Barrier::new(clients));
    let serving = thread::spawn(move || {
        let mut threads = Vec::new();
        for _ in 0..clients {
            let (socket, _) = listener.accept().unwrap();
            let (config, all) = (Arc::clone(&config), Arc::clone(&all));
            threads.push(thread::spawn(move || {
                let connection = ServerConnection::new(config).unwrap();
                let mut stream = StreamOwned::new(connection, socket);
                let read = stream.read(&mut [0; 1024]);
                all.wait();
                // A client that refuses the server is gone.
                if read.is_ok_and(|length| length > 0) {
                    let _ = stream.write_all(PAGE.as_bytes());
                    stream.conn.send_close_notify();
                    let _ = stream.flush();
                }
            }));
        }
        for thread in threads {
            thread.join().unwrap();
        }
    });
    (port, serving)
}

/// Echoes to every client until it says no more. It serves as long as the process lives.
pub fn serve_echo(folder: &Folder) -> u16 {
    let config = config(folder);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for socket in listener.incoming() {
            let (socket, config) = (socket.unwrap(), Arc::clone(&config));
            // If a client leaves early, that is for its test to judge.
            thread::spawn(move || echo(socket, config));
        }
    });
    port
}

fn echo(socket: TcpStream, config: Arc<ServerConfig>) -> io::Result<()> {
    let connection = ServerConnection::new(config).map_err(io::Error::other)?;
    let mut stream = StreamOwned::new(connection, socket);
    let mut buffer = [0; 16 * 1024];
    loop {
        match stream.read(&mut buffer)? {
            0 => break,
            length => stream.write_all(&buffer[..length])?,
        }
    }
    stream.conn.send_close_notify();
    stream.flush()
}

fn config(folder: &Folder) -> Arc<ServerConfig> {
    let certificate = CertificateDer::from_pem_file(folder.path("cert.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(folder.path("key.pem")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    Arc::new(config)
}
