//! The cryptography of the host, which takes the place of the component's: that of aws-lc-rs, with what
//! a processor has for it.

use std::sync::{Arc, OnceLock};

use rustls::crypto::{CryptoProvider, aws_lc_rs};

/// All that it has. Which of it may be used, and under which limits, the core says.
pub(super) fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    let made = || {
        Arc::new(CryptoProvider {
            kx_groups: aws_lc_rs::ALL_KX_GROUPS.to_vec(),
            cipher_suites: aws_lc_rs::ALL_CIPHER_SUITES.to_vec(),
            ..aws_lc_rs::default_provider()
        })
    };
    Arc::clone(PROVIDER.get_or_init(made))
}
