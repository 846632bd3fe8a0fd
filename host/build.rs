//! Finds the components that the library embeds: those that `PORTCULLIS_COMPONENT` and
//! `PORTCULLIS_COMPONENT_P3` name, those that came with the crate, or the guest in both forms, built here
//! by a nested Cargo, with wide arithmetic since our engine has it.

use std::env;
use std::error::Error;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// The configuration of the guest's build beyond `.cargo/config.toml`.
const WIDE_FLAGS: &str = ".cargo/wide.toml";

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// A form of the guest.
struct Form {
    /// Names a component that is there already.
    variable: &'static str,
    /// Its file in the crate as it is published (`cargo xtask crates`). A checkout has none.
    packaged: &'static str,
    /// Tells the library where the component is.
    place: &'static str,
    /// The arguments of Cargo that select it.
    features: &'static [&'static str],
}

const FORMS: [Form; 2] = [
    Form {
        variable: "PORTCULLIS_COMPONENT",
        packaged: "component/portcullis-wide.wasm",
        place: "PORTCULLIS_WASM",
        features: &[],
    },
    Form {
        variable: "PORTCULLIS_COMPONENT_P3",
        packaged: "component/portcullis-p3-wide.wasm",
        place: "PORTCULLIS_P3_WASM",
        features: &["--no-default-features", "--features", "p3"],
    },
];

fn main() -> ExitCode {
    println!("cargo:rerun-if-changed=build.rs");
    for form in &FORMS {
        match form.component() {
            Ok(path) => println!("cargo:rustc-env={}={}", form.place, path.display()),
            Err(error) => {
                eprintln!("{error}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}

impl Form {
    fn component(&self) -> Result<PathBuf> {
        println!("cargo:rerun-if-env-changed={}", self.variable);
        if let Some(path) = env::var_os(self.variable).filter(|path| !path.is_empty()) {
            return self.prebuilt(PathBuf::from(path));
        }
        let packaged = Path::new(&variable("CARGO_MANIFEST_DIR")?).join(self.packaged);
        println!("cargo:rerun-if-changed={}", packaged.display());
        match packaged.is_file() {
            true => Ok(packaged),
            false => self.build(),
        }
    }

    fn prebuilt(&self, path: PathBuf) -> Result<PathBuf> {
        if !path.is_absolute() || !path.is_file() {
            return Err(format!(
                "{}={} is not the absolute path of a file: correct or unset it",
                self.variable,
                path.display()
            )
            .into());
        }
        println!("cargo:rerun-if-changed={}", path.display());
        Ok(path)
    }

    fn build(&self) -> Result<PathBuf> {
        require_target()?;
        let workspace = fs::canonicalize(Path::new(&variable("CARGO_MANIFEST_DIR")?).join(".."))?;
        let out = PathBuf::from(variable("OUT_DIR")?);
        let target = guest_target_dir(&out);

        let mut cargo = Command::new("cargo");
        cargo
            .args(["--config", WIDE_FLAGS])
            .args(["build", "--locked", "--profile", "component"])
            .args([
                "--target",
                "wasm32-wasip2",
                "--package",
                "portcullis",
                "--lib",
            ])
            .args(self.features)
            .current_dir(&workspace)
            .env("CARGO_TARGET_DIR", &target);
        for (name, _) in env::vars_os() {
            if is_of_the_outer_build(&name) && name != "CARGO_TARGET_DIR" {
                cargo.env_remove(name);
            }
        }
        let status = cargo
            .status()
            .map_err(|error| format!("cargo does not start: {error}"))?;
        if !status.success() {
            return Err("the guest does not build: see the messages above".into());
        }

        let output = target.join("wasm32-wasip2/component");
        let built = output.join("portcullis.wasm");
        for input in dependencies(&output.join("portcullis.d"))? {
            println!("cargo:rerun-if-changed={}", input.display());
        }
        let settings = ["Cargo.toml", "Cargo.lock", ".cargo/config.toml", WIDE_FLAGS];
        for input in settings.into_iter().chain(["wit"]) {
            println!("cargo:rerun-if-changed={}", workspace.join(input).display());
        }
        // Both forms come out under one name. A result that did not change leaves the copy alone, so
        // that nothing that embeds it is built again.
        let component = out.join(format!("{}.wasm", self.place));
        let bytes = fs::read(&built)
            .map_err(|error| format!("{} cannot be read: {error}", built.display()))?;
        if fs::read(&component).ok().as_deref() != Some(bytes.as_slice()) {
            fs::write(&component, bytes)
                .map_err(|error| format!("{} cannot be written: {error}", component.display()))?;
        }
        Ok(component)
    }
}

/// Fails if the target is not installed. `rustc --print target-libdir` names a directory in either
/// case, so its contents are checked.
fn require_target() -> Result<()> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc)
        .args(["--print", "target-libdir", "--target", "wasm32-wasip2"])
        .output()?;
    let directory = String::from_utf8(output.stdout)?;
    let found = fs::read_dir(directory.trim()).is_ok_and(|mut entries| {
        entries.any(|entry| {
            entry.is_ok_and(|entry| entry.file_name().to_string_lossy().starts_with("libstd-"))
        })
    });
    if found {
        return Ok(());
    }
    Err(
        "the Rust target wasm32-wasip2 is not installed: run `cargo xtask build`, \
         or `rustup target add wasm32-wasip2`"
            .into(),
    )
}

/// A directory of its own beside the outer build's profiles: the nested Cargo takes no lock that
/// the outer one holds, and all profiles share one guest.
fn guest_target_dir(out: &Path) -> PathBuf {
    out.ancestors()
        .find(|directory| directory.file_name() == Some(OsStr::new("build")))
        .and_then(|build| build.parent()?.parent())
        .unwrap_or(out)
        .join("guest-wide")
}

/// Whether a variable belongs to the outer build, which is for another target.
fn is_of_the_outer_build(name: &OsStr) -> bool {
    const KEPT: [&str; 4] = [
        "CARGO_HOME",
        "CARGO_MAKEFLAGS",
        "CARGO_NET_OFFLINE",
        "CARGO_TERM_COLOR",
    ];
    const DROPPED: [&str; 11] = [
        "DEBUG",
        "HOST",
        "LD_LIBRARY_PATH",
        "NUM_JOBS",
        "OPT_LEVEL",
        "OUT_DIR",
        "PROFILE",
        "RUSTDOCFLAGS",
        "RUSTFLAGS",
        "RUSTUP_TOOLCHAIN",
        "TARGET",
    ];
    let name = name.to_string_lossy();
    DROPPED.contains(&name.as_ref())
        || name.starts_with("RUSTC")
        || (name.starts_with("CARGO") && !KEPT.contains(&name.as_ref()))
}

/// The inputs in a dep-info file: `output: input input…`, spaces in names escaped by a backslash.
fn dependencies(path: &Path) -> Result<Vec<PathBuf>> {
    let text = fs::read_to_string(path)?;
    let inputs = text.lines().next().and_then(|line| line.split_once(": "));
    let Some((_, inputs)) = inputs else {
        return Ok(Vec::new());
    };
    let joined = inputs.replace("\\ ", "\0");
    Ok(joined
        .split_whitespace()
        .map(|input| input.replace('\0', " ").into())
        .collect())
}

fn variable(name: &str) -> Result<String> {
    env::var(name).map_err(|_| format!("Cargo did not set {name}").into())
}
