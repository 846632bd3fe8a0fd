//! The pages of `docs/install`: their commands, run in an empty folder that has nothing but the package
//! that the page names, made by `cargo xtask packages`, against a server of others.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use libtest_mimic::{Failed, Trial};

use crate::page::{Page, Runtime};
use crate::{Column, meet, shell, told};

/// Each page, and the ending of the package that it installs.
const PAGES: [(&str, &str); 3] = [("c", ".tar.gz"), ("node", ".tgz"), ("python", ".whl")];

/// Where the same lines stand too: what registries show, and the first page of all.
const COPIES: [(&str, &str); 6] = [
    ("c", "README.md"),
    ("c", "clients/c/README.md"),
    ("node", "README.md"),
    ("node", "clients/javascript/README.md"),
    ("python", "README.md"),
    ("python", "clients/python/README.md"),
];

pub fn trials(columns: &[Column]) -> Vec<Trial> {
    let Some(packages) = env::var_os("PORTCULLIS_PACKAGES").map(PathBuf::from) else {
        return Vec::new();
    };
    let mut trials = Vec::new();
    for (name, ending) in PAGES {
        let (packages, columns) = (packages.clone(), columns.to_vec());
        trials.push(Trial::test(
            format!("packages: {name} from nothing to a connection"),
            move || install(name, ending, &packages, &columns).map_err(Failed::from),
        ));
    }
    trials.push(Trial::test(
        "packages: the first lines are everywhere the same",
        || the_copies_agree().map_err(Failed::from),
    ));
    trials
}

fn install(name: &str, ending: &str, packages: &Path, columns: &[Column]) -> Result<(), String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("install-{name}"));
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    fs::create_dir_all(&folder).unwrap();
    let mut count = 0;
    for entry in fs::read_dir(packages).unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_name().unwrap().to_str().unwrap();
        if file.ends_with(ending) {
            fs::copy(&path, folder.join(file)).unwrap();
            count += 1;
        }
    }
    assert_eq!(count, 1, "{ending}");
    let page = Page::of(folder, &text(&format!("docs/install/{name}.md")));
    let newest = |runtime| columns.iter().rfind(|column| column.runtime == runtime);
    let path = without_ours(newest(Runtime::Wasmtime).unwrap());
    let output = shell(&page.build, &page.folder, &path);
    if !output.status.success() {
        return Err(told(&output));
    }
    for run in &page.runs {
        let mut column = newest(run.runtime).unwrap().clone();
        column.path = without_ours(&column);
        meet(run, &column, &page.folder, &format!("install-{name}"))?;
    }
    Ok(())
}

/// The column's search path without the directory of our command: the packages have to do without it.
fn without_ours(column: &Column) -> OsString {
    let ours = Path::new(env!("CARGO_BIN_EXE_portcullis")).parent();
    let paths = env::split_paths(&column.path).filter(|path| Some(path.as_path()) != ours);
    env::join_paths(paths).unwrap()
}

fn the_copies_agree() -> Result<(), String> {
    for (name, copy) in COPIES {
        let page = text(&format!("docs/install/{name}.md"));
        let (_, block) = page.split_once("\n```sh\n").unwrap();
        let (block, _) = block.split_once("\n```").unwrap();
        if !text(copy).contains(block) {
            return Err(format!("{copy} does not have the first lines of {name}.md"));
        }
    }
    Ok(())
}

fn text(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs::read_to_string(root.join(path)).unwrap()
}
