//! The root phase of a block: updating the tree by a batch of changes whose values are hashed already.
#![expect(clippy::unwrap_used, reason = "a bench that fails may stop")]

use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ordlane_primitives::{Hash, batch::Sequential};
use ordlane_state::{LeafChange, Tree};
use rand::{RngCore, SeedableRng, seq::IteratorRandom};
use rand_chacha::ChaCha8Rng;

fn random_hash(rng: &mut ChaCha8Rng) -> Hash {
    let mut hash = Hash::ZERO;
    rng.fill_bytes(&mut hash.0);
    hash
}

/// New values for as many of the leaves.
fn batch_of(rng: &mut ChaCha8Rng, leaves: &[(Hash, Hash)], size: usize) -> Vec<LeafChange> {
    let mut batch: Vec<LeafChange> = leaves
        .iter()
        .choose_multiple(rng, size)
        .into_iter()
        .map(|(path, _)| (*path, Some(random_hash(rng))))
        .collect();
    batch.sort_unstable();
    batch
}

fn update(c: &mut Criterion) {
    let mut group = c.benchmark_group("merkle::update");
    group
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    for keys in [100_000, 1_000_000] {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let leaves: Vec<(Hash, Hash)> = (0..keys)
            .map(|_| (random_hash(&mut rng), random_hash(&mut rng)))
            .collect();
        let tree = Tree::from_leaves(leaves.clone(), &Sequential).unwrap();
        for size in [1_000, 10_000, 50_000] {
            let batch = batch_of(&mut rng, &leaves, size);
            group.throughput(Throughput::Elements(size as u64));
            let id = BenchmarkId::from_parameter(format_args!("keys={keys},batch={size}"));
            group.bench_function(id, |b| b.iter(|| tree.update(&batch, &Sequential).unwrap()));
        }
    }
    group.finish();
}

fn prove(c: &mut Criterion) {
    let mut group = c.benchmark_group("merkle::prove");
    group
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    let keys = 100_000;
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let leaves: Vec<(Hash, Hash)> = (0..keys)
        .map(|_| (random_hash(&mut rng), random_hash(&mut rng)))
        .collect();
    let tree = Tree::from_leaves(leaves.clone(), &Sequential).unwrap();
    let mut paths = leaves.iter().map(|(path, _)| path).cycle();
    group.bench_function(format!("keys={keys}"), |b| {
        b.iter(|| paths.next().map(|path| tree.prove(path).unwrap()));
    });
    group.finish();
}

criterion_group!(benches, update, prove);
criterion_main!(benches);
