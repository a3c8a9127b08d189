//! Any bytes as a reverse diff: one encoding, and what it changes is undone by the diff of that change.

#![no_main]

use libfuzzer_sys::fuzz_target;
use ordlane_state::{Change, ReverseDiff};
use ordlane_testkit::fuzz;

fuzz_target!(|bytes: &[u8]| {
    let Ok(diff) = fuzz::decode_canonical::<ReverseDiff>(bytes) else {
        return;
    };
    let before = fuzz::raw_state();
    let changes = diff.entries().iter().map(|(key, new)| Change {
        key: key.clone(),
        old: before.get(key).cloned(),
        new: new.clone(),
    });
    let changes: Vec<Change> = changes.collect();
    let mut state = before.clone();
    diff.apply(&mut state);
    ReverseDiff::of(&changes).apply(&mut state);
    assert_eq!(state, before);
});
