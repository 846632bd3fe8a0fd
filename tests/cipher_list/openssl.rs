//! Random lists, and what OpenSSL makes of them.
//!
//! They leave out what is not worth copying: `FIPS` and the `COMPLEMENTOF` words joined to others,
//! which OpenSSL reads as nothing or without the join; and `@SECLEVEL` above 2, which is refused
//! here. Words that some builds of OpenSSL do not know, and suites that are none of ours, are
//! followed by a separator, since OpenSSL skips what touches an unknown word.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::thread;

use portcullis::error::ConfigurationReason;

use super::support::require_tool;
use super::{SHORT, outcome, refusal};

const MALFORMED: ConfigurationReason = ConfigurationReason::Malformed;

/// Words that every OpenSSL since 1.1.1 knows, or that none does.
const CERTAIN: &str = "ALL HIGH TLSv1.2 TLSv1 TLSv1.0 ECDHE EECDH ECDH kECDHE kEECDH aRSA \
    aECDSA ECDSA CHACHA20 AESGCM AES AES128 AES256 RSA kRSA DHE EDH DH kDHE ADH AECDH aNULL \
    eNULL NULL AESCCM AESCCM8 PSK kPSK SHA SHA256 SHA384 EXP EXPORT kECDH SSLv2 NOSUCH R DEFAULT \
    ECDHE-RSA a.b_c=d PROFILE=SYSTEM";

/// Words that some builds know and some do not, and names of suites that count on one side only.
const UNCERTAIN: &str = "MEDIUM LOW DSS aDSS SSLv3 CBC ARIA ARIAGCM CAMELLIA 3DES DES RC4 RC2 \
    IDEA SEED MD5 SHA1 SRP GOST aPSK AES256-SHA DHE-RSA-AES128-GCM-SHA256 RC4-SHA \
    PSK-AES128-CCM8 ECDHE-RSA-AES256-SHA384 TLS_AES_128_GCM_SHA256";

/// Words that are not joined to others.
const ALONE: [&str; 3] = ["FIPS", "COMPLEMENTOFALL", "COMPLEMENTOFDEFAULT"];

const COMMANDS: [&str; 12] = [
    "@STRENGTH",
    "@STRENGTH",
    "@STRENGTH",
    "@SECLEVEL=0",
    "@SECLEVEL=1",
    "@SECLEVEL=2",
    "@STRENGTH+AES",
    "@SECLEVEL=6",
    "@SECLEVEL=",
    "@SECLEVEL=22",
    "@FOO",
    "@",
];

const JUNK: [&str; 8] = ["*", "\t", "é", "!", "+", "-", "/x", "!!ALL"];

#[path = "../support/splitmix.rs"]
mod splitmix;

/// The generator SplitMix64, whose whole state is its seed.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        splitmix::next(&mut self.0) as usize % limit
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    fn word(&mut self, words: &'static str) -> &'static str {
        let count = words.split_whitespace().count();
        words.split_whitespace().nth(self.below(count)).unwrap()
    }

    fn list(&mut self) -> String {
        let mut list = String::new();
        if self.one_in(4) {
            list += self.of(&["DEFAULT", "DEFAULT:", "DEFAULT,"]);
        } else if self.one_in(50) {
            list += self.of(&["SUITEB128", "SUITEB128ONLY", "SUITEB128C2", "SUITEB192"]);
        }
        let mut touches = false;
        for _ in 0..self.below(8) {
            touches = self.item(&mut list, touches) && self.one_in(5);
            if !touches {
                list += self.of(&[":", ":", ":", ",", ";", " ", "::"]);
            }
        }
        list
    }

    /// Appends an item, which may touch the one before; returns whether the next may touch it.
    fn item(&mut self, list: &mut String, touches: bool) -> bool {
        if self.one_in(12) {
            *list += self.of(&COMMANDS);
            return true;
        }
        if self.one_in(60) {
            *list += self.of(&JUNK);
            return true;
        }
        *list += self.of(&["", "", "", "!", "-", "+"]);
        // A `+` may join it to what it touches.
        if !touches && self.one_in(20) {
            *list += self.of(&ALONE);
            return false;
        }
        let mut may_touch = true;
        for joined in 0..=self.below(3) {
            if joined > 0 {
                *list += "+";
            }
            *list += if self.one_in(4) {
                may_touch = false;
                self.word(UNCERTAIN)
            } else if self.one_in(4) {
                self.of(&SHORT).1
            } else {
                self.word(CERTAIN)
            };
        }
        may_touch
    }
}

/// Our suites of TLS 1.2 in OpenSSL's answer, by their short names.
fn ours(answer: &str) -> String {
    let short = |name| SHORT.iter().find(|(_, long)| *long == name);
    let names = answer.trim().split(':').filter_map(short);
    names.map(|(short, _)| *short).collect::<Vec<_>>().join(" ")
}

/// Reads lists, one a line, and prints the names that are selected, or `refused`.
const PYTHON: &str = "
import ssl, sys
for line in sys.stdin.buffer:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.set_ciphers(line.rstrip(b'\\n').decode())
        print(':'.join(cipher['name'] for cipher in context.get_ciphers()))
    except ssl.SSLError:
        print('refused')
";

fn python(input: String) -> String {
    let mut child = Command::new("python3")
        .args(["-c", PYTHON])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // It answers while it still reads, and either pipe may be full: so both are served at once.
    let asking = thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    asking.join().unwrap().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn k11_twenty_thousand_random_lists_select_what_they_select_in_openssl() {
    if !require_tool("python3") {
        return;
    }
    let mut random = Random(0x0006_b131);
    let lists: Vec<String> = (0..20_000).map(|_| random.list()).collect();
    let mut input = String::new();
    for list in &lists {
        writeln!(input, "{list}").unwrap();
    }
    let answers = python(input);
    assert_eq!(answers.lines().count(), lists.len());
    let (mut selections, mut malformed) = (0, 0);
    for (list, answer) in lists.iter().zip(answers.lines()) {
        let outcome = outcome(list);
        let selected = match &outcome.result {
            Ok(_) => outcome.tls12,
            Err(_) => String::new(),
        };
        assert_eq!(selected, ours(answer), "{list:?}");
        selections += usize::from(!selected.is_empty());
        if outcome.result.is_err() && refusal(outcome.result).reason == MALFORMED {
            malformed += 1;
            assert_eq!(answer, "refused", "{list:?}");
        }
    }
    // Lists of one kind only would show little.
    assert!(selections > 6_000, "{selections}");
    assert!(malformed > 2_000, "{malformed}");
}

#[test]
fn k11_two_hundred_random_lists_are_answered_as_by_the_openssl_program() {
    if !require_tool("openssl") {
        return;
    }
    let mut random = Random(0x000c_1f3e);
    for _ in 0..200 {
        let list = random.list();
        let output = Command::new("openssl")
            .args(["ciphers", "--", &list])
            .output()
            .unwrap();
        let answer = String::from_utf8(output.stdout).unwrap();
        let complaint = String::from_utf8(output.stderr).unwrap();
        let outcome = outcome(&list);
        if outcome.result.is_ok() {
            assert_eq!(outcome.tls12, ours(&answer), "{list:?}");
            let tls13: Vec<_> = answer
                .split(':')
                .filter(|n| n.starts_with("TLS_"))
                .collect();
            if !list.contains("TLS_") {
                assert_eq!(outcome.tls13, tls13, "{list:?}");
            }
            continue;
        }
        match refusal(outcome.result).reason {
            MALFORMED => {
                assert!(
                    complaint.contains("invalid command"),
                    "{list:?}: {complaint}"
                );
            }
            // OpenSSL may have selected suites that are none of ours.
            _ => {
                let is_none = output.status.success() || complaint.contains("no cipher match");
                assert!(is_none, "{list:?}: {complaint}");
                assert_eq!(ours(&answer), "", "{list:?}");
            }
        }
    }
}

#[test]
fn k11_no_text_whatever_makes_it_panic() {
    let mut random = Random(0x0005_eed5);
    for _ in 0..20_000 {
        let mut text = random.list();
        for _ in 0..random.below(4) {
            let at = random.below(text.len() + 1);
            let at = (0..=at)
                .rev()
                .find(|at| text.is_char_boundary(*at))
                .unwrap();
            let code = random.below(0x500) as u32;
            let inserted = char::from_u32(code).unwrap();
            text.insert(at, inserted);
        }
        text.truncate(
            text.char_indices()
                .map(|(at, _)| at)
                .nth(random.below(60))
                .unwrap_or(text.len()),
        );
        let _ = outcome(&text);
    }
}
