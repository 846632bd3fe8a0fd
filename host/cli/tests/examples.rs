//! The programs under `examples/`, built and run as their pages say, against servers of others: one
//! test for each line that runs a program, and one that the program trusts nobody unasked; the
//! program of `tests/compat`; those with our provider; and the packages. The run ends in the table of language by runtime, and
//! compares `examples/README.md` with it.
//!
//! Over 400 lines: what is built, listed and run is one list of trials.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    unreachable_pub,
    reason = "a test that cannot go on should stop"
)]

#[path = "examples/compat.rs"]
mod compat;
#[path = "examples/hostile.rs"]
mod hostile;
#[path = "examples/https.rs"]
mod https;
#[path = "examples/packages.rs"]
mod packages;
#[path = "examples/page.rs"]
mod page;
#[path = "examples/provider.rs"]
mod provider;
#[path = "examples/servers.rs"]
mod servers;
mod support;
#[path = "examples/table.rs"]
mod table;

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use libtest_mimic::{Arguments, Failed, Trial};

use page::{Page, Run, Runtime};
use servers::Service;
use support::{Folder, finish, serving, skip, tool};
use table::Table;

/// The folders of the pages. Those of one row are built one after the other, since they share tools; the
/// rows at the same time.
const LANGUAGES: [&[&str]; 2] = [
    &["c", "cpp", PRECOMPILED, "javascript"],
    &["python", "rust", CONCURRENT],
];

/// The folder of the programs that take an engine seconds to compile: their page does it, for the newest
/// wasmtime.
const PRECOMPILED: &str = "go";

/// The folder of the programs of WASI 0.3.
const CONCURRENT: &str = "wasi-0.3";

/// A server, and where its page builds it.
#[derive(Clone, Copy)]
struct OwnServer {
    language: &'static str,
    built: &'static str,
    /// The component that it is composed with.
    plug: &'static str,
}

const OF_PYTHON: OwnServer = OwnServer {
    language: "python",
    built: "build/echo_server.wasm",
    plug: "portcullis.wasm",
};

const OF_RUST: OwnServer = OwnServer {
    language: "rust",
    built: "../../target/wasm32-wasip2/component/echo-server.wasm",
    plug: "portcullis.wasm",
};

const OF_WASI_0_3: OwnServer = OwnServer {
    language: CONCURRENT,
    built: "../../target/wasm32-wasip2/component/async_echo_server.wasm",
    plug: "portcullis-p3.wasm",
};

/// The echo servers, each with the version of WASI that it asks for: the one that it was built
/// with, or an older patch.
const ECHO_SERVERS: [(OwnServer, Option<&str>); 4] = [
    (OF_PYTHON, None),
    (OF_RUST, None),
    (OF_RUST, Some("0.2.10")),
    (OF_WASI_0_3, None),
];

/// The servers of one page.
const HTTPS_SERVERS: [OwnServer; 2] = [
    OwnServer {
        language: "cpp",
        built: "build/https_server.wasm",
        plug: "portcullis.wasm",
    },
    OwnServer {
        language: PRECOMPILED,
        built: "build/https_server.cwasm",
        plug: "portcullis.wasm",
    },
];

/// A hundred clients at once, of which ten only connect; the others send 64 KiB and want them back.
const CLIENTS: &str = "
import concurrent.futures, os, socket, ssl, sys
port, context = int(sys.argv[1]), ssl.create_default_context(cafile=sys.argv[2])
silent = [socket.create_connection(('127.0.0.1', port)) for _ in range(10)]
def serve(_):
    data = os.urandom(65536)
    with context.wrap_socket(socket.create_connection(('127.0.0.1', port)), server_hostname='localhost') as connection:
        connection.settimeout(60)
        connection.sendall(data)
        back = b''
        while len(back) < len(data):
            part = connection.recv(65536)
            assert part
            back += part
        return back == data
with concurrent.futures.ThreadPoolExecutor(90) as pool:
    print(sum(pool.map(serve, range(90))), 'served')
";

/// A runtime as the table has it, and the directories that its commands are in.
#[derive(Clone)]
struct Column {
    runtime: Runtime,
    name: String,
    path: OsString,
}

fn main() {
    let mut arguments = Arguments::from_args();
    // Two tests at once keep both cores busy, for each builds and runs programs.
    arguments.test_threads.get_or_insert(2);
    let table = Arc::new(Mutex::new(Table::default()));
    let columns = columns();
    let names: Vec<_> = columns.iter().map(|column| column.name.clone()).collect();
    let trials = if env::var_os("PORTCULLIS_TOOLS").is_some() {
        trials(&arguments, &columns, &table)
    } else {
        skip("the tools of the examples are not there; run `cargo xtask examples`");
        Vec::new()
    };
    let is_whole = arguments.filter.is_none() && arguments.skip.is_empty() && !trials.is_empty();
    let conclusion = libtest_mimic::run(&arguments, trials);
    if arguments.list {
        conclusion.exit();
    }
    let table = table.lock().unwrap().markdown(&names);
    println!("{table}");
    if is_whole && !conclusion.has_failed() {
        let page = examples().join("README.md");
        let said = fs::read_to_string(&page).unwrap_or_default();
        assert!(
            said.contains(&table),
            "{} does not have this table",
            page.display()
        );
    }
    conclusion.exit();
}

fn examples() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.join("examples")
}

impl Column {
    /// Whether it runs programs of this folder: WASI 0.3 is in wasmtime from 46, and what is compiled
    /// before is for one runtime.
    fn runs(&self, language: &str) -> bool {
        match language {
            CONCURRENT => self.name != "wasmtime 36",
            PRECOMPILED => !["wasmtime 36", "wasmtime 48"].contains(&self.name.as_str()),
            _ => true,
        }
    }
}

/// Our command, each wasmtime that `cargo xtask examples` got, and Node.
fn columns() -> Vec<Column> {
    let ours = Path::new(env!("CARGO_BIN_EXE_portcullis"));
    let column = |runtime, name: &str, first: Option<PathBuf>| {
        let path = env::var_os("PATH").unwrap_or_default();
        let more = [ours.parent().unwrap().to_owned()].into_iter();
        let paths = first.into_iter().chain(more).chain(env::split_paths(&path));
        Column {
            runtime,
            name: name.to_owned(),
            path: env::join_paths(paths).unwrap(),
        }
    };
    let mut columns = vec![column(Runtime::Portcullis, "portcullis run", None)];
    let tools = env::var_os("PORTCULLIS_TOOLS").map(PathBuf::from);
    let mut wasmtimes: Vec<_> = tools
        .iter()
        .flat_map(|tools| fs::read_dir(tools).unwrap().flatten())
        .map(|entry| entry.path())
        .filter(|path| path.join("wasmtime").is_file())
        .collect();
    wasmtimes.sort();
    for directory in wasmtimes {
        let name = directory.file_name().unwrap().to_str().unwrap();
        let name = name.replace('-', " ");
        columns.push(column(Runtime::Wasmtime, &name, Some(directory)));
    }
    columns.push(column(Runtime::Node, "Node", None));
    columns
}

/// A page, and each of its programs with each runtime that runs it.
struct Listed {
    language: &'static str,
    page: Page,
    cells: Vec<(Run, Column)>,
}

impl Listed {
    fn new(language: &'static str, columns: &[Column]) -> Self {
        let page = Page::read(language);
        let mut cells = Vec::new();
        for run in &page.runs {
            let runs = |c: &&Column| c.runtime == run.runtime && c.runs(language);
            for column in columns.iter().filter(runs) {
                cells.push((run.clone(), column.clone()));
            }
        }
        Self {
            language,
            page,
            cells,
        }
    }

    fn is_wanted(&self, filter: Option<&str>) -> bool {
        let language = self.language;
        let titles = self.cells.iter().map(|cell| cell_title(language, cell));
        let mut titles = titles.chain([built_title(language)]);
        filter.is_none_or(|filter| {
            let rest = filter.strip_prefix(language);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
                || titles.any(|title| title.contains(filter))
        })
    }
}

/// What the test of a program by a runtime is called.
fn cell_title(language: &str, (run, column): &(Run, Column)) -> String {
    format!("{language}: {} by {}", run.service.program(), column.name)
}

fn built_title(language: &str) -> String {
    format!("{language}: the page builds")
}

/// Builds the pages, if there is a search path to build them with: the rows at the same time.
fn build_all<const ROWS: usize>(
    rows: [Vec<Listed>; ROWS],
    path: Option<&OsString>,
) -> Vec<(Listed, Result<(), String>)> {
    let build_row = &|row: Vec<Listed>| {
        let built = row.into_iter().map(|listed| {
            let built = path.map_or(Ok(()), |path| {
                eprintln!("building {}", listed.language);
                build(&listed.page, path)
            });
            (listed, built)
        });
        built.collect::<Vec<_>>()
    };
    thread::scope(|scope| {
        let rows = rows.map(|row| scope.spawn(move || build_row(row)));
        rows.into_iter()
            .flat_map(|row| row.join().unwrap())
            .collect()
    })
}

/// Build what the filter does not leave out, and list what is to be run.
fn trials(arguments: &Arguments, columns: &[Column], table: &Arc<Mutex<Table>>) -> Vec<Trial> {
    let mut trials = compat::trials(columns, table);
    trials.extend(packages::trials(columns));
    trials.extend(provider::trials(columns));
    // Programs are built in the column of the newest wasmtime.
    let path = &columns.get(columns.len() - 2).unwrap().path;
    let rows = LANGUAGES.map(|languages| {
        let listed = languages
            .iter()
            .map(|language| Listed::new(language, columns));
        let wanted = listed.filter(|listed| listed.is_wanted(arguments.filter.as_deref()));
        wanted.collect::<Vec<_>>()
    });
    let built = build_all(rows, (!arguments.list).then_some(path));
    for (listed, built) in built {
        let Listed {
            language,
            page,
            cells,
        } = listed;
        let works = built.is_ok();
        let title = built_title(language);
        trials.push(Trial::test(title, move || built.map_err(Failed::from)));
        if language == "rust" {
            for column in columns.iter().filter(|c| c.runtime != Runtime::Node) {
                trials.push(beside(column, "one that never reads", hostile::greedy));
                trials.push(beside(
                    column,
                    "more than it has sockets for",
                    hostile::crowd,
                ));
            }
        }
        for &(server, wasi) in ECHO_SERVERS.iter().filter(|(s, _)| s.language == language) {
            let runs = |c: &&Column| c.runtime != Runtime::Node && c.runs(language);
            for column in columns.iter().filter(runs) {
                let (table, column) = (Arc::clone(table), column.clone());
                let row = format!(
                    "{language}: echo server{}",
                    wasi.map_or("", |_| ", an older WASI")
                );
                let title = format!("{row} by {}", column.name);
                trials.push(Trial::test(title, move || {
                    let outcome = serve_many(&server, &column, wasi);
                    let mut table = table.lock().unwrap();
                    table.add(&row, &column.name, outcome.is_ok());
                    outcome.map_err(Failed::from)
                }));
            }
        }
        for &server in HTTPS_SERVERS.iter().filter(|s| s.language == language) {
            let runs = |c: &&Column| match c.runtime {
                Runtime::Portcullis => language != PRECOMPILED,
                Runtime::Wasmtime => c.runs(language),
                Runtime::Node => false,
            };
            for column in columns.iter().filter(runs) {
                let (table, column) = (Arc::clone(table), column.clone());
                let row = format!("{language}: HTTPS server");
                let title = format!("{row} by {}", column.name);
                trials.push(Trial::test(title, move || {
                    let outcome = https::meet(&server, &column);
                    let mut table = table.lock().unwrap();
                    table.add(&row, &column.name, outcome.is_ok());
                    outcome.map_err(Failed::from)
                }));
            }
        }
        for (number, cell) in cells.into_iter().enumerate() {
            let title = cell_title(language, &cell);
            let (table, folder) = (Arc::clone(table), page.folder.clone());
            trials.push(Trial::test(title, move || {
                let (run, column) = cell;
                let serial = format!("{language}-{number}");
                let outcome = if works {
                    meet(&run, &column, &folder, &serial)
                } else {
                    Err("it was not built".into())
                };
                let row = format!("{language}: {}", run.service.program());
                let mut table = table.lock().unwrap();
                table.add(&row, &column.name, outcome.is_ok());
                outcome.map_err(Failed::from)
            }));
        }
    }
    trials
}

/// The parameters of a check: the line that starts the server, the folder and search path that it
/// is run with, and the folder of its files.
type Check = fn(&str, &Path, &OsStr, &Folder) -> Result<(), String>;

/// The echo server, run by one of the runtimes, serves others beside these clients.
fn beside(column: &Column, whom: &str, check: Check) -> Trial {
    let title = format!("rust: echo server beside {whom} by {}", column.name);
    let column = column.clone();
    Trial::test(title.clone(), move || {
        let folder = Folder::new(&title.replace([' ', ':'], "-"));
        let start = start_server(&OF_RUST, &column, &folder, None)?;
        let from = examples().join("rust");
        check(&start, &from, &column.path, &folder).map_err(Failed::from)
    })
}

/// The line that starts a server by one of the runtimes, as it is or changed to ask for
/// another WASI. The server's arguments are to follow.
fn start_server(
    server: &OwnServer,
    column: &Column,
    folder: &Folder,
    wasi: Option<&str>,
) -> Result<String, String> {
    let OwnServer {
        language,
        built,
        plug,
    } = server;
    let path = folder.0.to_str().unwrap();
    if *language == PRECOMPILED {
        return Ok(format!(
            "exec wasmtime run --allow-precompiled -S inherit-network --dir {path} {built}"
        ));
    }
    let mut server = fs::read(examples().join(language).join(built))
        .map_err(|error| format!("it was not built: {error}"))?;
    if let Some(wasi) = wasi {
        server = with_wasi(&server, wasi);
    }
    fs::write(folder.0.join("server.wasm"), server).unwrap();
    Ok(match column.runtime {
        Runtime::Portcullis => {
            format!("exec portcullis run --network loopback --dir {path} {path}/server.wasm")
        }
        _ => format!(
            "portcullis compose {path}/server.wasm --plug ../../target/{plug} \
             -o {path}/composed.wasm\n\
             exec wasmtime run -S inherit-network --dir {path} {path}/composed.wasm"
        ),
    })
}

/// An echo server, by one of the runtimes: many clients at once, some of which say nothing.
fn serve_many(server: &OwnServer, column: &Column, wasi: Option<&str>) -> Result<(), String> {
    let language = server.language;
    let name = format!("echo-{language}-{}-{}", column.name, wasi.unwrap_or("same"));
    let folder = Folder::new(&name.replace(' ', "-"));
    let path = folder.0.to_str().unwrap();
    let start = start_server(server, column, &folder, wasi)?;
    let mut command = Command::new("bash");
    command
        .args([
            "-e",
            "-c",
            &format!("{start} {path}/cert.pem {path}/key.pem"),
        ])
        .current_dir(examples().join(language))
        .env("PATH", &column.path)
        .stdin(Stdio::null())
        .stderr(Stdio::null());
    let (_server, port) = serving(command);
    let Some(python) = tool("python3") else {
        return Ok(());
    };
    let mut clients = Command::new(python);
    clients.args(["-c", CLIENTS, &port.to_string(), &folder.path("ca.pem")]);
    let output = finish(clients, b"");
    if output.status.success() && output.stdout.starts_with(b"90 served") {
        Ok(())
    } else {
        Err(told(&output))
    }
}

/// The component with its imports of WASI 0.2.12 renamed, as if it was built against another patch
/// of WASI. The names have the same length.
fn with_wasi(component: &[u8], version: &str) -> Vec<u8> {
    let (ours, other) = (b"@0.2.12", format!("@{version}"));
    assert_eq!(ours.len(), other.len());
    let mut renamed = component.to_vec();
    let mut count = 0;
    for at in 0..renamed.len() - ours.len() {
        let name = renamed.get_mut(at..at + ours.len()).unwrap();
        if *name == ours[..] {
            name.copy_from_slice(other.as_bytes());
            count += 1;
        }
    }
    assert!(count > 0);
    renamed
}

fn build(page: &Page, path: &OsString) -> Result<(), String> {
    let output = shell(&page.build, page.folder.as_path(), path);
    if output.status.success() {
        Ok(())
    } else {
        Err(told(&output))
    }
}

/// The program gets what it came for from a server that it is told to trust, and refuses to deal
/// with the same server when it is not.
fn meet(run: &Run, column: &Column, folder: &Path, serial: &str) -> Result<(), String> {
    let Some(server) = run.service.serve(serial, &examples()) else {
        return Ok(());
    };
    let aimed = |trusts| {
        let line = run.aimed_at(server.port, server.folder.0.to_str().unwrap(), trusts);
        shell(&line, folder, &column.path)
    };
    let output = aimed(true);
    let shown = [told(&output), server.log()].concat();
    let is_missing = |part: &&&str| !shown.contains(**part);
    let missing = run.service.shows().iter().find(is_missing);
    if !output.status.success() || missing.is_some() {
        return Err(format!("{missing:?} is missing in: {shown}"));
    }
    // The checks of Python try that themselves.
    if !matches!(run.service, Service::Echo | Service::Libraries) {
        let output = aimed(false);
        let shown = told(&output);
        if output.status.success() || !shown.contains("not from a trusted authority") {
            return Err(format!("without trust: {shown}"));
        }
    }
    Ok(())
}

fn shell(script: &str, folder: &Path, path: &OsString) -> Output {
    Command::new("bash")
        .args(["-e", "-c", script])
        .current_dir(folder)
        .env("PATH", path)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn told(output: &Output) -> String {
    format!(
        "{}{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
        output.status
    )
}
