//! Any bytes as a value of the type that the first byte chooses.

#![no_main]

use libfuzzer_sys::fuzz_target;
use ordlane_testkit::fuzz;

fuzz_target!(|bytes: &[u8]| fuzz::roundtrip_canonical(bytes));
