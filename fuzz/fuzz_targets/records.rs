//! See `portcullis_fuzz::records`.
#![no_main]

libfuzzer_sys::fuzz_target!(
    init: portcullis_fuzz::seeds::write("records"),
    |data: &[u8]| portcullis_fuzz::records(data)
);
