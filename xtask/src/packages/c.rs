//! The archive for C: the header, the bindings of wit-bindgen, the component, and a program that compiles
//! and composes by the tools of others.

use anyhow::{Context, Result};
use wasi_preview1_component_adapter_provider::WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER as ADAPTER;
use wit_bindgen_core::Files as Generated;
use wit_parser::Resolve;

use super::{Files, Project, archive, components, interface, licenses, read, with_words};
use crate::workspace::Workspace;

/// The world of the bindings: TLS, and plain TCP for a protocol that changes to TLS on its way. What a
/// program does not call is not in its component.
const WORLD: &str = "example:c/client";

/// Where files of the tree go.
const COPIED: [(&str, &str); 7] = [
    ("clients/c/README.md", "README.md"),
    ("clients/c/portcullis-cc", "bin/portcullis-cc"),
    ("clients/c/portcullis.h", "include/portcullis.h"),
    ("clients/cpp/portcullis.hpp", "include/portcullis.hpp"),
    ("examples/c/https_client.c", "examples/https_client.c"),
    ("examples/c/postgres.c", "examples/postgres.c"),
    ("examples/c/tcp.h", "include/tcp.h"),
];

/// The file's name and the archive.
pub(super) fn make(workspace: &Workspace, project: &Project) -> Result<(String, Vec<u8>)> {
    let mut files = Files::new();
    for (from, to) in COPIED {
        files.insert(to.to_owned(), read(&workspace.root.join(from))?);
    }
    let module = workspace.root.join("clients/c/portcullis.pc");
    files.insert(
        "lib/pkgconfig/portcullis.pc".to_owned(),
        with_words(&module, &[("@version@", &project.version)])?,
    );
    for (name, bytes) in bindings(workspace)? {
        let folder = match name.rsplit('.').next() {
            Some("h") => "include",
            Some("o") => "lib",
            _ => "src",
        };
        files.insert(format!("{folder}/{name}"), bytes);
    }
    files.insert(
        "lib/wasi_snapshot_preview1.command.wasm".to_owned(),
        ADAPTER.to_vec(),
    );
    files.extend(components(workspace, "lib/")?);
    files.extend(interface(workspace, "wit/")?);
    files.extend(licenses(workspace, project, "")?);
    let root = format!("portcullis-c-{}", project.version);
    Ok((format!("{root}.tar.gz"), archive::tar_gz(&root, &files)?))
}

/// `client.h`, `client.c` and the object file with the types.
fn bindings(workspace: &Workspace) -> Result<Files> {
    let mut resolve = Resolve::default();
    resolve.push_dir(workspace.root.join("wit"))?;
    let (package, _) = resolve.push_dir(workspace.root.join("examples/c/wit"))?;
    let world = resolve.select_world(&[package], Some(WORLD))?;
    let mut generated = Generated::default();
    let mut generator = wit_bindgen_c::Opts::default().build();
    generator
        .generate(&mut resolve, world, &mut generated)
        .context("no bindings for C can be made")?;
    let files = generated.iter();
    Ok(files
        .map(|(name, bytes)| (name.to_owned(), bytes.to_vec()))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bindings_are_those_that_the_header_is_written_for() {
        let workspace = Workspace::find().unwrap();
        let files = bindings(&workspace).unwrap();
        let names: Vec<_> = files.keys().map(String::as_str).collect();
        assert_eq!(names, ["client.c", "client.h", "client_component_type.o"]);
        let header = String::from_utf8_lossy(&files["client.h"]).into_owned();
        assert!(header.contains("portcullis_tls_port_own_port_t"));
    }
}
