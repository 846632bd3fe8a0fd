//! Describes the machine and the versions that a report was measured with.

use std::fs;
use std::process::Command;
use std::thread;

/// The lock file that this program was built with, for the versions of its crates.
const LOCK: &str = include_str!("../../Cargo.lock");

/// The crates whose versions matter.
const CRATES: [&str; 7] = [
    "aws-lc-rs",
    "chacha20poly1305",
    "aes-gcm",
    "ring",
    "rustls",
    "wasmtime",
    "wasmtime-wasi-tls",
];

/// A few lines of Markdown: date, machine, versions.
pub(crate) fn describe() -> String {
    let cores = thread::available_parallelism().map_or(0, usize::from);
    let versions = CRATES.map(|name| format!("{name} {}", version(name).unwrap_or("unknown")));
    let lines = [
        ("Date", printed("date", &["-u", "+%F"])),
        ("Processor", format!("{}, {cores} cores", processor())),
        (
            "System",
            format!("{}, Linux {}", system(), read("/proc/sys/kernel/osrelease")),
        ),
        ("Load when it began", read("/proc/loadavg")),
        ("Compiler", printed("rustc", &["--version"])),
        ("Crates", versions.join(", ")),
    ];
    lines
        .map(|(name, value)| format!("- {name}: {}\n", value.trim()))
        .concat()
}

fn processor() -> String {
    let information = read("/proc/cpuinfo");
    let model = information
        .lines()
        .find(|line| line.starts_with("model name"));
    let name = model.and_then(|line| line.split_once(':'));
    name.map_or_else(
        || std::env::consts::ARCH.to_owned(),
        |(_, name)| name.trim().to_owned(),
    )
}

fn system() -> String {
    let release = read("/etc/os-release");
    let name = release
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="));
    name.unwrap_or("unknown").trim_matches('"').to_owned()
}

fn version(name: &str) -> Option<&'static str> {
    let (_, after) = LOCK.split_once(&format!("name = \"{name}\"\nversion = \""))?;
    Some(after.split_once('"')?.0)
}

fn read(path: &str) -> String {
    fs::read_to_string(path)
        .unwrap_or_default()
        .trim()
        .to_owned()
}

fn printed(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
        .unwrap_or_default()
}
