//! Keys that no account may have.

use ordlane::{
    AdmissionError, Refusal, ValidationError,
    primitives::{
        Auth, IndexedSignature, MultiPolicy, SigningKey, Transaction, TxBytes, codec, signature,
    },
};
use ordlane_testkit::{
    signatures::small_order_encodings,
    workload::{Distribution, GeneratedBlock},
};

use crate::support::{context, engine, generator, workload};

/// All encodings of points of small order, and all that are not canonical: y from p to 2^255 - 1 with either sign.
fn weak_keys() -> Vec<[u8; 32]> {
    let mut keys = small_order_encodings().to_vec();
    for low in 0xed..=0xff {
        for high in [0x7f, 0xff] {
            let mut key = [0xff; 32];
            (key[0], key[31]) = (low, high);
            keys.push(key);
        }
    }
    keys.sort_unstable();
    keys.dedup();
    // Four of the fourteen have y = p or p + 1.
    assert_eq!(keys.len(), 14 + 2 * 19 - 4);
    keys
}

/// A transaction that lacks nothing, by somebody else.
fn signed_by(original: &Transaction, sign: impl FnOnce(&[u8; 32]) -> Auth) -> TxBytes {
    let mut tx = original.clone();
    // The address does not depend on signatures, and what is signed depends on the address.
    tx.payload.sender = tx.auth.address();
    tx.auth = sign(tx.payload.id().as_bytes());
    codec::encode(&tx)
}

#[test]
fn weak_and_non_canonical_account_keys_are_refused_at_admission_though_their_signatures_hold() {
    let generator = generator(&workload(Distribution::Uniform, 60));
    let engine = engine(generator.genesis(), 2);
    let block: GeneratedBlock = generator.into_iter().next().unwrap();
    let original: Transaction = codec::decode(&block.txs[0]).unwrap();
    // R is the neutral element and S is zero: this holds for every key of small order and any message.
    let mut forged = [0; 64];
    forged[0] = 1;
    let honest = SigningKey::from_seed([7; 32]);

    let (mut holding, mut txs, mut expected) = (0, Vec::new(), Vec::new());
    for key in weak_keys() {
        let alone = Auth::Ed25519 {
            key,
            signature: forged,
        };
        let mut tx = original.clone();
        tx.auth = alone.clone();
        txs.push(signed_by(&tx, |id| {
            holding += usize::from(signature::verify(&key, id, &forged));
            alone
        }));
        expected.push(0);

        // In a policy that an honest member alone can fulfil.
        let policy = MultiPolicy::new(1, vec![key, honest.public_key()]).unwrap();
        let place = |of: [u8; 32]| policy.keys().iter().position(|key| *key == of).unwrap();
        let index = place(honest.public_key()) as u8;
        let by_honest = |message: &[u8]| {
            let signature = honest.sign(message);
            let signatures = vec![IndexedSignature { index, signature }];
            Auth::multi(policy.clone(), signatures).unwrap()
        };
        let mut tx = original.clone();
        tx.auth = by_honest(b"anything");
        txs.push(signed_by(&tx, |id| by_honest(id)));
        expected.push(place(key));
    }
    assert_eq!(holding, 14);

    for (result, expected) in engine.precheck(&txs).unwrap().into_iter().zip(&expected) {
        match result {
            Err(ValidationError::Admission(AdmissionError::WeakPublicKey { index })) => {
                assert_eq!(index, *expected)
            }
            other => panic!("{other:?}"),
        }
    }
    let head = engine.durable_head().hash;
    let built = engine.build_block(&head, &context(&block), &txs).unwrap();
    assert!(built.executed.receipts().is_empty());
    assert_eq!(built.left_out.len(), txs.len());
    for left_out in built.left_out {
        assert!(matches!(
            left_out.reason,
            Refusal::Invalid(ValidationError::Admission(
                AdmissionError::WeakPublicKey { .. }
            ))
        ));
    }
}
