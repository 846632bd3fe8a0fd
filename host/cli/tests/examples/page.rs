//! The pages of the languages, `examples/LANGUAGE/README.md`, and of the packages: what they tell the
//! reader to type.

use std::fs;
use std::path::{Path, PathBuf};

use crate::servers::Service;

/// A page whose `sh` blocks are run.
pub struct Page {
    /// Where its commands are run.
    pub folder: PathBuf,
    /// Everything before and between the programs: tools, building, composing.
    pub build: String,
    /// The lines that run a program against a server.
    pub runs: Vec<Run>,
}

/// A line that runs a program against a server.
#[derive(Clone)]
pub struct Run {
    pub line: String,
    pub service: Service,
    pub runtime: Runtime,
}

/// What a program is run by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Runtime {
    /// `portcullis run`.
    Portcullis,
    /// `wasmtime run`, of every version that there is.
    Wasmtime,
    /// Node, by jco.
    Node,
}

impl Page {
    pub fn read(language: &'static str) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let folder = root.join("examples").join(language);
        let text = fs::read_to_string(folder.join("README.md")).unwrap();
        Self::of(folder, &text)
    }

    /// The page with this text, whose commands are run in this folder.
    pub fn of(folder: PathBuf, text: &str) -> Self {
        let mut page = Self {
            folder,
            build: String::new(),
            runs: Vec::new(),
        };
        for block in text.split("\n```sh\n").skip(1) {
            let (block, _) = block.split_once("\n```").unwrap();
            for line in block.replace("\\\n", " ").replace("|\n", "| ").lines() {
                match Service::named_in(line) {
                    Some(service) => page.runs.push(Run::new(line, service)),
                    None => {
                        page.build.push_str(line);
                        page.build.push('\n');
                    }
                }
            }
        }
        assert!(!page.build.is_empty() && !page.runs.is_empty());
        page
    }
}

impl Run {
    fn new(line: &str, service: Service) -> Self {
        let runtime = [
            ("portcullis run ", Runtime::Portcullis),
            ("wasmtime run ", Runtime::Wasmtime),
            ("node ", Runtime::Node),
        ];
        let found = runtime.into_iter().find(|(words, _)| line.contains(words));
        let Some((_, runtime)) = found else {
            panic!("`{line}` is run by nothing that is known here");
        };
        Self {
            line: line.to_owned(),
            service,
            runtime,
        }
    }

    /// The line for a server of ours: its port, the folder of the authority that signed its
    /// certificate, and whether that is trusted.
    pub fn aimed_at(&self, port: u16, folder: &str, trusts: bool) -> String {
        let line = self
            .line
            .replace(self.service.address(), &format!("localhost {port}"))
            .replace(" --dir certs ", " ")
            .replace(" certs/", &format!(" {folder}/"));
        let trust = if trusts {
            format!("SSL_CERT_FILE={folder}/ca.pem")
        } else {
            "PORTCULLIS_TRUSTS=none".to_owned()
        };
        match self.runtime {
            Runtime::Node => format!("{trust} {line}"),
            Runtime::Portcullis | Runtime::Wasmtime => {
                line.replacen(" run ", &format!(" run --dir {folder} --env {trust} "), 1)
            }
        }
    }
}
