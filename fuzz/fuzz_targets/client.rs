//! See `portcullis_fuzz::client`.
#![no_main]

libfuzzer_sys::fuzz_target!(
    init: portcullis_fuzz::seeds::write("client"),
    |data: &[u8]| portcullis_fuzz::client(data)
);
