//! See `portcullis_fuzz::http`.
#![no_main]

libfuzzer_sys::fuzz_target!(
    init: portcullis_fuzz::seeds::write("http"),
    |data: &[u8]| portcullis_fuzz::http(data)
);
