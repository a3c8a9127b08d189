//! How much memory decoding takes: in proportion to the input, whatever the input claims.
//!
//! Measured by an allocator that counts, per thread: the bytes live at the peak, and the bytes allocated in all. A
//! buffer that grows by doubling has been allocated twice over in all, and lives beside its successor while it is copied.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests stop the test, as the tests themselves do"
)]

mod samples;

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

use ordlane_primitives::{
    Block, BlockHeader, BlockWitness, Event, Genesis, Receipt, Transaction,
    codec::{self, Canonical, encode},
    proof::{EndNode, MultiProof, PathEnd, StateProof},
};
use ordlane_testkit::mutation::mutate;
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore as _, SeedableRng as _},
};

use self::samples::Samples;

/// Bytes allocated per byte of input, at most.
const FACTOR: usize = 16;
/// Bytes allocated whatever the input is: errors and first buffers.
const BASE: usize = 4 * 1024;
/// Inputs per type; an unoptimised build takes fewer.
const INPUTS: usize = if cfg!(debug_assertions) {
    10_000
} else {
    100_000
};

struct Counting;

thread_local! {
    static LIVE: Cell<usize> = const { Cell::new(0) };
    static PEAK: Cell<usize> = const { Cell::new(0) };
    static TOTAL: Cell<usize> = const { Cell::new(0) };
}

fn count(size: usize) {
    LIVE.set(LIVE.get().saturating_add(size));
    PEAK.set(PEAK.get().max(LIVE.get()));
    TOTAL.set(TOTAL.get().saturating_add(size));
}

#[expect(
    unsafe_code,
    reason = "an allocator cannot be written without; it only counts and passes on"
)]
// SAFETY: every call goes to the system's allocator with the caller's own arguments, so its contract is the caller's.
// A reallocation is the default one: allocate, copy, free, so that both buffers count while both live.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller upholds the contract of `alloc`, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.set(LIVE.get().saturating_sub(layout.size()));
        // SAFETY: the pointer came from `System.alloc` with this layout, by the caller's contract.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What a piece of work allocates: bytes live at the peak, bytes in all.
fn measure<R>(work: impl FnOnce() -> R) -> (usize, usize) {
    LIVE.set(0);
    PEAK.set(0);
    TOTAL.set(0);
    drop(work());
    (PEAK.get(), TOTAL.get())
}

fn check<T: Canonical>(bytes: &[u8]) {
    let (peak, total) = measure(|| codec::decode::<T>(bytes));
    let bound = FACTOR * bytes.len() + BASE;
    assert!(
        peak <= bound,
        "{} of {} bytes: {peak} live at the peak",
        T::NAME,
        bytes.len()
    );
    assert!(
        total <= bound,
        "{} of {} bytes: {total} in all",
        T::NAME,
        bytes.len()
    );
}

/// Damaged values, garbage, and lies at every position.
fn check_all<T: Canonical>(sample: &[u8], seed: u64) {
    check::<T>(sample);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    for _ in 0..INPUTS {
        check::<T>(&mutate(sample, &mut rng));
    }
    for at in 0..sample.len().saturating_sub(4).min(2_000) {
        for lie in [0xff_u32, 0xffff, 0x00ff_ffff, u32::MAX] {
            let mut bytes = sample.to_vec();
            bytes[at..at + 4].copy_from_slice(&lie.to_le_bytes());
            check::<T>(&bytes);
        }
    }
    for len in (0..4_000).step_by(13) {
        let mut bytes = vec![0; len];
        check::<T>(&bytes);
        rng.fill_bytes(&mut bytes);
        check::<T>(&bytes);
    }
}

#[test]
fn the_counter_counts() {
    let (peak, total) = measure(|| {
        drop(vec![0_u8; 1_000]);
        vec![0_u8; 500]
    });
    assert_eq!((peak, total), (1_000, 1_500));
}

#[test]
fn transactions() {
    for (sample, seed) in Samples::new().transactions.iter().take(4).zip(1..) {
        check_all::<Transaction>(sample, seed);
    }
}

#[test]
fn blocks() {
    check_all::<Block>(&Samples::new().block, 11);
}

#[test]
fn headers() {
    check_all::<BlockHeader>(&Samples::new().header, 12);
}

#[test]
fn receipts() {
    check_all::<Receipt>(&Samples::new().receipt, 13);
}

#[test]
fn proofs() {
    check_all::<StateProof>(&Samples::new().proof, 14);
}

#[test]
fn multiproofs() {
    check_all::<MultiProof>(&Samples::new().multi_proof, 16);
}

#[test]
fn witnesses() {
    check_all::<BlockWitness>(&Samples::new().witness, 17);
}

#[test]
fn geneses() {
    check_all::<Genesis>(&Samples::new().genesis, 15);
}

#[test]
fn the_most_items_of_the_smallest_size() {
    let samples = Samples::new();
    // A receipt of empty events: 40 bytes each, the smallest item beside its size in memory.
    let receipt: Receipt = codec::decode(&samples.receipt).unwrap();
    let small = Event {
        topics: codec::Bounded::default(),
        data: codec::BoundedBytes::default(),
        ..receipt.events[0].clone()
    };
    for count in [1, 33, 513, 1_024] {
        let events = codec::Bounded::new(vec![small.clone(); count]).unwrap();
        check::<Receipt>(&encode(&Receipt {
            events,
            ..receipt.clone()
        }));
    }
    // A block of the smallest transactions.
    let block: Block = codec::decode(&samples.block).unwrap();
    for count in [1, 1_025, 40_000] {
        let transactions = vec![vec![0; 64]; count];
        check::<Block>(&encode(&Block {
            transactions,
            ..block.clone()
        }));
    }
    // A proof with all its siblings.
    let proof: StateProof = codec::decode(&samples.proof).unwrap();
    let siblings = codec::Bounded::new(vec![proof.siblings[0]; 256]).unwrap();
    check::<StateProof>(&encode(&StateProof { siblings, ..proof }));
    // A multiproof of ends alone.
    let end = PathEnd {
        depth: 1,
        node: EndNode::Own,
    };
    for count in [1, 1_025, 40_000] {
        let proof = MultiProof::new(vec![end; count], vec![], vec![]).unwrap();
        check::<MultiProof>(&encode(&proof));
    }
}
