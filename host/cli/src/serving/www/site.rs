//! The file that a path of HTTP names, and its content type. No path names anything outside the
//! directory.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// The file of a request's path, if it is a regular file that lies below the root once all links
/// have been followed.
pub(crate) fn open(root: &Path, path: &str) -> io::Result<(File, u64, PathBuf)> {
    let not_found = || io::Error::from(io::ErrorKind::NotFound);
    let mut wanted = root.to_owned();
    for part in path
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
    {
        if part == ".." {
            return Err(not_found());
        }
        wanted.push(part);
    }
    if wanted.is_dir() {
        wanted.push("index.html");
    }
    let found = wanted.canonicalize()?;
    // Opening anything but a regular file may block: a pipe waits for its writer.
    if !found.starts_with(root) || !found.is_file() {
        return Err(not_found());
    }
    let file = File::open(&found)?;
    let length = file.metadata()?.len();
    Ok((file, length, found))
}

/// The path with its %-escapes resolved; none if they are malformed, not UTF-8, or hide a
/// separator or the end of a C string.
pub(crate) fn decode(path: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(path.len());
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(if byte == b'%' {
            let mut digit = || char::from(bytes.next()?).to_digit(16);
            let byte = u8::try_from(digit()? * 16 + digit()?).ok()?;
            if byte == b'/' || byte == 0 {
                return None;
            }
            byte
        } else {
            byte
        });
    }
    String::from_utf8(decoded)
        .ok()
        .filter(|path| !path.contains('\0'))
}

pub(crate) fn content_type(path: &Path) -> &'static str {
    let extension = path
        .extension()
        .and_then(|extension| extension.to_str())
        .unwrap_or_default();
    match extension.to_ascii_lowercase().as_str() {
        "css" => "text/css; charset=utf-8",
        "gif" => "image/gif",
        "htm" | "html" => "text/html; charset=utf-8",
        "ico" => "image/x-icon",
        "jpeg" | "jpg" => "image/jpeg",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "json" => "application/json",
        "md" | "txt" => "text/plain; charset=utf-8",
        "pdf" => "application/pdf",
        "png" => "image/png",
        "svg" => "image/svg+xml",
        "wasm" => "application/wasm",
        "webp" => "image/webp",
        "xml" => "application/xml",
        _ => "application/octet-stream",
    }
}
