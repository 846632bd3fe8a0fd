//! HMAC (RFC 2104) with SHA-256 and SHA-384, under HKDF and the TLS 1.2 PRF.

use std::marker::PhantomData;

use hmac::{KeyInit, Mac};
use rustls::crypto::hmac as api;
use sha2::{Sha256, Sha384};

/// HMAC-SHA-256.
pub static HMAC_SHA256: &dyn api::Hmac = &Algorithm::<hmac::Hmac<Sha256>>(PhantomData);

/// HMAC-SHA-384.
pub static HMAC_SHA384: &dyn api::Hmac = &Algorithm::<hmac::Hmac<Sha384>>(PhantomData);

struct Algorithm<M>(PhantomData<fn() -> M>);

impl<M: Mac + KeyInit + Clone + Send + Sync + 'static> api::Hmac for Algorithm<M> {
    #[expect(
        clippy::expect_used,
        reason = "HMAC takes a key of any length (RFC 2104 §2): this cannot fail"
    )]
    fn with_key(&self, key: &[u8]) -> Box<dyn api::Key> {
        let keyed = <M as KeyInit>::new_from_slice(key).expect("HMAC takes any key");
        Box::new(Key(keyed))
    }

    fn hash_output_len(&self) -> usize {
        M::output_size()
    }
}

/// The hash states after the two padded key blocks, so that a message costs no key set-up.
struct Key<M>(M);

impl<M: Mac + Clone + Send + Sync> api::Key for Key<M> {
    fn sign_concat(&self, first: &[u8], middle: &[&[u8]], last: &[u8]) -> api::Tag {
        let mut mac = self.0.clone();
        mac.update(first);
        for part in middle {
            mac.update(part);
        }
        mac.update(last);
        api::Tag::new(&mac.finalize().into_bytes())
    }

    fn tag_len(&self) -> usize {
        M::output_size()
    }
}
