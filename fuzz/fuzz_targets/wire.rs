//! See `portcullis_fuzz::wire`.
#![no_main]

libfuzzer_sys::fuzz_target!(
    init: portcullis_fuzz::seeds::write("wire"),
    |data: &[u8]| portcullis_fuzz::wire(data)
);
