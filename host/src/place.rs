//! Paths in messages. A key in the place of a path is met often enough, in `--key "$(cat key)"`, and
//! must not get into the message that no such file is there.

use std::path::Path;

/// A path as it is shown: in full, unless it is none.
pub fn shown(path: &Path) -> String {
    match mistaken(path) {
        Some(what) => format!("({what})"),
        None => path.display().to_string(),
    }
}

/// What a text is that cannot be a path: the contents of a file, mostly.
pub fn mistaken(path: &Path) -> Option<&'static str> {
    /// No file system has longer names, and hardly a path without a dot is as long.
    const LONGEST: usize = 255;
    /// Shorter than the shortest key in base64.
    const SHORTEST_KEY: usize = 60;
    let text = path.to_string_lossy();
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte);
    if is_pem(&text) {
        Some(PEM)
    } else if text.contains(char::is_control) {
        Some("the contents of a file where a path belongs")
    } else if text.starts_with('M') && text.len() >= SHORTEST_KEY && text.bytes().all(is_base64) {
        Some("base64 where a path belongs")
    } else if text.split('/').any(|name| name.len() > LONGEST) {
        Some("a text where a path belongs, which it is too long for")
    } else {
        None
    }
}

/// What is said of PEM in the place of a path.
pub const PEM: &str = "PEM text where a path belongs";

pub fn is_pem(text: &str) -> bool {
    text.contains("-----BEGIN") || text.contains("PRIVATE KEY")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_path_is_not_shown() {
        for path in [
            "/etc/ssl/cert.pem",
            "Makefile",
            "C:\\certs\\a b.pem",
            "schlüssel.pem",
        ] {
            assert_eq!(shown(Path::new(path)), path);
        }
        let long = "x".repeat(256);
        for (text, what) in [
            (
                "-----BEGIN PRIVATE KEY-----\nMC4CAQ\n-----END PRIVATE KEY-----\n",
                "PEM text",
            ),
            ("-----BEGIN EC PRIVATE KEY-----\\nMC4CAQ", "PEM text"),
            ("MC4CAQ\nAwBQYDK2VwBCIEIA==", "the contents"),
            (
                "MC4CAQAwBQYDK2VwBCIEIFuw3kFGMcRXKjt5a4pQ1cAFvTbZ0bJvVqv3N0cYh1Rk",
                "base64",
            ),
            (&long, "a text"),
        ] {
            let shown = shown(Path::new(text));
            assert!(shown.contains(what) && !shown.contains("MC4CAQ"), "{shown}");
        }
    }
}
