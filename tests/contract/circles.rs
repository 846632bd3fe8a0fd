//! No file uses another that uses it in turn, by whatever way: each can then be read, tested and moved
//! with what it uses alone. A module and its own parts count as one room and may know each other.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::{root, sources};

/// The way to a module from the root of its crate.
type Module = Vec<String>;

/// The modules of a crate and what each uses of the others, as its `use` lines say.
fn uses(root: &Path) -> BTreeMap<Module, BTreeSet<Module>> {
    let texts: BTreeMap<Module, String> = sources(root)
        .into_iter()
        .map(|path| {
            let inside = path.strip_prefix(root).unwrap().with_extension("");
            let parts = inside.iter().map(|part| part.to_str().unwrap().to_owned());
            let module = parts.filter(|part| !["lib", "main", "mod"].contains(&part.as_str()));
            (module.collect(), fs::read_to_string(&path).unwrap())
        })
        .collect();
    let modules: BTreeSet<_> = texts.keys().cloned().collect();
    let of = |(module, text): (&Module, &String)| {
        let used = paths(text).into_iter().filter_map(|path| {
            let mut target = resolve(module, &path)?;
            while !modules.contains(&target) {
                target.pop()?;
            }
            Some(target)
        });
        let is_apart = |other: &Module| !other.starts_with(module) && !module.starts_with(other);
        (module.clone(), used.filter(is_apart).collect())
    };
    texts.iter().map(of).collect()
}

/// Every path that a `use` line names, by its parts; tests at the end of a file are left out.
fn paths(text: &str) -> Vec<Vec<String>> {
    let code = text.split("#[cfg(test)]").next().unwrap();
    let mut lines = code.lines().map(|line| line.split("//").next().unwrap());
    let mut paths = Vec::new();
    while let Some(line) = lines.next() {
        let Some((before, tree)) = line.split_once("use ") else {
            continue;
        };
        if !(before.trim().is_empty() || before.trim().starts_with("pub")) {
            continue;
        }
        let mut tree = tree.to_owned();
        // Text for people may begin so, too, and end the file.
        while !tree.contains(';') {
            let Some(line) = lines.next() else { break };
            tree += line;
        }
        let tree: String = tree.split(';').next().unwrap().split_whitespace().collect();
        let is_code = |letter: char| letter.is_alphanumeric() || "_:{},*".contains(letter);
        if tree.chars().all(is_code) {
            expand("", &tree, &mut paths);
        }
    }
    paths
}

/// `a::{b, c::{d, e}}` is three paths.
fn expand(before: &str, tree: &str, paths: &mut Vec<Vec<String>>) {
    let Some((front, rest)) = tree.split_once('{') else {
        let path = format!("{before}{tree}");
        paths.push(path.split("::").map(str::to_owned).collect());
        return;
    };
    let before = format!("{before}{front}");
    let inside = rest.strip_suffix('}').unwrap_or(rest);
    let (mut depth, mut start) = (0_usize, 0);
    for (place, letter) in inside.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                expand(&before, &inside[start..place], paths);
                start = place + 1;
            }
            _ => {}
        }
    }
    if start < inside.len() {
        expand(&before, &inside[start..], paths);
    }
}

/// From the root of the crate; none for what is another crate's.
fn resolve(module: &Module, path: &[String]) -> Option<Module> {
    let mut base = match path.first()?.as_str() {
        "crate" => Vec::new(),
        "super" => module[..module.len().checked_sub(1)?].to_vec(),
        "self" => module.clone(),
        _ => return None,
    };
    for part in &path[1..] {
        match part.as_str() {
            "super" => {
                base.pop()?;
            }
            part => base.push(part.to_owned()),
        }
    }
    Some(base)
}

/// Everything that a module leads to.
fn reach(from: &Module, uses: &BTreeMap<Module, BTreeSet<Module>>) -> BTreeSet<Module> {
    let mut reached = BTreeSet::new();
    let mut next: Vec<_> = uses[from].iter().cloned().collect();
    while let Some(module) = next.pop() {
        if reached.insert(module.clone()) {
            next.extend(uses.get(&module).into_iter().flatten().cloned());
        }
    }
    reached
}

/// The modules that lead back to themselves.
fn circles(uses: &BTreeMap<Module, BTreeSet<Module>>) -> Vec<String> {
    let in_a_circle = uses
        .keys()
        .filter(|module| reach(module, uses).contains(*module));
    in_a_circle.map(|module| module.join("::")).collect()
}

#[test]
fn no_file_leads_back_to_itself() {
    for folder in ["src", "provider/src", "host/src", "host/cli/src"] {
        let uses = uses(&root().join(folder));
        let count: usize = uses.values().map(BTreeSet::len).sum();
        assert!(count > 30, "{folder}: {count}");
        assert_eq!(circles(&uses), Vec::<String>::new(), "{folder}");
    }
}

#[test]
fn a_circle_is_found_however_it_is_written() {
    let paths =
        paths("use super::b::{self,\n c::{D, E}, f};\npub use crate::g; // use crate::h;\n");
    let flat: Vec<_> = paths.iter().map(|path| path.join("::")).collect();
    assert_eq!(
        flat,
        [
            "super::b::self",
            "super::b::c::D",
            "super::b::c::E",
            "super::b::f",
            "crate::g"
        ]
    );
    let module = |name: &str| vec![name.to_owned()];
    let uses = BTreeMap::from([
        (module("a"), BTreeSet::from([module("b")])),
        (module("b"), BTreeSet::from([module("c")])),
        (module("c"), BTreeSet::from([module("a")])),
        (module("d"), BTreeSet::from([module("a")])),
    ]);
    assert_eq!(circles(&uses), ["a", "b", "c"]);
}
