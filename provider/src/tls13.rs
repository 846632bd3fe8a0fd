//! TLS 1.3 cipher suites and their record protection (RFC 8446 §5.2, §5.3).

use rustls::crypto::CipherSuiteCommon;
use rustls::crypto::cipher::{
    AeadKey, InboundOpaqueMessage, InboundPlainMessage, Iv, MessageDecrypter, MessageEncrypter,
    Nonce, OutboundOpaqueMessage, OutboundPlainMessage, PrefixedPayload, Tls13AeadAlgorithm,
    UnsupportedOperationError, make_tls13_aad,
};
use rustls::crypto::tls13::HkdfUsingHmac;
use rustls::{
    CipherSuite, ConnectionTrafficSecrets, ContentType, Error, ProtocolVersion, Tls13CipherSuite,
};

use super::aead::{Aead, TAG_LEN};
use super::algorithm::Algorithm;
use super::hash::{SHA256, SHA384};
use super::hmac::{HMAC_SHA256, HMAC_SHA384};

pub(super) static CHACHA20_POLY1305_SHA256: Tls13CipherSuite = Tls13CipherSuite {
    common: CipherSuiteCommon {
        suite: CipherSuite::TLS13_CHACHA20_POLY1305_SHA256,
        hash_provider: SHA256,
        confidentiality_limit: u64::MAX,
    },
    hkdf_provider: &HkdfUsingHmac(HMAC_SHA256),
    aead_alg: &Algorithm::ChaCha20Poly1305,
    quic: None,
};

pub(super) static AES_128_GCM_SHA256: Tls13CipherSuite = Tls13CipherSuite {
    common: CipherSuiteCommon {
        suite: CipherSuite::TLS13_AES_128_GCM_SHA256,
        hash_provider: SHA256,
        confidentiality_limit: GCM_CONFIDENTIALITY_LIMIT,
    },
    hkdf_provider: &HkdfUsingHmac(HMAC_SHA256),
    aead_alg: &Algorithm::Aes128Gcm,
    quic: None,
};

pub(super) static AES_256_GCM_SHA384: Tls13CipherSuite = Tls13CipherSuite {
    common: CipherSuiteCommon {
        suite: CipherSuite::TLS13_AES_256_GCM_SHA384,
        hash_provider: SHA384,
        confidentiality_limit: GCM_CONFIDENTIALITY_LIMIT,
    },
    hkdf_provider: &HkdfUsingHmac(HMAC_SHA384),
    aead_alg: &Algorithm::Aes256Gcm,
    quic: None,
};

impl Tls13AeadAlgorithm for Algorithm {
    fn encrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageEncrypter> {
        Box::new(Protection {
            key: self.with_key(key.as_ref()),
            iv,
        })
    }

    fn decrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageDecrypter> {
        Box::new(Protection {
            key: self.with_key(key.as_ref()),
            iv,
        })
    }

    fn key_len(&self) -> usize {
        Self::key_len(*self)
    }

    /// Always refuses: traffic keys do not leave this crate.
    fn extract_keys(
        &self,
        _: AeadKey,
        _: Iv,
    ) -> Result<ConnectionTrafficSecrets, UnsupportedOperationError> {
        Err(UnsupportedOperationError)
    }
}

/// One direction of one traffic key.
struct Protection {
    key: Box<dyn Aead>,
    iv: Iv,
}

impl MessageEncrypter for Protection {
    fn encrypt(
        &mut self,
        msg: OutboundPlainMessage<'_>,
        seq: u64,
    ) -> Result<OutboundOpaqueMessage, Error> {
        let sealed_len = self.encrypted_payload_len(msg.payload.len());
        let mut payload = PrefixedPayload::with_capacity(sealed_len);
        payload.extend_from_chunks(&msg.payload);
        payload.extend_from_slice(&[msg.typ.into()]);

        let nonce = Nonce::new(&self.iv, seq).0;
        let tag = self
            .key
            .seal(&nonce, &make_tls13_aad(sealed_len), payload.as_mut())
            .map_err(|_| Error::EncryptError)?;
        payload.extend_from_slice(&tag);

        // RFC 8446 §5.1: every protected record is marked as application data of TLS 1.2.
        Ok(OutboundOpaqueMessage::new(
            ContentType::ApplicationData,
            ProtocolVersion::TLSv1_2,
            payload,
        ))
    }

    fn encrypted_payload_len(&self, payload_len: usize) -> usize {
        payload_len + INNER_TYPE_LEN + TAG_LEN
    }
}

impl MessageDecrypter for Protection {
    fn decrypt<'a>(
        &mut self,
        mut msg: InboundOpaqueMessage<'a>,
        seq: u64,
    ) -> Result<InboundPlainMessage<'a>, Error> {
        let aad = make_tls13_aad(msg.payload.len());
        let (sealed, tag) = msg
            .payload
            .split_last_chunk_mut::<TAG_LEN>()
            .ok_or(Error::DecryptError)?;

        let nonce = Nonce::new(&self.iv, seq).0;
        self.key
            .open(&nonce, &aad, sealed, tag)
            .map_err(|_| Error::DecryptError)?;

        let plain_len = sealed.len();
        msg.payload.truncate(plain_len);
        msg.into_tls13_unpadded_message()
    }
}

/// The content type that ends the plaintext of a record (RFC 8446 §5.2).
const INNER_TYPE_LEN: usize = 1;

/// How many full-sized records one AES-GCM key may protect: about 2^24.5 (RFC 8446 §5.5), rounded
/// as rustls does.
const GCM_CONFIDENTIALITY_LIMIT: u64 = 1 << 24;
