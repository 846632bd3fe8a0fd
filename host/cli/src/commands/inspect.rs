//! `portcullis inspect`: what a component is made of.

use std::fmt::{self, Write};
use std::fs;
use std::path::PathBuf;

use clap::Args;
use portcullis_host::EMBEDDED;
use serde::Serialize;
use wasmparser::{BinaryReader, KnownCustom, Parser, Payload, Validator, WasmFeatures};

use crate::exit::{Exit, Result};
use crate::output;

/// Print a component's imports, exports, size and build features
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  portcullis inspect --json\n\nWithout FILE it inspects the \
    component inside this program."
)]
pub(crate) struct Inspect {
    /// The component; if none is named, the one inside this program
    #[arg(value_name = "FILE.wasm")]
    file: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Inspect {
    pub(crate) fn run(&self) -> Result<()> {
        let read;
        let (name, wasm) = match &self.file {
            None => ("(embedded)".to_owned(), EMBEDDED),
            Some(path) => {
                let name = path.display().to_string();
                read = fs::read(path).map_err(|error| {
                    Exit::usage(format_args!(
                        "{name}: {error}; name a file that can be read"
                    ))
                })?;
                (name, read.as_slice())
            }
        };
        if !Parser::is_component(wasm) {
            let what = if Parser::is_core_wasm(wasm) {
                "a core module; make it a component with `portcullis compose`"
            } else {
                "no component; name a .wasm component"
            };
            return Err(Exit::usage(format_args!("{name} is {what}")));
        }
        let report = Report::of(wasm).map_err(|error| {
            Exit::usage(format_args!("{name} is damaged: {error}; build it anew"))
        })?;
        if self.json {
            output::print(serde_json::to_string(&report).map_err(Exit::usage)?)
        } else {
            output::print(report.to_string().trim_end())
        }
    }
}

#[derive(Debug, Serialize)]
struct Report {
    size: usize,
    imports: Vec<String>,
    exports: Vec<String>,
    /// WebAssembly features beyond the first version that its code requires.
    required_features: Vec<&'static str>,
    /// Features that the compiler was allowed to use.
    target_features: Vec<String>,
    /// Tools that made it.
    producers: Vec<String>,
    /// The variables of the environment that its `wasi:tls` takes, if it has ours inside.
    wasi_tls_variables: &'static [&'static str],
}

/// What the `wasi:tls` of our component is told, since its interface has no settings. The guide's page
/// "A program for `wasi:tls`, anywhere" says what each is.
const VARIABLES: [&str; 6] = [
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "PORTCULLIS_CERTIFICATE",
    "PORTCULLIS_KEY",
    "PORTCULLIS_ALPN",
    "PORTCULLIS_MIN_VERSION",
];

/// The interface whose function wins over the variables; only our component exports it.
const DROP_IN: &str = "portcullis:tls-async/drop-in@";

/// The features that engines differ in.
const FEATURES: [(&str, WasmFeatures); 7] = [
    ("bulk-memory", WasmFeatures::BULK_MEMORY),
    ("multivalue", WasmFeatures::MULTI_VALUE),
    ("relaxed-simd", WasmFeatures::RELAXED_SIMD),
    ("simd128", WasmFeatures::SIMD),
    ("tail-call", WasmFeatures::TAIL_CALL),
    ("threads", WasmFeatures::THREADS),
    ("wide-arithmetic", WasmFeatures::WIDE_ARITHMETIC),
];

impl Report {
    fn of(wasm: &[u8]) -> wasmparser::Result<Self> {
        Validator::new_with_features(WasmFeatures::all()).validate_all(wasm)?;
        let required = FEATURES.iter().filter(|(_, feature)| {
            let without = WasmFeatures::all().difference(*feature);
            Validator::new_with_features(without)
                .validate_all(wasm)
                .is_err()
        });
        let mut report = Self {
            size: wasm.len(),
            imports: Vec::new(),
            exports: Vec::new(),
            required_features: required.map(|(name, _)| *name).collect(),
            target_features: Vec::new(),
            producers: Vec::new(),
            wasi_tls_variables: &[],
        };
        // Components and modules are nested; only the outermost component's imports and exports
        // count.
        let mut depth = 0_u32;
        for payload in Parser::new(0).parse_all(wasm) {
            match payload? {
                Payload::Version { .. } => depth = depth.saturating_add(1),
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::ComponentImportSection(imports) if depth == 1 => {
                    for import in imports {
                        report.imports.push(import?.name.name.to_owned());
                    }
                }
                Payload::ComponentExportSection(exports) => {
                    for export in exports {
                        let name = export?.name.name;
                        if name.starts_with(DROP_IN) {
                            report.wasi_tls_variables = &VARIABLES;
                        }
                        if depth == 1 {
                            report.exports.push(name.to_owned());
                        }
                    }
                }
                Payload::CustomSection(section) if section.name() == "target_features" => {
                    let features = target_features(section.data(), section.data_offset())?;
                    report.target_features.extend(features);
                }
                Payload::CustomSection(section) => {
                    if let KnownCustom::Producers(fields) = section.as_known() {
                        report.producers.extend(producers(fields)?);
                    }
                }
                _ => {}
            }
        }
        for list in [&mut report.target_features, &mut report.producers] {
            list.sort();
            list.dedup();
        }
        Ok(report)
    }
}

/// A vector of features, each after a sign: `+` for used, `-` for forbidden.
fn target_features(data: &[u8], offset: u64) -> wasmparser::Result<Vec<String>> {
    let mut reader = BinaryReader::new(data, offset);
    let mut features = Vec::new();
    for _ in 0..reader.read_var_u32()? {
        let used = reader.read_u8()? == b'+';
        let name = reader.read_string()?;
        if used {
            features.push(name.to_owned());
        }
    }
    Ok(features)
}

fn producers(fields: wasmparser::ProducersSectionReader<'_>) -> wasmparser::Result<Vec<String>> {
    let mut producers = Vec::new();
    for field in fields {
        for value in field?.values {
            let value = value?;
            producers.push(
                format!("{} {}", value.name, value.version)
                    .trim_end()
                    .to_owned(),
            );
        }
    }
    Ok(producers)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kib = self.size.div_ceil(1024);
        writeln!(f, "size      {} bytes ({kib} KiB)", self.size)?;
        writeln!(f, "requires  {}", list(&self.required_features))?;
        writeln!(f, "built for {}", list(&self.target_features))?;
        writeln!(f, "built by  {}", self.producers.join(", "))?;
        if !self.wasi_tls_variables.is_empty() {
            let variables = list(self.wasi_tls_variables);
            writeln!(f, "wasi:tls  by drop-in.use-context, else by {variables}")?;
        }
        writeln!(f, "world {{")?;
        for name in &self.imports {
            writeln!(f, "    import {name};")?;
        }
        for name in &self.exports {
            writeln!(f, "    export {name};")?;
        }
        writeln!(f, "}}")
    }
}

fn list(names: &[impl AsRef<str>]) -> String {
    let mut text = String::new();
    for name in names {
        let _ = write!(
            text,
            "{}{}",
            if text.is_empty() { "" } else { " " },
            name.as_ref()
        );
    }
    if text.is_empty() {
        "-".to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A component that imports `a` and exports it as `b`:
    /// `(component (import "a" (func $f)) (export "b" (func $f)))`.
    const SMALL: &[u8] = b"\0asm\x0d\0\x01\0\x07\x05\x01\x40\0\x01\0\x0a\x06\x01\0\x01a\x01\0\
        \x0b\x07\x01\0\x01b\x01\0\0";

    #[test]
    fn imports_and_exports_of_the_outermost_component_are_listed() {
        let report = Report::of(SMALL).unwrap();
        assert_eq!(report.imports, ["a"]);
        assert_eq!(report.exports, ["b"]);
        assert!(report.required_features.is_empty());
    }

    #[test]
    fn other_files_are_refused() {
        for bytes in [b"".as_slice(), b"text", &SMALL[..20]] {
            assert!(Report::of(bytes).is_err());
        }
    }

    #[test]
    fn target_features_are_read_without_the_forbidden_ones() {
        let data = b"\x02+\x07simd128-\x07threads";
        assert_eq!(target_features(data, 0).unwrap(), ["simd128"]);
    }
}
