//! See `portcullis_fuzz::signatures`.
#![no_main]

libfuzzer_sys::fuzz_target!(
    init: portcullis_fuzz::seeds::write("signatures"),
    |data: &[u8]| portcullis_fuzz::signatures(data)
);
