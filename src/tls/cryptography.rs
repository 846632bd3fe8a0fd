//! Whose code computes: the provider's, or that of a host which has faster. What there is of it, its
//! names and limits, is the provider's in either case.

use std::sync::Arc;

use rustls::SupportedCipherSuite;
use rustls::crypto::{CryptoProvider, SupportedKxGroup};
use rustls::pki_types::PrivateKeyDer;
use rustls::sign::SigningKey;

use portcullis_provider::crypto_provider;
use portcullis_provider::key::{KeyError, signing_key};

/// The cryptography of a configuration.
#[derive(Clone, Default)]
pub(super) struct Cryptography {
    /// Takes the place of the provider's, as far as it has the same.
    substitute: Option<Arc<CryptoProvider>>,
}

impl Cryptography {
    /// The provider's, with the code of another in its place where that has the same.
    pub(super) fn by(substitute: Arc<CryptoProvider>) -> Self {
        Self {
            substitute: Some(substitute),
        }
    }

    /// A provider with these suites and groups only, in their order.
    pub(super) fn provider(
        &self,
        suites: Vec<SupportedCipherSuite>,
        groups: Vec<&'static dyn SupportedKxGroup>,
    ) -> CryptoProvider {
        let Some(substitute) = &self.substitute else {
            return CryptoProvider {
                cipher_suites: suites,
                kx_groups: groups,
                ..CryptoProvider::clone(&crypto_provider())
            };
        };
        let same_suite = |ours: SupportedCipherSuite| {
            let mut theirs = substitute.cipher_suites.iter();
            let same = theirs.find(|theirs| theirs.suite() == ours.suite());
            same.copied().unwrap_or(ours)
        };
        let same_group = |ours: &'static dyn SupportedKxGroup| {
            let mut theirs = substitute.kx_groups.iter();
            let same = theirs.find(|theirs| theirs.name() == ours.name());
            same.copied().unwrap_or(ours)
        };
        CryptoProvider {
            cipher_suites: suites.into_iter().map(same_suite).collect(),
            kx_groups: groups.into_iter().map(same_group).collect(),
            ..CryptoProvider::clone(substitute)
        }
    }

    /// Makes a key ready to sign. Which keys are taken, and why others are not, the provider says; a
    /// key that the substitute does not take is the provider's.
    pub(super) fn signing_key(
        &self,
        der: PrivateKeyDer<'static>,
    ) -> Result<Arc<dyn SigningKey>, KeyError> {
        let Some(substitute) = &self.substitute else {
            return signing_key(der);
        };
        let theirs = substitute.key_provider.load_private_key(der.clone_key());
        let ours = signing_key(der)?;
        let is_same = |theirs: &Arc<dyn SigningKey>| theirs.public_key() == ours.public_key();
        Ok(theirs.ok().filter(is_same).unwrap_or(ours))
    }
}
