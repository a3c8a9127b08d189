use std::{sync::Arc, time::Instant};
use ordlane_gpu_kernels::{Dispatcher, DispatcherConfig};
use ordlane_primitives::{Address, BLOCK_VERSION, BlockHeader, BlockHeight, ChainId, Extra, Gas, Hash, RawKey, Receipts, TimestampMs, codec};
use ordlane_state::*;
use rand::{RngCore, SeedableRng, seq::IteratorRandom};
use rand_chacha::ChaCha8Rng;
fn commit(store: &StateStore, d: &Dispatcher, changes: Vec<Change>) {
    let tree = store.tree().update(&hash_changes(&changes, d), d).unwrap();
    let tip = store.tip();
    let header = BlockHeader { version: BLOCK_VERSION, chain_id: ChainId(1), parent_hash: tip.map_or(Hash::ZERO, |t| t.block_hash), number: tip.map_or(BlockHeight(0), |t| BlockHeight(t.height.0+1)), timestamp_ms: TimestampMs(0), proposer: Address::ZERO, state_root: tree.root(), transactions_root: Hash::ZERO, receipts_root: Hash::ZERO, events_root: Hash::ZERO, compute_receipts_root: Hash::ZERO, gas_limit: Gas(0), gas_used: Gas(0), total_pouw_score: 0, provider_count: 0, extra: Extra::default() };
    store.commit(BlockCommit { block_bytes: codec::encode(&header), header, receipts: Receipts::default(), changes, tree: Some(tree) }).unwrap();
}
fn main() {
    let dir = std::path::PathBuf::from("target/zz"); let _ = std::fs::remove_dir_all(&dir);
    let d = Arc::new(Dispatcher::new(DispatcherConfig::default()).unwrap());
    let open = || { let t = Instant::now(); let s = FjallStorage::open(&dir).unwrap(); let f = t.elapsed(); let s = StateStore::open(Arc::new(s), d.clone()).unwrap(); println!("open {:?} of which files {:?}, tree bytes {}", t.elapsed(), f, s.tree_bytes()); s };
    let store = open();
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut keys: Vec<[u8; 32]> = (0..1_000_000).map(|_| { let mut k = [0; 32]; rng.fill_bytes(&mut k); k }).collect();
    keys.sort();
    for part in keys.chunks(100_000) {
        commit(&store, &d, part.iter().map(|k| Change { key: RawKey::from_bytes(k.to_vec()), old: None, new: Some(vec![1; 48]) }).collect());
    }
    println!("tree bytes {}", store.tree_bytes());
    let t = Instant::now(); store.write_pages().unwrap(); println!("pages written {:?}", t.elapsed());
    drop(store);
    let store = open();
    for n in 0..40 {
        let mut batch: Vec<_> = keys.iter().choose_multiple(&mut rng, 1_000);
        batch.sort();
        commit(&store, &d, batch.into_iter().map(|k| Change { key: RawKey::from_bytes(k.to_vec()), old: Some(vec![1; 48]), new: Some(vec![n; 48]) }).collect());
    }
    drop(store);
    open(); open();
    let _ = std::fs::remove_dir_all(&dir);
}
