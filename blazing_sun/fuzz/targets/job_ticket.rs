//! Looks for bytes that break the law of `job_ticket`.
#![no_main]

use blazing_sun_fuzz::job_ticket;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| job_ticket::holds(bytes));
