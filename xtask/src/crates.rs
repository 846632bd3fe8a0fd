//! `cargo xtask crates`: the crates as crates.io gets them, and whether they serve who has nothing else;
//! and a registry that has them, for those who try the page of Rust.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::component::{self, Embedded};
use crate::workspace::Workspace;
use crate::{process, rust};

/// The packages that are published, each behind those that it needs.
const PUBLISHED: [&str; 5] = [
    "portcullis-provider",
    "portcullis-client",
    "portcullis",
    "portcullis-host",
    "portcullis-cli",
];

/// Those that programs for WebAssembly depend on.
const FOR_PROGRAMS: [&str; 2] = ["portcullis-provider", "portcullis-client"];

/// Where the host's build script looks for components when it comes from a crate.
const COMPONENT: &str = "host/component";

/// The most that crates.io takes.
const LARGEST: u64 = 10 * 1024 * 1024;

/// A program that has nothing but the crates.
const PROGRAM: &str = r#"use std::io::{Read as _, Write as _};

fn main() -> std::io::Result<()> {
    let _ = portcullis_provider::crypto_provider();
    let mut stream = portcullis_client::TlsStream::connect("example.com", 443)?;
    stream.write_all(b"GET / HTTP/1.0\r\nHost: example.com\r\n\r\n")?;
    let mut page = Vec::new();
    stream.read_to_end(&mut page)?;
    std::io::stdout().write_all(&page)?;
    stream.close()
}
"#;

/// Make the crates and build a program from them.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let embedded = component::get(workspace)?;
    let crates = make(workspace, &embedded)?;
    let unpacked = unpack(workspace, &crates)?;
    build_program(workspace, &unpacked)?;
    for made in crates {
        println!("{}", made.display());
    }
    Ok(())
}

/// The crates in a folder that has nothing else: a workspace, which has the versions of our lock file.
pub(crate) fn unpacked(workspace: &Workspace, embedded: &Embedded) -> Result<PathBuf> {
    let crates = make(workspace, embedded)?;
    let unpacked = unpack(workspace, &crates)?;
    let members = json!(PUBLISHED);
    let workspace_table = format!("[workspace]\nresolver = \"3\"\nmembers = {members}\n\n");
    let patches = instead_of_crates_io(&unpacked);
    fs::write(unpacked.join("Cargo.toml"), workspace_table + &patches)?;
    lock(workspace, &unpacked)?;
    Ok(unpacked)
}

/// A folder that cargo takes for a registry (a "directory source"): it has the crates that programs for
/// WebAssembly depend on, and what those need.
pub(crate) fn registry(workspace: &Workspace) -> Result<PathBuf> {
    let crates = make(workspace, &component::get(workspace)?)?;
    let unpacked = unpack(workspace, &crates)?;
    let program = write_program(workspace, &unpacked)?;
    let registry = workspace.target.join("registry");
    if registry.exists() {
        fs::remove_dir_all(&registry)?;
    }
    let mut cargo = workspace.cargo();
    cargo.current_dir(program).arg("vendor").arg(&registry);
    process::run_quietly("gathering what the crates need", &mut cargo)?;
    for name in FOR_PROGRAMS {
        let place = registry.join(name);
        fs::rename(unpacked.join(name), &place)?;
        // A registry would know the checksum; cargo asks for this file, and for nothing in it.
        fs::write(
            place.join(".cargo-checksum.json"),
            json!({"files": {}, "package": null}).to_string(),
        )?;
    }
    Ok(registry)
}

/// The folder with the components, which is there as long as the crates are made: a build in the
/// checkout is to make its own.
struct Components(PathBuf);

impl Components {
    fn put(workspace: &Workspace, embedded: &Embedded) -> Result<Self> {
        let folder = workspace.root.join(COMPONENT);
        fs::create_dir_all(&folder)?;
        let this = Self(folder);
        for (from, name) in [
            (&embedded.component, "portcullis-wide.wasm"),
            (&embedded.p3, "portcullis-p3-wide.wasm"),
        ] {
            fs::copy(from, this.0.join(name)).with_context(|| from.display().to_string())?;
        }
        Ok(this)
    }
}

impl Drop for Components {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("xtask: remove {}: {error}", self.0.display());
        }
    }
}

/// The `.crate` files, in `target/package`.
fn make(workspace: &Workspace, embedded: &Embedded) -> Result<Vec<PathBuf>> {
    let _components = Components::put(workspace, embedded)?;
    let mut cargo = workspace.cargo();
    // The components are in no commit. What is built from the crates is built below.
    cargo.args([
        "package",
        "--locked",
        "--allow-dirty",
        "--no-verify",
        "--quiet",
    ]);
    for name in PUBLISHED {
        cargo.args(["--package", name]);
    }
    process::run("making the crates", &mut cargo)?;
    PUBLISHED
        .iter()
        .map(|name| {
            let package = workspace.package(name)?;
            let version = package.get("version").and_then(Value::as_str);
            let version = version.context("a package has no version")?;
            let made = workspace
                .target
                .join(format!("package/{name}-{version}.crate"));
            let size = fs::metadata(&made)
                .with_context(|| made.display().to_string())?
                .len();
            ensure!(size <= LARGEST, "{} has {size} bytes", made.display());
            Ok(made)
        })
        .collect()
}

/// Unpacks the crates into a folder that has nothing else, each by its name alone.
fn unpack(workspace: &Workspace, crates: &[PathBuf]) -> Result<PathBuf> {
    let folder = workspace.target.join("crates");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    for (name, made) in PUBLISHED.iter().zip(crates) {
        let mut tar = workspace.program("tar");
        tar.arg("-xzf").arg(made).arg("-C").arg(&folder);
        process::run_quietly(&format!("unpacking {name}"), &mut tar)?;
        let stem = made.file_stem().context("a crate has no name")?;
        fs::rename(folder.join(stem), folder.join(name))?;
    }
    Ok(folder)
}

/// The settings of cargo by which our crates come from the folder, as if they were published.
fn instead_of_crates_io(unpacked: &Path) -> String {
    PUBLISHED
        .iter()
        .fold("[patch.crates-io]\n".to_owned(), |settings, name| {
            let place = Value::String(unpacked.join(name).display().to_string());
            format!("{settings}{name} = {{ path = {place} }}\n")
        })
}

/// Builds the program, for WebAssembly.
fn build_program(workspace: &Workspace, unpacked: &Path) -> Result<()> {
    rust::need_target(workspace, rust::WASM_TARGET)?;
    let folder = write_program(workspace, unpacked)?;
    let mut cargo = workspace.cargo();
    cargo
        .current_dir(&folder)
        .args(["build", "--target", rust::WASM_TARGET]);
    cargo.env("CARGO_TARGET_DIR", unpacked.join("built"));
    process::run("building a program from the crates", &mut cargo)
}

/// Writes a program that depends on the crates, and returns its folder.
fn write_program(workspace: &Workspace, unpacked: &Path) -> Result<PathBuf> {
    let folder = unpacked.join("program");
    fs::create_dir_all(folder.join("src"))?;
    fs::create_dir_all(folder.join(".cargo"))?;
    fs::write(
        folder.join(".cargo/config.toml"),
        instead_of_crates_io(unpacked),
    )?;
    fs::write(folder.join("src/main.rs"), PROGRAM)?;
    let of_two = FOR_PROGRAMS.map(|name| format!("{name} = \"0.2\"\n"));
    let manifest =
        "[package]\nname = \"program\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n";
    fs::write(
        folder.join("Cargo.toml"),
        format!("{manifest}{}", of_two.concat()),
    )?;
    lock(workspace, &folder)?;
    Ok(folder)
}

/// Gives a folder our lock file: what is released meanwhile changes nothing.
fn lock(workspace: &Workspace, folder: &Path) -> Result<()> {
    let name = "Cargo.lock";
    fs::copy(workspace.root.join(name), folder.join(name))?;
    Ok(())
}
