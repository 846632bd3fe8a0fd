//! A small file server over HTTP/1.1: what `serve --www` answers. One request per connection.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::io::Errno;

use crate::serving::service::{Next, Service};
use crate::serving::www::site;

/// The longest request that is read.
const LONGEST: usize = 16 * 1024;

/// One connection of the file server.
pub(crate) struct Http {
    root: PathBuf,
    patience: Option<Duration>,
    request: Vec<u8>,
    reply: Option<Reply>,
    /// Whether the request was read to its end, and has no body.
    is_whole: bool,
    log: String,
}

#[derive(Default)]
struct Reply {
    /// What is to be sent before the body.
    head: Vec<u8>,
    body: Option<File>,
    left: u64,
}

impl Http {
    /// The root must be canonical. The whole head of the request is to come within `patience`.
    pub(crate) fn new(root: PathBuf, patience: Option<Duration>) -> Self {
        Self {
            root,
            patience,
            request: Vec::new(),
            reply: None,
            is_whole: false,
            log: String::new(),
        }
    }
}

impl Service for Http {
    fn receive(&mut self, plaintext: &[u8]) {
        if self.reply.is_some() {
            self.is_whole = false;
            return;
        }
        let searched = self.request.len().saturating_sub(3);
        self.request.extend_from_slice(plaintext);
        let fresh = self.request.get(searched..).unwrap_or_default();
        let complete = fresh.windows(4).any(|end| end == b"\r\n\r\n");
        if complete || self.request.len() > LONGEST {
            let request = Request::parse(&self.request, complete);
            self.is_whole = matches!(request, Request::File { .. })
                && self.request.ends_with(b"\r\n\r\n")
                && !has_body(&self.request);
            let (line, reply) = request.answer(&self.root);
            self.log = line;
            self.reply = Some(reply);
            self.request = Vec::new();
        }
    }

    fn end(&mut self) {
        if self.reply.is_none() {
            self.reply = Some(Reply::default());
        }
    }

    fn next(&mut self, room: usize) -> io::Result<Next> {
        let Some(reply) = &mut self.reply else {
            return Ok(Next::Wait);
        };
        // The head and the start of the body leave in one write: two would be two segments, the
        // second of which waits until the first is acknowledged.
        let mut chunk = std::mem::take(&mut reply.head);
        if let Some(file) = reply.body.as_mut().filter(|_| reply.left > 0) {
            let head = chunk.len();
            let room = room.saturating_sub(head);
            let wanted = usize::try_from(reply.left).unwrap_or(usize::MAX).min(room);
            // One read: to read to the end of a part would ask for a few bytes, then twice as many.
            chunk.resize(head.saturating_add(wanted), 0);
            let body = chunk.get_mut(head..).unwrap_or_default();
            file.read_exact(body).map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => {
                    io::Error::other("the file became shorter while it was sent")
                }
                _ => error,
            })?;
            reply.left -= u64::try_from(wanted).unwrap_or(u64::MAX);
        }
        Ok(match chunk.is_empty() {
            true => Next::Done,
            false => Next::Bytes(chunk),
        })
    }

    fn is_asked(&self) -> bool {
        self.reply.is_some()
    }

    fn patience(&self) -> Option<Duration> {
        self.patience
    }

    fn late(&mut self) {
        let status = "408 Request Timeout";
        status.clone_into(&mut self.log);
        self.reply = Some(refusal(status, false));
    }

    fn is_whole(&self) -> bool {
        self.is_whole
    }

    fn log(&self) -> &str {
        &self.log
    }
}

/// Whether a head announces a body (RFC 9112 §6).
fn has_body(head: &[u8]) -> bool {
    head.split(|byte| *byte == b'\n').any(|line| {
        let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
        let name = name.trim_ascii();
        name.eq_ignore_ascii_case(b"content-length")
            || name.eq_ignore_ascii_case(b"transfer-encoding")
    })
}

enum Request {
    File { head_only: bool, path: String },
    Refused(&'static str),
}

impl Request {
    fn parse(bytes: &[u8], complete: bool) -> Self {
        if !complete {
            return Self::Refused("431 Request Header Fields Too Large");
        }
        let line = bytes
            .split(|byte| *byte == b'\r')
            .next()
            .unwrap_or_default();
        let Ok(line) = std::str::from_utf8(line) else {
            return Self::Refused("400 Bad Request");
        };
        let mut words = line.split(' ');
        let (Some(method), Some(target), Some(version), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Self::Refused("400 Bad Request");
        };
        if !matches!(version, "HTTP/1.0" | "HTTP/1.1") || !target.starts_with('/') {
            return Self::Refused("400 Bad Request");
        }
        let path = target.split(['?', '#']).next().unwrap_or_default();
        match (method, site::decode(path)) {
            (_, None) => Self::Refused("400 Bad Request"),
            ("GET", Some(path)) => Self::File {
                head_only: false,
                path,
            },
            ("HEAD", Some(path)) => Self::File {
                head_only: true,
                path,
            },
            _ => Self::Refused("405 Method Not Allowed"),
        }
    }

    /// A line for the log, and the reply.
    fn answer(&self, root: &Path) -> (String, Reply) {
        let (head_only, path) = match self {
            Self::Refused(status) => return ((*status).to_owned(), refusal(status, false)),
            Self::File { head_only, path } => (*head_only, path),
        };
        let method = if head_only { "HEAD" } else { "GET" };
        match site::open(root, path) {
            Ok((file, length, found)) => {
                let log = format!("{method} {path} 200, {length} bytes");
                let head = format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: {}\r\nContent-Length: {length}\r\n\
                     X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n",
                    site::content_type(&found)
                );
                let left = if head_only { 0 } else { length };
                (
                    log,
                    Reply {
                        head: head.into_bytes(),
                        body: Some(file),
                        left,
                    },
                )
            }
            Err(error) => {
                let status = match error.raw_os_error().map(Errno::from_raw_os_error) {
                    // The file may well exist.
                    Some(Errno::MFILE | Errno::NFILE) => "503 Service Unavailable",
                    _ => "404 Not Found",
                };
                (
                    format!("{method} {path} {status}"),
                    refusal(status, head_only),
                )
            }
        }
    }
}

fn refusal(status: &str, head_only: bool) -> Reply {
    let allow = if status.starts_with("405") {
        "Allow: GET, HEAD\r\n"
    } else {
        ""
    };
    let body = if head_only {
        String::new()
    } else {
        format!("{status}\n")
    };
    let head = format!(
        "HTTP/1.1 {status}\r\n{allow}Content-Type: text/plain; charset=utf-8\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        status.len() + 1
    );
    Reply {
        head: head.into_bytes(),
        body: None,
        left: 0,
    }
}

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;
