//! The target `cursor`; what it does stands in `tests/src/fuzzing`.

#![no_main]

libfuzzer_sys::fuzz_target!(init: bailiwick_fuzz::report_overflows(), |bytes: &[u8]| {
    bailiwick_tests::fuzzing::cursor(bytes);
});
