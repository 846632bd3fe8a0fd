//! The secrets of connections in the format of NSS, for whoever has to decrypt a capture of them.

use std::collections::VecDeque;
use std::fmt;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

use rustls::KeyLog as RustlsKeyLog;
use zeroize::Zeroizing;

/// How many lines wait for the reader: those of a hundred handshakes and more. With none who reads, a
/// server would fill its memory.
const MOST_LINES: usize = 1000;

/// The lines of all connections of a context, until they are taken.
#[derive(Default)]
pub struct KeyLog {
    lines: Mutex<VecDeque<Zeroizing<String>>>,
}

impl KeyLog {
    /// The lines that have come since the last call, in order and without line ends. Of more than
    /// 1000 that nobody has taken, the oldest are gone.
    pub fn take(&self) -> Vec<String> {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines
            .drain(..)
            .map(|mut line| std::mem::take(&mut *line))
            .collect()
    }
}

impl RustlsKeyLog for KeyLog {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let length = label.len() + 2 * (client_random.len() + secret.len()) + 2;
        // Growing would leave copies of the secret behind.
        let mut line = Zeroizing::new(String::with_capacity(length));
        line.push_str(label);
        for bytes in [client_random, secret] {
            line.push(' ');
            for byte in bytes {
                // Writing to a string does not fail.
                let _ = write!(line, "{byte:02x}");
            }
        }
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == MOST_LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }
}

impl fmt::Debug for KeyLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyLog").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_those_of_nss_and_taken_once() {
        let log = KeyLog::default();
        log.log("CLIENT_RANDOM", &[0xab, 1], &[0, 0xff]);
        assert_eq!(log.take(), ["CLIENT_RANDOM ab01 00ff"]);
        assert_eq!(log.take(), Vec::<String>::new());
    }

    #[test]
    fn the_oldest_of_too_many_lines_are_dropped() {
        let log = KeyLog::default();
        for number in 0..MOST_LINES + 2 {
            let number = u32::try_from(number).unwrap().to_be_bytes();
            log.log("L", &number, &[]);
        }
        let lines = log.take();
        assert_eq!(lines.len(), MOST_LINES);
        assert_eq!(lines[0], "L 00000002 ");
    }
}
