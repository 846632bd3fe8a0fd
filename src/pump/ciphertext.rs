//! Ciphertext that was received and is still to be decrypted.

/// Bytes that are taken from the front. The rest stays where it is: moving it each time would cost
/// a quarter of the time of its decryption.
///
/// A byte that is received is copied five times: by the host into this; into the buffer of rustls,
/// where it is decrypted in place; into a chunk of plaintext of rustls; into the list for the
/// caller; and by the caller's engine out of that.
pub(super) struct Ciphertext {
    bytes: Vec<u8>,
    taken: usize,
}

impl Ciphertext {
    pub(super) fn rest(&self) -> &[u8] {
        self.bytes.get(self.taken..).unwrap_or_default()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest().is_empty()
    }

    /// Takes bytes from the front. The memory is freed with the last byte.
    pub(super) fn take(&mut self, count: usize) {
        self.taken = self.taken.saturating_add(count);
        if self.is_empty() {
            *self = Self::from(Vec::new());
        }
    }
}

impl From<Vec<u8>> for Ciphertext {
    fn from(bytes: Vec<u8>) -> Self {
        Self { bytes, taken: 0 }
    }
}
