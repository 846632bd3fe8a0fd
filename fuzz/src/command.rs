//! What the command reads of peers before and inside TLS.

use std::fs;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::sync::OnceLock;

use clap::ValueEnum as _;

use crate::serving::service::{Next, Service as _};
use crate::serving::www::http::Http;
use cli::starttls::{Protocol, Refusal};

#[path = "../../host/cli/src"]
mod cli {
    pub mod starttls;
}

/// A server that has said all that it will ever say.
struct Server<'a> {
    says: &'a [u8],
    heard: usize,
}

impl Read for Server<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.says.read(into)
    }
}

impl Write for Server<'_> {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        self.heard += from.len();
        Ok(from.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whatever a server says before TLS: the client says little, and quotes little. The first byte is the
/// protocol.
pub fn starttls(data: &[u8]) {
    let Some((&protocol, says)) = data.split_first() else {
        return;
    };
    let protocols = Protocol::value_variants();
    let protocol = protocols[usize::from(protocol) % protocols.len()];
    let mut server = Server { says, heard: 0 };
    if let Err(Refusal::Server(text)) = protocol.upgrade(&mut server, "example.test") {
        assert!(text.chars().count() < 400, "{} bytes quoted", text.len());
    }
    assert!(server.heard < 4096, "{} bytes said", server.heard);
}

/// Whatever a client asks for: the answer is of HTTP, and nothing beside the served directory is in
/// it. The first byte says in how many bytes the rest comes.
pub fn http(data: &[u8]) {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    let root = ROOT.get_or_init(|| {
        let name = format!("portcullis-fuzz-{}", std::process::id());
        let root = std::env::temp_dir().join(name);
        fs::create_dir_all(root.join("www/sub")).unwrap();
        fs::write(root.join("beside"), "THE SECRET").unwrap();
        fs::write(root.join("www/index.html"), "hello").unwrap();
        root.join("www").canonicalize().unwrap()
    });
    let Some((&size, request)) = data.split_first() else {
        return;
    };
    let mut http = Http::new(root.clone(), None);
    for part in request.chunks(usize::from(size).max(1)) {
        http.receive(part);
    }
    http.end();
    let mut reply = Vec::new();
    while let Next::Bytes(bytes) = http.next(1000).unwrap() {
        reply.extend(bytes);
        assert!(reply.len() < 100_000, "the answer has no end");
    }
    assert!(reply.is_empty() || reply.starts_with(b"HTTP/1."));
    assert!(!reply.windows(10).any(|part| part == b"THE SECRET"));
    assert!(http.log().len() <= 3 * request.len() + 100);
}
