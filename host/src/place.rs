//! Paths in messages. A key is sometimes given where a path belongs, as in `--key "$(cat key)"`,
//! and must not appear in the message that there is no such file.

use std::path::Path;

/// A path for a message: in full, or described if the text cannot be a path.
pub fn shown(path: &Path) -> String {
    match mistaken(path) {
        Some(what) => format!("({what})"),
        None => path.display().to_string(),
    }
}

/// The description of a text that cannot be a path, mostly the contents of a file; none for a path.
pub fn mistaken(path: &Path) -> Option<&'static str> {
    /// The longest name of a file, in bytes, on any file system.
    const LONGEST: usize = 255;
    /// Less than the length of the shortest key in base64.
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

/// The description of PEM in place of a path.
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
