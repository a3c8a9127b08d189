//! Executes hostile blocks in a hostile build and compares every root with the oracle's.

use ed25519_dalek::VerifyingKey;
use ordlane::{
    BlockContext, Engine,
    primitives::{SigningKey, signature},
};
use ordlane_testkit::{
    oracle::Oracle,
    workload::{Distribution, Workload},
};

/// The group order, 32 bytes little-endian.
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/// The same signature with the order added to S: another encoding of the same number.
fn with_order_added(signature: &[u8; 64]) -> [u8; 64] {
    let mut changed = *signature;
    let mut carry = 0;
    for (byte, order) in changed[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(order) + carry;
        *byte = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
    changed
}

fn malleable_signatures_stay_refused() {
    let key = SigningKey::from_seed([5; 32]);
    let good = key.sign(b"message");
    let malleable = with_order_added(&good);
    // The flag really is on: the dependency itself accepts what the rule refuses.
    let dalek = VerifyingKey::from_bytes(&key.public_key()).expect("a valid key");
    let accepted = ed25519_dalek::Verifier::verify(&dalek, b"message", &malleable.into()).is_ok();
    assert!(accepted, "the dependency was not made lax");
    assert!(signature::verify(&key.public_key(), b"message", &good));
    assert!(!signature::verify(
        &key.public_key(),
        b"message",
        &malleable
    ));
}

fn main() {
    assert_eq!(std::hint::black_box(u8::MAX).wrapping_add(1), 0);
    malleable_signatures_stay_refused();
    let workload = Workload {
        accounts: 50,
        txs_per_block: 400,
        blocks: 4,
        distribution: Distribution::Hostile,
        proposer_among_senders: true,
        seed: 7,
        ..Workload::default()
    };
    let generator = workload.generator().expect("a valid workload");
    let genesis = generator.genesis().clone();
    let engine = Engine::builder()
        .genesis(genesis.clone())
        .threads(2)
        .build()
        .expect("an engine");
    let mut oracle = Oracle::new(&genesis);
    for generated in generator {
        let expected = oracle.execute(&oracle.next_context(generated.proposer), &generated.txs);
        let context = BlockContext::new(expected.header.timestamp_ms, generated.proposer);
        let built = engine
            .build_block(&engine.durable_head().hash, &context, &generated.txs)
            .expect("a block");
        assert_eq!(*built.executed.header(), expected.header);
        assert_eq!(built.executed.receipts(), expected.receipts);
        engine.commit(built.executed).expect("a commit");
        oracle.commit(&expected);
        println!(
            "block {}: {} equal",
            expected.header.number, expected.header.state_root
        );
    }
}
