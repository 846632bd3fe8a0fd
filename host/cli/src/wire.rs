//! A connection in the clear, before TLS. It is read byte by byte, so that what comes after the dialogue
//! stays unread, and only up to a limit.

use std::io::{self, Read, Write};

/// How much the other side may say in all: a capability list is a few hundred bytes, a banner of FTP has
/// a few thousand, and Squid's own limit for an answer is as high.
pub(crate) const LONGEST: usize = 64 * 1024;

/// Why the dialogue cannot go on.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The other side has said as much as it may.
    Endless,
    /// The connection failed.
    Io(io::Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

type Result<T> = std::result::Result<T, Stop>;

/// A connection, and how many bytes may still be read from it.
pub(crate) struct Wire<'a> {
    stream: &'a mut dyn Stream,
    left: usize,
}

/// Both directions.
trait Stream: Read + Write {}

impl<T: Read + Write> Stream for T {}

impl<'a> Wire<'a> {
    pub(crate) fn new(stream: &'a mut (impl Read + Write)) -> Self {
        Self {
            stream,
            left: LONGEST,
        }
    }

    pub(crate) fn say(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.write_all(bytes)?;
        Ok(self.stream.flush()?)
    }

    pub(crate) fn byte(&mut self) -> Result<u8> {
        self.take(1)?;
        let mut byte = 0;
        self.stream.read_exact(std::slice::from_mut(&mut byte))?;
        Ok(byte)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        self.take(N)?;
        let mut bytes = [0; N];
        self.stream.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Result<Vec<u8>> {
        self.take(count)?;
        let mut bytes = vec![0; count];
        self.stream.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// Reads up to this byte, which is consumed and not returned.
    pub(crate) fn until(&mut self, end: u8) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        loop {
            match self.byte()? {
                byte if byte == end => return Ok(bytes),
                byte => bytes.push(byte),
            }
        }
    }

    /// A line without its end.
    pub(crate) fn line(&mut self) -> Result<String> {
        let line = self.until(b'\n')?;
        let line = line.strip_suffix(b"\r").unwrap_or(&line);
        Ok(text(line))
    }

    fn take(&mut self, count: usize) -> Result<()> {
        let left = self.left.checked_sub(count);
        self.left = left.ok_or(Stop::Endless)?;
        Ok(())
    }
}

/// The bytes as text. What is not UTF-8 is replaced.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
