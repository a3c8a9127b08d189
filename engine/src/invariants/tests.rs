use ordlane_primitives::{
    Account, Address, Amount, BlockHeight, ChainId, ChainParams, Nonce, RawKey, codec,
};

use super::*;
use crate::BlockError;

fn rules(fee_rule: FeeRule) -> Rules {
    let params = ChainParams {
        fee_rule,
        ..ChainParams::development(ChainId(1))
    };
    Rules {
        params,
        schedule: params.schedule().unwrap(),
        height: BlockHeight(7),
    }
}

fn account_of(nonce: u64, balance: u128, locked: u128) -> Account {
    Account {
        nonce: Nonce(nonce),
        balance: Amount(balance),
        locked: Amount(locked),
        ..Account::default()
    }
}

fn change(address: u8, old: Option<Account>, new: Option<Account>) -> Change {
    let bytes = |account: Option<Account>| account.map(|account| codec::encode(&account));
    Change {
        key: RawKey::account(&Address::from_bytes([address; 32])),
        old: bytes(old),
        new: bytes(new),
    }
}

/// Account 1 has sent 100 to account 2 and paid 10, which went to account 3 or to nobody.
fn block(fee_rule: FeeRule) -> Vec<Change> {
    let mut changes = vec![
        change(
            1,
            Some(account_of(4, 1_000, 50)),
            Some(account_of(5, 890, 50)),
        ),
        change(2, None, Some(account_of(0, 100, 0))),
    ];
    if fee_rule == FeeRule::PayProposer {
        changes.push(change(
            3,
            Some(account_of(0, 1, 0)),
            Some(account_of(0, 11, 0)),
        ));
    }
    changes.push(Change {
        key: RawKey::params(),
        old: None,
        new: Some(vec![1]),
    });
    changes
}

const CLAIMED: Claimed = Claimed {
    transactions: 1,
    fees: Amount(10),
};

fn violation(changes: &[Change], fee_rule: FeeRule, claimed: Claimed) -> InvariantViolation {
    match check(changes, &rules(fee_rule), claimed).unwrap_err() {
        EngineError::Block(BlockError::Invariant(violation)) => violation,
        other => panic!("{other:?}"),
    }
}

#[test]
fn fees_are_paid_or_burned_and_nothing_else_changes_the_supply() {
    for (fee_rule, burned) in [(FeeRule::PayProposer, 0), (FeeRule::Burn, 10)] {
        let outcome = check(&block(fee_rule), &rules(fee_rule), CLAIMED);
        assert_eq!(outcome.unwrap(), Amount(burned));
    }
    let found = violation(&block(FeeRule::Burn), FeeRule::PayProposer, CLAIMED);
    assert_eq!(found.invariant, Invariant::TotalSupply);
    assert_eq!(
        (found.expected.as_str(), found.actual.as_str()),
        ("1000", "990")
    );
    assert_eq!(found.height, BlockHeight(7));
}

#[test]
fn one_unit_too_much_or_too_little_is_found() {
    for (balance, fee_rule) in [(101, FeeRule::Burn), (99, FeeRule::PayProposer)] {
        let mut changes = block(fee_rule);
        changes[1] = change(2, None, Some(account_of(0, balance, 0)));
        let found = violation(&changes, fee_rule, CLAIMED);
        assert_eq!(found.invariant, Invariant::TotalSupply);
    }
    // Sums that do not fit are no way around.
    let all = account_of(0, u128::MAX, 0);
    let changes = [change(1, None, Some(all)), change(2, None, Some(all))];
    let found = violation(&changes, FeeRule::Burn, CLAIMED);
    assert_eq!(found.actual, "beyond 2^128");
}

#[test]
fn nonces_rise_by_one_per_transaction() {
    for transactions in [0, 2] {
        let claimed = Claimed {
            transactions,
            ..CLAIMED
        };
        let found = violation(&block(FeeRule::Burn), FeeRule::Burn, claimed);
        assert_eq!(found.invariant, Invariant::MonotonicNonce);
        assert_eq!(found.expected, (4 + transactions).to_string());
    }
    let mut changes = block(FeeRule::Burn);
    changes.push(change(
        9,
        Some(account_of(3, 5, 0)),
        Some(account_of(2, 5, 0)),
    ));
    let found = violation(&changes, FeeRule::Burn, CLAIMED);
    assert_eq!(found.invariant, Invariant::MonotonicNonce);
    assert!(found.context.contains("account"), "{found}");
}

#[test]
fn no_more_is_locked_than_there_is() {
    let mut changes = block(FeeRule::Burn);
    changes[0] = change(
        1,
        Some(account_of(4, 1_000, 50)),
        Some(account_of(5, 890, 891)),
    );
    let found = violation(&changes, FeeRule::Burn, CLAIMED);
    assert_eq!(found.invariant, Invariant::StakeBounds);
    assert_eq!(found.actual, "891 locked");
}

#[test]
fn all_accounts_together_are_what_is_known_of_them() {
    assert_eq!(
        check_supply(BlockHeight(1), Amount(5), Some(Amount(5))),
        Ok(())
    );
    for actual in [Some(Amount(4)), None] {
        let found = check_supply(BlockHeight(1), Amount(5), actual).unwrap_err();
        assert_eq!(
            (found.invariant, found.expected.as_str()),
            (Invariant::TotalSupply, "5")
        );
    }
}
