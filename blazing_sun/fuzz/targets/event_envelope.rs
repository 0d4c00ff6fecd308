//! Looks for bytes that break the law of `event_envelope`.
#![no_main]

use blazing_sun_fuzz::event_envelope;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| event_envelope::holds(bytes));
