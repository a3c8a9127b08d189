//! What the scheduler's keys and values are: the fields of accounts.
//!
//! Invariant: a field is the smallest part of the state that transactions read or change by themselves, so two of them
//! meet only where they touch the same one. All fields of one account become one leaf of the state again when a block is
//! collected; [`Field::of`] and [`Field::put`] are the two directions. A slot of storage is a leaf by itself.

use std::{fmt, sync::Arc};

use ordlane_primitives::{Account, Address, Amount, Hash, Nonce, RawKey, limits::MAX_TOTAL_SUPPLY};
use ordlane_scheduler::{Bounded, Change, Delta, OutOfBounds};
use ordlane_wasm::Bytes;

/// One part of the state: what transactions can have a conflict on.
///
/// It is printed as `balance of`, `nonce of`, `locked part of` or `code of` and the address, or as `slot ... of` and the
/// contract's address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Field {
    /// An account's tokens, the locked ones among them.
    Balance(Address),
    /// How many transactions an account has sent.
    Nonce(Address),
    /// The part of an account's balance that it cannot spend.
    Locked(Address),
    /// The code of an account.
    Code(Address),
    /// A slot of a contract's storage.
    Slot(Arc<SlotKey>),
}

/// Names a slot of a contract's storage.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SlotKey {
    /// Whose storage.
    pub contract: Address,
    /// The key, at most 128 bytes.
    pub key: Box<[u8]>,
}

impl SlotKey {
    /// The key under which the state has it.
    pub(crate) fn raw(&self) -> RawKey {
        RawKey::storage(&self.contract, &self.key)
    }
}

/// What a field holds. A field of an account that is absent holds nothing, which is as good as zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FieldValue {
    Amount(Amount),
    Nonce(Nonce),
    Code(Arc<Code>),
    Bytes(Bytes),
}

/// The code of an account. Its bytes are there only while the block that brought them is executed.
#[derive(Clone, Debug)]
pub(crate) struct Code {
    pub(crate) hash: Hash,
    pub(crate) bytes: Option<Bytes>,
}

impl PartialEq for Code {
    /// The hash says it all.
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash
    }
}

impl Eq for Code {}

/// A field holds a value of another kind than its own: a bug in this crate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the {field} is not what such a field holds")]
pub(crate) struct WrongKind {
    field: Field,
}

impl Field {
    /// The account that it is a part of.
    #[must_use]
    pub fn address(&self) -> &Address {
        match self {
            Self::Balance(address)
            | Self::Nonce(address)
            | Self::Locked(address)
            | Self::Code(address) => address,
            Self::Slot(slot) => &slot.contract,
        }
    }

    /// What it holds in its account; nothing for what is zero, or for what is no part of an account.
    pub(crate) fn of(&self, account: &Account) -> Option<FieldValue> {
        match self {
            Self::Balance(_) => Some(FieldValue::Amount(account.balance)),
            Self::Nonce(_) => Some(FieldValue::Nonce(account.nonce)),
            Self::Locked(_) => Some(FieldValue::Amount(account.locked)),
            Self::Code(_) if account.code_hash == Hash::ZERO => None,
            Self::Code(_) => Some(FieldValue::Code(Arc::new(Code {
                hash: account.code_hash,
                bytes: None,
            }))),
            Self::Slot(_) => None,
        }
    }

    /// Puts a value into its account; nothing is zero.
    pub(crate) fn put(
        &self,
        account: &mut Account,
        value: Option<&FieldValue>,
    ) -> Result<(), WrongKind> {
        match (self, value) {
            (Self::Balance(_), Some(FieldValue::Amount(amount))) => account.balance = *amount,
            (Self::Balance(_), None) => account.balance = Amount::ZERO,
            (Self::Nonce(_), Some(FieldValue::Nonce(nonce))) => account.nonce = *nonce,
            (Self::Nonce(_), None) => account.nonce = Nonce(0),
            (Self::Locked(_), Some(FieldValue::Amount(amount))) => account.locked = *amount,
            (Self::Locked(_), None) => account.locked = Amount::ZERO,
            (Self::Code(_), Some(FieldValue::Code(code))) => account.code_hash = code.hash,
            (Self::Code(_), None) => account.code_hash = Hash::ZERO,
            _ => return Err(self.wrong_kind()),
        }
        Ok(())
    }

    /// The amount in what was read from it.
    pub(crate) fn amount(&self, read: Option<FieldValue>) -> Result<Amount, WrongKind> {
        match read {
            None => Ok(Amount::ZERO),
            Some(FieldValue::Amount(amount)) => Ok(amount),
            Some(_) => Err(self.wrong_kind()),
        }
    }

    /// The nonce in what was read from it.
    pub(crate) fn nonce(&self, read: Option<FieldValue>) -> Result<Nonce, WrongKind> {
        match read {
            None => Ok(Nonce(0)),
            Some(FieldValue::Nonce(nonce)) => Ok(nonce),
            Some(_) => Err(self.wrong_kind()),
        }
    }

    /// The code in what was read from it.
    pub(crate) fn code(&self, read: Option<FieldValue>) -> Result<Option<Arc<Code>>, WrongKind> {
        match read {
            None => Ok(None),
            Some(FieldValue::Code(code)) => Ok(Some(code)),
            Some(_) => Err(self.wrong_kind()),
        }
    }

    /// The bytes in what was read from it.
    pub(crate) fn bytes(&self, read: Option<FieldValue>) -> Result<Option<Bytes>, WrongKind> {
        match read {
            None => Ok(None),
            Some(FieldValue::Bytes(bytes)) => Ok(Some(bytes)),
            Some(_) => Err(self.wrong_kind()),
        }
    }

    fn wrong_kind(&self) -> WrongKind {
        WrongKind {
            field: self.clone(),
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Balance(_) => f.write_str("balance")?,
            Self::Nonce(_) => f.write_str("nonce")?,
            Self::Locked(_) => f.write_str("locked part")?,
            Self::Code(_) => f.write_str("code")?,
            Self::Slot(slot) => {
                f.write_str("slot ")?;
                let mut bytes = slot.key.iter();
                bytes.try_for_each(|byte| write!(f, "{byte:02x}"))?;
            }
        }
        write!(f, " of {}", self.address())
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
            Some(_) => {
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
            (
                Field::Code(ADDRESS),
                FieldValue::Code(Arc::new(Code {
                    hash: Hash([9; 32]),
                    bytes: None,
                })),
                Account {
                    code_hash: Hash([9; 32]),
                    ..before
                },
            ),
        ];
        for (field, value, expected) in cases {
            let mut account = before;
            field.put(&mut account, Some(&value)).unwrap();
            assert_eq!(account, expected, "{field}");
            assert_eq!(field.of(&account), Some(value), "{field}");
            field.put(&mut account, None).unwrap();
            assert!(field.of(&account).is_none_or(is_zero), "{field}");
        }
    }

    fn is_zero(value: FieldValue) -> bool {
        matches!(
            value,
            FieldValue::Amount(Amount(0)) | FieldValue::Nonce(Nonce(0))
        )
    }

    #[test]
    fn a_value_of_another_kind_is_refused_and_changes_nothing() {
        let mut account = Account::default();
        let (nonce, amount) = (FieldValue::Nonce(Nonce(1)), FieldValue::Amount(Amount(1)));
        let slot = Field::Slot(Arc::new(SlotKey {
            contract: ADDRESS,
            key: Box::new([1]),
        }));
        for (field, value) in [
            (Field::Balance(ADDRESS), &nonce),
            (Field::Locked(ADDRESS), &nonce),
            (Field::Nonce(ADDRESS), &amount),
            (Field::Code(ADDRESS), &amount),
            (slot.clone(), &amount),
        ] {
            assert!(field.put(&mut account, Some(value)).is_err());
        }
        let read = || Some(amount.clone());
        assert!(Field::Balance(ADDRESS).amount(Some(nonce.clone())).is_err());
        assert!(Field::Nonce(ADDRESS).nonce(read()).is_err());
        assert!(Field::Code(ADDRESS).code(read()).is_err());
        assert!(slot.bytes(read()).is_err());
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
        let slot = Field::Slot(Arc::new(SlotKey {
            contract: ADDRESS,
            key: Box::new([1, 0xab]),
        }));
        assert_eq!(printed(slot), format!("slot 01ab of {address}"));
        assert_eq!(
            printed(Field::Locked(ADDRESS)),
            format!("locked part of {address}")
        );
    }
}
