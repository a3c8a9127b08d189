//! Total supply (seed specification, 5.2 and 7.4): all accounts together, at the end of every epoch.

use std::sync::Arc;

use ordlane::{
    BlockContext, BlockError, Engine, EngineError, Executed, Invariant,
    primitives::{
        Account, Address, Amount, ChainId, ChainParams, ErrorCode, FeeRule, RawKey, TimestampMs,
        codec,
    },
    state::{MemoryStorage, Space, Storage as _, WriteBatch},
};
use ordlane_testkit::workload::{Distribution, Workload};

use crate::support::{context, generator, workload};

/// Blocks of an epoch.
const EPOCH: u64 = 3;

fn load(fee_rule: FeeRule) -> Workload {
    Workload {
        blocks: 2,
        params: ChainParams {
            fee_rule,
            epoch_blocks: EPOCH,
            ..ChainParams::development(ChainId(1))
        },
        ..workload(Distribution::Uniform, 5)
    }
}

/// Puts another balance where an account is stored, as a damaged disk would.
fn alter(storage: &MemoryStorage, address: &Address, by: i128) {
    let key = RawKey::account(address);
    let value = storage.get(Space::Flat, key.as_bytes()).unwrap().unwrap();
    let mut account: Account = codec::decode(&value).unwrap();
    account.balance = Amount(account.balance.0.checked_add_signed(by).unwrap());
    let mut batch = WriteBatch::new();
    batch.put(Space::Flat, key.as_bytes(), codec::encode(&account));
    storage.write(batch).unwrap();
}

fn empty_block(engine: &Engine) -> Executed {
    let head = engine.durable_head();
    let time = engine.header(head.height).unwrap().unwrap().timestamp_ms;
    let context = BlockContext::new(TimestampMs(time.0 + 1), Address::ZERO);
    engine.execute(&head.hash, &context, &[]).unwrap()
}

#[test]
fn a_balance_that_nobody_paid_ends_the_epoch_with_an_invalid_block() {
    for fee_rule in [FeeRule::PayProposer, FeeRule::Burn] {
        for reopened in [false, true] {
            let generator = generator(&load(fee_rule));
            let genesis = generator.genesis().clone();
            let victim = genesis.accounts()[0].address;
            let storage = Arc::new(MemoryStorage::default());
            let open = || {
                Engine::builder()
                    .genesis(genesis.clone())
                    .threads(1)
                    .store(Arc::clone(&storage) as _)
                    .build()
                    .unwrap()
            };
            let mut engine = open();
            let mut burned = 0;
            for block in generator {
                let parent = engine.durable_head().hash;
                let executed = engine
                    .build_block(&parent, &context(&block), &block.txs)
                    .unwrap()
                    .executed;
                if fee_rule == FeeRule::Burn {
                    burned += executed
                        .receipts()
                        .iter()
                        .map(|receipt| receipt.fee.0)
                        .sum::<u128>();
                }
                engine.commit(executed).unwrap();
            }
            assert_eq!(engine.durable_head().height.0 + 1, EPOCH);
            if reopened {
                // Who begins in the middle knows the supply from the end of an epoch on.
                drop(engine);
                engine = open();
                for _ in 0..EPOCH {
                    engine.commit(empty_block(&engine)).unwrap();
                }
            }

            alter(&storage, &victim, 1);
            let error = match engine.commit(empty_block(&engine)).unwrap_err() {
                EngineError::Block(error) => error,
                other => panic!("{other:?}"),
            };
            let BlockError::Invariant(violation) = &error else {
                panic!("{error:?}");
            };
            let expected = genesis.total_supply().unwrap().0 - burned;
            assert_eq!(violation.invariant, Invariant::TotalSupply);
            assert_eq!(violation.expected, expected.to_string());
            assert_eq!(violation.actual, (expected + 1).to_string());
            assert_eq!(violation.height.0 % EPOCH, 0);
            assert_eq!(
                EngineError::from(error).code(),
                ErrorCode::StateInvariantViolation
            );

            alter(&storage, &victim, -1);
            engine.commit(empty_block(&engine)).unwrap();
        }
    }
}

#[test]
fn the_supply_is_counted_anew_after_blocks_were_undone() {
    let generator = generator(&load(FeeRule::Burn));
    let engine = Engine::builder()
        .genesis(generator.genesis().clone())
        .threads(1)
        .build()
        .unwrap();
    for block in generator {
        let parent = engine.durable_head().hash;
        let built = engine.build_block(&parent, &context(&block), &block.txs);
        engine.commit(built.unwrap().executed).unwrap();
    }
    for turn in 0..4 {
        for _ in 0..EPOCH + turn {
            engine.commit(empty_block(&engine)).unwrap();
        }
        let to = engine.durable_head().height.0 - EPOCH;
        engine
            .rollback_to(ordlane::primitives::BlockHeight(to))
            .unwrap();
    }
}
