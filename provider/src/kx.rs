//! Ephemeral key exchange: X25519MLKEM768 and SecP256r1MLKEM768 (draft-ietf-tls-ecdhe-mlkem), X25519
//! (RFC 7748) and ECDH over P-256 and P-384 (RFC 8446 §4.2.8.2).
//!
//! Secrets are made per handshake, used once and zeroized.

mod hybrid;
mod ml_kem;

use p384::ecdh;
use p384::elliptic_curve::Generate;
use p384::elliptic_curve::sec1::ToSec1Point;
use rustls::crypto::{ActiveKeyExchange, GetRandomFailed, SharedSecret, SupportedKxGroup};
use rustls::ffdhe_groups::FfdheGroup;
use rustls::{Error, NamedGroup, PeerMisbehaved};
use x25519_dalek::StaticSecret;
use zeroize::Zeroizing;

use super::ecdsa_p256::AgreementKey;
use super::random;

/// X25519 together with ML-KEM-768, for TLS 1.3.
pub static X25519MLKEM768: &dyn SupportedKxGroup = &hybrid::X25519_ML_KEM_768;

/// P-256 together with ML-KEM-768, for TLS 1.3.
pub static SECP256R1MLKEM768: &dyn SupportedKxGroup = &hybrid::SECP256R1_ML_KEM_768;

/// X25519.
pub static X25519: &dyn SupportedKxGroup = &Montgomery;

/// ECDH over NIST P-256.
pub static SECP256R1: &dyn SupportedKxGroup = &P256;

/// ECDH over NIST P-384.
pub static SECP384R1: &dyn SupportedKxGroup = &P384;

/// Functions that no connection may use.
pub mod danger {
    use rustls::crypto::{ActiveKeyExchange, CompletedKeyExchange};
    use rustls::{Error, NamedGroup};

    use super::hybrid::{Hybrid, SECP256R1_ML_KEM_768, X25519_ML_KEM_768};
    use super::{INVALID_KEY_SHARE, MontgomeryExchange, P256Exchange, P384Exchange};

    /// Begins an exchange with a given private key, so that published vectors can be checked.
    ///
    /// The key is 32 little-endian bytes for X25519, and a big-endian scalar of the curve's size for
    /// the other curves; with ML-KEM-768 the 64 bytes d and z of FIPS 203 come before those. A key used
    /// twice takes forward secrecy away.
    ///
    /// # Errors
    /// `General` for another group, or for bytes that are no private key of the group.
    pub fn start_with_private_key(
        group: NamedGroup,
        private_key: &[u8],
    ) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        let exchange = match hybrid(group) {
            Some((hybrid, classic)) => private_key
                .split_first_chunk()
                .and_then(|(seed, key)| Some(hybrid.exchange(seed, start_classic(classic, key)?)))
                .map(boxed),
            None => start_classic(group, private_key),
        };
        exchange.ok_or_else(|| Error::General(format!("not a private key of {group:?}")))
    }

    /// Answers a client's share in a group with ML-KEM-768 with given randomness: the 32 bytes m of
    /// FIPS 203, then the private key of the other exchange.
    ///
    /// # Errors
    /// `InvalidKeyShare` as on a connection, for randomness of another length, and for another group.
    pub fn answer_with_randomness(
        group: NamedGroup,
        randomness: &[u8],
        client_share: &[u8],
    ) -> Result<CompletedKeyExchange, Error> {
        let (hybrid, classic) = hybrid(group).ok_or(INVALID_KEY_SHARE)?;
        let given = randomness.split_first_chunk();
        let given = given.and_then(|(m, key)| Some((m, start_classic(classic, key)?)));
        let (m, classic) = given.ok_or(INVALID_KEY_SHARE)?;
        hybrid.answer(m, classic, client_share)
    }

    fn hybrid(group: NamedGroup) -> Option<(Hybrid, NamedGroup)> {
        match group {
            NamedGroup::X25519MLKEM768 => Some((X25519_ML_KEM_768, NamedGroup::X25519)),
            NamedGroup::secp256r1MLKEM768 => Some((SECP256R1_ML_KEM_768, NamedGroup::secp256r1)),
            _ => None,
        }
    }

    fn boxed(exchange: impl ActiveKeyExchange + 'static) -> Box<dyn ActiveKeyExchange> {
        Box::new(exchange)
    }

    fn start_classic(group: NamedGroup, private_key: &[u8]) -> Option<Box<dyn ActiveKeyExchange>> {
        match group {
            NamedGroup::X25519 => MontgomeryExchange::with_key(private_key).map(boxed),
            NamedGroup::secp256r1 => P256Exchange::with_key(private_key).map(boxed),
            NamedGroup::secp384r1 => P384Exchange::with_key(private_key).map(boxed),
            _ => None,
        }
    }
}

#[derive(Debug)]
struct Montgomery;

impl Montgomery {
    fn random() -> Result<MontgomeryExchange, Error> {
        let bytes = random::secret::<32>()?;
        Ok(MontgomeryExchange::new(StaticSecret::from(*bytes)))
    }
}

impl SupportedKxGroup for Montgomery {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        Ok(Box::new(Self::random()?))
    }

    fn name(&self) -> NamedGroup {
        NamedGroup::X25519
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }
}

/// The crate calls the secret static because it could be used again; here
/// [`ActiveKeyExchange::complete`] consumes it.
struct MontgomeryExchange {
    secret: StaticSecret,
    public: x25519_dalek::PublicKey,
}

impl MontgomeryExchange {
    fn new(secret: StaticSecret) -> Self {
        let public = (&secret).into();
        Self { secret, public }
    }

    fn with_key(bytes: &[u8]) -> Option<Self> {
        let bytes = <[u8; 32]>::try_from(bytes).ok()?;
        Some(Self::new(bytes.into()))
    }

    /// The secret shared with a peer, from what it sent.
    fn secret(&self, peer: &[u8]) -> Result<Zeroizing<[u8; 32]>, Error> {
        let peer = <[u8; 32]>::try_from(peer).map_err(|_| INVALID_KEY_SHARE)?;
        let shared = self.secret.diffie_hellman(&peer.into());
        // RFC 8446 §7.4.2: the all-zero value must be refused.
        if !shared.was_contributory() {
            return Err(INVALID_KEY_SHARE);
        }
        Ok(Zeroizing::new(shared.to_bytes()))
    }
}

impl ActiveKeyExchange for MontgomeryExchange {
    fn complete(self: Box<Self>, peer_pub_key: &[u8]) -> Result<SharedSecret, Error> {
        let shared = self.secret(peer_pub_key)?;
        Ok(SharedSecret::from(shared.as_slice()))
    }

    fn pub_key(&self) -> &[u8] {
        self.public.as_bytes()
    }

    fn group(&self) -> NamedGroup {
        NamedGroup::X25519
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }
}

#[derive(Debug)]
struct P256;

impl SupportedKxGroup for P256 {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        loop {
            // One of 2^32 is not below the order.
            if let Some(key) = AgreementKey::new(&*random::secret()?) {
                return Ok(Box::new(P256Exchange(key)));
            }
        }
    }

    fn name(&self) -> NamedGroup {
        NamedGroup::secp256r1
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }
}

struct P256Exchange(AgreementKey);

impl P256Exchange {
    fn with_key(bytes: &[u8]) -> Option<Self> {
        AgreementKey::new(bytes.try_into().ok()?).map(Self)
    }
}

impl ActiveKeyExchange for P256Exchange {
    fn complete(self: Box<Self>, peer_pub_key: &[u8]) -> Result<SharedSecret, Error> {
        // RFC 8446 §4.2.8.2 allows the uncompressed form only, which the identity does not have.
        let shared = self.0.shared(peer_pub_key).ok_or(INVALID_KEY_SHARE)?;
        Ok(SharedSecret::from(shared.as_slice()))
    }

    fn pub_key(&self) -> &[u8] {
        self.0.public()
    }

    fn group(&self) -> NamedGroup {
        NamedGroup::secp256r1
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }
}

#[derive(Debug)]
struct P384;

impl SupportedKxGroup for P384 {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        let secret = p384::SecretKey::try_generate_from_rng(&mut getrandom::SysRng)
            .map_err(|_| GetRandomFailed)?;
        Ok(Box::new(P384Exchange::new(secret)))
    }

    fn name(&self) -> NamedGroup {
        NamedGroup::secp384r1
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }
}

struct P384Exchange {
    secret: p384::SecretKey,
    public: Box<[u8]>,
}

impl P384Exchange {
    fn new(secret: p384::SecretKey) -> Self {
        let public = secret.public_key().to_sec1_point(false).as_bytes().into();
        Self { secret, public }
    }

    fn with_key(bytes: &[u8]) -> Option<Self> {
        p384::SecretKey::from_slice(bytes).ok().map(Self::new)
    }
}

impl ActiveKeyExchange for P384Exchange {
    fn complete(self: Box<Self>, peer_pub_key: &[u8]) -> Result<SharedSecret, Error> {
        // RFC 8446 §4.2.8.2 allows the uncompressed form only. Decoding refuses points that are not
        // on the curve, and the identity has no uncompressed form.
        if peer_pub_key.first() != Some(&UNCOMPRESSED) {
            return Err(INVALID_KEY_SHARE);
        }
        let peer = p384::PublicKey::from_sec1_bytes(peer_pub_key).map_err(|_| INVALID_KEY_SHARE)?;
        let scalar = Zeroizing::new(self.secret.to_nonzero_scalar());
        let shared = ecdh::diffie_hellman(&*scalar, peer.as_affine());
        Ok(SharedSecret::from(shared.raw_secret_bytes().as_slice()))
    }

    fn pub_key(&self) -> &[u8] {
        &self.public
    }

    fn group(&self) -> NamedGroup {
        NamedGroup::secp384r1
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }
}

/// First byte of an uncompressed point (SEC 1 §2.3.3).
const UNCOMPRESSED: u8 = 4;

const INVALID_KEY_SHARE: Error = Error::PeerMisbehaved(PeerMisbehaved::InvalidKeyShare);
