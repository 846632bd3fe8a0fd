//! Whether what was built is of the sources that are there now. Cargo keeps one result for each crate
//! with a fixed file name, so that the forms of the component, built in turn, would be compiled anew
//! every time that one of them is asked for.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::dist::hex;
use crate::process;
use crate::workspace::Workspace;

/// What the component is made of, and what makes it: files, and folders with all that is in them.
const SOURCES: [&str; 12] = [
    ".cargo",
    "Cargo.lock",
    "Cargo.toml",
    "provider/Cargo.toml",
    "provider/src",
    "rust-toolchain.toml",
    "src",
    "wit",
    "xtask/src/component.rs",
    "xtask/src/dist.rs",
    "xtask/src/stamp.rs",
    "xtask/src/wide.rs",
];

/// The stamp of a build from the sources as they are, with these arguments.
pub(crate) fn of(workspace: &Workspace, arguments: &[String]) -> Result<String> {
    let mut files = BTreeSet::new();
    for source in SOURCES {
        gather(&workspace.root.join(source), &mut files)?;
    }
    let mut hash = Sha256::new();
    let mut add = |part: &[u8]| {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    };
    add(&process::capture(workspace.program("rustc").arg("-vV"))?);
    // Paths of this machine are mapped to words, and the words are the same; what is mapped is not.
    add(workspace.root.as_os_str().as_encoded_bytes());
    for argument in arguments {
        add(argument.as_bytes());
    }
    for file in files {
        add(file.as_os_str().as_encoded_bytes());
        add(&fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?);
    }
    Ok(hex(&hash.finalize()))
}

/// Whether the record says that this result is of this stamp.
pub(crate) fn holds(stamp: &str, record: &Path, result: &Path) -> bool {
    let expected = with_result(stamp, result);
    expected.is_ok_and(|expected| fs::read_to_string(record).is_ok_and(|found| found == expected))
}

/// Records that this result is of this stamp.
pub(crate) fn write(stamp: &str, record: &Path, result: &Path) -> Result<()> {
    fs::write(record, with_result(stamp, result)?)
        .with_context(|| format!("cannot write {}", record.display()))
}

/// The stamp and the digest of the result, which somebody may have changed.
fn with_result(stamp: &str, result: &Path) -> Result<String> {
    let bytes = fs::read(result).with_context(|| format!("cannot read {}", result.display()))?;
    Ok(format!("{stamp} {}\n", hex(&Sha256::digest(&bytes))))
}

fn gather(path: &Path, files: &mut BTreeSet<PathBuf>) -> Result<()> {
    if path.is_file() {
        files.insert(path.to_owned());
        return Ok(());
    }
    let entries = fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))?;
    for entry in entries {
        gather(&entry?.path(), files)?;
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_of_the_sources_and_of_the_arguments() {
        let workspace = Workspace::find().unwrap();
        let none = of(&workspace, &[]).unwrap();
        assert_eq!(of(&workspace, &[]).unwrap(), none);
        assert_ne!(of(&workspace, &["--features".to_owned()]).unwrap(), none);
        let folder = workspace.target.join("tests of stamps");
        fs::create_dir_all(&folder).unwrap();
        let (record, result) = (folder.join("stamp"), folder.join("result"));
        assert!(!holds(&none, &record, &result));
        fs::write(&result, "made").unwrap();
        write(&none, &record, &result).unwrap();
        assert!(holds(&none, &record, &result));
        assert!(!holds("another", &record, &result));
        fs::write(&result, "changed").unwrap();
        assert!(!holds(&none, &record, &result));
        let mut files = BTreeSet::new();
        gather(&workspace.root.join("wit"), &mut files).unwrap();
        assert!(
            files.contains(&workspace.root.join("wit/p3/world.wit")),
            "{files:?}"
        );
        assert!(files.contains(&workspace.root.join("wit/port.wit")));
    }
}
