//! X25519MLKEM768 (draft-ietf-tls-ecdhe-mlkem): ML-KEM-768 and X25519 side by side, so that a
//! connection that is recorded today stays secret as long as one of the two holds.
//!
//! In the shares and in the secret ML-KEM comes first.

use rustls::crypto::{ActiveKeyExchange, CompletedKeyExchange, SharedSecret, SupportedKxGroup};
use rustls::ffdhe_groups::FfdheGroup;
use rustls::{Error, NamedGroup, ProtocolVersion};

use super::super::random;
use super::ml_kem::{DecapsulationKey, RANDOMNESS_LENGTH, SEED_LENGTH, encapsulate};
use super::{INVALID_KEY_SHARE, Montgomery, MontgomeryExchange};

/// The group X25519MLKEM768.
#[derive(Debug)]
pub(super) struct Hybrid;

impl SupportedKxGroup for Hybrid {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        let seed = random::secret::<SEED_LENGTH>()?;
        Ok(Box::new(HybridExchange::new(&seed, Montgomery::random()?)))
    }

    fn start_and_complete(&self, client_share: &[u8]) -> Result<CompletedKeyExchange, Error> {
        let randomness = random::secret::<RANDOMNESS_LENGTH>()?;
        answer(&randomness, Montgomery::random()?, client_share)
    }

    fn name(&self) -> NamedGroup {
        NamedGroup::X25519MLKEM768
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn usable_for_version(&self, version: ProtocolVersion) -> bool {
        version == ProtocolVersion::TLSv1_3
    }
}

/// The client's side, once its share is made.
pub(super) struct HybridExchange {
    key: DecapsulationKey,
    classic: MontgomeryExchange,
    share: Vec<u8>,
}

impl HybridExchange {
    pub(super) fn new(seed: &[u8; SEED_LENGTH], classic: MontgomeryExchange) -> Self {
        let (key, public) = DecapsulationKey::generate(seed);
        let share = [public.as_slice(), classic.pub_key()].concat();
        Self {
            key,
            classic,
            share,
        }
    }
}

impl ActiveKeyExchange for HybridExchange {
    fn complete(self: Box<Self>, server_share: &[u8]) -> Result<SharedSecret, Error> {
        let (ciphertext, point) = server_share.split_first_chunk().ok_or(INVALID_KEY_SHARE)?;
        let classic = self.classic.secret(point)?;
        let secret = self.key.decapsulate(ciphertext);
        Ok(joined(&*secret, &*classic))
    }

    /// X25519's share is sent too, so that a server without ML-KEM needs no second ClientHello.
    fn hybrid_component(&self) -> Option<(NamedGroup, &[u8])> {
        Some((self.classic.group(), self.classic.pub_key()))
    }

    fn complete_hybrid_component(
        self: Box<Self>,
        server_share: &[u8],
    ) -> Result<SharedSecret, Error> {
        let classic = self.classic.secret(server_share)?;
        Ok(SharedSecret::from(classic.as_slice()))
    }

    fn pub_key(&self) -> &[u8] {
        &self.share
    }

    fn group(&self) -> NamedGroup {
        NamedGroup::X25519MLKEM768
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }
}

/// The server's side.
pub(super) fn answer(
    randomness: &[u8; RANDOMNESS_LENGTH],
    classic: MontgomeryExchange,
    client_share: &[u8],
) -> Result<CompletedKeyExchange, Error> {
    let (key, point) = client_share.split_first_chunk().ok_or(INVALID_KEY_SHARE)?;
    let share = classic.pub_key().to_vec();
    let classic = classic.secret(point)?;
    let (ciphertext, secret) = encapsulate(key, randomness).ok_or(INVALID_KEY_SHARE)?;
    Ok(CompletedKeyExchange {
        group: NamedGroup::X25519MLKEM768,
        pub_key: [ciphertext.as_slice(), &share].concat(),
        secret: joined(&*secret, &*classic),
    })
}

/// The two secrets as one, which is zeroized.
fn joined(post_quantum: &[u8], classic: &[u8]) -> SharedSecret {
    SharedSecret::from([post_quantum, classic].concat())
}
