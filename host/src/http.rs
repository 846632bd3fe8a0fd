//! A small file server over HTTP/1.1: what `serve --www` answers. One request per connection.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::connection::{Next, Service};
use crate::site;

/// The longest request that is read.
const LONGEST: usize = 16 * 1024;
const CHUNK: usize = 64 * 1024;

/// One connection of the file server.
pub(crate) struct Http {
    root: PathBuf,
    request: Vec<u8>,
    reply: Option<Reply>,
    log: String,
}

struct Reply {
    head: Option<Vec<u8>>,
    body: Option<File>,
    left: u64,
}

impl Http {
    /// The root must be canonical.
    pub(crate) fn new(root: PathBuf) -> Self {
        Self {
            root,
            request: Vec::new(),
            reply: None,
            log: String::new(),
        }
    }
}

impl Service for Http {
    fn receive(&mut self, plaintext: &[u8]) {
        if self.reply.is_some() {
            return;
        }
        let searched = self.request.len().saturating_sub(3);
        self.request.extend_from_slice(plaintext);
        let fresh = self.request.get(searched..).unwrap_or_default();
        let complete = fresh.windows(4).any(|end| end == b"\r\n\r\n");
        if complete || self.request.len() > LONGEST {
            let request = Request::parse(&self.request, complete);
            let (line, reply) = request.answer(&self.root);
            self.log = line;
            self.reply = Some(reply);
        }
    }

    fn end(&mut self) {
        if self.reply.is_none() {
            self.reply = Some(Reply {
                head: None,
                body: None,
                left: 0,
            });
        }
    }

    fn next(&mut self) -> io::Result<Next> {
        let Some(reply) = &mut self.reply else {
            return Ok(Next::Wait);
        };
        if let Some(head) = reply.head.take() {
            return Ok(Next::Bytes(head));
        }
        let Some(file) = reply.body.as_mut().filter(|_| reply.left > 0) else {
            return Ok(Next::Done);
        };
        let wanted = usize::try_from(reply.left).unwrap_or(CHUNK).min(CHUNK);
        let mut chunk = vec![0; wanted];
        let count = file.read(&mut chunk)?;
        if count == 0 {
            return Err(io::Error::other(
                "the file became shorter while it was sent",
            ));
        }
        chunk.truncate(count);
        reply.left -= u64::try_from(count).unwrap_or(reply.left).min(reply.left);
        Ok(Next::Bytes(chunk))
    }

    fn log(&self) -> &str {
        &self.log
    }
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
                        head: Some(head.into_bytes()),
                        body: Some(file),
                        left,
                    },
                )
            }
            Err(_) => (
                format!("{method} {path} 404"),
                refusal("404 Not Found", head_only),
            ),
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
        head: Some(head.into_bytes()),
        body: None,
        left: 0,
    }
}

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;
