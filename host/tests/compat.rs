//! A released interface only grows. `tests/compat` holds the interface of 0.2.0, and a program that
//! is built against that copy. With both, these tests show that today's interface still serves
//! programs that were built then. `examples.rs` runs the program with today's component; here only
//! types are composed.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    unreachable_pub,
    reason = "a test that cannot go on should stop"
)]

#[path = "support/embedder.rs"]
mod embedder;
#[path = "compat/provider.rs"]
mod provider;
mod support;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use portcullis_host::{add_to_linker_sync, compose};
use sha2::{Digest as _, Sha256};
use wasmtime::component::{Component, Linker};
use wasmtime::{Config, Engine};
use wit_parser::{Resolve, WorldKey};

use embedder::Embedder;
use provider::{Provider, parse};
use support::example;

/// The SHA-256 of the text in `tests/compat/0.2.0`. Until 0.2.0 is released,
/// `tests/compat/README.md` says how to renew it. After that neither the text nor this hash
/// changes: a failure here then means that the interface breaks programs that were built against
/// it.
const FROZEN: &str = "01bbfad4a81ad74ee2823209d5af5cfe09ac277e9447f91bc7bc8041c3449bcf";

fn root() -> PathBuf {
    let host = Path::new(env!("CARGO_MANIFEST_DIR"));
    host.parent().unwrap().to_owned()
}

fn frozen() -> PathBuf {
    root().join("tests/compat/0.2.0")
}

/// All files below a folder, by their names from there.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            let below = files(&path).into_iter();
            found.extend(below.map(|(file, text)| (format!("{name}/{file}"), text)));
        } else {
            found.push((name, fs::read(&path).unwrap()));
        }
    }
    found.sort();
    found
}

#[test]
fn the_text_of_0_2_0_is_the_frozen_one() {
    let mut hash = Sha256::new();
    for (name, text) in files(&frozen()) {
        hash.update(format!("{name} {}\n", text.len()));
        hash.update(text);
    }
    let mut sum = String::new();
    for byte in hash.finalize() {
        write!(sum, "{byte:02x}").unwrap();
    }
    assert_eq!(
        sum, FROZEN,
        "tests/compat/0.2.0 is not as it was; its README says when that may be"
    );
}

/// The interfaces of `portcullis:tls`, each with the names of its functions and types.
fn names(resolve: &Resolve) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (id, interface) in &resolve.interfaces {
        let Some(name) = resolve.id_of(id) else {
            continue;
        };
        if name.starts_with("portcullis:tls/") {
            let (functions, types) = (interface.functions.keys(), interface.types.keys());
            names.extend(functions.map(|function| format!("{name} {function}")));
            names.extend(types.map(|ty| format!("{name} type {ty}")));
        }
    }
    names
}

/// The program of 0.2.0, to be composed; none if it is not built, which is a loud skip or a
/// failure.
fn program() -> Option<Vec<u8>> {
    Some(fs::read(example("portcullis-compat")?).unwrap())
}

#[test]
fn the_program_asks_for_every_function_and_type_of_0_2_0() {
    let Some(program) = program() else {
        return;
    };
    let asked = wit_component::decode(&program).unwrap();
    let (all, _) = parse(&frozen());
    assert!(names(&all).len() > 90);
    assert_eq!(names(asked.resolve()), names(&all));
}

/// The interfaces of `portcullis:tls` that the program still imports when it has been composed.
fn unserved(program: &[u8], provider: &[u8]) -> Result<Vec<String>, String> {
    let composed = compose(program, provider).map_err(|error| format!("{error:#}"))?;
    wasmparser::validate(&composed).map_err(|error| error.to_string())?;
    let composed = wit_component::decode(&composed).map_err(|error| format!("{error:#}"))?;
    let resolve = composed.resolve();
    let wit_component::DecodedWasm::Component(_, world) = composed else {
        return Err("it is no component".to_owned());
    };
    let imports = resolve.worlds.get(world).unwrap().imports.keys();
    Ok(imports
        .map(|key: &WorldKey| resolve.name_world_key(key))
        .filter(|name| name.starts_with("portcullis:"))
        .collect())
}

#[test]
fn what_is_here_today_serves_the_program_of_0_2_0() {
    let Some(program) = program() else {
        return;
    };
    let today = Provider::new(&root().join("wit"), "today");
    assert_eq!(unserved(&program, &today.component()), Ok(Vec::new()));
}

#[test]
fn more_functions_types_and_interfaces_serve_it() {
    let Some(program) = program() else {
        return;
    };
    let later = Provider::new(&root().join("wit"), "later");
    let version = later.raise_version();
    let since = format!("@since(version = {version})");
    later.edit(
        "context.wit",
        "    resource context {\n",
        &format!("    resource context {{\n{since} later: func(error: option<error>) -> u32;\n"),
    );
    later.edit(
        "context.wit",
        "    }\n}\n",
        &format!(
            "    }}\n{since} enum novelty {{ one, other }}\n{since} what-is-new: func() -> novelty;\n}}\n"
        ),
    );
    later.add(
        "later.wit",
        &format!(
            "{since} interface later {{\n{since} use port.{{port}};\n{since} resource engine {{\n\
             {since} of: static func(port: borrow<port>) -> engine;\n}}\n}}\n"
        ),
    );
    later.edit(
        "world.wit",
        "    export listener;\n",
        &format!("    export listener;\n{since} export later;\n"),
    );
    let component = later.component();
    assert_eq!(unserved(&program, &component), Ok(Vec::new()));
    link(&program, &component).unwrap();
}

/// Composition with a component whose interface has `to` in the place of `from` is refused.
fn refuses(program: &[u8], file: &str, from: &str, to: &str) {
    let changed = Provider::new(&root().join("wit"), "changed");
    changed.edit(file, from, to);
    let refusal = unserved(program, &changed.component()).unwrap_err();
    let interface = file.trim_end_matches(".wit");
    let told = format!("portcullis:tls/{interface}@0.2.0 has other types");
    assert!(refusal.contains(&told), "{file} {to:?}: {refusal}");
}

#[test]
fn one_case_or_field_more_does_not_serve_it() {
    let Some(program) = program() else {
        return;
    };
    let refuses = |file, from, to| refuses(&program, file, from, to);
    refuses("types.wit", " idle,\n", " idle,\n later,\n");
    refuses("types.wit", " sealed,\n", " sealed,\n later,\n");
    refuses("types.wit", " names: list", " depth: u32,\n names: list");
    refuses("types.wit", " tls12,\n", " tls-one-two,\n");
    refuses("context.wit", " bytes(list", " octets(list");
}

#[test]
fn a_function_with_another_type_or_none_does_not_serve_it() {
    let Some(program) = program() else {
        return;
    };
    let refuses = |file, from, to| refuses(&program, file, from, to);
    let (groups, truncated) = (" supported-groups: func() ->", " is-truncated: func(");
    refuses(
        "context.wit",
        groups,
        " supported-groups: func() -> option<string>;\n more: func() ->",
    );
    refuses("session.wit", truncated, " is-truncated: func(at: u8");
    let default = " set-default-authority-directory: func(";
    refuses("defaults.wit", default, " choose: func(");
}

#[test]
fn a_program_of_a_later_version_that_uses_nothing_new_is_served() {
    let Some(program) = program() else {
        return;
    };
    let component = Provider::new(&root().join("wit"), "before").component();
    // Both names have the same length.
    let mut later = program.clone();
    let (old, new) = (b"@0.2.0", b"@0.2.9");
    let is_ours = |before: &[u8]| {
        let start = before.iter().rposition(|byte| *byte == b':').unwrap_or(0);
        before.get(..start).unwrap().ends_with(b"portcullis")
    };
    let mut count = 0;
    for at in 0..later.len() - old.len() {
        let (before, rest) = later.split_at_mut(at);
        let name = rest.get_mut(..old.len()).unwrap();
        if *name == old[..] && is_ours(before) {
            name.copy_from_slice(new);
            count += 1;
        }
    }
    assert!(count > 0);
    assert_eq!(unserved(&later, &component), Ok(Vec::new()));
    link(&later, &component).unwrap();
}

/// Our linker, that of `portcullis run`, has everything that the program imports.
fn link(program: &[u8], provider: &[u8]) -> wasmtime::Result<()> {
    let mut config = Config::new();
    let engine = Engine::new(config.wasm_wide_arithmetic(true))?;
    let mut linker = Linker::<Embedder>::new(&engine);
    wasmtime_wasi::p2::add_to_linker_sync(&mut linker)?;
    add_to_linker_sync(&mut linker, &Component::new(&engine, provider)?)?;
    linker.instantiate_pre(&Component::new(&engine, program)?)?;
    Ok(())
}
