//! Types that may hold a secret: their `Debug` shows how much there is, and not what.

use std::fmt;

use wasip2::io::streams::{InputStream, OutputStream};

/// Where certificates or keys come from: the variant `context.source` of the interface.
#[derive(Clone)]
pub enum Source {
    /// The contents: PEM, or one DER object; which it is, is detected.
    Bytes(Vec<u8>),
    /// A path below a directory that the host has preopened; read once, at the call.
    Path(String),
}

/// Shows neither the bytes, which may be a key, nor a path that is PEM text by mistake.
impl fmt::Debug for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(formatter, "Bytes({} bytes)", bytes.len()),
            Self::Path(path) if path.contains("-----BEGIN") => {
                formatter.write_str("Path(PEM text where a path belongs; use Source::Bytes)")
            }
            Self::Path(path) => formatter.debug_tuple("Path").field(path).finish(),
        }
    }
}

/// A connection in the clear that is to become TLS: the record `port.plain-transport` of the
/// interface.
pub struct PlainTransport {
    /// What the peer sends.
    pub input: InputStream,
    /// What the peer gets.
    pub output: OutputStream,
    /// Bytes that were already read from `input`. They are fed to TLS first, and never delivered as
    /// plaintext.
    pub already_read: Vec<u8>,
}

impl fmt::Debug for PlainTransport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("PlainTransport")
            .field("input", &self.input)
            .field("output", &self.output)
            .field("already_read", &self.already_read.len())
            .finish()
    }
}
