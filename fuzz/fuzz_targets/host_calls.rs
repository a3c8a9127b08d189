//! Calls of the interface of contracts with any arguments.

#![no_main]

use libfuzzer_sys::fuzz_target;
use ordlane_testkit::fuzz;

fuzz_target!(|bytes: &[u8]| {
    let _ = fuzz::host_calls(bytes);
});
