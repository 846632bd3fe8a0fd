//! The pages of `docs/install`: their commands, run in an empty folder that has nothing but the package
//! that the page names, made by `cargo xtask packages`, against a server of others. For the page of Rust
//! cargo has a registry with our crates, and no other.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use libtest_mimic::{Failed, Trial};

use crate::page::{Page, Runtime};
use crate::servers::Service;
use crate::{Column, examples, meet, shell, told};

/// Each page of a language, and part of the name of the package that it installs.
const PAGES: [(&str, &str); 3] = [("c", "-c-"), ("node", ".tgz"), ("python", ".whl")];

/// The page of Rust.
const RUST: &str = "rust";

/// What the page of Rust has for a server, in its program.
const DIALLED: &str = "(\"example.com\", 443)";

/// What it takes minutes to build; the page of the command is tried with what was built of that crate.
const INSTALLS: &str = "cargo install portcullis-cli";

/// The page of the command.
const COMMAND: &str = "command";

/// What the page has for a server.
const ADDRESS: &str = "example.com:443";

/// Where the same lines stand too: what registries show, and the first page of all.
const COPIES: [(&str, &str); 8] = [
    ("c", "README.md"),
    ("c", "clients/c/README.md"),
    (COMMAND, "README.md"),
    (COMMAND, "host/cli/README.md"),
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
    for (name, part) in PAGES {
        let (packages, columns) = (packages.clone(), columns.to_vec());
        trials.push(Trial::test(
            format!("packages: {name} from nothing to a connection"),
            move || install(name, part, &packages, &columns).map_err(Failed::from),
        ));
    }
    if let Some(registry) = env::var_os("PORTCULLIS_REGISTRY").map(PathBuf::from) {
        let ours = columns.first().unwrap().clone();
        trials.push(Trial::test(
            "packages: rust from nothing to a connection",
            move || install_rust(&registry, &ours).map_err(Failed::from),
        ));
    }
    trials.push(Trial::test(
        "packages: the command from nothing to a connection",
        move || install_command(&packages).map_err(Failed::from),
    ));
    trials.push(Trial::test(
        "packages: the first lines are everywhere the same",
        || the_copies_agree().map_err(Failed::from),
    ));
    trials
}

fn install(name: &str, part: &str, packages: &Path, columns: &[Column]) -> Result<(), String> {
    let folder = folder_with(name, part, packages)?;
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

/// The page of Rust: its lines, with its program put in where cargo has made one of its own.
fn install_rust(registry: &Path, ours: &Column) -> Result<(), String> {
    let Some(server) = Service::Page.serve("install-rust", &examples()) else {
        return Ok(());
    };
    let folder = &server.folder.0;
    fs::create_dir_all(folder.join(".cargo")).unwrap();
    let settings = format!(
        "[source.crates-io]\nreplace-with = \"crates\"\n\n[source.crates]\ndirectory = {registry:?}\n"
    );
    fs::write(folder.join(".cargo/config.toml"), settings).unwrap();
    let page = text("docs/install/rust.md");
    let (_, program) = page.split_once("\n```rust,no_run\n").unwrap();
    let (program, _) = program.split_once("\n```").unwrap();
    assert!(program.contains(DIALLED), "{program}");
    let dialled = format!("(\"localhost\", {})", server.port);
    fs::write(folder.join("main.rs"), program.replace(DIALLED, &dialled)).unwrap();
    let lines = first_lines(RUST);
    let lines: Vec<_> = lines.lines().collect();
    let [install, new, build, run] = lines.as_slice() else {
        return Err(format!("the page has other lines: {lines:?}"));
    };
    assert!(install.ends_with(INSTALLS), "{install}");
    let install = install.replace(INSTALLS, "true");
    // What this process has from cargo is not for another.
    let before = "unset CARGO_TARGET_DIR CARGO_MANIFEST_DIR RUSTFLAGS";
    let placed = "cp ../main.rs src/main.rs";
    let made = [before, &install, new, placed, build].join("\n");
    let output = shell(&made, folder, &ours.path);
    if !output.status.success() {
        return Err(told(&output));
    }
    let run = |trust: &str| {
        let line = run.replacen(" run ", &format!(" run {trust} "), 1);
        shell(&line, &folder.join("hello"), &ours.path)
    };
    let path = folder.display();
    let trusting = run(&format!("--dir {path} --env SSL_CERT_FILE={path}/ca.pem"));
    let shown = [told(&trusting), server.log()].concat();
    let shows = Service::Page.shows();
    if !trusting.status.success() || !shows.iter().all(|part| shown.contains(part)) {
        return Err(shown);
    }
    let refused = told(&run(""));
    if !refused.contains("not from a trusted authority") {
        return Err(refused);
    }
    Ok(())
}

/// The page of the command: its lines, and then the programs beside it in the archive.
fn install_command(packages: &Path) -> Result<(), String> {
    let part = format!("-{}-linux.tar.gz", env::consts::ARCH);
    let folder = match folder_with(COMMAND, &part, packages) {
        Err(missing) if env::var_os("CI").is_none() => {
            eprintln!("skipped: {missing}; `cargo xtask command` makes it, in minutes");
            return Ok(());
        }
        folder => folder?,
    };
    let Some(server) = Service::Page.serve("install-command", &examples()) else {
        return Ok(());
    };
    let authority = server.folder.path("ca.pem");
    let lines = |trusts: &str| {
        let lines = first_lines(COMMAND).replace("x86_64", env::consts::ARCH);
        let aimed = format!("localhost:{} {trusts}", server.port);
        assert!(lines.contains(ADDRESS), "{lines}");
        // Nothing of this environment reaches it, and of the machine only what unpacks an archive.
        let mut bash = Command::new("bash");
        bash.args(["-e", "-c", &lines.replace(ADDRESS, &aimed)]);
        bash.current_dir(&folder).stdin(Stdio::null());
        let home = folder.join("home");
        let output = bash
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", home);
        output.output().unwrap()
    };
    let trusting = lines(&format!("--cafile {authority}"));
    let said = told(&trusting);
    if !trusting.status.success() || !said.contains("TLSv1.3") {
        return Err(format!("{said}{}", server.log()));
    }
    let refused = told(&lines(""));
    if !refused.contains("not from a trusted authority") {
        return Err(refused);
    }
    let version = env!("CARGO_PKG_VERSION");
    let share = format!("portcullis-{version}-{}-linux/share", env::consts::ARCH);
    for (path, part) in [
        ("bash-completion/completions/portcullis", "--showcerts"),
        ("fish/vendor_completions.d/portcullis.fish", "showcerts"),
        ("zsh/site-functions/_portcullis", "--showcerts"),
        ("man/man1/portcullis.1", ".TH portcullis 1"),
        ("man/man1/portcullis-connect.1", "showcerts"),
        ("doc/portcullis/LICENSE-MIT", "MIT"),
        ("doc/portcullis/THIRD-PARTY.txt", "wasmtime 48."),
    ] {
        let path = folder.join(&share).join(path);
        let said = fs::read_to_string(&path).unwrap_or_default();
        if !said.contains(part) {
            return Err(format!("{} has no {part}", path.display()));
        }
    }
    Ok(())
}

/// An empty folder with the one package whose name has this part.
fn folder_with(name: &str, part: &str, packages: &Path) -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("install-{name}"));
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    fs::create_dir_all(&folder).unwrap();
    let paths = fs::read_dir(packages).unwrap().map(|entry| entry.unwrap());
    let mut found = paths.filter(|entry| entry.file_name().to_string_lossy().contains(part));
    let (Some(package), None) = (found.next(), found.next()) else {
        return Err(format!("{} has not one package {part}", packages.display()));
    };
    fs::copy(package.path(), folder.join(package.file_name())).unwrap();
    Ok(folder)
}

/// The column's search path without the directory of our command: the packages have to do without it.
fn without_ours(column: &Column) -> OsString {
    let ours = Path::new(env!("CARGO_BIN_EXE_portcullis")).parent();
    let paths = env::split_paths(&column.path).filter(|path| Some(path.as_path()) != ours);
    env::join_paths(paths).unwrap()
}

fn the_copies_agree() -> Result<(), String> {
    for (name, copy) in COPIES {
        if !text(copy).contains(&first_lines(name)) {
            return Err(format!("{copy} does not have the first lines of {name}.md"));
        }
    }
    Ok(())
}

/// The lines of a page that are to be typed first.
fn first_lines(name: &str) -> String {
    let page = text(&format!("docs/install/{name}.md"));
    let (_, block) = page.split_once("\n```sh\n").unwrap();
    block.split_once("\n```").unwrap().0.to_owned()
}

fn text(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs::read_to_string(root.join(path)).unwrap()
}
