//! How a cipher list is read: operators, commands, and the two lists that they work on.

use std::cmp::Reverse;

use super::suite::{Class, Suite, TLS12, TLS13};
use super::word::{Word, strip_prefix};
use super::{CipherList, CipherListReport};
use crate::error::{ConfigurationItem, ConfigurationReason, Error};

/// The suites that a list selects, possibly none.
pub(super) fn parse(text: &str) -> Result<CipherList, Error> {
    let mut parser = Parser {
        text,
        tls12: Selection::none_of(&TLS12),
        tls13: Selection::all_of(&TLS13),
        names_tls13: false,
        report: CipherListReport::default(),
    };
    parser.run()?;
    Ok(CipherList {
        tls12: parser.tls12.active,
        tls13: parser.tls13.active,
        report: parser.report,
    })
}

/// What an item does with the suites that it stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// Appends those that are not active.
    Add,
    /// `+`: moves those that are active to the end.
    MoveToEnd,
    /// `-`: makes them inactive; they may come back.
    Withdraw,
    /// `!`: takes them out for good.
    Remove,
}

/// Suites, active or not, both in order.
struct Selection {
    active: Vec<&'static Suite>,
    inactive: Vec<&'static Suite>,
}

impl Selection {
    fn none_of(suites: &'static [Suite]) -> Self {
        Self {
            active: Vec::new(),
            inactive: suites.iter().collect(),
        }
    }

    fn all_of(suites: &'static [Suite]) -> Self {
        Self {
            active: suites.iter().collect(),
            inactive: Vec::new(),
        }
    }

    fn apply(&mut self, rule: Rule, is_meant: impl Fn(&Suite) -> bool) {
        let take = |from: &mut Vec<&'static Suite>| -> Vec<_> {
            from.extract_if(.., |suite| is_meant(suite)).collect()
        };
        match rule {
            Rule::Add => {
                let added = take(&mut self.inactive);
                self.active.extend(added);
            }
            Rule::MoveToEnd => {
                let moved = take(&mut self.active);
                self.active.extend(moved);
            }
            Rule::Withdraw => {
                let withdrawn = take(&mut self.active);
                self.inactive.splice(..0, withdrawn);
            }
            Rule::Remove => {
                take(&mut self.active);
                take(&mut self.inactive);
            }
        }
    }
}

/// Reads a list from its beginning to its end, and does what it says.
struct Parser<'a> {
    text: &'a str,
    tls12: Selection,
    tls13: Selection,
    /// Whether a suite of TLS 1.3 has been named to be added.
    names_tls13: bool,
    report: CipherListReport,
}

impl<'a> Parser<'a> {
    fn run(&mut self) -> Result<(), Error> {
        let mut rest = self.text;
        for (beginning, meaning) in SUITE_B {
            if strip_prefix(rest, beginning).is_some() {
                // Whatever follows does not matter.
                (self.text, rest) = (meaning, meaning);
                break;
            }
        }
        if let Some(more) = strip_prefix(rest, "DEFAULT") {
            self.tls12.apply(Rule::Add, |suite| suite.is_in(Class::ALL));
            rest = more.strip_prefix(':').unwrap_or(more);
        }
        while let Some(first) = rest.chars().next() {
            let after = rest.strip_prefix(first).unwrap_or_default();
            rest = match first {
                _ if is_separator(first) => after,
                '@' => self.command(after)?,
                '!' => self.item(Rule::Remove, after)?,
                '-' => self.item(Rule::Withdraw, after)?,
                '+' => self.item(Rule::MoveToEnd, after)?,
                _ => self.item(Rule::Add, rest)?,
            };
        }
        Ok(())
    }

    /// Does the command after a `@`; returns what follows.
    fn command(&mut self, rest: &'a str) -> Result<&'a str, Error> {
        let (command, after) = split_word(rest);
        if command.eq_ignore_ascii_case("STRENGTH") {
            self.tls12
                .active
                .sort_by_key(|suite| Reverse(suite.strength));
            return Ok(skip_item(after));
        }
        let level = strip_prefix(command, "SECLEVEL=");
        let (reason, detail) = match level {
            // These levels ask for no more than always holds: 112 bits, no SHA-1, no compression.
            Some("0" | "1" | "2") => return Ok(skip_item(after)),
            Some("3" | "4" | "5") => (
                ConfigurationReason::UnsupportedSecurityLevel,
                format!("@{command}"),
            ),
            _ => (
                ConfigurationReason::Malformed,
                format!("@{command} is no command"),
            ),
        };
        Err(Error::refused(
            ConfigurationItem::CipherList,
            reason,
            detail,
        ))
    }

    /// Applies the rule to what the words joined by `+` have in common; returns what follows.
    fn item(&mut self, rule: Rule, mut rest: &'a str) -> Result<&'a str, Error> {
        let mut class = Class::ALL;
        let mut is_ours = true;
        let mut is_first = true;
        loop {
            let (word, after) = split_word(rest);
            if word.is_empty() {
                return Err(self.no_word(rest));
            }
            let next = after.strip_prefix('+');
            match Word::of(word) {
                Word::Class(other) => class = class.and(other),
                Word::Tls13(suite) if is_first && next.is_none() => {
                    self.apply_tls13(rule, suite);
                    return Ok(after);
                }
                Word::OtherSuite => {
                    is_ours = false;
                    if rule != Rule::Remove {
                        self.report.unsupported.push(word.to_owned());
                    }
                }
                Word::Retired => return Ok(skip_item(after)),
                // A suite of TLS 1.3 has nothing in common with any other word.
                Word::Tls13(_) | Word::Unknown => {
                    self.report.unknown.push(word.to_owned());
                    return Ok(skip_item(after));
                }
            }
            if class.is_contradiction() {
                return Ok(skip_item(after));
            }
            let Some(next) = next else {
                if is_ours {
                    self.tls12.apply(rule, |suite| suite.is_in(class));
                }
                return Ok(after);
            };
            rest = next;
            is_first = false;
        }
    }

    /// The list of TLS 1.3 has all three suites until one is added by name, and then those that
    /// are.
    fn apply_tls13(&mut self, rule: Rule, suite: &'static Suite) {
        if rule == Rule::Add && !self.names_tls13 {
            self.names_tls13 = true;
            self.tls13.apply(Rule::Withdraw, |_| true);
        }
        self.tls13.apply(rule, |one| one == suite);
    }

    fn no_word(&self, rest: &str) -> Error {
        let detail = match rest.chars().next() {
            Some(found) => {
                let at = self.text.len().saturating_sub(rest.len());
                format!("{found:?} at byte {at} is where a word has to begin")
            }
            None => "it ends where a word has to follow".to_owned(),
        };
        let (item, reason) = (
            ConfigurationItem::CipherList,
            ConfigurationReason::Malformed,
        );
        Error::refused(item, reason, detail)
    }
}

/// The word that the text begins with, and the rest.
fn split_word(text: &str) -> (&str, &str) {
    let is_in_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '=' | '_');
    let end = text.find(|c| !is_in_word(c)).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// The text after the item; the rest of the item is ignored.
fn skip_item(text: &str) -> &str {
    text.trim_start_matches(|c| !is_separator(c))
}

fn is_separator(c: char) -> bool {
    matches!(c, ':' | ',' | ';' | ' ')
}

/// Words that may begin a list, and the lists that they stand for (RFC 6460); a longer word comes
/// before its prefix. They change neither groups nor certificates.
const SUITE_B: [(&str, &str); 4] = [
    ("SUITEB128ONLY", "ECDHE-ECDSA-AES128-GCM-SHA256"),
    ("SUITEB128C2", "ECDHE-ECDSA-AES256-GCM-SHA384"),
    (
        "SUITEB128",
        "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384",
    ),
    ("SUITEB192", "ECDHE-ECDSA-AES256-GCM-SHA384"),
];
