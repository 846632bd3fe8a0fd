//! Writes `docs/performance.md` and its plots. The text outside of the two marks stays as it is.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::bars;
use crate::budget::{PARTS, WAYS};
use crate::plot::{Bars, Lines};
use crate::report::{Entry, Report, number};
use crate::stage::Plan;

const BEGIN: &str = "<!-- written by cargo xtask bench -->\n";
const END: &str = "<!-- end of what is written -->\n";

/// The beginning of a file that is not there yet.
const HEAD: &str = "# Performance\n\n";

/// For each section the prefix of its entries' names, the title, and a note that explains them.
const SECTIONS: &[(&str, &str, &str)] = &[
    (
        "aead.",
        "Record protection alone",
        "Records of 16 KiB sealed, then opened, in place; without `seal` or `open`, both as one \
         speed. RustCrypto's code is in the same guest.",
    ),
    (
        "provider.",
        "Our provider in the place of another",
        "rustls with `portcullis-provider`, with `rustls-rustcrypto` 0.0.2-alpha (the newest; it has \
         p256 0.13, aes-gcm 0.10 and chacha20poly1305 0.10) and with ring, whose C is compiled by clang, in one guest: TLS 1.3, both ends \
         there, by `ClientConnection` and `ServerConnection` as tokio-rustls has them, whose copies count \
         on every side. Records of 16 KiB; full handshakes with a P-256 certificate below a root, \
         key exchange by X25519, or P-256 where it says `secp256r1`. The certificate is another one each \
         time, so that its signature is verified; in `again` it is the same.",
    ),
    (
        "bulk.",
        "Records through a whole TLS end",
        "TLS 1.3, records of 16 KiB, transport in memory; a native end at the other side, whose \
         time is not counted. The component is called by its interface, one call a record.",
    ),
    (
        "handshake.",
        "Handshakes",
        "In memory, key exchange by X25519 where nothing else is said, a certificate below one root \
         of the same key type. Only the time of the end that is measured counts, from its making to \
         its dropping; the other end is native rustls with aws-lc-rs. Without `client` or `server`, both \
         ends' times together. Where nothing is resumed, no side sends tickets or keeps sessions. Each \
         call of `.native` goes through a component that does nothing but call the host, some 5 µs for a \
         handshake. The client has met the server before, and \
         remembers that the signature in its certificate is valid; native rustls does not. Against \
         aws-lc-rs alone where ring has no ML-KEM.",
    ),
    (
        "choice.",
        "Servers with many names, and in several instances",
        "Handshakes of the server's end alone, TLS 1.3, P-256, each with a native client. A server with \
         10 000 names for 100 contexts: `declared` by `context.add-name`, `asked` by \
         `context.ask-for-context`, its host looking the name up, beside a server with one context. \
         Then a client that reaches two instances in turn: with ticket keys in common it resumes its \
         session, without them it does not.",
    ),
    (
        "latency.",
        "Latency on loopback",
        "The message there and back, every client against the same native server, each with the \
         suite that it prefers. Ours is a guest that its host links with the component, as it links \
         `wasi:tls`; `composed` the same guest composed with it, `hosted` the component called by \
         its host, `native` the same guest linked with the host's own form of the interface. The peers are the same guest on `wasi:tls`, and a native client.",
    ),
    (
        "throughput.",
        "Throughput on loopback",
        "The same clients; messages one way, `send` from the client and `receive` to it. `oneway` \
         is the worse of the two for messages of 16 KiB. Entries with the name of a suite have \
         that suite on both sides, and messages of 16 KiB.",
    ),
    (
        "openssl.",
        "With OpenSSL at the other end",
        "256 MiB in pieces of 64 KiB from `openssl s_server` and to it, with connecting; the same clients. \
         `tokio_rustls`: a guest of tokio-rustls on `portcullis-provider`, without the component. `connect`: \
         the command, from its start to its end and to a pipe, beside curl, which does the same.",
    ),
    (
        "serve.",
        "Our file server",
        "256 MiB from `portcullis serve --www` to curl, with the suite that the server prefers, beside \
         `openssl s_server -WWW` held to ChaCha20-Poly1305.",
    ),
    (
        "budget.",
        "Where a byte's time goes",
        "Nanoseconds for each KiB: samples of `perf` while messages of 16 KiB go one way over loopback, by \
         what the function belongs to; the server's threads are left out. The guest is linked, composed, or \
         composed and moves `bytes`: so it was before there were words. \
         `cipher`: ChaCha20-Poly1305. `copies`: of memory, whoever asks for them. `boundary`: adapters \
         between components, calls into and out of them. `component`: our code beside the cipher. `host`: \
         wasmtime's implementation of WASI, and tokio. `kernel`: system calls and TCP.",
    ),
    (
        "p3.",
        "WASI 0.3 on loopback",
        "One program of WASI 0.3 over `wasi:tls`, composed with our component, beside the same program on \
         the host's own `wasi:tls`; each request has a connection of its own, whose handshake counts in \
         all but `latency`. `vs_composed`: beside the client of WASI 0.2 that is composed with our component and moves \
         plaintext in lists of bytes, as this one does; `vs_composed_words`: in words. \
         `cpu`: by the processor time of the process without the server's threads, in place of the \
         clock. The program ends its side of the connection with its last byte, and exchanges no more \
         than 1 KiB at once: where it goes on to wait for an answer, the host's own `wasi:tls` keeps the \
         last bytes of what is longer.",
    ),
    (
        "instantiate.",
        "Start",
        "`compile`: from the binary. `load`: from the compiled form in the cache, checked. \
         `precompiled`: an instance of the compiled form in memory.",
    ),
    (
        "memory.",
        "Memory",
        "Linear memory of an instance, and what one more idle connection adds to it.",
    ),
    (
        "growth.",
        "Growth",
        "One instance with that many idle connections: its memory, and handshakes per second of \
         its end for the next ones.",
    ),
    (
        "fuel.",
        "Instructions",
        "wasmtime's fuel, about one for each instruction of WebAssembly: for a handshake, and for \
         1 MiB each way in records of 16 KiB. It does not depend on the machine.",
    ),
];

/// Write the file and the plots below the directory.
pub(crate) fn write(directory: &Path, plan: Plan, machine: &str, report: &Report) -> Result<()> {
    let plots = directory.join("performance");
    fs::create_dir_all(&plots).with_context(|| format!("cannot make {}", plots.display()))?;
    let drawn = draw(&plots, report)?;

    let path = directory.join("performance.md");
    let old = fs::read_to_string(&path).unwrap_or_else(|_| format!("{HEAD}{BEGIN}{END}"));
    let (before, rest) = old.split_once(BEGIN).unwrap_or((old.as_str(), END));
    let (_, after) = rest.split_once(END).unwrap_or_default();
    let text = [
        before,
        BEGIN,
        &body(plan, machine, report, &drawn),
        END,
        after,
    ]
    .concat();
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
}

fn body(plan: Plan, machine: &str, report: &Report, plots: &[(&str, &str)]) -> String {
    let mut text = format!(
        "\nWritten by `cargo xtask bench --write-docs`; `--json FILE` has the same figures. All \
         sides of a figure take turns in one run of {} rounds. A value is the median of the \
         rounds, a ratio the median of the rounds' ratios, ours by the peer's. Entries with \
         `.baseline` are of the component that runs on every engine, the others of the one for \
         engines with wide arithmetic. Those with `.native` are of the host's own form of the interface \
         (`portcullis run --native`).\n\n{machine}\n## Bars\n\n{}",
        plan.rounds,
        bars::table(report)
    );
    for &(prefix, title, note) in SECTIONS {
        text += &format!("\n## {title}\n\n{note}\n\n");
        for (_, file) in plots.iter().filter(|(of, _)| *of == prefix) {
            text += &format!("![{title}](performance/{file})\n\n");
        }
        text += &match prefix {
            "budget." => budget_table(report),
            _ => report.table(prefix),
        };
    }
    text += &format!("\n## Size\n\n{}\n", report.table("size."));
    text
}

/// A row for each part, and a column for each way and direction.
fn budget_table(report: &Report) -> String {
    let columns = WAYS.iter().flat_map(|way| {
        let directions = ["send", "receive"].into_iter();
        directions.map(move |direction| format!("{way}.{direction}"))
    });
    let columns: Vec<_> = columns.collect();
    let head = columns.iter().map(|column| column.replace('.', ", "));
    let mut table = format!("| part | {} |\n", head.collect::<Vec<_>>().join(" | "));
    table += &format!("|---|{}\n", "---:|".repeat(columns.len()));
    let parts = PARTS.iter().map(|(part, _)| (*part, format!(".{part}")));
    for (title, part) in parts.chain([("all", String::new())]) {
        let cells = columns.iter().map(|column| {
            let entry = report.get(&format!("budget.{column}{part}"));
            entry.map_or_else(String::new, |entry| number(entry.value))
        });
        table += &format!("| {title} | {} |\n", cells.collect::<Vec<_>>().join(" | "));
    }
    table
}

/// Draw the plots; returns for each of them the prefix of its section, and its file.
fn draw(directory: &Path, report: &Report) -> Result<Vec<(&'static str, &'static str)>> {
    let value = |name: String| report.get(&name).map_or(f64::NAN, |entry| entry.value);
    let peer = |name: String| {
        report
            .get(&name)
            .and_then(|e| e.peer_value)
            .unwrap_or(f64::NAN)
    };
    let ratio = |name: String| report.get(&name).and_then(|e| e.ratio).unwrap_or(f64::NAN);
    let mut drawn = Vec::new();
    let mut bars = |section, file, bars: Bars<'_>| -> Result<()> {
        drawn.push((section, file));
        bars.draw(&directory.join(file))
    };

    bars(
        "aead.",
        "aead.svg",
        Bars {
            title: "AEAD alone, 16 KiB records, seal and open",
            unit: "MB/s",
            series: &[
                "ours, wide",
                "ours, baseline",
                "RustCrypto, same guest",
                "native ring",
            ],
            groups: groups(["chacha20poly1305", "aes128gcm", "aes256gcm"], |suite| {
                let name = |rest: &str| format!("aead.{suite}.{rest}");
                vec![
                    value(name("vs_rustcrypto_wasm")),
                    value(name("vs_rustcrypto_wasm.baseline")),
                    peer(name("vs_rustcrypto_wasm")),
                    peer(name("vs_ring_native")),
                ]
            }),
            logarithmic: true,
        },
    )?;
    bars(
        "handshake.",
        "handshakes.svg",
        Bars {
            title: "Handshakes of the component by those of native rustls + ring",
            unit: "ratio",
            series: &[
                "client, wide",
                "server, wide",
                "client, baseline",
                "server, baseline",
            ],
            groups: groups(
                [
                    "tls13.p256",
                    "tls13.rsa2048",
                    "tls13.ed25519",
                    "tls13.resumed",
                    "tls12.p256",
                ],
                |kind| {
                    let name = |rest: &str| format!("handshake.{kind}.{rest}");
                    vec![
                        ratio(name("client.vs_rustls_ring")),
                        ratio(name("server.vs_rustls_ring")),
                        ratio(name("client.vs_rustls_ring.baseline")),
                        ratio(name("server.vs_rustls_ring.baseline")),
                    ]
                },
            ),
            logarithmic: false,
        },
    )?;
    let series: &[&str] = &[
        "ours, linked",
        "ours, composed",
        "ours, hosted",
        "ours, native",
        "wasi:tls",
        "native rustls + ring",
    ];
    let loopback = |what: &str, rest: &str| {
        groups(["1b", "1k", "16k", "1m"], |length| {
            let name = |more: &str| format!("{what}.{length}.{rest}{more}");
            vec![
                value(name(".vs_wasi_tls")),
                value(name(".composed.vs_wasi_tls")),
                value(name(".hosted.vs_wasi_tls")),
                value(name(".native.vs_wasi_tls")),
                peer(name(".vs_wasi_tls")),
                peer(name(".vs_rustls_ring")),
            ]
        })
    };
    bars(
        "latency.",
        "latency.svg",
        Bars {
            title: "Request and response on loopback, median",
            unit: "µs",
            series,
            groups: loopback("latency", "p50"),
            logarithmic: true,
        },
    )?;
    for (direction, title, file) in [
        ("send", "One way on loopback, from the client", "send.svg"),
        (
            "receive",
            "One way on loopback, to the client",
            "receive.svg",
        ),
    ] {
        bars(
            "throughput.",
            file,
            Bars {
                title,
                unit: "MB/s",
                series,
                groups: loopback("throughput", direction),
                logarithmic: true,
            },
        )?;
    }
    let of = |role: &str| points(report.entries(), role);
    let lines = Lines {
        title: "Memory of one instance",
        across: "idle connections",
        unit: "bytes",
        series: vec![("as client", of("client")), ("as server", of("server"))],
    };
    drawn.push(("growth.", "memory.svg"));
    lines.draw(&directory.join("memory.svg"))?;
    Ok(drawn)
}

fn groups<const N: usize>(
    names: [&str; N],
    values: impl Fn(&str) -> Vec<f64>,
) -> Vec<(String, Vec<f64>)> {
    names.map(|name| (name.to_owned(), values(name))).into()
}

/// The memory of the role's `growth.` entries, each after its number of connections.
fn points(entries: &[Entry], role: &str) -> Vec<(f64, f64)> {
    let point = |entry: &Entry| {
        let name = entry.name.strip_prefix(&format!("growth.{role}."))?;
        let count = name.strip_suffix(".memory")?;
        Some((count.parse().ok()?, entry.value))
    };
    entries.iter().filter_map(point).collect()
}
