use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use super::Http;
use crate::serving::service::{Next, Service};

/// How many bytes are taken at once.
const ROOM: usize = 10_000;

/// A directory `www` with files, beside a file that must not be served.
struct Site(PathBuf);

impl Site {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("portcullis-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(path.join("www/sub")).unwrap();
        fs::write(path.join("secret"), "secret").unwrap();
        fs::write(path.join("www/index.html"), "<p>hello").unwrap();
        fs::write(path.join("www/a b.txt"), "spaced").unwrap();
        std::os::unix::fs::symlink("../secret", path.join("www/out")).unwrap();
        std::os::unix::fs::symlink("index.html", path.join("www/in.html")).unwrap();
        Self(path.canonicalize().unwrap())
    }

    fn ask(&self, request: &[u8]) -> String {
        let mut http = Http::new(self.0.join("www"), None);
        // One byte at a time, as an unkind peer sends it.
        request
            .iter()
            .for_each(|byte| http.receive(std::slice::from_ref(byte)));
        let mut reply = Vec::new();
        loop {
            match http.next(ROOM).unwrap() {
                Next::Bytes(bytes) => reply.extend(bytes),
                Next::Done => return String::from_utf8(reply).unwrap(),
                Next::Wait => panic!("no answer to {}", String::from_utf8_lossy(request)),
            }
        }
    }

    fn get(&self, path: &str) -> String {
        self.ask(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes())
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_request_is_whole_without_a_body_and_with_nothing_behind_it() {
    let site = Site::new("whole");
    let is_whole = |parts: &[&str]| {
        let mut http = Http::new(site.0.join("www"), None);
        for part in parts {
            http.receive(part.as_bytes());
        }
        http.is_whole()
    };
    for whole in [
        &["GET / HTTP/1.0\r\n\r\n"][..],
        &["HEAD / HTTP/1.1\r\nHost: a\r", "\n\r\n"],
        &["GET /none HTTP/1.1\r\nHost: a\r\n\r\n"],
    ] {
        assert!(is_whole(whole), "{whole:?}");
    }
    for more in [
        &["GET / HTTP/1.0\r\n"][..],
        &["GET / HTTP/1.0\r\n\r\nx"],
        &["GET / HTTP/1.0\r\n\r\n", "x"],
        &["GET / HTTP/1.1\r\nContent-Length: 1\r\n\r\n"],
        &["GET / HTTP/1.1\r\ntransfer-encoding : chunked\r\n\r\n"],
        &["POST / HTTP/1.1\r\nHost: a\r\n\r\n"],
    ] {
        assert!(!is_whole(more), "{more:?}");
    }
}

#[test]
fn files_are_sent_with_length_and_type() {
    let site = Site::new("files");
    for path in [
        "/",
        "/index.html",
        "/index.html?x=1",
        "/in.html",
        "//./index.html",
    ] {
        let reply = site.get(path);
        assert!(reply.starts_with("HTTP/1.1 200 OK\r\n"), "{path}: {reply}");
        assert!(reply.contains("Content-Type: text/html; charset=utf-8\r\n"));
        assert!(reply.contains("Content-Length: 8\r\n"));
        assert!(reply.ends_with("\r\n\r\n<p>hello"));
    }
    assert!(site.get("/a%20b.txt").ends_with("\r\n\r\nspaced"));
}

#[test]
fn head_is_get_without_the_body() {
    let site = Site::new("head");
    let reply = site.ask(b"HEAD / HTTP/1.0\r\n\r\n");
    assert!(reply.contains("Content-Length: 8\r\n") && reply.ends_with("\r\n\r\n"));
    let reply = site.ask(b"HEAD /none HTTP/1.0\r\n\r\n");
    assert!(reply.starts_with("HTTP/1.1 404 ") && reply.ends_with("\r\n\r\n"));
}

#[test]
fn nothing_outside_the_directory_is_sent() {
    let site = Site::new("outside");
    for path in [
        "/../secret",
        "/%2e%2e/secret",
        "/sub/../../secret",
        "/out",
        "/..",
        "/sub/..",
    ] {
        assert!(site.get(path).starts_with("HTTP/1.1 404 "), "{path}");
    }
    for path in ["/..%2fsecret", "/%00", "/%zz", "/%4", "/%ff"] {
        assert!(site.get(path).starts_with("HTTP/1.1 400 "), "{path}");
    }
    for path in ["/none", "/sub", "/index.html/x"] {
        assert!(site.get(path).starts_with("HTTP/1.1 404 "), "{path}");
    }
}

#[test]
fn malformed_requests_get_their_status() {
    let site = Site::new("malformed");
    for (request, status) in [
        ("\r\n\r\n", "400"),
        ("GET / HTTP/2\r\n\r\n", "400"),
        ("GET  / HTTP/1.1\r\n\r\n", "400"),
        ("GET http://a/ HTTP/1.1\r\n\r\n", "400"),
        ("GET /\r\n\r\n", "400"),
        ("POST / HTTP/1.1\r\n\r\n", "405"),
    ] {
        let reply = site.ask(request.as_bytes());
        assert!(
            reply.starts_with(&format!("HTTP/1.1 {status} ")),
            "{request:?}: {reply}"
        );
    }
    let long = format!("GET /{} HTTP/1.1\r\n", "a".repeat(super::LONGEST));
    assert!(site.ask(long.as_bytes()).starts_with("HTTP/1.1 431 "));
}

#[test]
fn end_before_a_request_is_an_end() {
    let mut http = Http::new(PathBuf::from("/nonexistent"), None);
    http.receive(b"GET / HT");
    http.end();
    assert!(matches!(http.next(ROOM).unwrap(), Next::Done));
}

#[test]
fn head_and_body_leave_together_and_never_more_than_there_is_room_for() {
    let site = Site::new("together");
    let large: Vec<u8> = (0..=250).cycle().take(3 * ROOM).collect();
    fs::write(site.0.join("www/large"), &large).unwrap();
    let parts = |path: &str| {
        let mut http = Http::new(site.0.join("www"), None);
        http.receive(format!("GET {path} HTTP/1.1\r\n\r\n").as_bytes());
        let mut parts = Vec::new();
        while let Next::Bytes(part) = http.next(ROOM).unwrap() {
            assert!(part.len() <= ROOM);
            parts.push(part);
        }
        parts
    };
    assert_eq!(parts("/").len(), 1);
    assert_eq!(parts("/none").len(), 1);
    let parts = parts("/large");
    assert_eq!(parts.len(), 4);
    assert!(parts.concat().ends_with(&large));
}

#[test]
fn request_that_does_not_come_is_answered_and_one_that_has_come_is_not_late() {
    let limit = Some(Duration::from_secs(10));
    let mut http = Http::new(PathBuf::from("/nonexistent"), limit);
    http.receive(b"GET / HTTP/1.1\r\nX: ");
    assert!(!http.is_asked());
    assert!(matches!(http.next(ROOM).unwrap(), Next::Wait));
    http.late();
    assert!(http.is_asked());
    let Next::Bytes(reply) = http.next(ROOM).unwrap() else {
        panic!("no answer");
    };
    assert!(reply.starts_with(b"HTTP/1.1 408 "));
    assert!(matches!(http.next(ROOM).unwrap(), Next::Done));

    let mut http = Http::new(PathBuf::from("/nonexistent"), limit);
    http.receive(b"GET / HTTP/1.1\r\n\r\n");
    assert!(http.is_asked());
}

/// As the fuzz target `http` runs them.
#[test]
fn requests_that_fuzzing_has_kept_get_nothing_beside_the_directory() {
    let site = Site::new("corpus");
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/http");
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let input = fs::read(entry.unwrap().path()).unwrap();
        let mut http = Http::new(site.0.join("www"), None);
        for part in input[1..].chunks(usize::from(input[0]).max(1)) {
            http.receive(part);
        }
        http.end();
        let mut reply = Vec::new();
        while let Next::Bytes(bytes) = http.next(ROOM).unwrap() {
            reply.extend(bytes);
        }
        assert!(reply.is_empty() || reply.starts_with(b"HTTP/1."));
        assert!(!reply.windows(6).any(|part| part == b"secret"));
        count += 1;
    }
    assert!(count > 0, "no input in {folder}");
}
