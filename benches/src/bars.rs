//! The figures that the project is judged by, and the bar that each has to meet.

use std::fmt::Write as _;

use anyhow::Result;

use crate::report::{Report, number};

/// A limit on a figure's ratio to its peer, or on its value.
#[derive(Clone, Copy)]
enum Bar {
    RatioAtLeast(f64),
    RatioAtMost(f64),
    ValueAtMost(f64),
}

const BARS: &[(&str, Bar)] = &[
    (
        "aead.chacha20poly1305.vs_rustcrypto_wasm",
        Bar::RatioAtLeast(3.5),
    ),
    (
        "aead.chacha20poly1305.vs_rustcrypto_wasm.baseline",
        Bar::RatioAtLeast(2.0),
    ),
    (
        "aead.chacha20poly1305.vs_ring_native",
        Bar::RatioAtLeast(0.5),
    ),
    ("aead.aes128gcm.vs_rustcrypto_wasm", Bar::RatioAtLeast(2.5)),
    (
        "provider.records.chacha20poly1305.vs_rustls_rustcrypto",
        Bar::RatioAtLeast(4.0),
    ),
    (
        "provider.records.chacha20poly1305.vs_ring_wasm",
        Bar::RatioAtLeast(4.0),
    ),
    (
        "provider.records.aes128gcm.vs_rustls_rustcrypto",
        Bar::RatioAtLeast(4.0),
    ),
    (
        "provider.records.aes128gcm.vs_ring_wasm",
        Bar::RatioAtLeast(4.0),
    ),
    (
        "provider.handshake.p256.vs_rustls_rustcrypto",
        Bar::RatioAtLeast(2.5),
    ),
    (
        "provider.handshake.p256.vs_ring_wasm",
        Bar::RatioAtLeast(2.5),
    ),
    (
        "provider.handshake.p256.secp256r1.vs_rustls_rustcrypto",
        Bar::RatioAtLeast(2.5),
    ),
    (
        "provider.handshake.p256.secp256r1.vs_ring_wasm",
        Bar::RatioAtLeast(2.5),
    ),
    (
        "provider.records.chacha20poly1305.vs_rustls_rustcrypto.baseline",
        Bar::RatioAtLeast(4.0),
    ),
    (
        "provider.records.aes128gcm.vs_rustls_rustcrypto.baseline",
        Bar::RatioAtLeast(4.0),
    ),
    (
        "provider.handshake.p256.vs_rustls_rustcrypto.baseline",
        Bar::RatioAtLeast(2.5),
    ),
    (
        "provider.handshake.p256.secp256r1.vs_rustls_rustcrypto.baseline",
        Bar::RatioAtLeast(2.5),
    ),
    (
        "handshake.tls13.p256.vs_rustls_ring",
        Bar::RatioAtLeast(0.4),
    ),
    ("throughput.oneway.vs_wasi_tls", Bar::RatioAtLeast(0.5)),
    (
        "throughput.oneway.composed.vs_wasi_tls",
        Bar::RatioAtLeast(0.5),
    ),
    (
        "throughput.16k.send.composed.vs_linked",
        Bar::RatioAtLeast(0.85),
    ),
    (
        "throughput.16k.receive.composed.vs_linked",
        Bar::RatioAtLeast(0.85),
    ),
    (
        "throughput.1m.send.composed.vs_linked",
        Bar::RatioAtLeast(0.85),
    ),
    (
        "throughput.1m.receive.composed.vs_linked",
        Bar::RatioAtLeast(0.85),
    ),
    ("latency.1k.p50.vs_wasi_tls", Bar::RatioAtMost(1.3)),
    (
        "throughput.1k.send.native.vs_wasi_tls",
        Bar::RatioAtLeast(1.0),
    ),
    (
        "throughput.1k.receive.native.vs_wasi_tls",
        Bar::RatioAtLeast(1.0),
    ),
    (
        "throughput.16k.send.native.vs_wasi_tls",
        Bar::RatioAtLeast(1.0),
    ),
    (
        "throughput.16k.receive.native.vs_wasi_tls",
        Bar::RatioAtLeast(1.0),
    ),
    (
        "throughput.1m.send.native.vs_wasi_tls",
        Bar::RatioAtLeast(1.0),
    ),
    (
        "throughput.1m.receive.native.vs_wasi_tls",
        Bar::RatioAtLeast(1.0),
    ),
    (
        "handshake.tls13.p256.vs_rustls_aws_lc_rs.native",
        Bar::RatioAtLeast(0.9),
    ),
    ("serve.www.vs_openssl", Bar::RatioAtLeast(0.8)),
    ("p3.16k.send.cpu.vs_wasi_tls", Bar::RatioAtLeast(0.6)),
    ("p3.16k.send.cpu.vs_composed", Bar::RatioAtLeast(1.4)),
    ("p3.16k.receive.cpu.vs_wasi_tls", Bar::RatioAtLeast(0.6)),
    ("p3.16k.receive.cpu.vs_composed", Bar::RatioAtLeast(1.4)),
    ("p3.1m.send.cpu.vs_wasi_tls", Bar::RatioAtLeast(0.6)),
    ("p3.1m.send.cpu.vs_composed", Bar::RatioAtLeast(1.4)),
    ("p3.1m.receive.cpu.vs_wasi_tls", Bar::RatioAtLeast(0.6)),
    ("p3.1m.receive.cpu.vs_composed", Bar::RatioAtLeast(1.4)),
    ("p3.1k.latency.p50.vs_wasi_tls", Bar::RatioAtMost(1.5)),
    ("memory.idle_connection", Bar::ValueAtMost(12.0 * 1024.0)),
    ("instantiate.precompiled", Bar::ValueAtMost(60.0)),
];

/// Fails if a figure that has a bar was not measured.
pub(crate) fn require(report: &Report) -> Result<()> {
    report.require(BARS.iter().map(|(name, _)| *name))
}

/// A Markdown table of the figures beside their bars.
pub(crate) fn table(report: &Report) -> String {
    let mut table = String::from("| figure | measured | bar | |\n|---|---:|---:|---|\n");
    for &(name, bar) in BARS {
        let Some(entry) = report.get(name) else {
            continue;
        };
        let ratio = entry.ratio.unwrap_or(f64::NAN);
        let (measured, limit, holds) = match bar {
            Bar::RatioAtLeast(limit) => (
                format!("{} ×", number(ratio)),
                format!("≥ {limit} ×"),
                ratio >= limit,
            ),
            Bar::RatioAtMost(limit) => (
                format!("{} ×", number(ratio)),
                format!("≤ {limit} ×"),
                ratio <= limit,
            ),
            Bar::ValueAtMost(limit) => {
                let unit = entry.unit;
                let value = entry.value;
                let [measured, at_most] = [value, limit].map(number);
                (
                    format!("{measured} {unit}"),
                    format!("≤ {at_most} {unit}"),
                    value <= limit,
                )
            }
        };
        let verdict = if holds { "met" } else { "not met" };
        // Writing to memory does not fail.
        let _ = writeln!(table, "| `{name}` | {measured} | {limit} | {verdict} |");
    }
    table
}
