//! `cargo xtask command`: the command as people install it who have no Rust: a program that needs nothing
//! of its system but Linux, with completion scripts and manual pages, built from the crates alone.

use std::env::consts::ARCH;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::component::{self, Flavour};
use crate::packages::{self, Files, Project};
use crate::workspace::Workspace;
use crate::{apt, crates, dist, notices, process, rust};

/// The compiler for the C code in it, for a C library that can be linked into a program whole.
const FOR_MUSL: &[apt::Tool] = &[("musl-gcc", "musl-tools")];

/// Where shells look for completion scripts, below the prefix of an installation.
const COMPLETIONS: [(&str, &str); 3] = [
    ("bash", "share/bash-completion/completions/portcullis"),
    ("fish", "share/fish/vendor_completions.d/portcullis.fish"),
    ("zsh", "share/zsh/site-functions/_portcullis"),
];

/// Where a system has a program's documents, below the prefix of an installation.
const DOCUMENTS: &str = "share/doc/portcullis/";

/// How the program is compiled.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speed {
    /// As it is released.
    Fast,
    /// Without optimisation, which takes less than half of the time: enough to see that all is there.
    Slow,
}

/// `cargo xtask command`: make the archive in `target/packages`, and say where.
pub(crate) fn run(workspace: &Workspace, speed: Speed) -> Result<()> {
    let (name, bytes) = make(workspace, speed)?;
    let folder = workspace.target.join("packages");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join(&name), bytes)?;
    println!("{}", folder.join(name).display());
    Ok(())
}

/// The archive's name and the archive.
pub(crate) fn make(workspace: &Workspace, speed: Speed) -> Result<(String, Vec<u8>)> {
    let program = build(workspace, speed)?;
    let project = Project::read(workspace, notices::of_command(workspace, &target())?)?;
    let mut files = Files::new();
    files.insert("bin/portcullis".to_owned(), packages::read(&program)?);
    for (shell, path) in COMPLETIONS {
        let script = process::capture(Command::new(&program).args(["completions", shell]))?;
        files.insert(path.to_owned(), script);
    }
    for (name, page) in pages(workspace, &program)? {
        files.insert(format!("share/man/man1/{name}"), page);
    }
    // The one for engines with wide arithmetic is in the program.
    let component = component::build(workspace, Flavour::Baseline, &[])?;
    files.insert(
        "share/portcullis/portcullis.wasm".to_owned(),
        packages::read(&component)?,
    );
    let readme = workspace.root.join("host/cli/README.md");
    files.insert(format!("{DOCUMENTS}README.md"), packages::read(&readme)?);
    files.extend(packages::licenses(workspace, &project, DOCUMENTS)?);
    let root = format!("portcullis-{}-{ARCH}-linux", project.version);
    let archive = packages::archive::tar_gz(&root, &files)?;
    Ok((format!("{root}.tar.gz"), archive))
}

/// This processor, and a C library that can be linked in whole.
fn target() -> String {
    format!("{ARCH}-unknown-linux-musl")
}

/// Builds the program from the crates, with the versions of our lock file, and makes sure that it is static.
fn build(workspace: &Workspace, speed: Speed) -> Result<PathBuf> {
    apt::need(FOR_MUSL, true)?;
    let target = target();
    rust::need_target(workspace, &target)?;
    let embedded = component::get(workspace)?;
    let unpacked = crates::unpacked(workspace, &embedded)?;
    let built = workspace.target.join("static");
    let mut cargo = workspace.cargo();
    cargo.current_dir(&unpacked).args(["build", "--release"]);
    cargo.args(["--package", "portcullis-cli", "--target", &target]);
    cargo.args(["--config", &dist::remapped(workspace, &target)?]);
    cargo.args(["--config", "profile.release.strip=\"symbols\""]);
    if speed == Speed::Slow {
        cargo.args(["--config", "profile.release.opt-level=0"]);
    }
    cargo.env("CARGO_TARGET_DIR", &built);
    process::run("building the command from its crate", &mut cargo)?;
    let program = built.join(target).join("release/portcullis");
    // What loads libraries is a program's interpreter.
    let mut readelf = Command::new("readelf");
    let headers = process::capture(readelf.args(["--program-headers", "--wide"]).arg(&program))?;
    ensure!(
        !String::from_utf8(headers)?.contains("INTERP"),
        "{} is linked with libraries of this system",
        program.display()
    );
    Ok(program)
}

/// The manual pages, by the names of their files.
fn pages(workspace: &Workspace, program: &Path) -> Result<Files> {
    let folder = workspace.target.join("static/man");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    let mut man = Command::new(program);
    process::run_quietly(
        "writing the manual pages",
        man.args(["man", "--all"]).arg(&folder),
    )?;
    packages::tree(&folder).context("there are no manual pages")
}
