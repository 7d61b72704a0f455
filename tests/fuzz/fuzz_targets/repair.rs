#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hph_fuzz::fuzz::repair(data));
