//! The loads of contracts do in the oracle what they were made for.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on must stop"
)]

use ordlane_primitives::{Receipt, ReceiptStatus};
use ordlane_testkit::{
    fuzz, guests,
    oracle::{Oracle, Outcome},
    workload::{ContractLoad, Distribution, Expected, Holders, Workload},
};

fn receipts(load: ContractLoad, failing: &str) -> Vec<Receipt> {
    let workload = Workload {
        accounts: 40,
        txs_per_block: 60,
        blocks: 2,
        distribution: Distribution::Contracts(load),
        failing: failing.parse().unwrap(),
        ..Workload::default()
    };
    let generator = workload.generator().unwrap();
    let mut oracle = Oracle::new(generator.genesis());
    let mut receipts = Vec::new();
    for block in generator {
        let mut context = oracle.next_context(block.proposer);
        context.timestamp_ms = block.timestamp_ms;
        let executed = oracle.execute(&context, &block.txs);
        for (outcome, expected) in executed.outcomes.iter().zip(&block.expected) {
            let status = match expected {
                Expected::Success => ReceiptStatus::Success,
                Expected::Failed(code) => ReceiptStatus::Failed(*code),
                Expected::Invalid(code) => panic!("{code}"),
            };
            match outcome {
                Outcome::Included(receipt) => assert_eq!(receipt.status, status, "{load:?}"),
                other => panic!("{load:?}: {other:?}"),
            }
        }
        oracle.commit(&executed);
        receipts.extend(executed.receipts);
    }
    receipts
}

#[test]
fn every_load_does_what_it_was_made_for() {
    let loads = [
        ContractLoad::Token(Holders::Disjoint),
        ContractLoad::Token(Holders::Zipf("1.1".parse().unwrap())),
        ContractLoad::Token(Holders::Hot),
        ContractLoad::Amm { pools: 1 },
        ContractLoad::Amm { pools: 10 },
        ContractLoad::Nft { chosen: false },
        ContractLoad::Nft { chosen: true },
        ContractLoad::Relay,
        ContractLoad::Deploy,
        ContractLoad::Compute { rounds: 50 },
        ContractLoad::Mixed,
    ];
    for load in loads {
        assert_eq!(receipts(load, "0").len(), 120);
        receipts(load, "0.3");
    }
}

#[test]
fn what_the_fuzz_targets_ask_holds_of_bytes_by_chance() {
    let mut bytes = vec![0_u8; 700];
    for round in 0..60_u32 {
        for (at, byte) in (0_u32..).zip(&mut bytes) {
            *byte = (at.wrapping_mul(2_654_435_761) ^ round.wrapping_mul(40_503)).to_le_bytes()[2];
        }
        fuzz::wasm_exec(&bytes);
        fuzz::host_calls(&bytes);
        fuzz::wasm_deploy(&bytes);
    }
    for (name, code) in guests::ALL {
        assert!(fuzz::wasm_deploy(code), "{name}");
    }
}
