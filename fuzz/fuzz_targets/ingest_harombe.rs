#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| avouch_fuzz_targets::run("ingest_harombe", data));
