//! Any bytes as a snapshot, as they are and with the hashes that their parts have: a store that opens at its block and
//! makes the same snapshot again, or a typed error and no store.

#![no_main]

use std::{ops::ControlFlow, sync::Arc};

use libfuzzer_sys::fuzz_target;
use ordlane::{
    primitives::{
        batch::Sequential,
        codec::{Bounded, decode, encode},
        hash::{Domain, tagged},
    },
    state::{
        MemoryStorage, StateStore,
        snapshot::{self, Manifest},
    },
};

fuzz_target!(|bytes: &[u8]| {
    restore(bytes);
    if let Some(bytes) = rehashed(bytes) {
        restore(&bytes);
    }
});

fn restore(bytes: &[u8]) {
    let storage = Arc::new(MemoryStorage::new());
    let mut go_on = |_| ControlFlow::Continue(());
    let restored = snapshot::restore(
        &mut &bytes[..],
        storage.as_ref(),
        &Sequential,
        None,
        &mut go_on,
    );
    let opened = StateStore::open(storage, Arc::new(Sequential));
    let Ok(manifest) = restored else {
        assert!(!matches!(opened, Ok(store) if store.tip().is_some()));
        return;
    };
    let store = opened.expect("a restored store opens");
    let held = store.snapshot().expect("it has a block");
    let mut again = Vec::new();
    held.write_to(&mut again, &Sequential, manifest.chunk_bytes, &mut go_on)
        .expect("its state has its root");
    assert!(again == bytes, "of one block there is one snapshot");
}

/// The same parts with the hashes that they have, if there are such parts.
fn rehashed(bytes: &[u8]) -> Option<Vec<u8>> {
    let (prelude, rest) = bytes.split_first_chunk::<16>()?;
    let length = u32::from_le_bytes(*prelude.last_chunk()?);
    let (manifest, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    let mut manifest: Manifest = decode(manifest).ok()?;
    let (_, parts) = rest.split_at_checked(32)?;
    let mut rest = parts;
    let hash = |part: &[u8]| tagged(Domain::SnapshotPart, &[part]);
    let mut chunks = Vec::new();
    for _ in 0..manifest.chunks.len() {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let (chunk, after) = after.split_at_checked(length)?;
        chunks.push(hash(chunk));
        rest = after;
    }
    manifest.chunks = Bounded::new(chunks).ok()?;
    for digest in [&mut manifest.block, &mut manifest.receipts] {
        let (part, after) = rest.split_at_checked(usize::try_from(digest.size_bytes).ok()?)?;
        digest.hash = hash(part);
        rest = after;
    }
    Some([prelude, &encode(&manifest)[..], &manifest.id().0, parts].concat())
}
