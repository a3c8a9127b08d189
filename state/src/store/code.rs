//! The code of contracts, stored under its hash beside the tree.
//!
//! Invariant: what stands under a hash has that hash, which is compared before it is written and when it is read; and it
//! stays for ever. Neither a rollback nor pruning removes a code, so that whatever state has an account with that hash has
//! its code, however often blocks are undone and come again. Of undone blocks that is all that remains.

use std::sync::Arc;

use ordlane_primitives::{
    Account, Address, Hash, RawKey,
    codec::decode,
    hash::code_hash,
    limits::{MAX_BLOCK_TXS, MAX_CODE_BYTES},
};

use super::{StateStore, commit::check_size};
use crate::{Space, StateError, StorageView, WriteBatch};

/// Codes by their hashes, each once, ascending.
pub type Codes = Vec<(Hash, Arc<[u8]>)>;

impl StateStore {
    /// The code with a hash, or none. It is there as soon as a block that brings it is durable, and from then on always.
    ///
    /// # Errors
    /// [`StateError::Damaged`] when what is stored has another hash; [`StateError`] when it cannot be read or the store is
    /// poisoned.
    pub fn code(&self, hash: &Hash) -> Result<Option<Vec<u8>>, StateError> {
        self.get(Space::Code, &hash.0)?
            .map(|code| checked(hash, code))
            .transpose()
    }
}

/// The code that a state names by its hash; one that is not there is damage and not an absence.
pub(crate) fn code_in(view: &dyn StorageView, hash: &Hash) -> Result<Vec<u8>, StateError> {
    view.get(Space::Code, &hash.0)?
        .ok_or_else(|| StateError::damaged(format!("the code with hash {hash} is missing")))
        .and_then(|code| checked(hash, code))
}

fn checked(hash: &Hash, code: Vec<u8>) -> Result<Vec<u8>, StateError> {
    let found = code_hash(&code);
    if found == *hash {
        return Ok(code);
    }
    Err(StateError::damaged(format!(
        "the code stored under hash {hash} has hash {found}"
    )))
}

/// Whose account a value of the state is and which code it names, if it is one that names a code.
pub(crate) fn named_code(raw_key: &[u8], value: &[u8]) -> Option<(Address, Hash)> {
    // Most values are of other keys, or of accounts without code, which end in zeros.
    let is_sized = value.len() == Account::BYTES && raw_key.len() == ACCOUNT_KEY_BYTES;
    if !is_sized || value.ends_with(&Hash::ZERO.0) {
        return None;
    }
    let address = RawKey::from_bytes(raw_key.to_vec()).account_address()?;
    let account: Account = decode(value).ok()?;
    Some((address, account.code_hash))
}

/// The bytes of an account's raw key: those of an address behind one that says what it is.
const ACCOUNT_KEY_BYTES: usize = 1 + 32;

/// Checks that codes ascend strictly by hash, have their hashes, and keep their limits.
pub(super) fn check_codes(codes: &[(Hash, Arc<[u8]>)]) -> Result<(), StateError> {
    check_size("codes", codes.len(), MAX_BLOCK_TXS)?;
    let mut last = None;
    for (hash, code) in codes {
        if last >= Some(hash) {
            return Err(StateError::UnsortedCodes { hash: *hash });
        }
        last = Some(hash);
        check_size("bytes of one code", code.len(), MAX_CODE_BYTES)?;
        let actual = code_hash(code);
        if actual != *hash {
            return Err(StateError::WrongCode {
                expected: *hash,
                actual,
            });
        }
    }
    Ok(())
}

/// Adds codes to a batch. What is there already is written again: should it be damaged, it is not from then on.
pub(super) fn put_codes(batch: &mut WriteBatch, codes: Codes) {
    for (hash, code) in codes {
        batch.put(Space::Code, hash.0, &*code);
    }
}

#[cfg(test)]
mod tests {
    use ordlane_primitives::codec::encode;

    use super::*;

    fn codes<const N: usize>(codes: [&[u8]; N]) -> Codes {
        let mut codes: Codes = codes.map(|code| (code_hash(code), code.into())).to_vec();
        codes.sort();
        codes
    }

    #[test]
    fn an_account_names_its_code_and_nothing_else_does() {
        let address = Address::from_bytes([7; 32]);
        let key = RawKey::account(&address);
        let with = Account {
            code_hash: code_hash(b"code"),
            ..Account::default()
        };
        let value = encode(&with);
        let named = named_code(key.as_bytes(), &value);
        assert_eq!(named, Some((address, with.code_hash)));
        let without = encode(&Account::default());
        assert_eq!(named_code(key.as_bytes(), &without), None);
        assert_eq!(named_code(key.as_bytes(), &value[1..]), None);
        for other in [RawKey::storage(&address, &[]), RawKey::params()] {
            assert_eq!(named_code(other.as_bytes(), &value), None);
        }
    }

    #[test]
    fn codes_out_of_order_with_another_hash_or_too_long_are_refused() {
        let right = codes([b"a", b"b", b""]);
        assert!(check_codes(&right).is_ok());
        let mut unsorted = right.clone();
        unsorted.swap(1, 2);
        let twice = [right[0].clone(), right[0].clone()];
        for wrong in [&unsorted[..], &twice] {
            let refused = check_codes(wrong);
            assert!(matches!(refused, Err(StateError::UnsortedCodes { .. })));
        }
        let other = (right[0].0, b"another".as_slice().into());
        let refused = check_codes(&[other]).unwrap_err();
        let right =
            matches!(refused, StateError::WrongCode { expected, .. } if expected == right[0].0);
        assert!(right, "{refused}");
        for (bytes, is_right) in [(MAX_CODE_BYTES, true), (MAX_CODE_BYTES + 1, false)] {
            let outcome = check_codes(&codes([&vec![7; bytes]]));
            assert_eq!(outcome.is_ok(), is_right, "{bytes}");
        }
    }
}
