//! See `portcullis_fuzz::operations`.
#![no_main]

libfuzzer_sys::fuzz_target!(
    init: portcullis_fuzz::seeds::write("operations"),
    |data: &[u8]| portcullis_fuzz::operations(data)
);
