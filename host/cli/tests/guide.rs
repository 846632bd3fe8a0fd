//! The guide in `docs/guide`: its shell blocks run as they stand, and every other block is checked
//! by something.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop"
)]

mod support;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;

use support::{skip, tool};

/// Seconds that a page may take.
const LIMIT: &str = "120";

/// Ends the programs that a page leaves running, by their ids, whatever happens.
const PRELUDE: &str = "trap 'kill $(jobs -p) 2> /dev/null || true' EXIT\n";

struct Page {
    name: String,
    text: String,
}

/// The contents of a fenced block, and what follows the opening fence on its line.
struct Block {
    info: String,
    code: String,
}

impl Page {
    fn all() -> Vec<Self> {
        let entries = fs::read_dir(root().join("docs/guide")).unwrap();
        let mut pages: Vec<_> = entries
            .map(|entry| entry.unwrap().path())
            .map(|path| Self {
                name: path.file_name().unwrap().to_str().unwrap().to_owned(),
                text: fs::read_to_string(path).unwrap(),
            })
            .collect();
        pages.sort_by(|a, b| a.name.cmp(&b.name));
        assert!(!pages.is_empty());
        pages
    }

    fn blocks(&self) -> Vec<Block> {
        let mut blocks = Vec::new();
        let mut lines = self.text.lines();
        while let Some(line) = lines.next() {
            let Some(info) = line.strip_prefix("```") else {
                continue;
            };
            let inside: Vec<_> = lines.by_ref().take_while(|line| *line != "```").collect();
            blocks.push(Block {
                info: info.to_owned(),
                code: inside.join("\n") + "\n",
            });
        }
        blocks
    }

    /// All shell blocks, in order; empty if there are none.
    fn script(&self) -> String {
        let blocks = self.blocks();
        let blocks = blocks.iter().filter(|block| block.info == "sh");
        blocks.map(|block| block.code.as_str()).collect()
    }

    /// The failure of the page's script, if it fails.
    fn run(&self) -> Option<String> {
        let script = self.script();
        if script.is_empty() {
            return None;
        }
        let needed = ["bash", "openssl", "python3"];
        let mut needed = needed.iter().filter(|program| script.contains(**program));
        if !needed.all(|program| tool(program).is_some()) {
            return None;
        }
        let app = match script.contains("app.wasm") {
            true => Some(built("PORTCULLIS_EXAMPLES", "https-client.wasm")?),
            false => None,
        };
        if script.contains("$PORTCULLIS_WASM") {
            component()?;
        }
        let name = format!("portcullis-guide-{}-{}", self.name, std::process::id());
        let folder = env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        if let Some(app) = app {
            fs::copy(app, folder.join("app.wasm")).unwrap();
        }
        let output = shell(&script, &folder);
        fs::remove_dir_all(&folder).unwrap();
        (!output.status.success()).then(|| format!("{}: {output:?}", self.name))
    }
}

fn root() -> &'static Path {
    let host = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    host.parent().unwrap()
}

/// A file in the directory that a variable names; none if it names none, which is a loud skip or a
/// failure.
fn built(variable: &str, name: &str) -> Option<PathBuf> {
    let file = env::var_os(variable).map(|directory| PathBuf::from(directory).join(name));
    file.or_else(|| unbuilt(name))
}

/// The component for every engine.
fn component() -> Option<PathBuf> {
    let given = env::var_os("PORTCULLIS_WASM").map(PathBuf::from);
    let path = given.unwrap_or_else(|| root().join("target/portcullis.wasm"));
    path.is_file()
        .then_some(path)
        .or_else(|| unbuilt("portcullis.wasm"))
}

fn unbuilt(name: &str) -> Option<PathBuf> {
    skip(&format!("{name} is not built; run `cargo xtask test`"));
    None
}

fn shell(script: &str, folder: &Path) -> Output {
    let command = Path::new(env!("CARGO_BIN_EXE_portcullis"))
        .parent()
        .unwrap();
    let path = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths(
        [command.to_owned()]
            .into_iter()
            .chain(env::split_paths(&path)),
    );
    let mut bash = Command::new("timeout");
    bash.args(["--kill-after=5", LIMIT, "bash", "-e", "-c"])
        .arg(format!("{PRELUDE}{script}"))
        .current_dir(folder)
        .env("PATH", path.unwrap())
        .env("ROOT", root())
        .env_remove("SSL_CERT_FILE")
        .env_remove("SSL_CERT_DIR")
        .stdin(Stdio::null());
    if let Some(component) = component() {
        bash.env("PORTCULLIS_WASM", component);
    }
    bash.output().unwrap()
}

/// The sources that excerpts are taken from.
fn sources() -> Vec<String> {
    let mut sources = Vec::new();
    let mut folders = ["examples", "clients"]
        .map(|name| root().join(name))
        .to_vec();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let is_made =
                ["build", "node_modules", "packages", "__pycache__"].contains(&name.as_str());
            if path.is_dir() && !is_made && !name.starts_with('.') {
                folders.push(path);
            } else if [".py", ".js", ".mjs", ".c", ".h", ".rs"]
                .iter()
                .any(|end| name.ends_with(end))
            {
                sources.push(fs::read_to_string(path).unwrap());
            }
        }
    }
    sources
}

#[test]
fn every_page_does_in_a_shell_what_it_says() {
    let pages = Page::all();
    let failures: Vec<_> = thread::scope(|scope| {
        let running: Vec<_> = pages
            .iter()
            .map(|page| scope.spawn(|| page.run()))
            .collect();
        let ended = running.into_iter().map(|thread| thread.join().unwrap());
        ended.flatten().collect()
    });
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn every_block_of_code_is_checked_by_something() {
    let sources = sources();
    let crates = ["clients/rust/src/lib.rs", "host/src/lib.rs"]
        .map(|path| fs::read_to_string(root().join(path)).unwrap())
        .concat();
    for page in Page::all() {
        let name = &page.name;
        for Block { info, code } in page.blocks() {
            let is_checked = match info.as_str() {
                // It is compiled as a documentation test.
                "rust,no_run" => crates.contains(&format!("docs/guide/{name}\")")),
                // It is run above, without the internet.
                "sh" => !code.contains("example.com"),
                // An excerpt of a program that is built and run as it stands.
                "python" | "js" | "c" | "rust,ignore" => {
                    sources.iter().any(|source| source.contains(&code))
                }
                "text" | "wit" => true,
                _ => false,
            };
            assert!(is_checked, "{name}: nothing checks this {info}:\n{code}");
        }
    }
}

#[test]
fn every_page_is_in_the_book() {
    let summary = fs::read_to_string(root().join("docs/SUMMARY.md")).unwrap();
    for Page { name, .. } in Page::all() {
        assert!(summary.contains(&format!("(guide/{name})")), "{name}");
    }
}
