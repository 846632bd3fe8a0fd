//! See `portcullis_fuzz::starttls`.
#![no_main]

libfuzzer_sys::fuzz_target!(
    init: portcullis_fuzz::seeds::write("starttls"),
    |data: &[u8]| portcullis_fuzz::starttls(data)
);
