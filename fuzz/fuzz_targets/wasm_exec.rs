//! A guest with some bytes changed, called: the same twice, and after it was interrupted.

#![no_main]

use libfuzzer_sys::fuzz_target;
use ordlane_testkit::fuzz;

fuzz_target!(|bytes: &[u8]| {
    let _ = fuzz::wasm_exec(bytes);
});
