use ordlane_gpu_kernels::{Dispatcher, DispatcherConfig};
use ordlane_primitives::{
    Hash,
    batch::{BatchHasher, Sequential},
};
use ordlane_state::{LeafChange, Tree};
use rand::{RngCore, SeedableRng, seq::IteratorRandom};
use rand_chacha::ChaCha8Rng;
use std::time::Instant;
#[derive(Debug, Default)]
struct Counting(std::sync::atomic::AtomicUsize);
impl BatchHasher for Counting {
    fn hash_pairs(&self, p: &[[u8; 64]]) -> Vec<Hash> {
        self.0
            .fetch_add(p.len(), std::sync::atomic::Ordering::Relaxed);
        Sequential.hash_pairs(p)
    }
    fn hash_messages(&self, m: &[&[u8]]) -> Vec<Hash> {
        Sequential.hash_messages(m)
    }
}
fn h(rng: &mut ChaCha8Rng) -> Hash {
    let mut x = [0; 32];
    rng.fill_bytes(&mut x);
    Hash(x)
}
fn main() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let leaves: Vec<(Hash, Hash)> = (0..1_000_000).map(|_| (h(&mut rng), h(&mut rng))).collect();
    let mut c = DispatcherConfig::default();
    c.threads = 1;
    let d = Dispatcher::new(c).unwrap();
    let t0 = Instant::now();
    let tree = Tree::from_leaves(leaves.clone(), &d).unwrap();
    println!("build {:?}", t0.elapsed());
    let pairs: Vec<[u8; 64]> = (0..100_000u32).map(|i| [i as u8; 64]).collect();
    for _ in 0..3 {
        let t = Instant::now();
        std::hint::black_box(Sequential.hash_pairs(&pairs));
        println!("sha2 ns {}", t.elapsed().as_nanos() / 100_000);
    }
    for size in [1000, 10_000, 50_000] {
        let mut v = vec![];
        let mut vs = vec![];
        let mut hashes = 0;
        for _ in 0..15 {
            let mut batch: Vec<LeafChange> = leaves
                .iter()
                .choose_multiple(&mut rng, size)
                .into_iter()
                .map(|(p, _)| (*p, Some(h(&mut rng))))
                .collect();
            batch.sort_unstable();
            let t = Instant::now();
            let s = tree.update(&batch, &Sequential).unwrap();
            vs.push(t.elapsed().as_secs_f64() * 1e3);
            drop(s);
            let cnt = Counting::default();
            drop(tree.update(&batch, &cnt).unwrap());
            hashes = cnt.0.into_inner();
            let t = Instant::now();
            let n = tree.update(&batch, &d).unwrap();
            v.push(t.elapsed().as_secs_f64() * 1e3);
            drop(n);
        }
        v.sort_by(f64::total_cmp);
        vs.sort_by(f64::total_cmp);
        println!(
            "{size}: wide {:.2} ms, sequential hasher {:.2} ms, hashes {hashes}",
            v[7], vs[7]
        );
    }
}
