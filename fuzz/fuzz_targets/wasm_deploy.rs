//! Any bytes as the code of a contract.

#![no_main]

use libfuzzer_sys::fuzz_target;
use ordlane_testkit::fuzz;

fuzz_target!(|bytes: &[u8]| {
    let _ = fuzz::wasm_deploy(bytes);
});
