//! `cargo xtask`: the one entry for building, demo, tests and checks. This file knows the
//! arguments; each command has a file of its own.

mod apt;
mod bench;
mod book;
mod certificates;
mod command;
mod component;
mod conformance;
mod crates;
mod demo;
mod dist;
mod examples;
mod fuzz;
mod go;
mod lint;
mod notices;
mod packages;
mod pattern;
mod process;
mod rust;
mod stamp;
mod supply;
mod taint;
mod test;
mod timing;
mod torture;
mod wide;
mod wit_deps;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::bench::Bench;
use crate::certificates::Certificates;
use crate::command::Speed;
use crate::conformance::Conformance;
use crate::fuzz::Fuzz;
use crate::test::Ring;
use crate::timing::Timing;
use crate::torture::Torture;
use crate::workspace::Workspace;

/// Builds, shows, tests and checks Portcullis. Each command sets up what it needs: the wasm target
/// and components through rustup, the programs of the tests through apt.
#[derive(Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    after_help = "Example: cargo xtask demo",
    arg_required_else_help = true
)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Measure the component beside native TLS and wasi:tls
    #[command(after_help = "Example: cargo xtask bench --quick --json figures.json")]
    Bench(Bench),
    /// Build the book to target/book: the pages under docs/ and examples/, and a reference of wit/
    #[command(after_help = "Example: cargo xtask book --check")]
    Book {
        /// Fail if a link in the book leads nowhere
        #[arg(long)]
        check: bool,
    },
    /// Build the component to target/portcullis.wasm, for engines with wide arithmetic to
    /// target/portcullis-wide.wasm, without sockets to target/portcullis-engine.wasm, and for WASI 0.3
    /// to target/portcullis-p3.wasm and target/portcullis-p3-wide.wasm; print sizes, imports and exports
    #[command(after_help = "Example: cargo xtask build -- --timings")]
    Build {
        /// Further arguments of `cargo build`
        #[arg(last = true, value_name = "ARGUMENT")]
        arguments: Vec<String>,
    },
    /// Compare what the core says of odd certificate chains with what OpenSSL, GnuTLS and Go say
    #[command(after_help = "Example: cargo xtask certificates 'name/dns/wildcard-*'")]
    Certificates(Certificates),
    /// Make the archive of the command for Linux in target/packages: a static program, built from the crates
    /// alone, with completion scripts and manual pages
    #[command(after_help = "Example: cargo xtask command")]
    Command {
        /// Compile without optimisation, to see that all is there
        #[arg(long)]
        quick: bool,
    },
    /// Run BoringSSL's TLS test runner against the core and the built component, and compare what it
    /// finds with what is expected
    #[command(after_help = "Example: cargo xtask conformance --machine component 'Resume-*'")]
    Conformance(Conformance),
    /// Build the component and let two instances of it talk TLS to each other
    #[command(after_help = "Example: cargo xtask demo")]
    Demo {
        /// Further arguments of `portcullis demo`
        #[arg(
            trailing_var_arg = true,
            allow_hyphen_values = true,
            value_name = "ARGUMENT"
        )]
        arguments: Vec<String>,
    },
    /// Make the release folder target/dist: the components, the packages for Python, Node and C, the
    /// command, the interface as a package, an SBOM, a provenance and checksums
    #[command(after_help = "Example: cargo xtask dist --check")]
    Dist {
        /// Build everything but the command twice, in two places, and fail if a bit differs
        #[arg(long)]
        check: bool,
        /// Compile the command without optimisation: not for a release
        #[arg(long, conflicts_with = "check")]
        quick: bool,
    },
    /// Make the crates as crates.io gets them, and build a program from them alone
    #[command(after_help = "Example: cargo xtask crates")]
    Crates,
    /// Build the programs under examples/ as their pages say, run them by every runtime against
    /// servers of others, and print the table
    #[command(after_help = "Example: cargo xtask examples python")]
    Examples {
        /// Only those whose names contain it: `rust`, `c: PostgreSQL`, `wasmtime 48`
        name: Option<String>,
    },
    /// Fuzz what reads the bytes of peers, files and callers, and say what was found
    #[command(after_help = "Example: cargo xtask fuzz --seconds 300 server wire")]
    Fuzz(Fuzz),
    /// Check dependencies, format, lints and documentation, natively and for wasm
    #[command(after_help = "Example: cargo xtask lint")]
    Lint,
    /// Make the wheel, the npm package and the archive for C in target/packages
    #[command(after_help = "Example: cargo xtask packages")]
    Packages,
    /// Check the licences and sources of all dependencies, and what is `unsafe` in the component
    #[command(after_help = "Example: cargo xtask supply")]
    Supply {
        /// Write the inventory of `unsafe` to docs/supply.md
        #[arg(long)]
        write: bool,
    },
    /// Look for branches and addresses that depend on secrets, in the code that wasmtime compiles
    #[command(after_help = "Example: cargo xtask taint")]
    Taint,
    /// Build the component, install the programs that tests talk to, and run the tests
    #[command(after_help = "Example: cargo xtask test --ring outside postgres -- --nocapture")]
    Test {
        /// Only this ring: `native` is the core in memory, `component` the built component under
        /// wasmtime, `outside` the component against other TLS programs, `wasm` the core's vectors
        /// under wasmtime
        #[arg(long)]
        ring: Option<Ring>,
        /// Only tests whose names contain one of these
        filters: Vec<String>,
        /// Arguments of the test programs
        #[arg(last = true, value_name = "ARGUMENT")]
        arguments: Vec<String>,
    },
    /// Compare the times that operations take with secrets of two kinds, as compiled by wasmtime
    #[command(after_help = "Example: cargo xtask timing --factor 10")]
    Timing(Timing),
    /// Play hostile peers to the core, the built component and the programs; count what becomes of it
    #[command(after_help = "Example: cargo xtask torture --part memory --minutes 10 --seed 7")]
    Torture(Torture),
    /// Write wit/deps from the crate that the guest's WASI bindings come from
    #[command(after_help = "Example: cargo xtask wit-deps --check")]
    WitDeps {
        /// Write nothing; fail if something differs
        #[arg(long)]
        check: bool,
    },
}

fn speed(quick: bool) -> Speed {
    if quick { Speed::Slow } else { Speed::Fast }
}

fn main() -> ExitCode {
    let task = Arguments::parse().task;
    let outcome = Workspace::find().and_then(|workspace| match task {
        Task::Bench(arguments) => bench::run(&workspace, &arguments),
        Task::Book { check } => book::run(&workspace, check),
        Task::Build { arguments } => component::build_and_describe(&workspace, &arguments),
        Task::Certificates(arguments) => certificates::run(&workspace, &arguments),
        Task::Command { quick } => command::run(&workspace, speed(quick)),
        Task::Conformance(arguments) => conformance::run(&workspace, &arguments),
        Task::Crates => crates::run(&workspace),
        Task::Demo { arguments } => demo::run(&workspace, &arguments),
        Task::Dist { check, quick } => dist::run(&workspace, check, speed(quick)),
        Task::Examples { name } => examples::run(&workspace, name.as_deref()),
        Task::Fuzz(arguments) => fuzz::run(&workspace, &arguments),
        Task::Lint => lint::run(&workspace),
        Task::Packages => packages::run(&workspace),
        Task::Supply { write } => supply::run(&workspace, write),
        Task::Taint => taint::run(&workspace),
        Task::Test {
            ring,
            filters,
            arguments,
        } => test::run(&workspace, ring, &filters, &arguments),
        Task::Timing(arguments) => timing::run(&workspace, &arguments),
        Task::Torture(arguments) => torture::run(&workspace, &arguments),
        Task::WitDeps { check } => wit_deps::run(&workspace, check),
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            process::exit_code(&error)
        }
    }
}
