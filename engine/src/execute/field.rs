//! What the scheduler's keys and values are: the fields of accounts.
//!
//! Invariant: a field is the smallest part of the state that transactions read or change by themselves, so two of them
//! meet only where they touch the same one. All fields of one account become one leaf of the state again when a block is
//! collected; [`Field::of`] and [`Field::put`] are the two directions.

use std::fmt;

use ordlane_primitives::{Account, Address, Amount, Nonce, limits::MAX_TOTAL_SUPPLY};
use ordlane_scheduler::{Bounded, Change, Delta, OutOfBounds};

/// One part of the state: what transactions can have a conflict on.
///
/// It is printed as `balance of`, `nonce of` or `locked part of` and the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Field {
    /// An account's tokens, the locked ones among them.
    Balance(Address),
    /// How many transactions an account has sent.
    Nonce(Address),
    /// The part of an account's balance that it cannot spend.
    Locked(Address),
}

/// What a field holds. A field of an account that is absent holds nothing, which is as good as zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FieldValue {
    Amount(Amount),
    Nonce(Nonce),
}

/// A field holds a value of another kind than its own: a bug in this crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the {field} is not what such a field holds")]
pub(crate) struct WrongKind {
    field: Field,
}

impl Field {
    /// The account that it is a part of.
    #[must_use]
    pub const fn address(&self) -> &Address {
        match self {
            Self::Balance(address) | Self::Nonce(address) | Self::Locked(address) => address,
        }
    }

    /// What it holds in its account.
    pub(crate) const fn of(&self, account: &Account) -> FieldValue {
        match self {
            Self::Balance(_) => FieldValue::Amount(account.balance),
            Self::Nonce(_) => FieldValue::Nonce(account.nonce),
            Self::Locked(_) => FieldValue::Amount(account.locked),
        }
    }

    /// Puts a value into its account.
    pub(crate) const fn put(
        self,
        account: &mut Account,
        value: FieldValue,
    ) -> Result<(), WrongKind> {
        match (self, value) {
            (Self::Balance(_), FieldValue::Amount(amount)) => account.balance = amount,
            (Self::Nonce(_), FieldValue::Nonce(nonce)) => account.nonce = nonce,
            (Self::Locked(_), FieldValue::Amount(amount)) => account.locked = amount,
            _ => return Err(WrongKind { field: self }),
        }
        Ok(())
    }

    /// The amount in what was read from it.
    pub(crate) const fn amount(self, read: Option<FieldValue>) -> Result<Amount, WrongKind> {
        match read {
            None => Ok(Amount::ZERO),
            Some(FieldValue::Amount(amount)) => Ok(amount),
            Some(FieldValue::Nonce(_)) => Err(WrongKind { field: self }),
        }
    }

    /// The nonce in what was read from it.
    pub(crate) const fn nonce(self, read: Option<FieldValue>) -> Result<Nonce, WrongKind> {
        match read {
            None => Ok(Nonce(0)),
            Some(FieldValue::Nonce(nonce)) => Ok(nonce),
            Some(FieldValue::Amount(_)) => Err(WrongKind { field: self }),
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Balance(_) => "balance",
            Self::Nonce(_) => "nonce",
            Self::Locked(_) => "locked part",
        };
        write!(f, "{name} of {}", self.address())
    }
}

/// Adds to an amount that stays below the limit of the total supply. Credits of one account do not conflict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Credit(pub(crate) Amount);

impl Delta<FieldValue> for Credit {
    fn apply(&self, value: Option<&FieldValue>) -> Result<Option<FieldValue>, OutOfBounds> {
        let before = match value {
            None => Amount::ZERO,
            Some(FieldValue::Amount(amount)) => *amount,
            Some(FieldValue::Nonce(_)) => {
                debug_assert!(false, "a credit to a field that holds no amount");
                return Err(OutOfBounds);
            }
        };
        let credit = Bounded {
            change: Change::Plus(self.0.0),
            min: 0,
            max: MAX_TOTAL_SUPPLY.saturating_sub(1),
        };
        let after = credit.apply(Some(&before.0))?;
        Ok(after.map(|sum| FieldValue::Amount(Amount(sum))))
    }
}

#[cfg(test)]
mod tests {
    use ordlane_primitives::Hash;

    use super::*;

    const ADDRESS: Address = Address::from_bytes([7; 32]);

    #[test]
    fn what_is_put_into_an_account_is_what_its_field_holds_and_nothing_else_changes() {
        let before = Account {
            nonce: Nonce(1),
            balance: Amount(2),
            locked: Amount(3),
            code_hash: Hash([4; 32]),
        };
        let cases = [
            (
                Field::Balance(ADDRESS),
                FieldValue::Amount(Amount(9)),
                Account {
                    balance: Amount(9),
                    ..before
                },
            ),
            (
                Field::Nonce(ADDRESS),
                FieldValue::Nonce(Nonce(9)),
                Account {
                    nonce: Nonce(9),
                    ..before
                },
            ),
            (
                Field::Locked(ADDRESS),
                FieldValue::Amount(Amount(9)),
                Account {
                    locked: Amount(9),
                    ..before
                },
            ),
        ];
        for (field, value, expected) in cases {
            let mut account = before;
            field.put(&mut account, value).unwrap();
            assert_eq!(account, expected, "{field}");
            assert_eq!(field.of(&account), value, "{field}");
        }
    }

    #[test]
    fn a_value_of_another_kind_is_refused_and_changes_nothing() {
        let mut account = Account::default();
        let (nonce, amount) = (FieldValue::Nonce(Nonce(1)), FieldValue::Amount(Amount(1)));
        assert!(Field::Balance(ADDRESS).put(&mut account, nonce).is_err());
        assert!(Field::Locked(ADDRESS).put(&mut account, nonce).is_err());
        assert!(Field::Nonce(ADDRESS).put(&mut account, amount).is_err());
        assert!(Field::Balance(ADDRESS).amount(Some(nonce)).is_err());
        assert!(Field::Nonce(ADDRESS).nonce(Some(amount)).is_err());
        assert!(account.is_absent());
    }

    #[test]
    fn a_credit_reaches_the_largest_supply_and_goes_no_further() {
        let largest = MAX_TOTAL_SUPPLY - 1;
        let after = |before: u128, credit: u128| {
            Credit(Amount(credit)).apply(Some(&FieldValue::Amount(Amount(before))))
        };
        let amount = |amount| Ok(Some(FieldValue::Amount(Amount(amount))));
        assert_eq!(after(largest - 1, 1), amount(largest));
        assert_eq!(after(largest, 0), amount(largest));
        assert_eq!(after(largest, 1), Err(OutOfBounds));
        assert_eq!(after(1, u128::MAX), Err(OutOfBounds));
        assert_eq!(Credit(Amount(5)).apply(None), amount(5));
    }

    #[test]
    fn a_field_is_printed_with_its_account() {
        let address = ADDRESS.to_string();
        let printed = |field: Field| field.to_string();
        assert_eq!(
            printed(Field::Balance(ADDRESS)),
            format!("balance of {address}")
        );
        assert_eq!(
            printed(Field::Nonce(ADDRESS)),
            format!("nonce of {address}")
        );
        assert_eq!(
            printed(Field::Locked(ADDRESS)),
            format!("locked part of {address}")
        );
    }
}
