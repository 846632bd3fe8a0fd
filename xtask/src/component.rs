//! The component in its two flavours: built from the guest, copied to where people find it, and
//! described.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use anyhow::{Context, Result, bail, ensure};
use wasmparser::{BinaryReader, Parser, Payload, Validator, WasmFeatures};

use crate::workspace::Workspace;
use crate::{dist, process, rust, stamp, wide};

/// Names a prebuilt component; `host/build.rs` knows it too.
const VARIABLE: &str = "PORTCULLIS_COMPONENT";

/// The same for the component for WASI 0.3.
const P3_VARIABLE: &str = "PORTCULLIS_COMPONENT_P3";

/// Names the component without sockets to its test.
pub(crate) const ENGINE_VARIABLE: &str = "PORTCULLIS_ENGINE";

/// The profile of what is shipped.
pub(crate) const PROFILE: &str = "component";

/// The engines that the guest is built for. The code is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flavour {
    /// Every engine that has SIMD.
    Baseline,
    /// Engines that have wide arithmetic too: wasmtime from 49, and our host.
    Wide,
}

impl Flavour {
    pub(crate) const ALL: [Self; 2] = [Self::Baseline, Self::Wide];

    /// Does something with each flavour, both at once: they have a target directory each, and what takes
    /// longest is done by one core, which is optimising a whole program. What it needs of rustup is there.
    pub(crate) fn beside_each_other<T: Send>(
        work: impl Fn(Self) -> Result<T> + Sync,
    ) -> Result<Vec<T>> {
        let work = &work;
        let done = thread::scope(|scope| {
            let works = Self::ALL.map(|flavour| scope.spawn(move || work(flavour)));
            works.map(|work| match work.join() {
                Ok(done) => done,
                Err(_) => bail!("a thread has panicked"),
            })
        });
        done.into_iter().collect()
    }

    /// Cargo, with the flags of this flavour, and none that would put a path of this machine into
    /// what it builds.
    pub(crate) fn cargo(self, workspace: &Workspace) -> Result<Command> {
        let mut cargo = workspace.cargo();
        cargo.args(["--config", &dist::remapped(workspace, rust::WASM_TARGET)?]);
        cargo.args(["--config", self.flags()]);
        // These variables would replace the flags in .cargo, but a component is always built the
        // same.
        cargo
            .env_remove("RUSTFLAGS")
            .env_remove("CARGO_ENCODED_RUSTFLAGS");
        Ok(cargo)
    }

    /// The configuration beyond `.cargo/config.toml`; `host/build.rs` takes the same for the wide
    /// flavour.
    const fn flags(self) -> &'static str {
        match self {
            Self::Baseline => ".cargo/baseline.toml",
            Self::Wide => ".cargo/wide.toml",
        }
    }

    /// A target directory of its own; `host/build.rs` takes the same.
    pub(crate) fn target(self, workspace: &Workspace) -> PathBuf {
        workspace.target.join(match self {
            Self::Baseline => "guest",
            Self::Wide => "guest-wide",
        })
    }

    /// The file's name without its ending.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Baseline => "portcullis",
            Self::Wide => "portcullis-wide",
        }
    }
}

/// The component without sockets, of world `engine-provider`: the file's name without its ending.
const ENGINE: &str = "portcullis-engine";

/// The version of the package in `wit/p3`.
pub(crate) const P3_VERSION: &str = "0.1.0";

/// The arguments of Cargo that select the component.
pub(crate) const SELECTION: [&str; 4] = ["--package", "portcullis", "--target", rust::WASM_TARGET];

/// The arguments of Cargo that select the component for WASI 0.3; `host/build.rs` takes the same.
pub(crate) const P3_FEATURES: [&str; 3] = ["--no-default-features", "--features", "p3"];

/// How long the magic number and the version of a component are, the id of its custom sections, and the
/// name of the one that has names.
const HEADER: usize = 8;
const CUSTOM: u8 = 0;
const NAMES: &str = "component-name";

/// The component for WASI 0.3, of world `portcullis:tls-async/provider`: what its file's name has
/// between the name of the component and that of the flavour.
const P3: &str = "-p3";

/// `cargo xtask build`.
pub(crate) fn build_and_describe(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let built = build_all(workspace, arguments)?;
    let descriptions = built.iter().map(|path| describe(path));
    let descriptions = descriptions.collect::<Result<Vec<_>>>()?;
    println!("{}", descriptions.join("\n\n"));
    Ok(())
}

/// Builds every component.
pub(crate) fn build_all(workspace: &Workspace, arguments: &[String]) -> Result<Vec<PathBuf>> {
    rust::need_target(workspace, rust::WASM_TARGET)?;
    let of = |flavour| -> Result<Vec<PathBuf>> {
        let mut built = vec![build(workspace, flavour, arguments)?];
        if flavour == Flavour::Baseline {
            built.push(build_engine(workspace, arguments)?);
        }
        built.push(build_p3(workspace, flavour, arguments)?);
        Ok(built)
    };
    let built = Flavour::beside_each_other(of)?;
    Ok(built.concat())
}

/// The components that the host embeds.
pub(crate) struct Embedded {
    /// The one to test or show: the one that `PORTCULLIS_COMPONENT` names, else the built one that
    /// the host prefers.
    pub(crate) component: PathBuf,
    /// The same for WASI 0.3.
    pub(crate) p3: PathBuf,
}

impl Embedded {
    /// Makes Cargo build the host with them.
    pub(crate) fn tell(&self, cargo: &mut Command) {
        cargo.env(VARIABLE, &self.component);
        cargo.env(P3_VARIABLE, &self.p3);
    }
}

/// What the host embeds, given or built.
pub(crate) fn get(workspace: &Workspace) -> Result<Embedded> {
    Ok(Embedded {
        component: match given(VARIABLE)? {
            Some(component) => component,
            None => build(workspace, Flavour::Wide, &[])?,
        },
        p3: match given(P3_VARIABLE)? {
            Some(component) => component,
            None => build_p3(workspace, Flavour::Wide, &[])?,
        },
    })
}

fn given(variable: &str) -> Result<Option<PathBuf>> {
    let Some(given) = env::var_os(variable).filter(|path| !path.is_empty()) else {
        return Ok(None);
    };
    let path = PathBuf::from(given);
    let path = path
        .canonicalize()
        .with_context(|| format!("{variable}={}", path.display()))?;
    process::announce(&format!("using the component {}", path.display()));
    Ok(Some(path))
}

/// Build the guest and copy the result to where people find it. A result that did not change leaves
/// the copy alone, so that nothing that depends on it is built again.
pub(crate) fn build(
    workspace: &Workspace,
    flavour: Flavour,
    arguments: &[String],
) -> Result<PathBuf> {
    build_as(workspace, flavour, flavour.name(), arguments)
}

/// The same without ports and listeners, and so without `wasi:sockets`; for every engine that has SIMD.
pub(crate) fn build_engine(workspace: &Workspace, arguments: &[String]) -> Result<PathBuf> {
    let arguments = [&["--no-default-features".to_owned()], arguments].concat();
    build_as(workspace, Flavour::Baseline, ENGINE, &arguments)
}

/// The component for engines that have the async ABI.
pub(crate) fn build_p3(
    workspace: &Workspace,
    flavour: Flavour,
    arguments: &[String],
) -> Result<PathBuf> {
    let features = P3_FEATURES.map(str::to_owned);
    let arguments = [&features, arguments].concat();
    let (component, suffix) = flavour.name().split_at(Flavour::Baseline.name().len());
    build_as(
        workspace,
        flavour,
        &format!("{component}{P3}{suffix}"),
        &arguments,
    )
}

fn build_as(
    workspace: &Workspace,
    flavour: Flavour,
    name: &str,
    arguments: &[String],
) -> Result<PathBuf> {
    let packages = ["--package", "portcullis", "--lib"].map(str::to_owned);
    let selection = [&packages, arguments].concat();
    let file = format!("{name}.wasm");
    let stamp = stamp::of(workspace, &selection)?;
    let record = workspace.target.join(format!("{name}.stamp"));
    let copy = workspace.target.join(&file);
    if stamp::holds(&stamp, &record, &copy) {
        return Ok(copy);
    }
    let built = build_guest(workspace, flavour, &file, &selection)?;
    let built = built.join("portcullis.wasm");
    let bytes = fs::read(&built).with_context(|| format!("cannot read {}", built.display()))?;
    let needs_more = needs_more_than_simd(&bytes);
    ensure!(
        needs_more == (flavour == Flavour::Wide),
        "{} is built for other engines than it should be",
        built.display()
    );
    if flavour == Flavour::Wide {
        wide::check(&bytes).with_context(|| built.display().to_string())?;
    }
    let bytes = dist::with_metadata(workspace, &without_names(&bytes)?)?;
    if fs::read(&copy).ok().as_deref() != Some(bytes.as_slice()) {
        fs::write(&copy, bytes).with_context(|| format!("cannot write {}", copy.display()))?;
    }
    stamp::write(&stamp, &record, &copy)?;
    Ok(copy)
}

/// Builds the selection for WebAssembly in the profile of the component, and returns the directory
/// of the results.
pub(crate) fn build_guest(
    workspace: &Workspace,
    flavour: Flavour,
    what: &str,
    selection: &[String],
) -> Result<PathBuf> {
    build_guest_with(workspace, flavour, what, selection, &[])
}

/// The same with variables of the environment.
pub(crate) fn build_guest_with(
    workspace: &Workspace,
    flavour: Flavour,
    what: &str,
    selection: &[String],
    variables: &[(&str, String)],
) -> Result<PathBuf> {
    rust::need_target(workspace, rust::WASM_TARGET)?;
    let target = flavour.target(workspace);
    let mut cargo = flavour.cargo(workspace)?;
    cargo.args([
        "build",
        "--locked",
        "--profile",
        PROFILE,
        "--target",
        rust::WASM_TARGET,
    ]);
    cargo.args(selection).arg("--target-dir").arg(&target);
    cargo.envs(variables.iter().map(|(name, value)| (*name, value)));
    process::run(&format!("building {what}"), &mut cargo)?;
    Ok(target.join(rust::WASM_TARGET).join(PROFILE))
}

/// The component without the names of its types and instances, which are for debuggers: 36 KB that
/// `strip` does not know.
fn without_names(component: &[u8]) -> Result<Vec<u8>> {
    let mut reader = BinaryReader::new(component, 0);
    let mut kept = reader.read_bytes(HEADER)?.to_vec();
    while !reader.eof() {
        let rest = reader.bytes_remaining();
        let id = reader.read_u8()?;
        let length = usize::try_from(reader.read_var_u32()?)?;
        let body = reader.read_bytes(length)?;
        let is_names = id == CUSTOM && BinaryReader::new(body, 0).read_string()? == NAMES;
        let (start, end) = (
            component.len() - rest,
            component.len() - reader.bytes_remaining(),
        );
        let section = component.get(start..end);
        kept.extend_from_slice(section.filter(|_| !is_names).unwrap_or_default());
    }
    Ok(kept)
}

/// Whether an engine must have the features that distinguish the wide flavour.
fn needs_more_than_simd(component: &[u8]) -> bool {
    let more = WasmFeatures::WIDE_ARITHMETIC.union(WasmFeatures::RELAXED_SIMD);
    let features = WasmFeatures::all().difference(more);
    Validator::new_with_features(features)
        .validate_all(component)
        .is_err()
}

fn describe(path: &Path) -> Result<String> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let (imports, exports) = interfaces(&bytes).context("cannot read the component")?;
    let size = bytes.len();
    let kib = size.div_ceil(1024);
    let mut lines = vec![
        format!("component  {}", path.display()),
        format!("size       {size} bytes ({kib} KiB)"),
    ];
    lines.extend(column("imports", imports));
    lines.extend(column("exports", exports));
    Ok(lines.join("\n"))
}

/// The names of the imports and exports of the component itself, not of the modules inside it.
fn interfaces(component: &[u8]) -> Result<(Vec<String>, Vec<String>)> {
    let (mut imports, mut exports) = (Vec::new(), Vec::new());
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(component) {
        match payload? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    imports.push(import?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    exports.push(export?.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    Ok((imports, exports))
}

/// One name a line, sorted, the title before the first.
fn column(title: &str, mut names: Vec<String>) -> Vec<String> {
    names.sort();
    let titles = std::iter::once(title).chain(std::iter::repeat(""));
    titles
        .zip(names)
        .map(|(title, name)| format!("{title:<11}{name}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_for_debuggers_are_left_out_and_nothing_else() {
        let section = |name: &str| {
            let length = u8::try_from(name.len()).unwrap();
            let head = [CUSTOM, length + 2, length];
            [&head, name.as_bytes(), &[7]].concat()
        };
        let head = *b"\0asm\x0d\0\x01\0";
        let (names, other) = (section(NAMES), section("producers"));
        let all = [head.as_slice(), &other, &names, &other].concat();
        let left = [head.as_slice(), &other, &other].concat();
        assert_eq!(without_names(&all).unwrap(), left);
        assert!(without_names(&all[..all.len() - 1]).is_err());
    }

    #[test]
    fn column_is_sorted_and_titled_once() {
        let lines = column("imports", vec!["b".to_owned(), "a".to_owned()]);
        assert_eq!(lines, ["imports    a", "           b"]);
    }
}
