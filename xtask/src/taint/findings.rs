//! What Valgrind has found, by operation, and the divisions in the code.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Context, Result, ensure};

use super::origins::{Frame, Origins};

/// What depends on a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Branch,
    Address,
    /// An access that is wrong by itself, or an argument of the system.
    Other,
}

/// A place that depends on a secret.
pub(super) struct Finding {
    pub(super) kind: Kind,
    /// The innermost line.
    pub(super) line: String,
    /// All functions, the innermost first.
    frames: Vec<Frame>,
}

impl Finding {
    /// Whether it is in these functions, the innermost first, with others between them; if a `^` comes
    /// first, with none further in.
    pub(super) fn is_in(&self, functions: &str) -> bool {
        let names = functions.trim_start_matches('^').split(" < ");
        let mut frames = self.frames.iter().map(|frame| {
            let name = frame.function.split('<').next();
            name.unwrap_or_default()
        });
        let first = frames.clone().next();
        let innermost = functions
            .strip_prefix('^')
            .and_then(|path| path.split(" < ").next());
        (innermost.is_none() || innermost == first)
            && names
                .into_iter()
                .all(|name| frames.any(|frame| frame == name))
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "  {:?}", self.kind)?;
        for frame in &self.frames {
            write!(f, "\n    {} ({})", frame.function, frame.line)?;
        }
        Ok(())
    }
}

/// An operation that was run.
struct Operation<'a> {
    name: &'a str,
    count: u64,
    /// Where its code lay.
    start: u64,
}

/// The operations in the order in which they ran, with what was found in each. `output` is what the
/// runner printed, `log` what Valgrind did.
pub(super) fn of(
    output: &str,
    log: &str,
    origins: &Origins<'_>,
) -> Result<Vec<(String, Vec<Finding>)>> {
    let operations = output.lines().map(operation).collect::<Result<Vec<_>>>()?;
    let mut found: Vec<Vec<Finding>> = operations.iter().map(|_| Vec::new()).collect();
    for (kind, stack) in errors(log)? {
        let within = |operation: &Operation<'_>, address: u64| {
            let place = address.checked_sub(operation.start);
            place.filter(|place| *place <= origins.length())
        };
        let mut frames = Vec::new();
        let mut owner = None;
        for (depth, address) in stack.into_iter().enumerate() {
            // What is further out is where a call returns to.
            let address = if depth == 0 { address } else { address - 1 };
            let place = operations
                .iter()
                .enumerate()
                .find_map(|(index, operation)| {
                    within(operation, address).map(|place| (index, place))
                });
            if let Some((index, place)) = place {
                owner = Some(index);
                frames.extend(origins.frames(place)?);
            }
        }
        let owner = owner.and_then(|index| found.get_mut(index));
        let owner = owner.context("Valgrind found something outside of the program")?;
        let line = frames.first().map(|frame| frame.line.clone());
        owner.push(Finding {
            kind,
            line: line.unwrap_or_default(),
            frames,
        });
    }
    let pairs = operations.into_iter().zip(found).map(|(operation, found)| {
        ensure!(
            (operation.count == 0) == found.is_empty(),
            "Valgrind counts {} findings in {}, and lists {}",
            operation.count,
            operation.name,
            found.len()
        );
        Ok((operation.name.to_owned(), found))
    });
    pairs.collect()
}

fn operation(line: &str) -> Result<Operation<'_>> {
    let mut parts = line.split('\t');
    let mut part = || parts.next().context("a line of the runner is short");
    Ok(Operation {
        name: part()?,
        count: part()?.parse()?,
        start: part()?.parse()?,
    })
}

/// The errors in a log, each with the addresses of its stack.
fn errors(log: &str) -> Result<Vec<(Kind, Vec<u64>)>> {
    let mut errors = Vec::new();
    let mut title = "";
    let mut stack = Vec::new();
    // Each line begins with the number of the process; a stack follows what it is about.
    let lines = log
        .lines()
        .map(|line| line.splitn(3, "==").nth(2).unwrap_or_default());
    for line in lines.chain([""]) {
        let line = line.trim();
        let address = line
            .strip_prefix("at 0x")
            .or_else(|| line.strip_prefix("by 0x"));
        if let Some(address) = address.and_then(|rest| rest.split(':').next()) {
            stack.push(u64::from_str_radix(address, 16)?);
            continue;
        }
        if !stack.is_empty() {
            let kind = match title {
                title if title.starts_with("Conditional jump") => Kind::Branch,
                title if title.starts_with("Use of uninitialised value") => Kind::Address,
                _ => Kind::Other,
            };
            errors.push((kind, std::mem::take(&mut stack)));
        }
        title = line;
    }
    Ok(errors)
}

/// The functions that divide, and how often, in a listing of objdump's. Divisions of bytes are data that
/// is listed as if it were code: WebAssembly has none.
pub(super) fn divisions(listing: &str) -> BTreeMap<String, usize> {
    let mut divisions = BTreeMap::new();
    let mut function = "";
    for line in listing.lines() {
        if let Some((_, name)) = line.split_once(" <").filter(|_| line.ends_with(">:")) {
            function = name.trim_end_matches(">:");
        }
        let mut words = line.split_whitespace().skip(1);
        if matches!(
            words.next(),
            Some("div" | "idiv" | "divl" | "divq" | "idivl" | "idivq")
        ) {
            let name = function.rsplit("]::").next().unwrap_or_default();
            let name = format!("{:#}", rustc_demangle::demangle(name));
            *divisions.entry(name).or_default() += 1;
        }
    }
    divisions
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;

    #[test]
    fn errors_are_read_with_their_stacks() {
        let log = "\
==7== Memcheck, a memory error detector
==7==
==7== Conditional jump or move depends on uninitialised value(s)
==7==    at 0x1F: ???
==7==    by 0x2A: ???
==7==
==7== Use of uninitialised value of size 8
==7==    at 0x30: ???
==7== Invalid read of size 4
==7==    at 0x31: main (main.rs:1)
==7== ERROR SUMMARY: 3 errors";
        let errors = errors(log).unwrap();
        let expected = [
            (Kind::Branch, vec![0x1f, 0x2a]),
            (Kind::Address, vec![0x30]),
            (Kind::Other, vec![0x31]),
        ];
        assert_eq!(errors, expected);
    }

    #[test]
    fn functions_are_found_in_their_order() {
        let frame = |function: &str| Frame {
            function: function.to_owned(),
            line: String::new(),
        };
        let finding = Finding {
            kind: Kind::Branch,
            line: String::new(),
            frames: ["inner<u8>", "middle", "outer<4>"].map(frame).into(),
        };
        for path in ["inner", "^inner < outer", "middle < outer", "outer"] {
            assert!(finding.is_in(path), "{path}");
        }
        for path in ["^middle", "outer < inner", "mid", "inner < other"] {
            assert!(!finding.is_in(path), "{path}");
        }
    }

    #[test]
    fn divisions_are_counted_by_function_and_bytes_are_data() {
        let listing = "\
0000000000000000 <wasm[0]::function[24]::_ZN3one3two17h58f6310123456789E>:
       0:\tpush   %rbp
       1:\tdiv    %ecx
       3:\tidivq  0x8(%rbp)
0000000000000020 <wasm[0]::function[25]::three>:
      20:\tdivb   0x2(%rbp)
      24:\tdivps  %xmm0,%xmm1";
        let expected = BTreeMap::from([("one::two".to_owned(), 2)]);
        assert_eq!(divisions(listing), expected);
    }
}
