//! The border to the host: what it gives, and what it calls.
#![expect(
    unsafe_code,
    reason = "the border has the host's names, and its memory"
)]

use getrandom::Error;

#[link(wasm_import_module = "host")]
unsafe extern "C" {
    /// Sends a message through the pipe.
    pub(super) safe fn send(message: *const u8, length: usize);
    /// Takes plaintext that has arrived.
    pub(super) safe fn plaintext(plaintext: *const u8, length: usize);
    /// Is told that the peer has ended TLS; so have we then.
    pub(super) safe fn ended();
    /// Is told why a call has failed.
    pub(super) safe fn failed(reason: *const u8, length: usize);
    /// Milliseconds since 1970, as `Date.now` has them.
    pub(super) safe fn now() -> f64;
    /// Fills memory with randomness that nobody can foresee, as `crypto.getRandomValues` does.
    safe fn random(bytes: *mut u8, length: usize);
}

/// Where the crate getrandom, and through it the provider, has its randomness from: the flag
/// `--cfg=getrandom_backend="custom"` makes it call this name.
#[unsafe(no_mangle)]
unsafe extern "Rust" fn __getrandom_v03_custom(bytes: *mut u8, length: usize) -> Result<(), Error> {
    random(bytes, length);
    Ok(())
}

#[unsafe(no_mangle)]
extern "C" fn buffer(length: usize) -> *mut u8 {
    super::buffer(length)
}

#[unsafe(no_mangle)]
extern "C" fn open() -> bool {
    super::told(super::open())
}

#[unsafe(no_mangle)]
extern "C" fn receive() -> bool {
    super::told(super::receive())
}

#[unsafe(no_mangle)]
extern "C" fn write() -> bool {
    super::told(super::write())
}

#[unsafe(no_mangle)]
extern "C" fn close() -> bool {
    super::told(super::close())
}
