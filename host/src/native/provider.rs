//! The cryptography of the host, which takes the place of the component's: that of aws-lc-rs, with what
//! a processor has for it.

use std::sync::{Arc, OnceLock};

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::{CipherSuite, SupportedCipherSuite};

/// All that it has, what is fast on this processor first. Which of it may be used, and under which
/// limits, the core says.
pub(super) fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    let made = || {
        Arc::new(CryptoProvider {
            kx_groups: aws_lc_rs::ALL_KX_GROUPS.to_vec(),
            cipher_suites: suites(has_aes()),
            ..aws_lc_rs::default_provider()
        })
    };
    Arc::clone(PROVIDER.get_or_init(made))
}

/// The suites in rustls' order, in which AES is first, or with ChaCha20-Poly1305 first.
fn suites(is_aes_first: bool) -> Vec<SupportedCipherSuite> {
    let mut suites = aws_lc_rs::ALL_CIPHER_SUITES.to_vec();
    if !is_aes_first {
        suites.sort_by_key(|suite| !is_chacha(suite.suite()));
    }
    suites
}

fn is_chacha(suite: CipherSuite) -> bool {
    matches!(
        suite,
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256
            | CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256
            | CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256
    )
}

/// Whether the processor has instructions for AES-GCM.
fn has_aes() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("aes")
        && std::arch::is_x86_feature_detected!("pclmulqdq");
    #[cfg(target_arch = "aarch64")]
    return std::arch::is_aarch64_feature_detected!("aes")
        && std::arch::is_aarch64_feature_detected!("pmull");
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    return false;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_instructions_for_aes_chacha_comes_first() {
        for (is_aes_first, expected) in [(true, false), (false, true)] {
            let suites = suites(is_aes_first);
            assert_eq!(suites.len(), aws_lc_rs::ALL_CIPHER_SUITES.len());
            assert_eq!(is_chacha(suites[0].suite()), expected);
        }
    }
}
