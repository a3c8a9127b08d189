//! What must hold of every block's result, looked at apart from the code that made it.
//!
//! The bytes that a block changes are read again: what comes out depends neither on how transactions were run nor on what
//! the collector added up. Source: seed specification, sections 5.2 and 7.4.

use core::{fmt, ops::ControlFlow};

use ordlane_primitives::{Account, Amount, BlockHeight, FeeRule, RawKey};
use ordlane_state::{Change, StateStore};

use crate::{EngineError, SystemError, admit::Rules, stored::decoded};

/// Something that holds of the state after every block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Invariant {
    /// All balances together change by burned fees and by nothing else.
    TotalSupply,
    /// All nonces together rise by one per included transaction, and none falls.
    MonotonicNonce,
    /// No account has more locked than it has.
    StakeBounds,
}

impl Invariant {
    /// Its name in reports, as the specification has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TotalSupply => "Total Supply",
            Self::MonotonicNonce => "Monotonic Nonce",
            Self::StakeBounds => "Stake Bounds",
        }
    }
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An invariant that does not hold of a block.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the invariant {invariant} is violated at height {height} ({context}): {actual}, must be {expected}"
)]
#[non_exhaustive]
pub struct InvariantViolation {
    /// Which one.
    pub invariant: Invariant,
    /// What must be.
    pub expected: String,
    /// What is.
    pub actual: String,
    /// The block's height.
    pub height: BlockHeight,
    /// Where it was looked for.
    pub context: String,
}

/// What a block did, as its collector says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claimed {
    /// How many transactions are in it.
    pub(crate) transactions: usize,
    /// Their fees together.
    pub(crate) fees: Amount,
}

/// Compares what a block changes with what it claims; gives the fees that were burned.
pub(crate) fn check(
    changes: &[Change],
    rules: &Rules,
    claimed: Claimed,
) -> Result<Amount, EngineError> {
    let mut before = Sums::default();
    let mut after = Sums::default();
    for change in changes {
        let Some(address) = change.key.account_address() else {
            continue;
        };
        let (old, new) = (
            account(change.old.as_deref())?,
            account(change.new.as_deref())?,
        );
        let of_account = |invariant, expected: String, actual: String| {
            violated(
                rules,
                invariant,
                (expected, actual),
                format!("account {address}"),
            )
        };
        if new.nonce < old.nonce {
            let expected = format!("at least {}", old.nonce);
            let actual = new.nonce.to_string();
            return Err(of_account(Invariant::MonotonicNonce, expected, actual));
        }
        if new.locked > new.balance {
            let expected = format!("at most the balance {}", new.balance);
            let actual = format!("{} locked", new.locked);
            return Err(of_account(Invariant::StakeBounds, expected, actual));
        }
        before.add(&old);
        after.add(&new);
    }
    let burned = match rules.params.fee_rule {
        FeeRule::Burn => claimed.fees,
        FeeRule::PayProposer => Amount::ZERO,
    };
    let of_block = |invariant, expected: Option<u128>, actual: Option<u128>| {
        let said =
            |sum: Option<u128>| sum.map_or_else(|| "beyond 2^128".into(), |sum| sum.to_string());
        let context = "the accounts that the block changes".to_owned();
        violated(rules, invariant, (said(expected), said(actual)), context)
    };
    let balances = before.balances.and_then(|sum| sum.checked_sub(burned.0));
    if balances.is_none() || balances != after.balances {
        return Err(of_block(Invariant::TotalSupply, balances, after.balances));
    }
    let transactions = u128::try_from(claimed.transactions).ok();
    let nonces = before
        .nonces
        .zip(transactions)
        .and_then(|(sum, more)| sum.checked_add(more));
    if nonces.is_none() || nonces != after.nonces {
        return Err(of_block(Invariant::MonotonicNonce, nonces, after.nonces));
    }
    Ok(burned)
}

/// Compares all balances together, before a block and after it, with what is known of them.
pub(crate) fn check_supply(
    height: BlockHeight,
    expected: Amount,
    actual: Option<Amount>,
) -> Result<(), InvariantViolation> {
    if actual == Some(expected) {
        return Ok(());
    }
    Err(InvariantViolation {
        invariant: Invariant::TotalSupply,
        expected: expected.to_string(),
        actual: actual.map_or_else(|| "beyond 2^128".into(), |sum| sum.to_string()),
        height,
        context: "all accounts".to_owned(),
    })
}

/// All balances together at the tip of a store; nothing where the sum does not fit.
pub(crate) fn total_supply(store: &StateStore) -> Result<Option<Amount>, SystemError> {
    let mut sums = Sums::default();
    let mut outcome = Ok(());
    let first = RawKey::first_account();
    store.scan(first.as_bytes(), &mut |key, value| {
        if RawKey::from_bytes(key.to_vec()).account_address().is_none() {
            return ControlFlow::Break(());
        }
        match account(Some(value)) {
            Ok(account) => {
                sums.add(&account);
                ControlFlow::Continue(())
            }
            Err(error) => {
                outcome = Err(error);
                ControlFlow::Break(())
            }
        }
    })?;
    outcome?;
    Ok(sums.balances.map(Amount))
}

/// Sums over accounts; nothing where they do not fit.
#[derive(Clone, Copy, Debug)]
struct Sums {
    balances: Option<u128>,
    nonces: Option<u128>,
}

impl Default for Sums {
    fn default() -> Self {
        Self {
            balances: Some(0),
            nonces: Some(0),
        }
    }
}

impl Sums {
    fn add(&mut self, account: &Account) {
        let (balance, nonce) = (account.balance.0, u128::from(account.nonce.0));
        self.balances = self.balances.and_then(|sum| sum.checked_add(balance));
        self.nonces = self.nonces.and_then(|sum| sum.checked_add(nonce));
    }
}

fn account(bytes: Option<&[u8]>) -> Result<Account, SystemError> {
    bytes.map_or_else(|| Ok(Account::default()), |bytes| decoded("account", bytes))
}

fn violated(
    rules: &Rules,
    invariant: Invariant,
    (expected, actual): (String, String),
    context: String,
) -> EngineError {
    let violation = InvariantViolation {
        invariant,
        expected,
        actual,
        height: rules.height,
        context,
    };
    crate::BlockError::Invariant(violation).into()
}

#[cfg(test)]
mod tests;
