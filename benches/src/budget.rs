//! Where a byte's time goes, linked and composed: samples of `perf` by what the sampled function belongs
//! to.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use portcullis_bench_link::{Request, What};
use rustls::ClientConfig;

use crate::client::{Client, Consumer};
use crate::identity::{Identity, KeyType};
use crate::native::{self, Library, Terms};
use crate::report::{Report, Samples};
use crate::server::{SERVER, serve};
use crate::stage::Stage;

/// The messages of a request, and how long requests go on.
const LENGTH: u32 = 16 * 1024;
const COUNT: u32 = 2_000;
const TIME: Duration = Duration::from_secs(4);

/// Samples a second.
const FREQUENCY: u32 = 1_500;

/// What a symbol belongs to: the first of these that has a part of its name, or of the name of the
/// object that it is in.
pub(crate) const PARTS: [(&str, &[&str]); 9] = [
    ("kernel", &["[kernel", "[vdso]", "[guest.kernel"]),
    (
        "cipher",
        &[
            "chacha", "poly1305", "::aead", "aes_gcm", "ghash", "provider",
        ],
    ),
    (
        "copies",
        &["memmove", "memcpy", "memory_copy", "memory_fill", "memset"],
    ),
    (
        "allocation",
        &[
            "dlmalloc",
            "dlfree",
            "__rust_alloc",
            "__rdl_",
            "cabi_realloc",
            "malloc",
            "cfree",
            "realloc",
        ],
    ),
    ("rustls", &["rustls"]),
    (
        "boundary",
        &[
            // Adapters that wasmtime makes have no names.
            "wasm[",
            "adapter",
            "trampoline",
            "-to-",
            "libcall",
            "component::func",
            "vm::component",
            "runtime::component",
        ],
    ),
    ("component", &["portcullis"]),
    (
        "host",
        &[
            "wasmtime",
            "tokio",
            "mio::",
            "portcullis-bench",
            "libc.so",
            "core::",
            "alloc::",
            "std::",
            "bytes::",
        ],
    ),
    ("other", &[""]),
];

/// How the guest gets the component: linked by its host; composed; composed, and in bytes.
pub(crate) const WAYS: [&str; 3] = ["linked", "composed", "bytes"];

/// The `budget.` entries, in ns for each KiB.
pub(crate) fn measure(stage: &Stage, report: &mut Report) -> Result<()> {
    let Some(named) = &stage.named else {
        eprintln!("skipped: budget, for there are no guests with names");
        return Ok(());
    };
    stage.progress.show("compiling the guests with names");
    let guests = Consumer::named(named)?;
    let identity = Identity::new(KeyType::P256)?;
    let terms = Terms::usual(&identity);
    let port = serve(native::server_config(Library::AwsLc, terms)?)?;
    let config = native::client_config(Library::Ring, terms)?;
    for way in WAYS {
        for (what, direction) in [(What::Send, "send"), (What::Receive, "receive")] {
            stage.progress.show(&format!("budget, {way}, {direction}"));
            let mut client = connect(&guests, way, port, &identity, &config)?;
            let (bytes, samples) = sample(&mut *client, what)?;
            let mut total = 0.0;
            for (part, count) in samples {
                let value = 1e9 / f64::from(FREQUENCY) * count / (bytes / 1024.0);
                total += value;
                let name = format!("budget.{way}.{direction}.{part}");
                report.alone(name, "ns/KiB", &Samples(vec![value]));
            }
            let name = format!("budget.{way}.{direction}");
            report.alone(name, "ns/KiB", &Samples(vec![total]));
        }
    }
    Ok(())
}

fn connect(
    guests: &Consumer,
    way: &str,
    port: u16,
    identity: &Identity,
    config: &Arc<ClientConfig>,
) -> Result<Box<dyn Client>> {
    Ok(Box::new(match way {
        "linked" => guests.linked(port, identity, config)?,
        "bytes" => guests.by_bytes(port, identity, config)?,
        _ => guests.composed(port, identity, config)?,
    }))
}

/// How many bytes went while the process was watched, and the samples of each part.
fn sample(client: &mut dyn Client, what: What) -> Result<(f64, Vec<(&'static str, f64)>)> {
    let request = Request {
        what,
        length: LENGTH,
        count: COUNT,
    };
    // The first one may find things cold.
    client.run(request)?;
    let file = std::env::temp_dir().join(format!("portcullis-bench-{}.perf", std::process::id()));
    let perf = Perf::record(&file)?;
    let before = Instant::now();
    let mut bytes = 0.0;
    while before.elapsed() < TIME {
        client.run(request)?;
        bytes += f64::from(u32::try_from(request.total())?);
    }
    perf.stop()?;
    let samples = count(&file);
    let _ = fs::remove_file(&file);
    Ok((bytes, samples?))
}

/// `perf record` of this process.
struct Perf(Child);

impl Perf {
    fn record(file: &Path) -> Result<Self> {
        let mut perf = Command::new("perf");
        perf.args(["record", "--quiet", "--event", "cpu-clock", "--freq"]);
        perf.arg(FREQUENCY.to_string()).arg("--pid");
        perf.arg(std::process::id().to_string());
        perf.arg("--output").arg(file);
        perf.stdout(Stdio::null()).stderr(Stdio::null());
        let perf = perf.spawn().context("cannot start perf")?;
        // It has opened its file when it begins.
        let until = Instant::now() + Duration::from_secs(5);
        while !file.exists() {
            ensure!(Instant::now() < until, "perf does not begin");
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(Self(perf))
    }

    fn stop(mut self) -> Result<()> {
        let id = rustix::process::Pid::from_child(&self.0);
        rustix::process::kill_process(id, rustix::process::Signal::INT)?;
        self.0.wait()?;
        Ok(())
    }
}

/// The samples of each part, without those of the server's threads.
fn count(file: &Path) -> Result<Vec<(&'static str, f64)>> {
    let mut perf = Command::new("perf");
    perf.args([
        "report",
        "--stdio",
        "--call-graph",
        "none",
        "--field-separator",
        "\t",
    ]);
    perf.args(["--fields", "sample,comm,dso,sym", "--input"])
        .arg(file);
    let output = perf.output().context("cannot start perf")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut parts: Vec<_> = PARTS.iter().map(|(part, _)| (*part, 0.0)).collect();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let mut fields = line.split('\t').map(str::trim);
        let (Some(samples), Some(thread), Some(object), Some(symbol)) =
            (fields.next(), fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        let Ok(samples) = samples.parse::<f64>() else {
            continue;
        };
        if thread == SERVER {
            continue;
        }
        let is_of = |names: &&[&str]| {
            let mut names = names.iter();
            names.any(|name| symbol.contains(name) || object.contains(name))
        };
        let index = PARTS.iter().position(|(_, names)| is_of(names));
        if let Some((_, count)) = index.and_then(|index| parts.get_mut(index)) {
            *count += samples;
        }
    }
    ensure!(
        parts.iter().any(|(_, count)| *count > 0.0),
        "perf has seen nothing"
    );
    Ok(parts)
}
