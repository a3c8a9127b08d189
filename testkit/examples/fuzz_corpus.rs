//! Writes the first inputs of the fuzz targets into a folder: `cargo run -p ordlane-testkit --example fuzz_corpus -- fuzz/corpus`.

use std::{
    fs, io,
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::Arc,
};

use ordlane_primitives::{Block, Receipts, batch::Sequential, codec::encode};
use ordlane_state::{
    BlockCommit, Change, MemoryStorage, StateStore, hash_changes,
    snapshot::{MIN_CHUNK_BYTES, SnapshotError},
};
use ordlane_testkit::{fuzz, golden, oracle::Oracle, oracle_witness::witness};
use serde_json::Value;

fn main() -> io::Result<()> {
    let folder = std::env::args().nth(1).map(PathBuf::from);
    let folder = folder.ok_or_else(|| io::Error::other("say where to write"))?;
    let document: Value = serde_json::from_str(golden::TEXT)?;
    let samples = document["samples"].as_object().into_iter().flatten();
    for (name, sample) in samples {
        let bytes =
            hex::decode(sample["bytes"].as_str().unwrap_or_default()).map_err(io::Error::other)?;
        write(&folder, name, &bytes)?;
    }
    for (name, keys) in [
        ("one", &[7][..]),
        ("absent", &[30]),
        ("some", &[0, 1, 9, 23, 24, 39]),
    ] {
        put(
            &folder.join("proof_verify"),
            name,
            &fuzz::proof_sample(keys),
        )?;
    }
    for (name, bytes) in signatures() {
        put(&folder.join("sig_tiers"), name, &bytes)?;
    }
    for (name, bytes) in devices() {
        put(&folder.join("cpu_vs_gpu"), name, &bytes)?;
    }
    for (name, bytes) in tree_changes() {
        put(&folder.join("merkle_incremental_vs_rebuild"), name, &bytes)?;
    }
    for (name, diff) in reverse_diffs() {
        put(&folder.join("reverse_diff"), name, &encode(&diff))?;
    }
    put(
        &folder.join("genesis_json"),
        "documented",
        documented_genesis().as_bytes(),
    )?;
    write_witness(&folder)?;
    let snapshot = genesis_snapshot().map_err(io::Error::other)?;
    put(&folder.join("snapshot_import"), "genesis", &snapshot)
}

/// The example of the schema's page.
fn documented_genesis() -> &'static str {
    let text = include_str!("../../docs/GENESIS.md");
    let example = text
        .split_once("```json\n")
        .and_then(|(_, rest)| rest.split_once("```"));
    example.map_or("", |(document, _)| document)
}

/// The snapshot of the genesis block of the golden chain.
fn genesis_snapshot() -> Result<Vec<u8>, SnapshotError> {
    let genesis = golden::committed_chain().genesis;
    let store = StateStore::open(Arc::new(MemoryStorage::new()), Arc::new(Sequential))?;
    let new_key = |(key, value)| Change {
        key,
        old: None,
        new: Some(value),
    };
    let changes: Vec<Change> = genesis.state().into_iter().map(new_key).collect();
    let leaves = hash_changes(&changes, &Sequential);
    let tree = store.tree().update(&leaves, &Sequential)?;
    let block = Block {
        header: genesis.header(tree.root(), &Sequential),
        proposer_auth: None,
        transactions: Vec::new(),
    };
    store.commit(BlockCommit {
        header: block.header.clone(),
        block_bytes: encode(&block),
        receipts: Receipts::default(),
        changes,
        codes: Vec::new(),
        tree: Some(tree),
    })?;
    let mut file = Vec::new();
    store
        .snapshot()?
        .write_to(&mut file, &Sequential, MIN_CHUNK_BYTES, &mut |_| {
            ControlFlow::Continue(())
        })?;
    Ok(file)
}

/// Inputs of `cpu_vs_gpu`: a workload of `fuzz::load`, then the thousandths of a batch that the device gets, the items of a
/// job less one, and pairs of a job's number and what goes wrong with it.
fn devices() -> [(&'static str, Vec<u8>); 6] {
    let load = |seed: u8, kind: u8| [seed, 0, 0, 0, 0, 0, 0, 0, 12, 63, kind, 0, 20];
    let input =
        |seed: u8, kind: u8, share: u16, items: u8, jobs: &mut dyn Iterator<Item = [u8; 2]>| {
            let share = share.to_le_bytes();
            let jobs: Vec<u8> = jobs.flatten().collect();
            [&load(seed, kind)[..], &share, &[items], &jobs].concat()
        };
    let every = |step: usize, failure: u8| (2..=250).step_by(step).map(move |job| [job, failure]);
    let by_turns = (2..=250_u8)
        .step_by(3)
        .zip([2, 3, 4, 5].into_iter().cycle());
    [
        ("lost_at_begin", input(1, 4, 1_000, 8, &mut every(5, 2))),
        ("lost_at_end", input(2, 0, 1_000, 8, &mut every(5, 3))),
        ("refused", input(3, 1, 500, 4, &mut every(4, 4))),
        ("no_memory", input(4, 2, 1_000, 255, &mut every(3, 5))),
        (
            "by_turns",
            input(
                5,
                4,
                900,
                6,
                &mut by_turns.map(|(job, failure)| [job, failure]),
            ),
        ),
        (
            "wrong_after_losses",
            input(6, 4, 1_000, 8, &mut [[3, 2], [7, 3], [30, 0]].into_iter()),
        ),
    ]
}

/// Programs of `fuzz::tree_changes`, by what they are about.
fn tree_changes() -> [(&'static str, Vec<u8>); 3] {
    let deepest_first = (0..=255_u8)
        .rev()
        .flat_map(|bit| [1, bit, 1, u8::from(bit % 8 > 0)]);
    let there_and_back = [1, 0].into_iter().flat_map(|value| {
        (0..32_u8).flat_map(move |path| [path, path.wrapping_mul(7), value, u8::from(path < 31)])
    });
    let one_by_one = (0..64_u8).flat_map(|at| [at.wrapping_mul(5), 251 - at, at % 3, 0]);
    [
        ("deepest_first", deepest_first.collect()),
        ("there_and_back", there_and_back.collect()),
        ("one_by_one", one_by_one.collect()),
    ]
}

/// A reverse diff as it is encoded: keys with their old values or none.
type Diff = Vec<(Vec<u8>, Option<Vec<u8>>)>;

/// Some of them.
fn reverse_diffs() -> [(&'static str, Diff); 3] {
    let some = (0..40_u8).map(|key| (vec![key], (key % 3 > 0).then(|| vec![key; 9])));
    [
        ("empty", Vec::new()),
        ("one", vec![(vec![2], None)]),
        ("some", some.collect()),
    ]
}

/// Writes the witness of the first block of the golden chain.
fn write_witness(folder: &Path) -> io::Result<()> {
    let chain = golden::committed_chain();
    let parent = Oracle::new(&chain.genesis);
    let Some(block) = chain.blocks.first() else {
        return Ok(());
    };
    let mut context = parent.next_context(block.header.proposer);
    context.timestamp_ms = block.header.timestamp_ms;
    let result = parent.execute(&context, &block.transactions);
    let bytes = encode(&witness(&parent, &result));
    put(&folder.join("witness_verify"), "block", &bytes)?;
    put(
        &folder.join("roundtrip_canonical"),
        "witness",
        &[&[9], &bytes[..]].concat(),
    )
}

/// Programs of `ordlane_testkit::signatures::batch`, by what they are about.
fn signatures() -> [(&'static str, Vec<u8>); 5] {
    let text: Vec<u8> = (0..=255).collect();
    let honest = |signer: u8, length: u8| [&[1, signer, length], &text[..length.into()]].concat();
    let small_order = |kind: u8| (0..8_u8).map(move |at| vec![kind, at, 3 * at, 3, 1, 2, 3]);
    let mixed_order = |kind: u8| (0..8_u8).map(move |at| vec![kind, at, 5 * at, 2, 1, 2]);
    let each_kind = [
        [&[0], &text[..96], &[3, 1, 2, 3]].concat(),
        honest(1, 32),
        [&[2, 77, 0], &honest(2, 10)[1..]].concat(),
        [&[3], &honest(3, 0)[1..]].concat(),
        vec![4, 1, 2, 0],
        vec![5, 3, 4, 1, 9],
        [&[6, 5], &honest(4, 20)[1..]].concat(),
        [&[6 + 128, 6], &honest(4, 20)[1..]].concat(),
        vec![7, 1, 0],
        vec![7 + 128, 1, 5],
    ];
    // Two groups of eight and one more, with a bad one in the middle of each.
    let lanes = (0..17_u8).map(|at| match at % 8 {
        4 => [&[2, at, 1], &honest(at, 32)[1..]].concat(),
        _ => honest(at, 32),
    });
    // Where the last block of a hash begins or ends, behind nothing and behind the 64 bytes of R and A.
    let edges = [
        0, 1, 46, 47, 48, 55, 56, 63, 64, 65, 111, 112, 119, 120, 128, 175, 176, 183, 184, 255,
    ];
    [
        ("each_kind", each_kind.concat()),
        (
            "small_order",
            [4, 4 + 16, 4 + 24]
                .into_iter()
                .flat_map(small_order)
                .flatten()
                .collect(),
        ),
        (
            "mixed_order",
            [5, 5 + 128]
                .into_iter()
                .flat_map(mixed_order)
                .flatten()
                .collect(),
        ),
        ("lanes", lanes.flatten().collect()),
        (
            "lengths",
            edges
                .into_iter()
                .flat_map(|length| honest(7, length))
                .collect(),
        ),
    ]
}

/// Writes a sample to each target that takes it; `roundtrip_canonical` has the type's number in front.
fn write(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let (target, which) = match name {
        "transaction_single" | "transaction_multi" => (Some("tx_decode"), 0),
        "block" => (Some("block_decode"), 1),
        "header" => (None, 2),
        "receipt_success" | "receipt_failed" => (None, 3),
        "genesis" => (None, 4),
        "chain_params" => (None, 5),
        "state_proof_empty" | "state_proof_leaf" => (None, 6),
        "account" => (None, 7),
        "multi_proof" => (None, 8),
        _ => return Ok(()),
    };
    if let Some(target) = target {
        put(&folder.join(target), name, bytes)?;
    }
    put(
        &folder.join("roundtrip_canonical"),
        name,
        &[&[which], bytes].concat(),
    )
}

fn put(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    // The prefix keeps names apart from the hashes that a fuzzer gives to what it finds.
    fs::write(folder.join(format!("sample_{name}")), bytes)
}
