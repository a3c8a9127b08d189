//! A durable block: 1,000 changed values, their reverse diff, the block and its indices.
#![expect(clippy::unwrap_used, reason = "a bench that fails may stop")]

use std::{sync::Arc, time::Duration};

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ordlane_primitives::{
    Address, Amount, BLOCK_VERSION, Block, BlockHeader, BlockHeight, ChainId, Event, Extra, Gas,
    Hash, RawKey, Receipt, ReceiptStatus, Receipts, ReturnData, TimestampMs,
    batch::Sequential,
    codec::{Bounded, encode},
    hash::sha256,
};
use ordlane_state::{
    BlockCommit, Change, FjallStorage, MemoryStorage, StateStore, Storage, hash_changes,
};

const CHANGES: u32 = 1_000;
const KEYS: u32 = 20_000;

/// The block above the tip: an update of a thousand keys, different ones each time.
fn next_block(store: &StateStore) -> BlockCommit {
    let tip = store.tip();
    let height = tip.map_or(0, |tip| tip.height.0 + 1);
    let first = u32::try_from(height).unwrap().wrapping_mul(CHANGES) % KEYS;
    let mut changes: Vec<Change> = (first..first + CHANGES)
        .map(|key| Change {
            key: RawKey::from_bytes([&[0][..], &sha256(&key.to_be_bytes()).0].concat()),
            old: (height >= u64::from(KEYS / CHANGES)).then(|| vec![1; 48]),
            new: Some([&height.to_be_bytes()[..], &[2; 40]].concat()),
        })
        .collect();
    changes.sort_unstable_by(|a, b| a.key.cmp(&b.key));
    let tree = store
        .tree()
        .update(&hash_changes(&changes, &Sequential), &Sequential)
        .unwrap();
    let header = BlockHeader {
        version: BLOCK_VERSION,
        chain_id: ChainId(1),
        parent_hash: tip.map_or(Hash::ZERO, |tip| tip.block_hash),
        number: BlockHeight(height),
        timestamp_ms: TimestampMs(height),
        proposer: Address::ZERO,
        state_root: tree.root(),
        transactions_root: Hash::ZERO,
        receipts_root: Hash::ZERO,
        events_root: Hash::ZERO,
        compute_receipts_root: Hash::ZERO,
        gas_limit: Gas(0),
        gas_used: Gas(0),
        total_pouw_score: 0,
        provider_count: 0,
        extra: Extra::default(),
    };
    let block_bytes = encode(&Block {
        header: header.clone(),
        proposer_auth: None,
        transactions: vec![vec![7; 200]; CHANGES as usize / 2],
    });
    BlockCommit {
        header,
        block_bytes,
        receipts: receipts(height),
        changes,
        codes: Vec::new(),
        tree: Some(tree),
    }
}

/// As many receipts as transactions, of a transfer each.
fn receipts(height: u64) -> Receipts {
    let receipt = |i: u32| {
        let tx_id = sha256(&[height.to_be_bytes(), u64::from(i).to_be_bytes()].concat());
        let to = Address::from_bytes(tx_id.0);
        let event = Event::transfer(Address::ZERO, to, Amount(1));
        Receipt {
            tx_id,
            status: ReceiptStatus::Success,
            gas_used: Gas(23_100),
            fee: Amount(23_100),
            events: Bounded::new(vec![event]).unwrap(),
            return_data: ReturnData::default(),
        }
    };
    Bounded::new((0..CHANGES / 2).map(receipt).collect()).unwrap()
}

fn commit(c: &mut Criterion) {
    let mut group = c.benchmark_group("state::commit");
    group
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3))
        .throughput(Throughput::Elements(u64::from(CHANGES)));
    let folder = tempfile::tempdir().unwrap();
    let storages: [(&str, Arc<dyn Storage>); 2] = [
        ("memory", Arc::new(MemoryStorage::new())),
        (
            "fjall",
            Arc::new(FjallStorage::open(folder.path()).unwrap()),
        ),
    ];
    for (name, storage) in storages {
        let store = StateStore::open(storage, Arc::new(Sequential)).unwrap();
        let id = BenchmarkId::from_parameter(format_args!("storage={name}"));
        group.bench_function(id, |b| {
            b.iter_batched(
                || next_block(&store),
                |block| store.commit(block).unwrap(),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, commit);
criterion_main!(benches);
