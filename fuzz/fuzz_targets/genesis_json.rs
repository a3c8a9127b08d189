//! Any bytes as a genesis in JSON: one that its own document gives again, or a typed error.

#![no_main]

use libfuzzer_sys::fuzz_target;
use ordlane::{genesis_from_json, genesis_to_json};

fuzz_target!(|bytes: &[u8]| {
    let Ok(genesis) = genesis_from_json(bytes) else {
        return;
    };
    // Only one with more accounts than a document has room for has none.
    let text = genesis_to_json(&genesis).unwrap();
    assert_eq!(genesis_from_json(text.as_bytes()).unwrap(), genesis);
});
