//! Any bytes as a transaction.

#![no_main]

use libfuzzer_sys::fuzz_target;
use ordlane_testkit::fuzz;

fuzz_target!(|bytes: &[u8]| fuzz::tx_decode(bytes));
