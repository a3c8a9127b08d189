//! Any bytes as claims about keys and a proof of them.

#![no_main]

use libfuzzer_sys::fuzz_target;
use ordlane_testkit::fuzz;

fuzz_target!(|bytes: &[u8]| fuzz::proof_verify(bytes));
