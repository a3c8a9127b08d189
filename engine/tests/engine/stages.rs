//! Each stage refuses with an error of its own, and says what receipts have no room for.

use std::collections::BTreeSet;

use ordlane::{
    AdmissionError, Refusal, RuntimeError, Stage, ValidationError,
    primitives::{ErrorClass, ReceiptStatus, Transaction, TxKind, codec, signature},
};
use ordlane_testkit::workload::{Distribution, Workload};

use crate::support::{context, engine, generator, workload};

/// Seed specification, 3.1 to 3.5: what stage 1 refuses never reaches stage 2, and so on.
#[test]
fn each_stage_refuses_with_its_own_error() {
    let mut generator = generator(&Workload {
        txs_per_block: 400,
        ..workload(Distribution::Hostile, 12)
    });
    let engine = engine(generator.genesis(), 2);
    let generated = generator.next().unwrap();
    let parent = engine.durable_head().hash;
    let built = engine
        .build_block(&parent, &context(&generated), &generated.txs)
        .unwrap();
    let prechecked = engine.precheck(&generated.txs).unwrap();
    let mut stages = BTreeSet::new();
    for left_out in &built.left_out {
        let Refusal::Invalid(error) = &left_out.reason else {
            panic!("{:?}", left_out.reason);
        };
        let expected = match error {
            ValidationError::Decode(_) => Stage::Decode,
            ValidationError::Admission(_) => Stage::Admit,
            ValidationError::Signature(_) => Stage::Verify,
            ValidationError::Transition(_) => Stage::Execute,
            _ => panic!("{error}"),
        };
        assert_eq!(error.stage(), expected);
        names_what_it_refuses(error, &generated.txs[left_out.position]);
        assert_eq!(error.code().class(), ErrorClass::Validation);
        stages.insert(error.stage());
        // Who has no state finds the same in the first three stages, and nothing in the fourth.
        let without_state = &prechecked[left_out.position];
        if expected < Stage::Execute {
            assert_eq!(without_state.as_ref(), Err(error));
        } else {
            assert!(without_state.is_ok());
        }
    }
    let all = [Stage::Decode, Stage::Admit, Stage::Verify, Stage::Execute];
    assert_eq!(stages.into_iter().collect::<Vec<_>>(), all);
}

/// Seed specification, 8.2: an error of a signature says of which transaction, by whom, and who signed.
fn names_what_it_refuses(error: &ValidationError, bytes: &[u8]) {
    let decoded = || codec::decode::<Transaction>(bytes).unwrap();
    match error {
        ValidationError::Signature(error) => {
            let tx = decoded();
            assert_eq!((error.tx_id, error.sender), (tx.id(), tx.payload.sender));
            let (key, signature) = tx.auth.signatures().nth(error.index).unwrap();
            assert!(!signature::verify(key, tx.id().as_bytes(), signature));
        }
        ValidationError::Admission(AdmissionError::SignerMismatch {
            tx_id,
            sender,
            signer,
        }) => {
            let tx = decoded();
            assert_eq!((*tx_id, *sender), (tx.id(), tx.payload.sender));
            assert_eq!(*signer, tx.auth.address());
            assert_ne!(sender, signer);
        }
        ValidationError::Decode(error) => {
            assert_eq!(error.what, "transaction");
            assert!(error.offset <= bytes.len());
        }
        _ => {}
    }
}

/// Seed specification, 8.2.
#[test]
fn a_failure_says_what_its_receipt_has_no_room_for() {
    let mut generator = generator(&workload(Distribution::Full, 13));
    let engine = engine(generator.genesis(), 2);
    let generated = generator.next().unwrap();
    let parent = engine.durable_head().hash;
    let executed = engine
        .execute(&parent, &context(&generated), &generated.txs)
        .unwrap();
    let failed = executed.receipts().iter().enumerate();
    let failed = failed.filter(|(_, receipt)| receipt.status != ReceiptStatus::Success);
    let positions: Vec<usize> = failed.map(|(position, _)| position).collect();
    let told = executed.failures().iter().map(|failure| failure.position);
    assert_eq!(told.collect::<Vec<_>>(), positions);

    let (mut out_of_gas, mut above) = (0, 0);
    for failure in executed.failures() {
        let receipt = &executed.receipts()[failure.position];
        let tx: Transaction = codec::decode(&generated.txs[failure.position]).unwrap();
        assert_eq!(receipt.status, ReceiptStatus::Failed(failure.reason.code()));
        match &failure.reason {
            RuntimeError::OutOfGas {
                tx_id,
                gas_limit,
                needed,
                operation,
            } => {
                assert_eq!((*tx_id, *gas_limit), (receipt.tx_id, receipt.gas_used));
                assert!(needed > gas_limit);
                assert_eq!(*operation, "transfer");
                out_of_gas += 1;
            }
            RuntimeError::AmountAboveBalance {
                tx_id,
                amount,
                available,
            } => {
                let TxKind::Transfer { amount: moved, .. } = tx.payload.kind else {
                    panic!("no transfer");
                };
                assert_eq!((*tx_id, *amount), (receipt.tx_id, moved));
                assert!(amount > available);
                above += 1;
            }
            other => panic!("{other}"),
        }
    }
    assert!(out_of_gas > 5 && above > 5);
}
