//! Batches of changes from any bytes: a tree that is updated has the root of one that is built anew.

#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use ordlane_primitives::batch::Sequential;
use ordlane_state::Tree;
use ordlane_testkit::fuzz;

fuzz_target!(|bytes: &[u8]| {
    let (mut tree, mut leaves) = (Tree::empty(), BTreeMap::new());
    for batch in fuzz::tree_changes(bytes) {
        tree = tree.update(&batch, &Sequential).expect("a tree in memory");
        assert_eq!(tree.root(), fuzz::root_after(&mut leaves, &batch));
    }
});
