//! Batches of signature checks: `signatures::verify/threads=..,batch=..`.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ordlane_gpu_kernels::{Dispatcher, DispatcherConfig};
use ordlane_primitives::{
    SigningKey,
    batch::{BatchVerifier as _, SignatureCheck},
};

const BATCHES: [usize; 2] = [64, 512];
const THREADS: [usize; 2] = [1, 2];

fn verify(criterion: &mut Criterion) {
    let largest = BATCHES.into_iter().max().unwrap_or_default();
    let keys: Vec<SigningKey> = (0_u64..)
        .take(largest)
        .map(|index| {
            let mut seed = [7; 32];
            seed[..8].copy_from_slice(&index.to_le_bytes());
            SigningKey::from_seed(seed)
        })
        .collect();
    let message = [9; 32];
    let publics: Vec<[u8; 32]> = keys.iter().map(SigningKey::public_key).collect();
    let signatures: Vec<[u8; 64]> = keys.iter().map(|key| key.sign(&message)).collect();
    let checks: Vec<SignatureCheck<'_>> = publics
        .iter()
        .zip(&signatures)
        .map(|(key, signature)| SignatureCheck {
            key,
            message: &message,
            signature,
        })
        .collect();

    let mut group = criterion.benchmark_group("signatures::verify");
    group.sample_size(10);
    for threads in THREADS {
        let config = DispatcherConfig {
            threads,
            ..DispatcherConfig::default()
        };
        let Ok(dispatcher) = Dispatcher::new(config) else {
            continue;
        };
        for batch in BATCHES {
            group.throughput(Throughput::Elements(batch as u64));
            group.bench_function(format!("threads={threads},batch={batch}"), |bencher| {
                bencher.iter(|| dispatcher.verify_batch(black_box(&checks[..batch])));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, verify);
criterion_main!(benches);
