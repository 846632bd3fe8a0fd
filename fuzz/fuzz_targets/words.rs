//! See `portcullis_fuzz::words`.
#![no_main]

libfuzzer_sys::fuzz_target!(
    init: portcullis_fuzz::seeds::write("words"),
    |data: &[u8]| portcullis_fuzz::words(data)
);
