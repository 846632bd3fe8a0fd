//! `cargo xtask supply`: what the project depends on, by the lists of `deny.toml`, and how much of the
//! component is `unsafe`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::process;
use crate::rust;
use crate::workspace::Workspace;

/// The page with the inventory.
const PAGE: &str = "docs/supply.md";

/// What stands around the inventory in the page.
const BEGIN: &str = "<!-- cargo xtask supply --write -->\n";
const END: &str = "<!-- end -->\n";

/// The one place that dependencies come from.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// What the component has twice: the WASI bindings of the crate `wasi` and our own are made by two
/// versions of the same generator, whose runtime is a few functions.
const TWICE: &[&str] = &["wit-bindgen"];

/// Check everything; with `write`, write the inventory into the page instead of comparing it.
pub(crate) fn run(workspace: &Workspace, write: bool) -> Result<()> {
    let packages = workspace.packages(&[])?;
    let deny = fs::read_to_string(workspace.root.join("deny.toml"))?;
    let allowed = allowed(&deny)?;
    for package in &packages {
        let name = text(package, "name").context("a package has no name")?;
        let license = text(package, "license").with_context(|| format!("{name} has no licence"))?;
        ensure!(
            is_allowed(license, &allowed),
            "{name} is under {license}, which deny.toml does not allow"
        );
        if let Some(source) = text(package, "source") {
            ensure!(source == REGISTRY, "{name} comes from {source}");
        }
    }
    ensure_lowest(&packages)?;
    let guest = guest(workspace)?;
    let mut versions = BTreeMap::<&str, usize>::new();
    for (name, _) in &guest {
        *versions.entry(name).or_default() += 1;
    }
    for (name, count) in versions {
        ensure!(
            count == 1 || TWICE.contains(&name),
            "the component has {count} versions of {name}"
        );
    }
    compare(workspace, &inventory(workspace, &packages, &guest)?, write)?;
    process::announce(&format!(
        "{} packages, {} of them in the component: licences, sources, versions and `unsafe` are as \
         they are said to be",
        packages.len(),
        guest.len()
    ));
    Ok(())
}

/// Whether each requirement of ours begins at the version that `Cargo.lock` has. The lowest versions that
/// our manifests allow are then those that are tested, also for those who have a lock file of their own.
fn ensure_lowest(packages: &[Value]) -> Result<()> {
    let locked: BTreeSet<_> = packages
        .iter()
        .filter_map(|package| Some((text(package, "name")?, numbers(text(package, "version")?))))
        .collect();
    for package in packages.iter().filter(|one| text(one, "source").is_none()) {
        let ours = text(package, "name").context("a package has no name")?;
        let dependencies = package.get("dependencies").and_then(Value::as_array);
        let dependencies = dependencies.context("a package does not say what it depends on")?;
        // What comes by a path has no version of its own.
        for one in dependencies
            .iter()
            .filter(|one| text(one, "path").is_none())
        {
            let name = text(one, "name").context("a dependency has no name")?;
            let requirement = text(one, "req").context("a dependency has no version")?;
            let lowest = numbers(requirement.trim_start_matches(['^', '=']));
            ensure!(
                locked.contains(&(name, lowest)),
                "{ours} takes {name} from {lowest} on, and Cargo.lock has another version: name that one \
                 in {ours}'s Cargo.toml, for the lowest version is to be one that is tested"
            );
        }
    }
    Ok(())
}

/// A field of what `cargo metadata` says.
fn text<'a>(value: &'a Value, field: &str) -> Option<&'a str> {
    value.get(field).and_then(Value::as_str)
}

/// A version without what it says of its build.
fn numbers(version: &str) -> &str {
    version.split('+').next().unwrap_or(version)
}

/// The strings of `allow = […]` under `[licenses]`.
fn allowed(deny: &str) -> Result<BTreeSet<&str>> {
    let (_, licenses) = deny
        .split_once("[licenses]")
        .context("deny.toml has no [licenses]")?;
    let (_, list) = licenses
        .split_once("allow = [")
        .context("deny.toml allows no licence")?;
    let (list, _) = list.split_once(']').context("the list has no end")?;
    Ok(list.split('"').skip(1).step_by(2).collect())
}

/// Whether an SPDX expression can be met with the licences that are allowed. `/` is an old way to
/// write OR, and AND binds more tightly.
fn is_allowed(expression: &str, allowed: &BTreeSet<&str>) -> bool {
    let spaced = expression
        .replace('/', " OR ")
        .replace('(', " ( ")
        .replace(')', " ) ")
        .replace(" WITH ", "+");
    let mut words = spaced.split_whitespace().peekable();
    let allowed: BTreeSet<_> = allowed
        .iter()
        .map(|one| one.replace(" WITH ", "+"))
        .collect();
    any_of(&mut words, &allowed) && words.peek().is_none()
}

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

fn any_of(words: &mut Words<'_>, allowed: &BTreeSet<String>) -> bool {
    let mut is_met = all_of(words, allowed);
    while words.next_if_eq(&"OR").is_some() {
        is_met |= all_of(words, allowed);
    }
    is_met
}

fn all_of(words: &mut Words<'_>, allowed: &BTreeSet<String>) -> bool {
    let mut is_met = one(words, allowed);
    while words.next_if_eq(&"AND").is_some() {
        is_met &= one(words, allowed);
    }
    is_met
}

fn one(words: &mut Words<'_>, allowed: &BTreeSet<String>) -> bool {
    match words.next() {
        Some("(") => {
            let is_met = any_of(words, allowed);
            words.next_if_eq(&")").is_some() && is_met
        }
        Some(license) => allowed.contains(license),
        None => false,
    }
}

/// Name and version of what is linked into the component.
fn guest(workspace: &Workspace) -> Result<BTreeSet<(String, String)>> {
    let mut tree = workspace.cargo();
    tree.args(["tree", "--locked", "--package", "portcullis"]);
    tree.args(["--target", rust::WASM_TARGET, "--prefix", "none"]);
    tree.args(["--edges", "normal,no-proc-macro"]);
    let tree = String::from_utf8(process::capture(&mut tree)?)?;
    let mut guest = BTreeSet::new();
    for line in tree.lines().filter(|line| !line.is_empty()) {
        let mut words = line.split(' ');
        match (
            words.next(),
            words.next().and_then(|word| word.strip_prefix('v')),
        ) {
            (Some(name), Some(version)) => guest.insert((name.to_owned(), version.to_owned())),
            _ => bail!("cargo tree says {line:?}"),
        };
    }
    Ok(guest)
}

/// Blocks, functions and the like that say `unsafe`, in the sources of each package of the component
/// that has any, and in each file of ours.
fn inventory(
    workspace: &Workspace,
    packages: &[Value],
    guest: &BTreeSet<(String, String)>,
) -> Result<String> {
    let mut ours = Vec::new();
    let mut others = Vec::new();
    let mut free = 0;
    for package in packages {
        let text = |field: &str| {
            package
                .get(field)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let id = (text("name").to_owned(), text("version").to_owned());
        if !guest.contains(&id) {
            continue;
        }
        let manifest = PathBuf::from(text("manifest_path"));
        let folder = manifest
            .parent()
            .context("a manifest in no folder")?
            .join("src");
        let mut files = Vec::new();
        count(&folder, &mut files)?;
        if text("source").is_empty() {
            for (path, count) in files.into_iter().filter(|(_, count)| *count > 0) {
                let path = path.strip_prefix(&workspace.root).unwrap_or(&path);
                ours.push(format!("| `{}` | {count} |\n", path.display()));
            }
        } else {
            match files.iter().map(|(_, count)| count).sum::<usize>() {
                0 => free += 1,
                sum => others.push(format!("| {} {} | {sum} |\n", id.0, id.1)),
            }
        }
    }
    ours.sort();
    others.sort();
    let mut page = String::new();
    writeln!(
        page,
        "\n| file of ours | `unsafe` |\n|---|---|\n{}",
        ours.concat()
    )?;
    writeln!(
        page,
        "| dependency | `unsafe` |\n|---|---|\n{}",
        others.concat()
    )?;
    writeln!(page, "{free} more dependencies have none.\n")?;
    Ok(page)
}

/// How often each file below a folder says `unsafe`, comments apart.
fn count(folder: &Path, files: &mut Vec<(PathBuf, usize)>) -> Result<()> {
    const MARKS: [&str; 5] = ["{", "fn ", "impl", "extern ", "trait "];
    for entry in fs::read_dir(folder).with_context(|| format!("no {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            count(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path)?;
            let code = text
                .lines()
                .map(|line| line.split("//").next().unwrap_or_default());
            let is_marked = |rest: &str| MARKS.iter().any(|mark| rest.starts_with(mark));
            let in_line = |line: &str| {
                line.split("unsafe ")
                    .skip(1)
                    .filter(|rest| is_marked(rest))
                    .count()
            };
            files.push((path, code.map(in_line).sum()));
        }
    }
    Ok(())
}

fn compare(workspace: &Workspace, inventory: &str, write: bool) -> Result<()> {
    let path = workspace.root.join(PAGE);
    let page = fs::read_to_string(&path)?;
    let parts = page.split_once(BEGIN).and_then(|(before, rest)| {
        let (old, after) = rest.split_once(END)?;
        Some((before, old, after))
    });
    let (before, old, after) = parts.with_context(|| format!("{PAGE} has no place for it"))?;
    if write {
        fs::write(&path, format!("{before}{BEGIN}{inventory}{END}{after}"))?;
        return Ok(());
    }
    ensure!(
        old == inventory,
        "what is `unsafe` is not what {PAGE} says; look at what has changed, then run \
         `cargo xtask supply --write`"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_licence_is_allowed_if_its_expression_can_be_met() {
        let allowed = BTreeSet::from(["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"]);
        for expression in [
            "MIT",
            "GPL-3.0 OR MIT",
            "MIT/GPL-3.0",
            "ISC AND (GPL-3.0 OR MIT)",
            "Apache-2.0 WITH LLVM-exception",
            "GPL-3.0 AND BSD OR MIT",
        ] {
            assert!(is_allowed(expression, &allowed), "{expression}");
        }
        for expression in [
            "GPL-3.0",
            "MIT AND GPL-3.0",
            "Apache-2.0",
            "(MIT",
            "",
            "MIT MIT",
        ] {
            assert!(!is_allowed(expression, &allowed), "{expression}");
        }
    }

    #[test]
    fn the_list_of_licences_is_read_from_deny_toml() {
        let deny = "[graph]\n[licenses]\nallow = [\n  \"A\",\n  \"B WITH C\",\n]\n[bans]\nallow = [\"D\"]\n";
        assert_eq!(allowed(deny).unwrap(), BTreeSet::from(["A", "B WITH C"]));
    }
}
