#![no_main]
use avouch_fuzz_targets::run;

libfuzzer_sys::fuzz_target!(|data: &[u8]| run("anchor_git", data));
