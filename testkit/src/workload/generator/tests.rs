use std::collections::BTreeMap;

use ordlane_primitives::{Transaction, codec::decode};

use super::*;

fn workload(distribution: Distribution) -> Workload {
    Workload {
        accounts: 40,
        txs_per_block: 100,
        blocks: 3,
        distribution,
        seed: 5,
        ..Workload::default()
    }
}

fn blocks(workload: &Workload) -> Vec<GeneratedBlock> {
    workload.generator().unwrap().collect()
}

fn decoded(blocks: &[GeneratedBlock]) -> Vec<Transaction> {
    blocks
        .iter()
        .flat_map(|block| &block.txs)
        .map(|bytes| decode(bytes).unwrap())
        .collect()
}

#[test]
fn the_same_seed_gives_the_same_blocks_and_another_seed_others() {
    let first = workload(Distribution::Uniform);
    let other = Workload {
        seed: 6,
        ..first.clone()
    };
    assert_eq!(blocks(&first), blocks(&first));
    assert_ne!(blocks(&first), blocks(&other));
}

#[test]
fn nonces_count_up_for_each_sender_and_signatures_verify() {
    let half = Share::per_million(500_000);
    let txs = decoded(&blocks(&Workload {
        multi_sig: half,
        ..workload(Distribution::Uniform)
    }));
    let mut next: BTreeMap<Address, u64> = BTreeMap::new();
    for tx in &txs {
        let nonce = next.entry(tx.payload.sender).or_default();
        assert_eq!(tx.payload.nonce.0, *nonce);
        *nonce += 1;
        assert_eq!(tx.auth.address(), tx.payload.sender);
        let id = tx.id();
        let verifies =
            |(key, signature)| ordlane_primitives::signature::verify(key, id.as_bytes(), signature);
        assert!(tx.auth.signatures().all(verifies));
    }
    let multi = txs
        .iter()
        .filter(|tx| matches!(tx.auth, ordlane_primitives::Auth::Multi { .. }))
        .count();
    assert_eq!(multi, txs.len() / 2);
}

#[test]
fn distributions_do_what_they_say() {
    let hot = decoded(&blocks(&workload(Distribution::HotReceiver)));
    let receiver = |tx: &Transaction| match &tx.payload.kind {
        TxKind::Transfer { to, .. } => *to,
        _ => Address::ZERO,
    };
    assert!(hot.iter().all(|tx| receiver(tx) == receiver(&hot[0])));

    let chains = decoded(&blocks(&workload(Distribution::Chains { senders: 2 })));
    let mut senders: Vec<Address> = chains.iter().map(|tx| tx.payload.sender).collect();
    senders.sort_unstable();
    senders.dedup();
    assert_eq!(senders.len(), 2);
}

#[test]
fn exactly_the_asked_share_fails_over_all_blocks() {
    let failing = Share::per_million(125_000);
    let blocks = blocks(&Workload {
        failing,
        ..workload(Distribution::Uniform)
    });
    let failed = |block: &GeneratedBlock| {
        block
            .expected
            .iter()
            .filter(|expected| matches!(expected, Expected::Failed(_)))
            .count()
    };
    assert_eq!(blocks.iter().map(failed).collect::<Vec<_>>(), [12, 13, 12]);
}

#[test]
fn a_workload_of_any_small_size_has_distinct_accounts() {
    for accounts in 1..40 {
        let workload = Workload {
            accounts,
            multi_sig: Share::ALL,
            txs_per_block: 4,
            ..Workload::default()
        };
        assert_eq!(blocks(&workload)[0].txs.len(), 4);
    }
}

#[test]
fn impossible_workloads_are_refused() {
    for accounts in [0, super::super::MAX_ACCOUNTS + 1] {
        let error = Workload {
            accounts,
            ..Workload::default()
        }
        .generator()
        .unwrap_err();
        assert_eq!(error, WorkloadError::Accounts { count: accounts });
    }
    let error = Workload {
        memo_bytes: 1_025,
        ..Workload::default()
    }
    .generator()
    .unwrap_err();
    assert_eq!(error, WorkloadError::Memo { size: 1_025 });
}

#[test]
fn a_changed_load_goes_on_with_the_same_accounts_and_nonces() {
    let first = Workload {
        multi_sig: Share::per_million(100_000),
        ..workload(Distribution::Uniform)
    };
    let mut generator = first.generator().unwrap();
    let mut blocks = vec![generator.next().unwrap()];
    let zipf = Distribution::Zipf("1".parse().unwrap());
    generator
        .change(Workload {
            distribution: zipf,
            accounts: 9,
            blocks: 2,
            ..first
        })
        .unwrap();
    blocks.extend(&mut generator);
    assert_eq!(blocks.len(), 2);
    let mut next: BTreeMap<Address, u64> = BTreeMap::new();
    for tx in decoded(&blocks) {
        let nonce = next.entry(tx.payload.sender).or_default();
        assert_eq!(tx.payload.nonce.0, *nonce);
        *nonce += 1;
    }

    let mut plain = workload(Distribution::Uniform).generator().unwrap();
    let wanting = Workload {
        multi_sig: Share::ALL,
        ..Workload::default()
    };
    assert_eq!(plain.change(wanting), Err(WorkloadError::NoPolicies));
}

#[test]
fn the_full_load_has_everything_that_a_block_can_include() {
    let load = Workload {
        accounts: 400,
        txs_per_block: 2_000,
        ..Workload::full()
    };
    let blocks = blocks(&load);
    let txs = decoded(&blocks);
    let failed = |code| {
        let expected = blocks[0].expected.iter();
        expected
            .filter(|outcome| **outcome == Expected::Failed(code))
            .count()
    };
    let all_failed = failed(ErrorCode::OutOfGas) + failed(ErrorCode::AmountAboveBalance);
    assert_eq!(all_failed, 400);
    assert!(
        !blocks[0]
            .expected
            .iter()
            .any(|outcome| matches!(outcome, Expected::Invalid(_)))
    );

    let transfers = || {
        txs.iter().map(|tx| match tx.payload.kind {
            TxKind::Transfer { to, amount } => (tx.payload.sender, to, amount),
            _ => unreachable!("there is no other kind"),
        })
    };
    let mut sent: BTreeMap<Address, usize> = BTreeMap::new();
    let mut received = sent.clone();
    for (from, to, _) in transfers() {
        *sent.entry(from).or_default() += 1;
        *received.entry(to).or_default() += 1;
    }
    assert!(sent.values().filter(|count| **count > 30).count() >= 4);
    assert!(received.values().any(|count| *count > 150));
    let is_among = |to: &Address| sent.contains_key(to);
    assert!(transfers().any(|(from, to, _)| from == to));
    assert!(transfers().any(|(_, to, _)| to == blocks[0].proposer));
    assert!(transfers().any(|(_, to, _)| to == Address::ZERO));
    assert!(transfers().filter(|(_, to, _)| !is_among(to)).count() > 10);
    assert!(transfers().any(|(.., amount)| amount == Amount::ZERO));
    let policies = txs.iter().filter(|tx| tx.auth.signature_count() > 1);
    assert!(policies.count() > 20);
    assert!(txs.iter().all(|tx| tx.payload.memo.len() == 24));
}
