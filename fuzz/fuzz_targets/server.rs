//! See `portcullis_fuzz::server`.
#![no_main]

libfuzzer_sys::fuzz_target!(
    init: portcullis_fuzz::seeds::write("server"),
    |data: &[u8]| portcullis_fuzz::server(data)
);
