//! Any bytes as the witness of a block, whose checksum is right: a verdict and no panic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use ordlane::verify_witness;
use ordlane_testkit::fuzz;

fuzz_target!(|bytes: &[u8]| {
    let Some(witness) = fuzz::witness_decode(bytes) else {
        return;
    };
    if let Ok(verified) = verify_witness(&witness) {
        assert_eq!(verified.header, witness.block.header);
        assert_eq!(verified.header.parent_hash, witness.parent.hash());
    }
});
