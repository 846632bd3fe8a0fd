//! Programs of others that a command needs: looked for, and installed with apt when missing.

use std::env;
use std::fs;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process;

/// A program and the Debian package that has it.
pub(crate) type Tool = (&'static str, &'static str);

/// What tells where time goes.
pub(crate) const PROFILER: &[Tool] = &[("perf", "linux-perf")];

/// The programs that tests talk to.
pub(crate) const PEERS: &[Tool] = &[
    ("curl", "curl"),
    ("exim4", "exim4-daemon-light"),
    ("gnutls-cli", "gnutls-bin"),
    ("imap-login", "dovecot-imapd"),
    ("lmtp", "dovecot-lmtpd"),
    ("managesieve-login", "dovecot-managesieved"),
    ("mariadbd", "mariadb-server-core"),
    ("mosquitto", "mosquitto"),
    ("nginx", "nginx"),
    ("node", "nodejs"),
    ("openssl", "openssl"),
    ("pk12util", "libnss3-tools"),
    ("pop3-login", "dovecot-pop3d"),
    ("postgres", "postgresql"),
    ("prosody", "prosody"),
    ("python3", "python3"),
    ("redis-server", "redis-server"),
    ("slapd", "slapd"),
    ("tshark", "tshark"),
    ("vsftpd", "vsftpd"),
];

/// Directories that have programs and are not in every user's `PATH`.
const MORE_DIRECTORIES: [&str; 3] = ["/usr/sbin", "/usr/local/sbin", "/usr/lib/dovecot"];

/// Debian keeps one directory per version of PostgreSQL here.
const POSTGRESQL: &str = "/usr/lib/postgresql";

/// Runs as root with the packages as arguments. Debian starts a service when its package is
/// installed, unless `policy-rc.d` forbids it: the tests start servers of their own. Nothing is
/// removed for it, so a mail server of the user's is safe.
const INSTALL: &str = r#"
set -e
export DEBIAN_FRONTEND=noninteractive
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    trap 'exit 130' INT TERM
    printf '#!/bin/sh\nexit 101\n' > "$policy"
    chmod 755 "$policy"
fi
apt-get -o DPkg::Lock::Timeout=120 update
apt-get -o DPkg::Lock::Timeout=120 install --yes --no-install-recommends --no-remove "$@"
"#;

/// The compiler for the C code in wasmtime, for Windows.
pub(crate) const FOR_WINDOWS: &[Tool] = &[("x86_64-w64-mingw32-gcc", "gcc-mingw-w64-x86-64-win32")];

/// Makes sure that the programs are there, and returns whether they are. If that cannot be done, it
/// fails if `required`, else it says what is missing; what needs it is skipped.
pub(crate) fn need(tools: &[Tool], required: bool) -> Result<bool> {
    let missing = missing(tools);
    if missing.is_empty() {
        return Ok(true);
    }
    let packages = missing.join(" ");
    let advice = format!("install them with: apt-get install --no-install-recommends {packages}");
    let outcome = install(&missing).with_context(|| format!("missing: {packages}; {advice}"));
    match outcome {
        Err(error) if !required => {
            process::announce(&format!("{error:#}; what needs them is skipped"));
            Ok(false)
        }
        outcome => outcome.map(|()| true),
    }
}

fn missing(tools: &[Tool]) -> Vec<&'static str> {
    let directories = directories();
    let is_there = |program: &str| directories.iter().any(|d| d.join(program).is_file());
    let programs = tools
        .iter()
        .filter(|(program, _)| !is_there(program))
        .map(|(_, package)| *package);
    // Debian has venv in a package of its own, and no program shows whether it is installed.
    let needs_venvs = tools.iter().any(|(program, _)| *program == "python3");
    let makes_venvs =
        || process::succeeds(Command::new("python3").args(["-c", "import ensurepip"]));
    let venv = (needs_venvs && !makes_venvs()).then_some("python3-venv");
    programs.chain(venv).collect()
}

/// The directories that are searched for programs. The tests search the same.
fn directories() -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let versions = fs::read_dir(POSTGRESQL).into_iter().flatten().flatten();
    env::split_paths(&path)
        .chain(MORE_DIRECTORIES.map(PathBuf::from))
        .chain(versions.map(|version| version.path().join("bin")))
        .collect()
}

fn install(packages: &[&str]) -> Result<()> {
    if !Path::new("/usr/bin/apt-get").is_file() {
        bail!("this system has no apt-get");
    }
    let mut command = as_root()?;
    command.args(["sh", "-c", INSTALL, "sh"]).args(packages);
    process::run_quietly(&format!("installing {}", packages.join(" ")), &mut command)
        .context("apt could not install them")
}

/// A command that runs `env` as root: directly, or through sudo, which may ask for a password on a
/// terminal.
fn as_root() -> Result<Command> {
    let user = process::capture(Command::new("id").arg("-u"))?;
    if user.trim_ascii() == b"0" {
        return Ok(Command::new("env"));
    }
    if !process::succeeds(Command::new("sudo").args(["-n", "true"])) {
        if !io::stdin().is_terminal() {
            bail!("neither root nor sudo without a password");
        }
        process::run(
            "asking for leave to install packages",
            Command::new("sudo").arg("-v"),
        )?;
    }
    let mut command = Command::new("sudo");
    command.arg("-n");
    Ok(command)
}
