//! A client and a server session, joined in memory.

use std::sync::Arc;

use portcullis::error::Error;
use portcullis::tls::{Config, Plaintext, Role, Session, Settings, State, Verify, Version};

use super::certs::{Authority, Identity, Leaf, NAME};

/// One direction of a connection.
pub struct Wire {
    /// What was sent and is not yet delivered.
    pub queue: Vec<u8>,
    /// At most so many bytes are delivered at once.
    pub chunk: usize,
    /// In the byte of this number, these bits are changed.
    pub flip: Option<(usize, u8)>,
    /// The end comes after so many bytes.
    pub eof_at: Option<usize>,
    /// All that was sent, unchanged.
    pub sent: Vec<u8>,
    delivered: usize,
    is_ended: bool,
}

impl Default for Wire {
    fn default() -> Self {
        Self {
            queue: Vec::new(),
            chunk: usize::MAX,
            flip: None,
            eof_at: None,
            sent: Vec::new(),
            delivered: 0,
            is_ended: false,
        }
    }
}

impl Wire {
    fn take_from(&mut self, session: &mut Session) -> bool {
        let start = self.queue.len();
        session.poll_ciphertext(&mut self.queue);
        let first = self.sent.len();
        self.sent.extend_from_slice(&self.queue[start..]);
        if let Some((at, bits)) = self.flip
            && (first..self.sent.len()).contains(&at)
        {
            self.queue[start + at - first] ^= bits;
        }
        self.queue.len() > start
    }

    /// Deliver what is due; returns whether the session took anything, the end included.
    fn deliver_to(&mut self, session: &mut Session) -> bool {
        let left = self
            .eof_at
            .map_or(usize::MAX, |end| end - self.delivered)
            .min(self.queue.len());
        if left == 0 {
            if self.eof_at == Some(self.delivered) && !self.is_ended {
                self.is_ended = true;
                let _ = session.handle_eof();
                return true;
            }
            return false;
        }
        let count = left.min(self.chunk);
        // A failure is kept in the session's state.
        let taken = session
            .handle_ciphertext(&self.queue[..count])
            .unwrap_or(count);
        self.queue.drain(..taken);
        self.delivered += taken;
        taken > 0
    }
}

/// The two sessions and the two directions between them.
pub struct Pair {
    pub client: Session,
    pub server: Session,
    pub to_client: Wire,
    pub to_server: Wire,
}

impl Pair {
    /// A client of `NAME`, and a server.
    pub fn new(client: &Arc<Config>, server: &Arc<Config>) -> Self {
        Self::with_host(client, Some(NAME), server)
    }

    pub fn with_host(client: &Arc<Config>, host: Option<&str>, server: &Arc<Config>) -> Self {
        Self {
            client: Session::new(client, host).unwrap(),
            server: Session::new(server, None).unwrap(),
            to_client: Wire::default(),
            to_server: Wire::default(),
        }
    }

    /// Deliver at most this many bytes at once, both ways.
    pub fn in_chunks(mut self, chunk: usize) -> Self {
        (self.to_client.chunk, self.to_server.chunk) = (chunk, chunk);
        self
    }

    /// Hand each side's ciphertext to the other, once; returns whether anything moved.
    pub fn step(&mut self) -> bool {
        let moved = [
            self.to_server.take_from(&mut self.client),
            self.to_server.deliver_to(&mut self.server),
            self.to_client.take_from(&mut self.server),
            self.to_client.deliver_to(&mut self.client),
        ];
        moved.contains(&true)
    }

    /// Step until nothing moves any more.
    pub fn drive(&mut self) {
        while self.step() {}
    }

    /// Run the handshake, after which both have to be open.
    pub fn handshake(mut self) -> Self {
        self.drive();
        assert_eq!(*self.client.state(), State::Open);
        assert_eq!(*self.server.state(), State::Open);
        self
    }

    /// How each side failed.
    pub fn errors(&self) -> (Option<Error>, Option<Error>) {
        (failure(&self.client), failure(&self.server))
    }

    /// Tell both that nothing comes any more.
    pub fn end(&mut self) {
        let _ = self.client.handle_eof();
        let _ = self.server.handle_eof();
    }
}

/// The error of a session that has failed.
pub fn failure(session: &Session) -> Option<Error> {
    match session.state() {
        State::Failed(error) => Some(error.clone()),
        _ => None,
    }
}

/// Everything that can be read without more ciphertext.
pub fn read_all(session: &mut Session) -> Vec<u8> {
    let mut all = Vec::new();
    while let Ok(Plaintext::Bytes(bytes)) = session.read(usize::MAX) {
        all.extend(bytes);
    }
    all
}

/// A client that trusts these roots (PEM or DER) and nothing else.
pub fn client_settings(roots: &[u8]) -> Settings {
    let mut settings = Settings::secure(Role::Client);
    settings.add_trust_roots(roots).unwrap();
    settings
}

/// A server with this identity, for any client.
pub fn server_settings(identity: &Identity) -> Settings {
    let mut settings = Settings::secure(Role::Server);
    identify(&mut settings, identity);
    settings
}

/// A server with this identity, for clients of these roots.
pub fn verifying_server_settings(identity: &Identity, verify: Verify, roots: &[u8]) -> Settings {
    let mut settings = server_settings(identity);
    settings.set_verify(verify);
    settings.add_trust_roots(roots).unwrap();
    settings
}

/// Load chain and key into the settings.
pub fn identify(settings: &mut Settings, identity: &Identity) {
    settings
        .load_identity(
            identity.chain_pem().as_bytes(),
            identity.key_pem().as_bytes(),
            None,
        )
        .unwrap();
}

/// The settings with this version only.
pub fn only(mut settings: Settings, version: Version) -> Settings {
    settings.set_versions(version, version).unwrap();
    settings
}

pub fn seal(settings: &Settings) -> Arc<Config> {
    Arc::new(settings.seal().unwrap())
}

/// The configurations of a client, which trusts the server, and of a server, for one version.
pub fn configs(version: Version) -> (Arc<Config>, Arc<Config>) {
    let authority = Authority::root("Root");
    let server = server_settings(&authority.issue(&Leaf::server()));
    (
        seal(&only(client_settings(authority.der()), version)),
        seal(&only(server, version)),
    )
}

/// A pair of this version after its handshake.
pub fn open(version: Version) -> Pair {
    let (client, server) = configs(version);
    Pair::new(&client, &server).handshake()
}
