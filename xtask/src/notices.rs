//! The terms of what is compiled into a component or the command: most of it is to be handed on only
//! with the notices of its authors.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::component::{P3_FEATURES, SELECTION};
use crate::workspace::Workspace;

/// The file's name in a package.
pub(crate) const FILE: &str = "THIRD-PARTY.txt";

/// How files with terms begin, in capitals.
const NAMES: [&str; 5] = ["LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE"];

/// The notices of what is in the component.
pub(crate) fn of_component(workspace: &Workspace) -> Result<Vec<u8>> {
    notices(workspace, &[&SELECTION], "Rust's standard library")
}

/// The notices of what is in the command for this target, with both components.
pub(crate) fn of_command(workspace: &Workspace, target: &str) -> Result<Vec<u8>> {
    let command = ["--package", "portcullis-cli", "--target", target];
    let p3 = [&SELECTION[..], &P3_FEATURES].concat();
    let besides = "Rust's standard library, and musl, which is Copyright (c) 2005-2020 Rich Felker \
                   and others, under the terms of the MIT license";
    notices(workspace, &[&command, &SELECTION, &p3], besides)
}

/// The notices of what is linked into what each of these arguments of cargo select.
fn notices(workspace: &Workspace, selections: &[&[&str]], besides: &str) -> Result<Vec<u8>> {
    let mut linked = BTreeSet::new();
    for selection in selections {
        let packages = workspace.linked(selection)?.into_iter();
        linked.extend(packages.map(|(_, (name, version))| format!("{name} {version}")));
    }
    let mut list = String::new();
    // Many have the same text, which is there once.
    let mut texts = BTreeMap::<String, Vec<String>>::new();
    for package in workspace.packages(&[])? {
        let field = |name: &str| package.get(name).and_then(Value::as_str);
        let (Some(name), Some(version)) = (field("name"), field("version")) else {
            continue;
        };
        let title = format!("{name} {version}");
        // Our own terms are in the files beside this one.
        if package.get("source").is_none_or(Value::is_null) || !linked.remove(&title) {
            continue;
        }
        let terms = field("license").unwrap_or("see its text");
        // Writing to memory does not fail.
        let _ = writeln!(list, "{title}: {terms}");
        let manifest = Path::new(field("manifest_path").context("a package is nowhere")?);
        for text in texts_in(manifest.parent().unwrap_or(manifest))? {
            texts.entry(text).or_default().push(title.clone());
        }
    }
    linked.retain(|title| !title.starts_with("portcullis"));
    ensure!(linked.is_empty(), "cargo metadata does not know {linked:?}");
    let mut notices = format!("Compiled into this, besides {besides}:\n\n{list}");
    for (text, titles) in texts {
        let _ = write!(
            notices,
            "\n{}\n{}\n\n{text}\n",
            "-".repeat(72),
            titles.join(", ")
        );
    }
    Ok(notices.into_bytes())
}

/// What files of a package say of its terms.
fn texts_in(folder: &Path) -> Result<Vec<String>> {
    let mut texts = BTreeSet::new();
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().to_uppercase();
        if NAMES.iter().any(|begin| name.starts_with(begin)) && entry.file_type()?.is_file() {
            let text = String::from_utf8_lossy(&fs::read(entry.path())?).into_owned();
            let lines = text.trim_matches(['\r', '\n']).lines().map(str::trim_end);
            texts.insert(lines.collect::<Vec<_>>().join("\n"));
        }
    }
    Ok(texts.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_component_is_made_of_is_there_with_its_terms() {
        let workspace = Workspace::find().unwrap();
        let notices = of_component(&workspace).unwrap();
        let notices = String::from_utf8(notices).unwrap();
        for part in [
            "\nrustls 0.23.",
            "Apache-2.0 OR ISC OR MIT",
            "\nwebpki-roots 1",
            "Copyright (c) 2016 Joseph Birr-Pixton",
        ] {
            assert!(notices.contains(part), "{part}");
        }
        // It builds the component, and is not in it.
        assert!(!notices.contains("\nproc-macro2 "));
    }

    #[test]
    fn what_the_command_is_made_of_is_there_with_both_components() {
        let workspace = Workspace::find().unwrap();
        let notices = of_command(&workspace, "x86_64-unknown-linux-musl").unwrap();
        let notices = String::from_utf8(notices).unwrap();
        for part in [
            "\nwasmtime 48.",
            "\nmimalloc 0.",
            "\naws-lc-sys 0.",
            "\nwit-bindgen 0.",
        ] {
            assert!(notices.contains(part), "{part}");
        }
        assert!(notices.contains("Rich Felker") && notices.len() < 1_000_000);
    }
}
