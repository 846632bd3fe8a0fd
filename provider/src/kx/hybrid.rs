//! ML-KEM-768 and a classic exchange side by side (draft-ietf-tls-ecdhe-mlkem), so that a connection
//! that is recorded today stays secret as long as one of the two holds.
//!
//! In the shares and in the secret ML-KEM comes first with X25519, and last with P-256.

use rustls::crypto::{ActiveKeyExchange, CompletedKeyExchange, SharedSecret, SupportedKxGroup};
use rustls::ffdhe_groups::FfdheGroup;
use rustls::{Error, NamedGroup, ProtocolVersion};

use super::super::random;
use super::ml_kem::{DecapsulationKey, RANDOMNESS_LENGTH, SEED_LENGTH, encapsulate};
use super::{INVALID_KEY_SHARE, SECP256R1, X25519};

/// A group of the two.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hybrid {
    name: NamedGroup,
    classic: &'static dyn SupportedKxGroup,
    is_classic_first: bool,
}

pub(super) static X25519_ML_KEM_768: Hybrid = Hybrid {
    name: NamedGroup::X25519MLKEM768,
    classic: X25519,
    is_classic_first: false,
};

pub(super) static SECP256R1_ML_KEM_768: Hybrid = Hybrid {
    name: NamedGroup::secp256r1MLKEM768,
    classic: SECP256R1,
    is_classic_first: true,
};

impl Hybrid {
    /// Begins a client's exchange.
    pub(super) fn exchange(
        self,
        seed: &[u8; SEED_LENGTH],
        classic: Box<dyn ActiveKeyExchange>,
    ) -> HybridExchange {
        let (key, public) = DecapsulationKey::generate(seed);
        let share = self.join(&public, classic.pub_key());
        HybridExchange {
            group: self,
            key,
            classic,
            share,
        }
    }

    /// Answers a client's share.
    pub(super) fn answer(
        &self,
        randomness: &[u8; RANDOMNESS_LENGTH],
        classic: Box<dyn ActiveKeyExchange>,
        client_share: &[u8],
    ) -> Result<CompletedKeyExchange, Error> {
        let (key, point) = self.split(client_share).ok_or(INVALID_KEY_SHARE)?;
        let share = classic.pub_key().to_vec();
        let classic = classic.complete(point)?;
        let (ciphertext, secret) = encapsulate(key, randomness).ok_or(INVALID_KEY_SHARE)?;
        Ok(CompletedKeyExchange {
            group: self.name,
            pub_key: self.join(&ciphertext, &share),
            secret: self.secret(&*secret, &classic),
        })
    }

    fn join(&self, post_quantum: &[u8], classic: &[u8]) -> Vec<u8> {
        match self.is_classic_first {
            true => [classic, post_quantum].concat(),
            false => [post_quantum, classic].concat(),
        }
    }

    /// The parts of a share: what is ML-KEM's, and the point.
    fn split<'a, const LENGTH: usize>(
        &self,
        share: &'a [u8],
    ) -> Option<(&'a [u8; LENGTH], &'a [u8])> {
        match self.is_classic_first {
            true => share.split_last_chunk().map(|(point, part)| (part, point)),
            false => share.split_first_chunk(),
        }
    }

    /// The two secrets as one, which is zeroized.
    fn secret(&self, post_quantum: &[u8], classic: &SharedSecret) -> SharedSecret {
        SharedSecret::from(self.join(post_quantum, classic.secret_bytes()))
    }
}

impl SupportedKxGroup for Hybrid {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        let seed = random::secret::<SEED_LENGTH>()?;
        Ok(Box::new(self.exchange(&seed, self.classic.start()?)))
    }

    fn start_and_complete(&self, client_share: &[u8]) -> Result<CompletedKeyExchange, Error> {
        let randomness = random::secret::<RANDOMNESS_LENGTH>()?;
        self.answer(&randomness, self.classic.start()?, client_share)
    }

    fn name(&self) -> NamedGroup {
        self.name
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
    group: Hybrid,
    key: DecapsulationKey,
    classic: Box<dyn ActiveKeyExchange>,
    share: Vec<u8>,
}

impl ActiveKeyExchange for HybridExchange {
    fn complete(self: Box<Self>, server_share: &[u8]) -> Result<SharedSecret, Error> {
        let parts = self.group.split(server_share);
        let (ciphertext, point) = parts.ok_or(INVALID_KEY_SHARE)?;
        let classic = self.classic.complete(point)?;
        let secret = self.key.decapsulate(ciphertext);
        Ok(self.group.secret(&*secret, &classic))
    }

    /// The classic share is sent too, so that a server without ML-KEM needs no second ClientHello.
    fn hybrid_component(&self) -> Option<(NamedGroup, &[u8])> {
        Some((self.classic.group(), self.classic.pub_key()))
    }

    fn complete_hybrid_component(
        self: Box<Self>,
        server_share: &[u8],
    ) -> Result<SharedSecret, Error> {
        self.classic.complete(server_share)
    }

    fn pub_key(&self) -> &[u8] {
        &self.share
    }

    fn group(&self) -> NamedGroup {
        self.group.name
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }
}
