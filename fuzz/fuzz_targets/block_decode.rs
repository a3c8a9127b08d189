//! Any bytes as a block and its transactions.

#![no_main]

use libfuzzer_sys::fuzz_target;
use ordlane_testkit::fuzz;

fuzz_target!(|bytes: &[u8]| fuzz::block_decode(bytes));
