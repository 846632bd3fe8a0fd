//! See `portcullis_fuzz::credentials`.
#![no_main]

libfuzzer_sys::fuzz_target!(
    init: portcullis_fuzz::seeds::write("credentials"),
    |data: &[u8]| portcullis_fuzz::credentials(data)
);
