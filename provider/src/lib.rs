//! The crypto provider: algorithms for rustls, and the only place that names a crypto crate.
//!
//! Nothing here knows a connection, a file or a clock. Randomness comes from the system through
//! `random.rs`; everything else is computed.
//!
//! With the target feature `wide-arithmetic` it is two to three times as fast on elliptic curves and RSA.
//! A rustc whose LLVM is older than 23, as that of 1.95 is, can miscompile a program that has the feature,
//! silently and anywhere (llvm/llvm-project#199910): look through what was built, as `xtask/src/wide.rs`
//! does for the component.

pub mod aead;
mod aes;
pub mod algorithm;
mod chacha20;
mod chacha20poly1305;
pub mod ecdsa_p256;
mod end_point;
mod gcm;
mod ghash;
mod halves;
pub mod hash;
pub mod hmac;
pub mod key;
mod key_stream;
pub mod kx;
#[cfg_attr(
    all(target_arch = "wasm32", target_feature = "simd128"),
    path = "lanes/simd128.rs"
)]
#[cfg_attr(
    not(all(target_arch = "wasm32", target_feature = "simd128")),
    path = "lanes/portable.rs"
)]
mod lanes;
mod montgomery;
pub mod password;
pub mod pkcs12_mac;
mod poly1305;
mod random;
mod remembered;
mod rsa_private;
mod sign;
mod tls12;
mod tls13;
mod verify;

use std::sync::{Arc, OnceLock};

/// The code in the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use end_point::end_point;
pub use verify::refused_rsa_size;

use rustls::SupportedCipherSuite;
use rustls::crypto::{CryptoProvider, SupportedKxGroup};

/// Every cipher suite of this provider, the preferred first.
///
/// ChaCha20-Poly1305 leads because it is about three times faster than AES-GCM where there are no
/// AES instructions, which is everywhere in WebAssembly.
pub static ALL_CIPHER_SUITES: &[SupportedCipherSuite] = &[
    SupportedCipherSuite::Tls13(&tls13::CHACHA20_POLY1305_SHA256),
    SupportedCipherSuite::Tls13(&tls13::AES_128_GCM_SHA256),
    SupportedCipherSuite::Tls13(&tls13::AES_256_GCM_SHA384),
    SupportedCipherSuite::Tls12(&tls12::ECDHE_ECDSA_CHACHA20_POLY1305_SHA256),
    SupportedCipherSuite::Tls12(&tls12::ECDHE_RSA_CHACHA20_POLY1305_SHA256),
    SupportedCipherSuite::Tls12(&tls12::ECDHE_ECDSA_AES_128_GCM_SHA256),
    SupportedCipherSuite::Tls12(&tls12::ECDHE_RSA_AES_128_GCM_SHA256),
    SupportedCipherSuite::Tls12(&tls12::ECDHE_ECDSA_AES_256_GCM_SHA384),
    SupportedCipherSuite::Tls12(&tls12::ECDHE_RSA_AES_256_GCM_SHA384),
];

/// Every key exchange group of this provider, the preferred first.
pub static ALL_KX_GROUPS: &[&dyn SupportedKxGroup] = &[
    kx::X25519MLKEM768,
    kx::SECP256R1MLKEM768,
    kx::X25519,
    kx::SECP256R1,
    kx::SECP384R1,
];

/// The provider with all its suites and groups; made once and shared.
///
/// To offer fewer, clone the inner value and shorten its lists.
pub fn crypto_provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    PROVIDER
        .get_or_init(|| {
            Arc::new(CryptoProvider {
                cipher_suites: ALL_CIPHER_SUITES.to_vec(),
                kx_groups: ALL_KX_GROUPS.to_vec(),
                signature_verification_algorithms: verify::ALGORITHMS,
                secure_random: &random::System,
                key_provider: &key::Software,
            })
        })
        .clone()
}
