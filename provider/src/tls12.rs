//! TLS 1.2 cipher suites and their record protection (RFC 5288, RFC 7905).

use rustls::crypto::cipher::{
    AeadKey, InboundOpaqueMessage, InboundPlainMessage, Iv, KeyBlockShape, MessageDecrypter,
    MessageEncrypter, NONCE_LEN, Nonce, OutboundOpaqueMessage, OutboundPlainMessage,
    PrefixedPayload, Tls12AeadAlgorithm, UnsupportedOperationError, make_tls12_aad,
};
use rustls::crypto::tls12::PrfUsingHmac;
use rustls::crypto::{CipherSuiteCommon, KeyExchangeAlgorithm};
use rustls::{CipherSuite, ConnectionTrafficSecrets, Error, SignatureScheme, Tls12CipherSuite};

use super::aead::{self, Aead, TAG_LEN};
use super::algorithm::Algorithm;
use super::hash::{SHA256, SHA384};
use super::hmac::{HMAC_SHA256, HMAC_SHA384};
use super::sign::{ECDSA_AND_EDDSA_SCHEMES, RSA_SCHEMES};

pub(super) static ECDHE_ECDSA_CHACHA20_POLY1305_SHA256: Tls12CipherSuite = suite(
    CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    ECDSA_AND_EDDSA_SCHEMES,
    &Algorithm::ChaCha20Poly1305,
);

pub(super) static ECDHE_ECDSA_AES_128_GCM_SHA256: Tls12CipherSuite = suite(
    CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    ECDSA_AND_EDDSA_SCHEMES,
    &Algorithm::Aes128Gcm,
);

pub(super) static ECDHE_ECDSA_AES_256_GCM_SHA384: Tls12CipherSuite = suite(
    CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    ECDSA_AND_EDDSA_SCHEMES,
    &Algorithm::Aes256Gcm,
);

pub(super) static ECDHE_RSA_CHACHA20_POLY1305_SHA256: Tls12CipherSuite = suite(
    CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    RSA_SCHEMES,
    &Algorithm::ChaCha20Poly1305,
);

pub(super) static ECDHE_RSA_AES_128_GCM_SHA256: Tls12CipherSuite = suite(
    CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    RSA_SCHEMES,
    &Algorithm::Aes128Gcm,
);

pub(super) static ECDHE_RSA_AES_256_GCM_SHA384: Tls12CipherSuite = suite(
    CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    RSA_SCHEMES,
    &Algorithm::Aes256Gcm,
);

const fn suite(
    suite: CipherSuite,
    sign: &'static [SignatureScheme],
    aead_alg: &'static Algorithm,
) -> Tls12CipherSuite {
    let (hash_provider, prf_provider, confidentiality_limit) = match aead_alg {
        Algorithm::Aes128Gcm => (SHA256, &PRF_SHA256, GCM_CONFIDENTIALITY_LIMIT),
        Algorithm::Aes256Gcm => (SHA384, &PRF_SHA384, GCM_CONFIDENTIALITY_LIMIT),
        Algorithm::ChaCha20Poly1305 => (SHA256, &PRF_SHA256, u64::MAX),
    };
    Tls12CipherSuite {
        common: CipherSuiteCommon {
            suite,
            hash_provider,
            confidentiality_limit,
        },
        prf_provider,
        kx: KeyExchangeAlgorithm::ECDHE,
        sign,
        aead_alg,
    }
}

static PRF_SHA256: PrfUsingHmac<'static> = PrfUsingHmac(HMAC_SHA256);
static PRF_SHA384: PrfUsingHmac<'static> = PrfUsingHmac(HMAC_SHA384);

impl Tls12AeadAlgorithm for Algorithm {
    fn encrypter(&self, key: AeadKey, iv: &[u8], explicit: &[u8]) -> Box<dyn MessageEncrypter> {
        Box::new(Encrypter {
            key: self.with_key(key.as_ref()),
            iv: Iv::from(padded(iv.iter().chain(explicit))),
            nonce_rule: NonceRule::of(*self),
        })
    }

    fn decrypter(&self, key: AeadKey, iv: &[u8]) -> Box<dyn MessageDecrypter> {
        Box::new(Decrypter {
            key: self.with_key(key.as_ref()),
            iv: padded(iv),
            nonce_rule: NonceRule::of(*self),
        })
    }

    fn key_block_shape(&self) -> KeyBlockShape {
        let explicit_nonce_len = NonceRule::of(*self).explicit_len();
        KeyBlockShape {
            enc_key_len: self.key_len(),
            fixed_iv_len: NONCE_LEN - explicit_nonce_len,
            explicit_nonce_len,
        }
    }

    /// Always refuses: traffic keys do not leave this crate.
    fn extract_keys(
        &self,
        _: AeadKey,
        _: &[u8],
        _: &[u8],
    ) -> Result<ConnectionTrafficSecrets, UnsupportedOperationError> {
        Err(UnsupportedOperationError)
    }
}

/// Where the nonce of a record comes from.
#[derive(Clone, Copy)]
enum NonceRule {
    /// AES-GCM: a salt from the key block, then eight bytes that each record carries (RFC 5288 §3).
    Explicit,
    /// ChaCha20-Poly1305: the IV from the key block xor the sequence number (RFC 7905 §2).
    Implicit,
}

impl NonceRule {
    const fn of(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Aes128Gcm | Algorithm::Aes256Gcm => Self::Explicit,
            Algorithm::ChaCha20Poly1305 => Self::Implicit,
        }
    }

    const fn explicit_len(self) -> usize {
        match self {
            Self::Explicit => EXPLICIT_NONCE_LEN,
            Self::Implicit => 0,
        }
    }
}

struct Encrypter {
    key: Box<dyn Aead>,
    /// With [`NonceRule::Explicit`]: the salt and a start value of eight bytes. The sequence number
    /// is xored into the start value too; RFC 5288 asks only that no nonce is used twice.
    iv: Iv,
    nonce_rule: NonceRule,
}

impl MessageEncrypter for Encrypter {
    fn encrypt(
        &mut self,
        msg: OutboundPlainMessage<'_>,
        seq: u64,
    ) -> Result<OutboundOpaqueMessage, Error> {
        let aad = make_tls12_aad(seq, msg.typ, msg.version, msg.payload.len());
        let nonce = Nonce::new(&self.iv, seq).0;
        let explicit_len = self.nonce_rule.explicit_len();
        let (_, explicit) = nonce.split_at(NONCE_LEN - explicit_len);

        let total_len = self.encrypted_payload_len(msg.payload.len());
        let mut payload = PrefixedPayload::with_capacity(total_len);
        payload.extend_from_slice(explicit);
        payload.extend_from_chunks(&msg.payload);

        let (_, plaintext) = payload.as_mut().split_at_mut(explicit_len);
        let tag = self
            .key
            .seal(&nonce, &aad, plaintext)
            .map_err(|_| Error::EncryptError)?;
        payload.extend_from_slice(&tag);

        Ok(OutboundOpaqueMessage::new(msg.typ, msg.version, payload))
    }

    fn encrypted_payload_len(&self, payload_len: usize) -> usize {
        self.nonce_rule.explicit_len() + payload_len + TAG_LEN
    }
}

struct Decrypter {
    key: Box<dyn Aead>,
    /// With [`NonceRule::Explicit`]: the salt, then bytes that each record replaces.
    iv: aead::Nonce,
    nonce_rule: NonceRule,
}

impl MessageDecrypter for Decrypter {
    fn decrypt<'a>(
        &mut self,
        mut msg: InboundOpaqueMessage<'a>,
        seq: u64,
    ) -> Result<InboundPlainMessage<'a>, Error> {
        let explicit_len = self.nonce_rule.explicit_len();
        let (explicit, sealed) = msg
            .payload
            .split_at_mut_checked(explicit_len)
            .ok_or(Error::DecryptError)?;
        let (ciphertext, tag) = sealed
            .split_last_chunk_mut::<TAG_LEN>()
            .ok_or(Error::DecryptError)?;

        let nonce = match self.nonce_rule {
            NonceRule::Explicit => {
                let (salt, _) = self.iv.split_at(NONCE_LEN - explicit_len);
                padded(salt.iter().chain(&*explicit))
            }
            NonceRule::Implicit => Nonce::new(&Iv::from(self.iv), seq).0,
        };
        let plain_len = ciphertext.len();
        let aad = make_tls12_aad(seq, msg.typ, msg.version, plain_len);
        self.key
            .open(&nonce, &aad, ciphertext, tag)
            .map_err(|_| Error::DecryptError)?;

        if plain_len > MAX_PLAINTEXT_LEN {
            return Err(Error::PeerSentOversizedRecord);
        }
        Ok(msg.into_plain_message_range(explicit_len..explicit_len + plain_len))
    }
}

/// The bytes, zero-filled or cut to the length of a nonce; rustls gives the right length.
fn padded<'a>(bytes: impl IntoIterator<Item = &'a u8>) -> aead::Nonce {
    let mut nonce = aead::Nonce::default();
    for (to, from) in nonce.iter_mut().zip(bytes) {
        *to = *from;
    }
    nonce
}

const EXPLICIT_NONCE_LEN: usize = 8;

/// Most bytes of plaintext that a record may have (RFC 5246 §6.2.1).
const MAX_PLAINTEXT_LEN: usize = 1 << 14;

/// How many full-sized records one AES-GCM key may protect: about 2^24.5 (RFC 8446 §5.5), rounded
/// as rustls does.
const GCM_CONFIDENTIALITY_LIMIT: u64 = 1 << 24;
